/**
 * The one configuration file of a network: every key, its meaning, unit and default stand here, and nowhere else. The
 * schema renames keys to carry their unit (`lease` becomes `leaseMs`), so that no reader has to guess.
 *
 * Unknown keys are refused. What no single key can say wrong is in `cross-checks.ts`.
 */
import { z } from 'zod';
import { isTextType, textTypes } from '../dns/rdata-text.ts';
import { journalSchema } from './journal-schema.ts';
import { continent, country, steering } from './steering-schema.ts';
import {
  domainName,
  duration,
  interval,
  ipAddress,
  listenAddress,
  network,
  nodeId,
  reachAddress,
  secretText,
  size,
} from './units.ts';

const latitude = z.number().min(-90).max(90);
const longitude = z.number().min(-180).max(180);

const location = z.strictObject({
  latitude,
  longitude,
  city: z.string().optional(),
  country: country.optional(),
  continent: continent.optional(),
});

const origin = z.strictObject({
  /** `http://host:port`, without a path: requests keep their own. */
  url: z
    .string()
    .refine(isOriginUrl, 'expected http://HOST[:PORT] or https://HOST[:PORT] without a path'),
  /** Share of the requests among origins of the same rank. 0 takes it out of rotation. */
  weight: z.number().int().min(0).max(1000).default(1),
  /** Used only while no origin that is not a backup can be. */
  backup: z.boolean().default(false),
  /** The Host field that the origin sees: the client's (`preserve`), the URL's (`origin`), or a name given here. */
  host: z.string().min(1).default('preserve'),
});

/** How the query string takes part in the cache key and in the request to the origin. */
const queryRules = z
  .strictObject({
    /** Orders parameters by name, so that `?b=1&a=2` and `?a=2&b=1` are one object. */
    sort: z.boolean().default(false),
    /** Keeps only these parameters. */
    keep: z.array(z.string().min(1)).optional(),
    /** Removes these parameters, such as `utm_source`. */
    drop: z.array(z.string().min(1)).optional(),
  })
  .refine((rules) => !(rules.keep && rules.drop), 'give "keep" or "drop", not both');

const varyRules = z.strictObject({
  /** Variants kept for one URL; the oldest goes when a further one comes. */
  maxVariants: z.number().int().min(1).max(1000).default(50),
});

const cacheRules = z
  .strictObject({
    /** Freshness of a response that states none itself. 0s: none. */
    defaultTtl: duration.default(0),
    /** Serves a stale response while it is refreshed, for this long, where the response itself does not say. */
    staleWhileRevalidate: duration.optional(),
    /** Serves a stale response when the upstream fails, for this long, where the response itself does not say. */
    staleIfError: duration.optional(),
    /** Responses with Set-Cookie: not stored (`refuse`), stored without the field (`strip`), or stored (`store`). */
    setCookie: z.enum(['refuse', 'strip', 'store']).default('refuse'),
    /** Whether `Cache-Control` of a request (no-cache, max-age …) may force a revalidation. */
    clientRevalidation: z.boolean().default(true),
    query: queryRules.default({ sort: false }),
    vary: varyRules.default({ maxVariants: 50 }),
    /**
     * Answers ranges from slices of this size, each fetched and stored on its own, so that a seek in a large file does not fetch the
     * file. Absent: a range that is not stored is fetched as the client asks for it.
     */
    slice: size
      .refine((bytes) => bytes >= 64 * 1024 && bytes <= 64 * 2 ** 20, 'expected 64KiB to 64MiB')
      .optional(),
    /** `CDN-Cache-Control` towards clients: passed on (`forward`), or left out (`strip`). We obey it either way. */
    cdnCacheControl: z.enum(['forward', 'strip']).default('forward'),
    /** Whether `Surrogate-Control` is obeyed, after `CDN-Cache-Control`; it then does not go to clients. */
    surrogateControl: z.boolean().default(false),
    /** Sends a 103 with the preload links of the stored response before an upstream is asked for a newer one. */
    earlyHints: z.boolean().default(false),
    /**
     * Serves a stale response while the upstream cannot be reached, for this long after it became stale; 0s: never. Where it is
     * not given, without end (RFC 9111 §4.2.4).
     */
    staleWhenUnreachable: duration.optional(),
    /** Whether Cache-Status tells the key. Whoever knows how it is made finds what it leaves out (RFC 9211 §4). */
    statusKey: z.boolean().default(false),
  })
  .transform(
    ({ defaultTtl, staleWhileRevalidate, staleIfError, slice, staleWhenUnreachable, ...rest }) => ({
      ...rest,
      defaultTtlMs: defaultTtl,
      staleWhileRevalidateMs: staleWhileRevalidate,
      staleIfErrorMs: staleIfError,
      sliceBytes: slice,
      staleWhenUnreachableMs: staleWhenUnreachable,
    }),
  );

