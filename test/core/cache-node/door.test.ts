import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { type TestContext, test } from 'node:test';
import { createKeySpace } from '../../../core/cache/key.ts';
import { type AdminPlan, startAdmin } from '../../../core/cache-node/admin.ts';
import { createAdmission } from '../../../core/cache-node/admission.ts';
import { chooseAddress, hostPorts, workerCount } from '../../../core/cache-node/binding.ts';
import { createNodeHealth } from '../../../core/cache-node/node-health.ts';
import { answerProbe, probePath } from '../../../core/cache-node/probe.ts';
import { sharedState } from '../../../core/cache-node/shared-state.ts';
import { createTierAuthentication } from '../../../core/cache-node/tier-authentication.ts';
import type { WorkerStart } from '../../../core/cache-node/worker-messages.ts';
import { systemClock } from '../../../core/runtime/deps.ts';
import { controlRequest } from '../../../core/runtime/http-client.ts';
import { createMetrics } from '../../../core/runtime/metrics.ts';
import { deriveKey } from '../../../core/topology/load.ts';
import { recordBound } from '../../../core/topology/nodes.ts';
import type { NodeContext } from '../../../core/topology/run-node.ts';
import { tierKeyPurpose } from '../../../core/topology/tier-keys.ts';
import { dnsNetwork } from '../../support/dns-network.ts';
import { siteWith } from '../../support/sites.ts';

const topology = dnsNetwork();
const keyOf = (from: string, to: string, secret = topology.secret) =>
  deriveKey(secret, tierKeyPurpose(from, to));

test('an edge proves itself to one shield with the key of that pair, and to no other', () => {
  const authenticate = createTierAuthentication(topology, 'eu');
  assert.equal(authenticate(`par ${keyOf('par', 'eu')}`), 'par');
  for (const value of [
    `par ${keyOf('par', 'us')}`,
    `par ${keyOf('nyc', 'eu')}`,
    `par ${keyOf('eu', 'par')}`,
    `par ${keyOf('par', 'eu', 'another secret')}`,
    `par ${keyOf('par', 'eu')} `,
    `par  ${keyOf('par', 'eu')}`,
    `par ${keyOf('par', 'eu').slice(1)}`,
    `ber ${keyOf('ber', 'eu')}`,
    `par`,
    keyOf('par', 'eu'),
    '',
    ' ',
  ]) {
    assert.equal(authenticate(value), undefined, value);
  }
});

const workerStart = (role: 'edge' | 'shield') =>
  ({
    role,
    nodeId: 'eu',
    topology,
    hostPorts: [80],
    index: 2,
    instance: 'abc',
  }) as unknown as WorkerStart;

test('a shield serves tiers only, and an edge believes nobody to be one', () => {
  const keySpace = () => createKeySpace(topology.sites);
  const shield = createAdmission({ keySpace }, workerStart('shield')).deps;
  const edge = createAdmission({ keySpace }, workerStart('edge')).deps;
  const proof = `par ${keyOf('par', 'eu')}`;
  assert.deepEqual([shield.tiersOnly, shield.authenticateTier(proof)], [true, 'par']);
  assert.deepEqual([edge.tiersOnly, edge.authenticateTier(proof)], [false, undefined]);
  assert.deepEqual([edge.cdnId, edge.limits.maxFields], ['breakwater-demo', 100]);
});

test('request ids of a worker do not repeat, and name process and worker', () => {
  const { deps } = createAdmission({ keySpace: () => createKeySpace([]) }, workerStart('edge'));
  assert.deepEqual([deps.nextRequestId(), deps.nextRequestId()], ['abc-2-1', 'abc-2-2']);
});

test('trusted proxies and edges follow a reload; the port that was bound may be named by Host', () => {
  const admission = createAdmission({ keySpace: () => createKeySpace([]) }, workerStart('shield'));
  const { deps } = admission;
  assert.equal(deps.isTrustedProxy('10.1.2.3'), false);
  const pops = topology.pops.filter(({ id }) => id !== 'par');
  admission.update({ ...topology, trustedProxies: ['10.0.0.0/8'], pops });
  assert.equal(deps.isTrustedProxy('10.1.2.3'), true);
  assert.equal(deps.authenticateTier(`par ${keyOf('par', 'eu')}`), undefined);
  admission.listensOn(4711);
  assert.deepEqual([...deps.ports], [80, 4711]);
});

async function occupied(t: TestContext): Promise<number> {
  const server = createServer();
  t.after(() => server.close());
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return (server.address() as { port: number }).port;
}

function contextIn(t: TestContext): NodeContext {
  const dataDir = mkdtempSync(`${tmpdir()}/breakwater-bind-`);
  t.after(() => rmSync(dataDir, { recursive: true, force: true }));
  return { topology: { ...topology, dataDir }, node: { id: 'par' } } as NodeContext;
}

test('a port in use is an error before anything else starts, under a wildcard too', async (t) => {
  const port = await occupied(t);
  const context = contextIn(t);
  for (const host of ['127.0.0.1', '0.0.0.0', '[::]']) {
    await assert.rejects(chooseAddress(context, `${host}:${port}`), { code: 'EADDRINUSE', port });
  }
});

test('with port 0 the port of the last start is taken again, unless somebody else has it', async (t) => {
  const context = contextIn(t);
  const anyPort = { host: '127.0.0.1', port: 0 };
  assert.deepEqual(await chooseAddress(context, '127.0.0.1:0'), anyPort);
  const port = await occupied(t);
  const bind = (free: number) =>
    recordBound(context.topology, 'par', { listen: `127.0.0.1:${free}`, admin: '127.0.0.1:1' });
  bind(port);
  assert.deepEqual(await chooseAddress(context, '127.0.0.1:0'), anyPort);
  const other = createServer();
  await once(other.listen(0, '127.0.0.1'), 'listening');
  const free = (other.address() as { port: number }).port;
  await new Promise((resolve) => other.close(resolve));
  bind(free);
  assert.deepEqual(await chooseAddress(context, '127.0.0.1:0'), { host: '127.0.0.1', port: free });
});

