import assert from 'node:assert/strict';
import { test } from 'node:test';
import { topologySchema } from '../../../core/topology/schema.ts';
import { changed, type Plain, type PlainNetwork, plainNetwork, problemsOf } from './network.ts';

test('what a file leaves out has these values', () => {
  const { network, dataDir, leaseMs, trustedProxies, limits, sites, pops, shields, dns, purge } =
    topologySchema.parse(plainNetwork());
  assert.deepEqual(
    { network, dataDir, leaseMs, trustedProxies },
    {
      network: 'demo',
      dataDir: './data',
      leaseMs: 10_000,
      trustedProxies: [],
    },
  );
  assert.deepEqual(limits, {
    exempt: [],
    fields: 100,
    connections: 20_000,
    waiters: 20_000,
    headBytes: 16_384,
    urlBytes: 8192,
  });
  const [site] = sites;
  assert.deepEqual(site?.origins, [
    { url: 'http://127.0.0.1:9000', weight: 1, backup: false, host: 'preserve' },
  ]);
  assert.deepEqual(site?.cache, {
    setCookie: 'refuse',
    clientRevalidation: true,
    query: { sort: false },
    vary: { maxVariants: 50 },
    cdnCacheControl: 'forward',
    surrogateControl: false,
    earlyHints: false,
    defaultTtlMs: 0,
    staleWhileRevalidateMs: undefined,
    staleIfErrorMs: undefined,
    sliceBytes: undefined,
    staleWhenUnreachableMs: undefined,
    statusKey: false,
  });
  assert.deepEqual(site?.timeouts, {
    connectMs: 5000,
    firstByteMs: 30_000,
    betweenBytesMs: 30_000,
  });
  const { balance, maxRequestBodyBytes, originFallback, purgeMethod } = site ?? {};
  assert.deepEqual(
    [balance, maxRequestBodyBytes, originFallback, purgeMethod],
    ['round-robin', 2 ** 30, true, false],
  );
  const [par, nyc] = pops;
  assert.deepEqual([par?.shieldRings, nyc?.shieldRings], [[['eu']], []]);
  assert.deepEqual(
    [nyc?.memoryBytes, nyc?.diskBytes, nyc?.workers, nyc?.capacity, nyc?.drain, nyc?.reach],
    [2 ** 28, 2 ** 31, undefined, 1000, false, undefined],
  );
  assert.deepEqual([shields[0]?.memoryBytes, shields[0]?.diskBytes], [2 ** 28, 2 ** 31]);
  assert.deepEqual(dns[0]?.zones, [{ name: 'demo.test', ttlMs: 30_000, records: [] }]);
  assert.deepEqual(
    [dns[0]?.geoip, dns[0]?.probe, dns[0]?.rateLimit, dns[0]?.nsid],
    [
      { places: [] },
      { intervalMs: 2000, timeoutMs: 1000 },
      { responsesPerSecond: 100, slip: 2 },
      true,
    ],
  );
  assert.deepEqual(
    [purge.id, purge.journal],
    ['purge', { kind: 'sqlite', retentionMs: 2_592_000_000 }],
  );
});

test('what is stale while nobody can be reached has no limit, a limit, or is never served', () => {
  const limit = (cache: Plain) =>
    topologySchema.parse(changed((n) => Object.assign(n.sites[0] ?? {}, { cache }))).sites[0]?.cache
      .staleWhenUnreachableMs;
  assert.equal(limit({}), undefined);
  assert.equal(limit({ staleWhenUnreachable: '1d' }), 86_400_000);
  assert.equal(limit({ staleWhenUnreachable: '0s' }), 0);
});

test('a shield list is a list of rings: an id, ids in order, or a ring within', () => {
  const rings = (shield: unknown) =>
    topologySchema.parse(changed((n) => Object.assign(n.pops[0] ?? {}, { shield }))).pops[0]
      ?.shieldRings;
  assert.deepEqual(rings('eu'), [['eu']]);
  assert.deepEqual(rings(['eu', 'us']), [['eu'], ['us']]);
  assert.deepEqual(rings([['eu', 'us'], 'us']), [['eu', 'us'], ['us']]);
});