const siteTimeouts = z
  .strictObject({
    /** Until a connection to an origin stands. */
    connect: duration.default(5000),
    /** From sending a request to the head of its response. */
    firstByte: duration.default(30_000),
    /** Between two pieces of a response's body. */
    betweenBytes: duration.default(30_000),
  })
  .transform((t) => ({
    connectMs: t.connect,
    firstByteMs: t.firstByte,
    betweenBytesMs: t.betweenBytes,
  }));

const site = z
  .strictObject({
    /** Host names of the site. A request for any other host is 421. */
    hosts: z.array(domainName).min(1, 'name at least one host'),
    origins: z.array(origin).min(1, 'name at least one origin'),
    /** How requests are spread over the origins: smooth weighted round-robin. */
    balance: z.enum(['round-robin']).default('round-robin'),
    cache: cacheRules.prefault({}),
    timeouts: siteTimeouts.prefault({}),
    /** Largest body of a request. */
    maxRequestBody: size.default(2 ** 30),
    /** Whether an edge may ask the origins itself when none of its shields answers. */
    originFallback: z.boolean().default(true),
    /** Whether the public listener takes `PURGE`, with a purge token. */
    purgeMethod: z.boolean().default(false),
    /** How the DNS chooses the PoPs of the site's clients. */
    steering: steering.prefault({}),
  })
  .transform(({ maxRequestBody, ...rest }) => ({ ...rest, maxRequestBodyBytes: maxRequestBody }));

const cachingNode = {
  id: nodeId,
  location,
  /** HTTP. Port 0 lets the system choose; `status --json` tells what it chose. */
  listen: listenAddress,
  /** How other nodes and the command line reach `listen`; required where that is a wildcard. */
  reach: reachAddress.optional(),
  /** /healthz, /readyz, /metrics, /explain and PURGE: for operators, never public. */
  admin: listenAddress,
  /** Budget of the memory tier of the whole node, over all workers. */
  memory: size.default(256 * 2 ** 20),
  /** Budget of the disk tier; 0B switches it off. */
  disk: size.default(2 * 2 ** 30),
  /** Worker threads; default: the machine's cores (`up` divides them among its nodes). */
  workers: z.number().int().min(1).max(64).optional(),
};

const unitsOfCachingNode = <T extends { memory: number; disk: number }>({
  memory,
  disk,
  ...rest
}: T) => ({
  ...rest,
  memoryBytes: memory,
  diskBytes: disk,
});

/** A tier list: ids are tried in order; a list within the list is a ring over which keys are spread by rendezvous hashing. */
const shieldList = z
  .union([nodeId, z.array(z.union([nodeId, z.array(nodeId).min(1)]))])
  .transform((value) =>
    typeof value === 'string' ? [[value]] : value.map((item) => [item].flat()),
  );