test('workers are as configured; Host may name the port that is bound and the one that others reach', () => {
  assert.equal(workerCount(3), process.platform === 'linux' ? 3 : 1);
  assert.ok(workerCount(undefined) >= 1);
  assert.deepEqual(hostPorts({}, 8081), [8081]);
  assert.deepEqual(hostPorts({ reach: 'a.test:80' }, 8081), [8081, 80]);
});

test('a probe is answered for any Host: 200 while ready, 503 while not or draining, HEAD without a body', async (t) => {
  const state = { node: 'par', ready: true, draining: false, load: 0.5 };
  const server = createHttpServer((req, res) => {
    if (!answerProbe(req, res, () => state)) res.writeHead(404).end();
  });
  t.after(() => server.close());
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as { port: number };
  const ask = (method: 'GET' | 'HEAD' | 'POST', path = probePath) =>
    controlRequest(`http://127.0.0.1:${port}${path}`, {
      method,
      headers: { host: 'any.test', connection: 'close' },
      timeoutMs: 5000,
    });
  const ready = await ask('GET');
  assert.deepEqual([ready.status, JSON.parse(ready.body.toString())], [200, state]);
  assert.equal(ready.headers['cache-control'], 'no-store');
  assert.deepEqual(
    [(await ask('POST')).status, (await ask('GET', `${probePath}?a`)).status],
    [404, 404],
  );
  state.draining = true;
  const head = await ask('HEAD');
  assert.deepEqual([head.status, head.body.length], [503, 0]);
  Object.assign(state, { draining: false, ready: false });
  assert.equal((await ask('GET')).status, 503);
});

async function administered(t: TestContext, append: AdminPlan['append']) {
  const shared = sharedState({ workers: 2 });
  const health = createNodeHealth({ clock: systemClock, shared, workers: 2, capacity: 10 });
  const metrics = createMetrics();
  const count = metrics.counter('breakwater_cache_tests_total', 'T');
  const worker = createMetrics();
  worker.counter('breakwater_cache_tests_total', 'T')({}, 4);
  count();
  const keySpace = createKeySpace([siteWith()]);
  const { address, close } = await startAdmin({ metrics } as NodeContext, {
    node: { id: 'par', admin: '127.0.0.1:0' },
    health,
    metrics: async () => [await worker.snapshot()],
    append,
    keySpace: () => keySpace,
    explain: async () => ({ ok: false, problem: 'not here' }),
  });
  t.after(close);
  const ask = async (
    method: 'GET' | 'PURGE',
    path: string,
    headers: Record<string, string> = {},
  ) => {
    const url = `http://127.0.0.1:${address.port}${path}`;
    const { status, body } = await controlRequest(url, { method, headers, timeoutMs: 5000 });
    return { status, text: body.toString() };
  };
  return { ask, health, shared };
}

test('the admin listener tells life, readiness with its reason, and the metrics of all threads', async (t) => {
  const { ask, health, shared } = await administered(t, () => assert.fail('not to be called'));
  assert.equal((await ask('GET', '/healthz')).status, 200);
  const starting = await ask('GET', '/readyz');
  assert.deepEqual([starting.status, JSON.parse(starting.text).ready], [503, false]);
  assert.match(starting.text, /has not caught up/);
  shared.lease.set(systemClock.monotonicMs() + 60_000, systemClock.nowMs() + 60_000);
  shared.addRequests(0, 1);
  shared.addRequests(1, 1);
  const ready = await ask('GET', '/readyz');
  assert.deepEqual([ready.status, JSON.parse(ready.text).load], [200, 0.2]);
  health.setDraining();
  assert.equal((await ask('GET', '/readyz')).status, 503);
  assert.match((await ask('GET', '/metrics')).text, /^breakwater_cache_tests_total 5$/m);
  assert.equal((await ask('GET', '/other')).status, 404);
});

test('PURGE on the admin listener appends the URL of a site’s host, hard or soft', async (t) => {
  const asked: unknown[] = [];
  const { ask } = await administered(t, async (selectors, soft) => {
    asked.push([selectors, soft]);
    return { ok: true, id: 'p1', seq: 3 };
  });
  const host = { host: 'WWW.demo.test:8091' };
  const { status, text } = await ask('PURGE', '/a/b?c=1', host);
  assert.deepEqual([status, JSON.parse(text)], [202, { id: 'p1', seq: 3, status: 'pending' }]);
  await ask('PURGE', '/', { ...host, 'breakwater-soft-purge': '1' });
  const url = (path: string) => [{ kind: 'url', url: `http://www.demo.test${path}` }];
  assert.deepEqual(asked, [
    [url('/a/b?c=1'), false],
    [url('/'), true],
  ]);
  assert.equal((await ask('PURGE', '/', { host: 'unknown.test' })).status, 404);
  assert.equal(asked.length, 2);
});

test('a purge that is not in the journal is 503 with the reason', async (t) => {
  const { ask } = await administered(t, async () => ({
    ok: false,
    problem: 'purge-api is not connected',
    isCertain: true,
  }));
  const { status, text } = await ask('PURGE', '/', { host: 'www.demo.test' });
  assert.equal(status, 503);
  assert.match(text, /purge-api is not connected/);
});
