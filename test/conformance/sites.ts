/**
 * The sites that cases are played under, by name: the shipped default with one thing changed, so that a case says by its
 * site what it needs. `store` is the default of cases: responses that set cookies are stored by the RFC's rules.
 */
import { topologySchema } from '../../core/topology/schema.ts';
import type { SiteName } from './case.ts';

interface SiteOptions {
  cache?: Record<string, unknown>;
  timeouts?: Record<string, unknown>;
}

export const sites: Readonly<Record<SiteName, SiteOptions>> = {
  store: { cache: { setCookie: 'store' } },
  /** As shipped. */
  refuse: {},
  strip: { cache: { setCookie: 'strip' } },
  /** Clients may not force a validation. */
  locked: { cache: { clientRevalidation: false } },
  defaults: { cache: { defaultTtl: '1h', staleWhileRevalidate: '1h', staleIfError: '1h' } },
  capped: { cache: { vary: { maxVariants: 3 } } },
  slices: { cache: { slice: '64KiB' } },
  early: { cache: { earlyHints: true } },
  surrogate: { cache: { surrogateControl: true } },
  /** Nothing stale while the origin cannot be reached. */
  strict: { cache: { staleWhenUnreachable: '0s' } },
  /** Does not show clients what it is told by CDN-Cache-Control. */
  bare: { cache: { cdnCacheControl: 'strip' } },
  keyed: { cache: { statusKey: true } },
  /** Gives up early, for origins that never answer. */
  quick: { timeouts: { firstByte: '400ms', betweenBytes: '400ms' } },
};

/** The site as the configuration file has it. */
export function siteConfig(name: SiteName, host: string, originUrl: string): object {
  return { hosts: [host], origins: [{ url: originUrl }], ...sites[name] };
}

/** What the schema has to say against the options of a site. */
export function problemsOfSite(name: SiteName): string[] {
  const free = '127.0.0.1:0';
  const result = topologySchema.safeParse({
    network: 'test',
    sites: [siteConfig(name, 'www.shop.test', `http://${free}`)],
    pops: [
      {
        id: 'par',
        location: { latitude: 0, longitude: 0 },
        listen: free,
        admin: free,
        advertise: ['192.0.2.1'],
      },
    ],
    purge: { listen: free, admin: free },
  });
  return result.success ? [] : result.error.issues.map(({ message }) => `${name}: ${message}`);
}
