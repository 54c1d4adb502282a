/**
 * The cache key: scheme, host, path and query in one normal form under the site's rules. Computed once for a request and
 * used for lookup, for routing to a worker and a shield, for purging, and as the target that is forwarded. So what is
 * cached under a key is what the origin was asked for.
 */
import {
  normalisePrefix,
  normaliseTarget,
  normaliseUrl,
  type TargetRules,
} from '../http/target.ts';
import { defaultTargets, type Targets } from '../http/targeted.ts';
import type { Site } from '../topology/schema.ts';

export interface CacheKey {
  site: Site;
  scheme: 'http' | 'https';
  host: string;
  pathAndQuery: string;
  /** `scheme://host/path?query`. */
  text: string;
  /** `host/path?query`: what purges match, whatever the scheme. */
  url: string;
  /** Which fields of a response its site takes for words to this network. */
  targets: Targets;
}

export interface KeySpace {
  siteOf(host: string): Site | undefined;
  /** The key of a request target in origin form; undefined for an unknown host or a target that has no normal form. */
  keyOf(scheme: 'http' | 'https', host: string, target: string): CacheKey | undefined;
  /** Purge selectors in the form that the index matches; undefined when they have none. */
  normalise: {
    url(text: string): string | undefined;
    prefix(text: string): string | undefined;
  };
}

/** The keys of a set of sites. By the network's name a response may mean it; where nothing is fetched it is not needed. */
export function createKeySpace(sites: readonly Site[], network?: string): KeySpace {
  const byHost = new Map<string, { site: Site; rules: TargetRules; targets: Targets }>();
  for (const site of sites) {
    const rules = rulesOf(site);
    const targets = targetsOf(site, network);
    for (const host of site.hosts) byHost.set(host, { site, rules, targets });
  }
  return {
    siteOf: (host) => byHost.get(host)?.site,
    keyOf(scheme, host, target) {
      const found = byHost.get(host);
      const pathAndQuery = found && normaliseTarget(target, found.rules);
      if (!found || pathAndQuery === undefined) return undefined;
      const url = host + pathAndQuery;
      const text = `${scheme}://${url}`;
      return { site: found.site, scheme, host, pathAndQuery, url, text, targets: found.targets };
    },
    normalise: {
      url(text) {
        const plain = normaliseUrl(text);
        const found = plain && byHost.get(plain.host);
        const normal = found ? normaliseUrl(text, found.rules) : plain;
        return normal && normal.host + normal.pathAndQuery;
      },
      prefix(text) {
        const normal = normalisePrefix(text);
        return normal && normal.host + normal.pathAndQuery;
      },
    },
  };
}

function rulesOf(site: Site): TargetRules {
  const { sort, keep, drop } = site.cache.query;
  return { query: { sort, ...(keep ? { keep } : {}), ...(drop ? { drop } : {}) } };
}

/** RFC 9213 §2.2: the standard's field first, then the older one where the site has it. */
function targetsOf(site: Site, network: string | undefined): Targets {
  if (!site.cache.surrogateControl) return defaultTargets;
  const ours = network === undefined ? [] : [network.toLowerCase()];
  return {
    fields: [...defaultTargets.fields, 'surrogate-control'],
    surrogateNames: ['breakwater', ...ours],
  };
}
