import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import {
  deriveKey,
  loadTopology,
  parseTopology,
  TopologyError,
} from '../../../core/topology/load.ts';
import {
  findNode,
  nodesOf,
  reachOf,
  readBound,
  recordBound,
} from '../../../core/topology/nodes.ts';
import { withSecret } from '../../../core/topology/secret-file.ts';
import { createSeededRandom } from '../../support/fake-clock.ts';
import { changed, load, type Plain, plainNetwork, problemsOf } from './network.ts';

function folder(t: TestContext): string {
  const made = mkdtempSync(path.join(tmpdir(), 'breakwater-load-'));
  t.after(() => rmSync(made, { recursive: true, force: true }));
  return made;
}

test('a file that is not there is told as that, with its name as it was given', () => {
  assert.throws(() => loadTopology('nowhere/network.yaml', {}), {
    name: 'TopologyError',
    message: 'nowhere/network.yaml: cannot be read: no such file',
  });
});

test('all problems are in the message, one a line, with path and line', () => {
  const text = ['network: Demo', 'lease: soon', 'sites: []'].join('\n');
  assert.throws(
    () => parseTopology(text, 'a.yaml', {}),
    (error: unknown) => {
      assert.ok(error instanceof TopologyError);
      assert.match(error.message, /^a\.yaml: 5 problems\n {2}\S/);
      assert.match(error.message, /\n {2}lease \(line 2\): "soon" is no duration/);
      assert.match(error.message, /\n {2}sites \(line 3\): name at least one site/);
      assert.equal(error.message.split('\n').length, 6);
      return error.problems.length === 5;
    },
  );
});

test('paths are relative to the file, not to where the process was started', () => {
  const topology = load(
    changed((n) => Object.assign(n.dns[0] ?? {}, { geoip: { database: 'geo/city.mmdb' } })),
  );
  assert.equal(topology.dataDir, '/etc/breakwater/data');
  assert.equal(topology.dns[0]?.geoip.database, '/etc/breakwater/geo/city.mmdb');
  assert.equal(load(changed((n) => Object.assign(n, { dataDir: '/var/cdn' }))).dataDir, '/var/cdn');
});

test('secrets come from the environment, from files, or stand there', (t) => {
  const file = path.join(folder(t), 'secret');
  writeFileSync(file, '  from-a-file\n');
  const network = changed((n) => {
    Object.assign(n, { secret: 'env:NETWORK_SECRET', debugToken: 'env:DEBUG_TOKEN' });
    Object.assign(n.purge, {
      tokens: [
        { name: 'a', secret: `file:${file}`, hosts: ['*'] },
        { name: 'b', secret: 'as-it-is', hosts: ['*'] },
      ],
    });
  });
  const topology = load(network, { NETWORK_SECRET: 'from-outside', DEBUG_TOKEN: 'see' });
  assert.equal(topology.secret, 'from-outside');
  assert.equal(topology.debugToken, 'see');
  assert.deepEqual(
    topology.purge.tokens.map(({ secret }) => secret),
    ['from-a-file', 'as-it-is'],
  );
});

test('each secret that cannot be had is a problem at its key, and is not shown', (t) => {
  const empty = path.join(folder(t), 'empty');
  writeFileSync(empty, '\n');
  const network = changed((n) => {
    Object.assign(n, { secret: 'env:UNSET', debugToken: 'env:UNSET_TOO' });
    Object.assign(n.purge, {
      tokens: [
        { name: 'a', secret: 'file:missing', hosts: ['*'] },
        { name: 'b', secret: `file:${empty}`, hosts: ['*'] },
      ],
    });
  });
  const [first, debug, second, third] = problemsOf(network, { UNSET: '' });
  assert.equal(debug, 'debugToken: the environment variable UNSET_TOO is not set');
  assert.equal(first, 'secret: the environment variable UNSET is not set');
  assert.match(second ?? '', /^purge\.tokens\[0\]\.secret: ENOENT/);
  assert.match(third ?? '', /^purge\.tokens\[1\]\.secret: the file .* is empty$/);
});