const pop = z
  .strictObject({
    ...cachingNode,
    /** The addresses that DNS hands out for this PoP. */
    advertise: z.array(ipAddress).min(1, 'name at least one address'),
    /** The shields of this PoP: an id, or a list in order of preference; none: straight to the origins. */
    shield: shieldList.optional(),
    /** Concurrent client requests at which DNS counts the PoP as fully loaded. */
    capacity: z.number().int().min(1).default(1000),
    /** Taken out of DNS answers by the operator while it goes on serving. */
    drain: z.boolean().default(false),
    /**
     * Where the PoP shares an address with others (anycast): kilometres that routing makes it seem farther away, as AS path prepending
     * does. For the emulation (`get --from`, `catchments --anycast`); the routers have their own configuration.
     */
    routeCost: z.number().min(0).max(100_000).default(0),
  })
  .transform(({ shield, ...rest }) => ({ ...unitsOfCachingNode(rest), shieldRings: shield ?? [] }));

const shield = z.strictObject(cachingNode).transform(unitsOfCachingNode);

const staticRecord = z.strictObject({
  /** Name within the zone; `@` is the apex, `*` and `*.NAME` stand for names that do not exist (RFC 4592). */
  name: z.string().min(1),
  /** A mnemonic, `TYPE1234`, or `ALIAS`: the PoPs of a site's host. */
  type: z
    .string()
    .transform((text) => text.toUpperCase())
    .refine(
      (type) => isTextType(type) && type !== 'SOA',
      `expected ${textTypes.filter((type) => type !== 'SOA').join(', ')}, or a number as TYPE1234`,
    ),
  /** As zone files have it; a TXT value is the text itself, unless it begins with a quote. */
  value: z.union([z.string(), z.array(z.string()).min(1)]).transform((value) => [value].flat()),
  ttl: duration.optional(),
});

const zone = z
  .strictObject({
    name: domainName,
    /** Time to live of steered answers. */
    ttl: duration.default(30_000),
    records: z.array(staticRecord).default([]),
    /** A zone file (RFC 1035 §5), relative to the configuration file, in place of `records`. */
    file: z.string().min(1).optional(),
    /** Signs the zone (DNSSEC); `breakwater dnssec keygen ZONE` makes its keys. */
    dnssec: z
      .strictObject({
        /** The file with the keys, relative to the configuration file; default: `dnssec/ZONE.json` in `dataDir`. */
        keys: z.string().min(1).optional(),
      })
      .optional(),
  })
  .refine(({ records, file }) => file === undefined || records.length === 0, {
    path: ['file'],
    message: 'give "records" or "file", not both',
  })
  .transform(({ ttl, records, dnssec, ...rest }) => ({
    ...rest,
    ...(dnssec ? { dnssec: { keys: dnssec.keys ?? '' } } : {}),
    ttlMs: ttl,
    records: records.map(({ ttl: recordTtl, ...record }) => ({
      ...record,
      ttlMs: recordTtl ?? ttl,
    })),
  }));

const place = z.strictObject({
  name: z.string().min(1),
  networks: z.array(network).min(1, 'name at least one network'),
  latitude,
  longitude,
  city: z.string().optional(),
  country: country.optional(),
  continent: continent.optional(),
});

