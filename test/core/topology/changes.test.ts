import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Changes, changesBetween } from '../../../core/topology/changes.ts';
import { withSecret } from '../../../core/topology/secret-file.ts';
import { changed, load, type Plain, type PlainNetwork, plainNetwork } from './network.ts';

type Change = (network: PlainNetwork & Plain) => unknown;

const ready = (network: Plain) => withSecret(load(network));

function changesOf(change: Change, nodeId = 'par'): Changes {
  return changesBetween(ready(plainNetwork()), ready(changed(change)), nodeId);
}

const pop =
  (changes: Plain): Change =>
  (n) =>
    Object.assign(n.pops[0] ?? {}, changes);
const shield =
  (changes: Plain): Change =>
  (n) =>
    Object.assign(n.shields[0] ?? {}, changes);
const dns =
  (changes: Plain): Change =>
  (n) =>
    Object.assign(n.dns[0] ?? {}, changes);
const purge =
  (changes: Plain): Change =>
  (n) =>
    Object.assign(n.purge, changes);
const top =
  (changes: Plain): Change =>
  (n) =>
    Object.assign(n, changes);
const token = { name: 'other', secret: 'x', hosts: ['*'] };

test('nothing changed: nothing is applied or refused', () => {
  const { merged, applied, refused } = changesOf(() => {});
  assert.deepEqual([applied, refused], [[], []]);
  assert.deepEqual(merged, ready(plainNetwork()));
});

const appliedFor: [string, Change, string][] = [
  ['par', (n) => Object.assign(n.sites[0] ?? {}, { purgeMethod: true }), 'sites'],
  ['par', top({ trustedProxies: ['10.0.0.0/8'] }), 'trustedProxies'],
  ['par', top({ debugToken: 'let-me-see' }), 'debugToken'],
  ['par', purge({ tokens: [token] }), 'purge.tokens'],
  ['par', pop({ drain: true }), 'pops.par.drain'],
  ['par', pop({ advertise: ['192.0.2.9'] }), 'pops.par.advertise'],
  ['par', pop({ location: { latitude: 1, longitude: 1 } }), 'pops.par.location'],
  ['ns1', dns({ zone: 'other.test' }), 'dns.ns1.zones'],
  ['ns1', dns({ probe: { timeout: '500ms' } }), 'dns.ns1.probe'],
  // Of other nodes everything is taken as the file says.
  ['nyc', pop({ listen: '127.0.0.1:9999', memory: '1MiB' }), 'pops.par'],
  ['par', shield({ reach: 'eu.test:80' }), 'shields.eu'],
  ['purge', (n) => n.pops.pop(), 'pops.nyc'],
  [
    'par',
    (n) =>
      n.shields.push({ ...n.shields[0], id: 'asia', listen: '127.0.0.1:1', admin: '127.0.0.1:2' }),
    'shields.asia',
  ],
];

for (const [nodeId, change, path] of appliedFor) {
  test(`${path} is taken over by ${nodeId} while it runs`, () => {
    const { merged, applied, refused } = changesOf(change, nodeId);
    assert.deepEqual([applied, refused], [[path], []]);
    assert.deepEqual(merged, ready(changed(change)));
  });
}

const refusedFor: [string, Change, string][] = [
  ['par', top({ network: 'other' }), 'network'],
  ['par', top({ dataDir: '/other' }), 'dataDir'],
  ['par', top({ secret: 'other' }), 'secret'],
  ['par', top({ lease: '20s' }), 'lease'],
  ['par', top({ limits: { fields: 50 } }), 'limits'],
  ['par', purge({ listen: '127.0.0.1:9' }), 'purge.listen'],
  ['purge', purge({ journal: { retention: '1d' } }), 'purge.journal'],
  ['par', pop({ listen: '127.0.0.1:9999' }), 'pops.par.listen'],
  ['par', pop({ memory: '1MiB' }), 'pops.par.memory'],
  ['par', pop({ workers: 2 }), 'pops.par.workers'],
  ['eu', shield({ disk: '1GiB' }), 'shields.eu.disk'],
  ['ns1', dns({ listen: '127.0.0.1:53' }), 'dns.ns1.listen'],
];

for (const [nodeId, change, path] of refusedFor) {
  test(`${path} needs a restart of ${nodeId}, and the old value stays in force`, () => {
    const { merged, applied, refused } = changesOf(change, nodeId);
    assert.deepEqual([applied, refused], [[], [path]]);
    assert.deepEqual(merged, ready(plainNetwork()));
  });
}

test('what can be taken over is, beside what cannot; the hash then stays that of the start', () => {
  const change: Change = (n) => {
    pop({ drain: true, workers: 3 })(n);
    top({ trustedProxies: ['10.0.0.0/8'], lease: '20s' })(n);
  };
  const { merged, applied, refused } = changesOf(change);
  assert.deepEqual(applied, ['trustedProxies', 'pops.par.drain']);
  assert.deepEqual(refused, ['lease', 'pops.par.workers']);
  assert.deepEqual(
    [merged.pops[0]?.drain, merged.pops[0]?.workers, merged.leaseMs],
    [true, undefined, 10_000],
  );
  assert.equal(merged.hash, ready(plainNetwork()).hash);
});

test('a node that the file no longer names goes on as it was, and says so', () => {
  const { merged, refused } = changesOf((n) => n.pops.shift());
  assert.deepEqual(refused, ['pops.par']);
  assert.deepEqual(merged.pops.map(({ id }) => id).sort(), ['nyc', 'par']);
});