test('equal files have equal hashes, whatever the order of keys and the secrets behind names; others do not', () => {
  const named = (secret: string) =>
    load(
      changed((n) => Object.assign(n, { secret: 'env:S' })),
      { S: secret },
    ).hash;
  assert.equal(named('one'), named('two'));
  const reversed = Object.fromEntries(Object.entries(plainNetwork()).reverse());
  assert.equal(load(reversed).hash, load(plainNetwork()).hash);
  const longer = load(changed((n) => Object.assign(n, { lease: '11s' })));
  assert.notEqual(longer.hash, load(plainNetwork()).hash);
  assert.match(longer.hash, /^[0-9a-f]{16}$/);
});

test('keys for different purposes and secrets have nothing in common', () => {
  const keys = [deriveKey('a', 'x'), deriveKey('a', 'y'), deriveKey('b', 'x')];
  assert.equal(new Set(keys).size, 3);
  assert.equal(deriveKey('a', 'x'), keys[0]);
  assert.ok(keys.every((key) => /^[0-9a-f]{64}$/.test(key)));
});

const withoutSecret = (dataDir: string): Plain =>
  changed((n) => Object.assign(n, { secret: undefined, dataDir }));

test('a missing secret is made once, kept for its owner only, and found by others', (t) => {
  const dataDir = path.join(folder(t), 'data');
  const made = withSecret(load(withoutSecret(dataDir)), createSeededRandom(1));
  assert.match(made.secret, /^[0-9a-f]{64}$/);
  assert.equal(statSync(path.join(dataDir, 'secret')).mode & 0o777, 0o600);
  assert.equal(withSecret(load(withoutSecret(dataDir))).secret, made.secret);
  assert.equal(withSecret(load(withoutSecret(dataDir)), createSeededRandom(2)).secret, made.secret);
  assert.equal(withSecret(load(plainNetwork())).secret, 'a-secret-of-the-network');
});

test('without a secret, or with an empty one, a node says what to do and does not start', (t) => {
  const dataDir = folder(t);
  assert.throws(
    () => withSecret(load(withoutSecret(dataDir))),
    /add "secret: env:BREAKWATER_SECRET"/,
  );
  writeFileSync(path.join(dataDir, 'secret'), '\n');
  const empty = () => withSecret(load(withoutSecret(dataDir)), createSeededRandom(1));
  assert.throws(empty, /secret is empty: remove it/);
});

test('nodes are listed in the order in which they are started; an unknown one is told with those that there are', () => {
  const topology = load(plainNetwork());
  assert.deepEqual(
    nodesOf(topology).map(({ id, role }) => `${role} ${id}`),
    ['purge purge', 'shield eu', 'shield us', 'edge par', 'edge nyc', 'dns ns1'],
  );
  assert.equal(findNode(topology, 'us').listen, '127.0.0.1:8182');
  assert.throws(
    () => findNode(topology, 'xyz'),
    /no node "xyz" \(it has: purge, eu, us, par, nyc, ns1\)$/,
  );
});

test('a node is reached at `reach`, else at `listen`, else where it says that it has bound', (t) => {
  const dataDir = folder(t);
  const topology = load(
    changed((n) => {
      Object.assign(n, { dataDir });
      Object.assign(n.pops[0] ?? {}, { reach: 'par.test:80', listen: '127.0.0.1:0' });
      Object.assign(n.pops[1] ?? {}, { listen: '127.0.0.1:0' });
    }),
  );
  const reach = (id: string) => reachOf(topology, findNode(topology, id));
  assert.deepEqual(reach('par'), { host: 'par.test', port: 80 });
  assert.deepEqual(reach('eu'), { host: '127.0.0.1', port: 8181 });
  assert.equal(reach('nyc'), undefined);
  recordBound(topology, 'nyc', { listen: '127.0.0.1:4711', admin: '127.0.0.1:4712' });
  assert.deepEqual(reach('nyc'), { host: '127.0.0.1', port: 4711 });
  const file = path.join(dataDir, 'nyc', 'bound.json');
  writeFileSync(file, readFileSync(file, 'utf8').slice(0, 20));
  assert.deepEqual([readBound(topology, 'nyc'), reach('nyc')], [undefined, undefined]);
});