const dnsNode = z
  .strictObject({
    id: nodeId,
    /** UDP and TCP. */
    listen: listenAddress,
    reach: reachAddress.optional(),
    admin: listenAddress,
    /** Short for `zones` with one zone without further records. */
    zone: domainName.optional(),
    ttl: duration.optional(),
    zones: z.array(zone).optional(),
    /** The name of this server in NS records, and of its glue. */
    name: domainName,
    /** The addresses in the glue. */
    advertise: z.array(ipAddress).min(1, 'name at least one address'),
    geoip: z
      .strictObject({
        /** A MaxMind-format city database (GeoLite2, DB-IP City Lite …); without one, places and a coarse built-in table are used. */
        database: z.string().min(1).optional(),
        /** Networks whose place is known; these come before the database. */
        places: z.array(place).default([]),
      })
      .prefault({}),
    /** How often each PoP's public listener is probed. Three failures take it out, two successes bring it back. */
    probe: z
      .strictObject({ interval: interval.default(2000), timeout: interval.default(1000) })
      .prefault({}),
    /** Bounds what is sent over UDP to networks that may not have asked (the sender of a datagram can be forged). */
    rateLimit: z
      .strictObject({
        /** Answers to one network (/24, /56) a second, for each of three classes: records, nothing there, errors. 0: no limit. */
        responsesPerSecond: z.number().int().min(0).max(1_000_000).default(100),
        /** Every how manieth answer beyond the limit is sent truncated, so that real clients come over TCP; 0: none. */
        slip: z.number().int().min(0).max(10).default(2),
      })
      .prefault({}),
    /** Whether `id` is told to those who ask which server answers (RFC 5001). */
    nsid: z.boolean().default(true),
    /** Threads that answer, on one shared port (Linux). */
    workers: z.number().int().min(1).max(64).default(1),
    /** Holds PoPs back that come and go: each time out is a penalty of 1, which decays. */
    damping: z
      .strictObject({
        /** In so long a penalty halves; 0s: nothing is damped. Absent: 30 × `probe.interval`. */
        halfLife: duration.optional(),
        /** The penalty at which a PoP is held out, and below which it is back. */
        suppress: z.number().min(1).max(100).default(2.5),
        reuse: z.number().min(0.1).max(100).default(1),
      })
      .refine(({ suppress, reuse }) => reuse < suppress, '"reuse" must be below "suppress"')
      .prefault({}),
    /** A PoP near its capacity gives a share of its client networks away, bit by bit. Load is over `pops[].capacity`. */
    shedding: z
      .strictObject({
        /** Load above which it gives more away, and below which it takes them back. */
        above: z.number().min(0.1).max(1000).default(0.8),
        below: z.number().min(0.05).max(1000).default(0.7),
        /** Pace: in so long the share that it keeps changes by a factor of 1.65 at most. About the `ttl` of the answers. */
        window: interval.default(30_000),
      })
      .refine(({ above, below }) => below <= above, '"below" must not be above "above"')
      .prefault({})
      .transform(({ window, ...rest }) => ({ ...rest, windowMs: window })),
    /** A log line for this share of the queries, 0 to 1; at most 200 a second of each worker. */
    queryLog: z.strictObject({ sample: z.number().min(0).max(1).default(0) }).prefault({}),
  })
  .superRefine((value, context) => {
    if ((value.zone === undefined) === (value.zones === undefined)) {
      context.addIssue({
        code: 'custom',
        path: ['zone'],
        message: 'give either "zone" or "zones"',
      });
    }
    if (value.zones && value.ttl !== undefined) {
      context.addIssue({
        code: 'custom',
        path: ['ttl'],
        message: '"ttl" goes with "zone"; with "zones" it stands in each',
      });
    }
    if (value.probe.timeout > value.probe.interval) {
      context.addIssue({
        code: 'custom',
        path: ['probe', 'timeout'],
        message: 'a probe must time out before the next one starts: at most "interval"',
      });
    }
  })
  .transform(({ zone: name, ttl, zones, probe, damping: { halfLife, ...damping }, ...rest }) => ({
    ...rest,
    zones: zones ?? oneZone(name, ttl),
    probe: { intervalMs: probe.interval, timeoutMs: probe.timeout },
    damping: { ...damping, halfLifeMs: halfLife ?? 30 * probe.interval },
  }));

function oneZone(name: string | undefined, ttl: number | undefined): z.output<typeof zone>[] {
  return name === undefined ? [] : [{ name, ttlMs: ttl ?? 30_000, records: [] }];
}