test('a record has the TTL of its zone unless it has its own; one value is a list of one', () => {
  const zones = [
    {
      name: 'demo.test',
      ttl: '10s',
      records: [
        { name: 'a', type: 'A', value: '192.0.2.1' },
        { name: 'b', type: 'TXT', value: ['x', 'y'], ttl: '1h' },
      ],
    },
  ];
  const parsed = topologySchema.parse(
    changed((n) => Object.assign(n.dns[0] ?? {}, { zone: undefined, zones })),
  );
  assert.deepEqual(parsed.dns[0]?.zones[0]?.records, [
    { name: 'a', type: 'A', value: ['192.0.2.1'], ttlMs: 10_000 },
    { name: 'b', type: 'TXT', value: ['x', 'y'], ttlMs: 3_600_000 },
  ]);
});

type Change = (network: PlainNetwork & Plain) => unknown;
const top =
  (changes: Plain): Change =>
  (n) =>
    Object.assign(n, changes);
const site =
  (changes: Plain): Change =>
  (n) =>
    Object.assign(n.sites[0] ?? {}, changes);
const origin = (changes: Plain): Change =>
  site({ origins: [{ url: 'http://127.0.0.1:9000', ...changes }] });
const cache = (rules: Plain): Change => site({ cache: rules });
const pop =
  (changes: Plain): Change =>
  (n) =>
    Object.assign(n.pops[0] ?? {}, changes);
const dns =
  (changes: Plain): Change =>
  (n) =>
    Object.assign(n.dns[0] ?? {}, changes);
const purge =
  (changes: Plain): Change =>
  (n) =>
    Object.assign(n.purge, changes);

const limited = (limit: object) =>
  purge({ tokens: [{ name: 'a', secret: 's', hosts: ['*'], limit }] });