const token = z.strictObject({
  /** Appears in the journal and in logs, never the secret. */
  name: z.string().min(1),
  secret: secretText,
  /** The hosts whose responses the token may purge; `["*"]` for all. */
  hosts: z.array(z.union([z.literal('*'), domainName])).min(1, 'name at least one host, or "*"'),
  /** How many purges it may ask for, dry runs included; none: as many as it likes. */
  limit: z
    .strictObject({ purges: z.number().int().min(1).max(1_000_000), per: duration })
    .refine(({ per }) => per >= 1000 && per <= 86400e3, 'per is from 1s to 1d')
    .transform(({ purges, per }) => ({ purges, perMs: per }))
    .optional(),
});

const purge = z.strictObject({
  id: nodeId.default('purge'),
  listen: listenAddress,
  reach: reachAddress.optional(),
  admin: listenAddress,
  tokens: z.array(token).default([]),
  journal: journalSchema,
});

const limits = z
  .strictObject({
    /** Clients that no per-client limit applies to. */
    exempt: z.array(network).default([]),
    /** Bytes of a request or response head. */
    head: size.default(16 * 1024),
    /** Fields of a head. */
    fields: z.number().int().min(10).max(1000).default(100),
    /** Bytes of a request target. */
    url: size.default(8 * 1024),
    /** Open connections of one worker. */
    connections: z.number().int().min(1).default(20_000),
    /** Readers that may wait on one flight. */
    waiters: z.number().int().min(1).default(20_000),
  })
  .transform(({ head, url, ...rest }) => ({ ...rest, headBytes: head, urlBytes: url }));

export const topologySchema = z
  .strictObject({
    /** Name of the network; appears in CDN-Loop. */
    network: nodeId,
    /** Where nodes keep their files; relative to the configuration file. */
    dataDir: z.string().min(1).default('./data'),
    /** Tiers authenticate with keys derived from it. Missing: `up` makes one and keeps it in `dataDir`. */
    secret: secretText.optional(),
    /**
     * Nodes tell purge-api how they are every third of it; a purge-api that starts waits about so long for the positions of nodes
     * that are away.
     */
    lease: interval.default(10_000),
    /** A node without a lease validates what it serves, at most once in so long for a URL; `0s`: at every read. */
    quarantineRevalidate: duration.default(1000),
    /** `serve-marked`: it serves what is stored without validation, marked in Cache-Status. */
    onLeaseExpired: z.enum(['revalidate', 'serve-marked']).default('revalidate'),
    /** Who shows it in `Breakwater-Debug` is told under which purges an answer was judged, and its tags. */
    debugToken: secretText.optional(),
    sites: z.array(site).min(1, 'name at least one site'),
    pops: z.array(pop).min(1, 'name at least one PoP'),
    shields: z.array(shield).default([]),
    dns: z.array(dnsNode).default([]),
    purge,
    /** Networks of proxies in front of the edges: only they may set X-Forwarded-For. */
    trustedProxies: z.array(network).default([]),
    limits: limits.prefault({}),
  })
  .transform(({ lease, quarantineRevalidate, ...rest }) => ({
    ...rest,
    leaseMs: lease,
    quarantineRevalidateMs: quarantineRevalidate,
  }));

/** A valid configuration, before paths and secrets are resolved. */
export type TopologyFile = z.output<typeof topologySchema>;
export type Site = TopologyFile['sites'][number];
export type OriginConfig = Site['origins'][number];
export type CacheRules = Site['cache'];
export type Pop = TopologyFile['pops'][number];
export type Shield = TopologyFile['shields'][number];
export type DnsNode = TopologyFile['dns'][number];
export type Zone = DnsNode['zones'][number];
export type Place = DnsNode['geoip']['places'][number];
export type PurgeNode = TopologyFile['purge'];
export type PurgeToken = PurgeNode['tokens'][number];
export type Location = z.output<typeof location>;
export type Limits = TopologyFile['limits'];

function isOriginUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const url = new URL(text);
  const isHttp = url.protocol === 'http:' || url.protocol === 'https:';
  return (
    isHttp && url.pathname === '/' && url.search === '' && url.hash === '' && url.username === ''
  );
}