const refused: [Change, string, RegExp][] = [
  [top({ network: undefined }), 'network', /missing/],
  [top({ network: 'Demo' }), 'network', /expected an id/],
  [top({ dataDir: '' }), 'dataDir', /./],
  [top({ secret: '' }), 'secret', /must not be empty/],
  [top({ lease: 10 }), 'lease', /a duration such as/],
  [top({ lease: '0s' }), 'lease', /longer than 0s/],
  [top({ sites: [] }), 'sites', /at least one site/],
  [top({ pops: [] }), 'pops', /at least one PoP/],
  [top({ purge: undefined }), 'purge', /missing/],
  [top({ trustedProxies: ['10.0.0.1/8'] }), 'trustedProxies[0]', /no host bits/],
  [top({ limits: { fields: 9 } }), 'limits.fields', /10/],
  [top({ limits: { connections: 0 } }), 'limits.connections', /1/],
  [top({ limits: { waiters: 0 } }), 'limits.waiters', /1/],
  [top({ limits: { head: '16K' } }), 'limits.head', /is no size/],
  [top({ limits: { exempt: ['x'] } }), 'limits.exempt[0]', /a network such as/],
  [top({ colour: 'red' }), 'colour', /unknown key/],
  [site({ hosts: [] }), 'sites[0].hosts', /at least one host/],
  [site({ hosts: ['a b'] }), 'sites[0].hosts[0]', /a host name such as/],
  [site({ origins: [] }), 'sites[0].origins', /at least one origin/],
  [site({ balance: 'random' }), 'sites[0].balance', /round-robin/],
  [site({ timeouts: { connect: '5' } }), 'sites[0].timeouts.connect', /is no duration/],
  [site({ maxRequestBody: '1GB' }), 'sites[0].maxRequestBody', /is no size/],
  [site({ purgeMethod: 'yes' }), 'sites[0].purgeMethod', /boolean/],
  [origin({ url: 'ftp://a' }), 'sites[0].origins[0].url', /without a path/],
  [origin({ url: 'http://a/b' }), 'sites[0].origins[0].url', /without a path/],
  [origin({ url: 'http://a?b' }), 'sites[0].origins[0].url', /without a path/],
  [origin({ url: 'http://u@a' }), 'sites[0].origins[0].url', /without a path/],
  [origin({ url: 'a:80' }), 'sites[0].origins[0].url', /without a path/],
  [origin({ weight: 0.5 }), 'sites[0].origins[0].weight', /int/],
  [origin({ weight: 1001 }), 'sites[0].origins[0].weight', /1000/],
  [origin({ host: '' }), 'sites[0].origins[0].host', /./],
  [cache({ setCookie: 'yes' }), 'sites[0].cache.setCookie', /refuse/],
  [cache({ defaultTtl: '1y' }), 'sites[0].cache.defaultTtl', /is no duration/],
  [cache({ query: { keep: ['a'], drop: ['b'] } }), 'sites[0].cache.query', /not both/],
  [cache({ vary: { maxVariants: 0 } }), 'sites[0].cache.vary.maxVariants', /1/],
  [cache({ ttl: '1s' }), 'sites[0].cache.ttl', /unknown key/],
  [pop({ listen: '8081' }), 'pops[0].listen', /ADDRESS:PORT/],
  [pop({ reach: '0.0.0.0:80' }), 'pops[0].reach', /HOST:PORT that other nodes/],
  [pop({ admin: undefined }), 'pops[0].admin', /missing/],
  [pop({ advertise: [] }), 'pops[0].advertise', /at least one address/],
  [pop({ advertise: ['a.test'] }), 'pops[0].advertise[0]', /IPv4 or IPv6/],
  [pop({ location: { latitude: 91, longitude: 0 } }), 'pops[0].location.latitude', /90/],
  [
    pop({ location: { latitude: 1, longitude: 1, country: 'fr' } }),
    'pops[0].location.country',
    /two-letter/,
  ],
  [
    pop({ location: { latitude: 1, longitude: 1, continent: 'XX' } }),
    'pops[0].location.continent',
    /EU/,
  ],
  [pop({ workers: 0 }), 'pops[0].workers', /1/],
  [pop({ workers: 65 }), 'pops[0].workers', /64/],
  [pop({ capacity: 0 }), 'pops[0].capacity', /1/],
  [pop({ memory: '256' }), 'pops[0].memory', /is no size/],
  [pop({ shield: [[]] }), 'pops[0].shield[0]', /1/],
  [dns({ zones: [] }), 'dns[0].zone', /either "zone" or "zones"/],
  [dns({ zone: undefined }), 'dns[0].zone', /either "zone" or "zones"/],
  [
    dns({ zone: undefined, zones: [{ name: 'demo.test' }], ttl: '1s' }),
    'dns[0].ttl',
    /goes with "zone"/,
  ],
  [dns({ probe: { interval: '1s', timeout: '2s' } }), 'dns[0].probe.timeout', /at most "interval"/],
  [dns({ probe: { timeout: '0s' } }), 'dns[0].probe.timeout', /longer than 0s/],
  [dns({ rateLimit: { slip: 11 } }), 'dns[0].rateLimit.slip', /10/],
  [dns({ rateLimit: { responsesPerSecond: 0.5 } }), 'dns[0].rateLimit.responsesPerSecond', /int/],
  [dns({ nsid: 'ns1' }), 'dns[0].nsid', /boolean/],
  [purge({ journal: { kind: 'files' } }), 'purge.journal.kind', /sqlite/],
  [
    purge({ tokens: [{ name: 'a', secret: 's', hosts: [] }] }),
    'purge.tokens[0].hosts',
    /at least one host/,
  ],
  [
    purge({ tokens: [{ name: 'a', secret: 's', hosts: ['*.a.test'] }] }),
    'purge.tokens[0].hosts[0]',
    /./,
  ],
  [limited({ purges: 0, per: '1m' }), 'purge.tokens[0].limit.purges', /1/],
  [limited({ purges: 1, per: '500ms' }), 'purge.tokens[0].limit', /from 1s to 1d/],
  [limited({ purges: 1 }), 'purge.tokens[0].limit.per', /./],
  [(n) => Object.assign(n, { debugToken: '' }), 'debugToken', /./],
];

for (const [change, key, reason] of refused) {
  test(`${key} is refused (${reason.source})`, () => {
    const problems = problemsOf(changed(change));
    assert.equal(problems.length, 1, problems.join('\n'));
    const [problem = ''] = problems;
    assert.equal(problem.slice(0, problem.indexOf(': ')), key);
    assert.match(problem, reason);
  });
}
