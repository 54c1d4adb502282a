import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { type TestContext, test } from 'node:test';
import { silentLog } from '../../core/runtime/log.ts';
import { createMetrics } from '../../core/runtime/metrics.ts';
import { deriveKey } from '../../core/topology/load.ts';
import { recordBound } from '../../core/topology/nodes.ts';
import { tierKeyPurpose } from '../../core/topology/tier-keys.ts';
import { createDialer } from '../../core/upstream/dial.ts';
import { createOrigins } from '../../core/upstream/origins.ts';
import { orderByRendezvous } from '../../core/upstream/ring.ts';
import type { UpstreamRequest } from '../../core/upstream/upstream.ts';
import { createShields } from '../../edge/shields.ts';
import { upstreamContract } from '../contract/upstream.contract.ts';
import {
  type Arrival,
  answered,
  deadline,
  failureIn,
  metricValue,
  type NetworkOptions,
  network,
  receiveAll,
  replying,
  requestFor,
  response,
  siteOf,
  startPeer,
  until,
} from '../core/upstream/support.ts';
import { createFakeClock } from '../support/fake-clock.ts';

function createSubject(t: TestContext, options: NetworkOptions) {
  const clock = createFakeClock();
  const metrics = createMetrics();
  const dialer = createDialer({ clock, log: silentLog, metrics });
  const origins = createOrigins({ clock, dialer, log: silentLog, metrics });
  const topology = network(options);
  const deps = { clock, dialer, log: silentLog, metrics, topology, nodeId: 'par', origins };
  const upstream = createShields(deps);
  t.after(() => upstream.close());
  const fetch = (changes: Partial<UpstreamRequest> = {}) =>
    upstream.fetch(requestFor(siteOf(topology), changes), deadline);
  return { clock, metrics, topology, upstream, fetch };
}

upstreamContract('shields', (_t, port, clock) => {
  const metrics = createMetrics();
  const dialer = createDialer({ clock, log: silentLog, metrics });
  const origins = createOrigins({ clock, dialer, log: silentLog, metrics });
  const topology = network({ shields: { eu: port }, shield: 'eu', originFallback: false });
  const deps = { clock, dialer, log: silentLog, metrics, topology, nodeId: 'par', origins };
  return { upstream: createShields(deps), site: siteOf(topology) };
});

type Answer = (arrival: Arrival) => void;

const fine: Answer = replying(response('fine'));
const lost: Answer = ({ socket }) => socket.destroy();
const refusing: Answer = replying(
  'HTTP/1.1 503 Draining\r\nBreakwater-Refused: 1\r\nContent-Length: 0\r\n\r\n',
);

/** Shields by id with their answers, one origin, and a PoP `par` whose shields are as `shield` says. */
async function setUp(
  t: TestContext,
  shield: string,
  answers: Record<string, Answer>,
  options: NetworkOptions = {},
) {
  const origin = await startPeer(t, replying(response('origin')));
  const peers: Record<string, Awaited<ReturnType<typeof startPeer>>> = {};
  for (const [id, answer] of Object.entries(answers)) peers[id] = await startPeer(t, answer);
  const shields = Object.fromEntries(Object.entries(peers).map(([id, { port }]) => [id, port]));
  const subject = createSubject(t, {
    origins: [{ port: origin.port }],
    shields,
    shield,
    ...options,
  });
  const arrivalsAt = (id: string) => peers[id]?.arrivals.length ?? 0;
  const fallbacks = () => metricValue(subject.metrics, 'breakwater_edge_origin_fallbacks_total');
  return { ...subject, peers, origin, arrivalsAt, fallbacks };
}

/** Who answered: a shield's id, or `origin`. */
async function askedFrom(result: ReturnType<Awaited<ReturnType<typeof setUp>>['fetch']>) {
  const { from, body } = answered(await result);
  await receiveAll(body);
  return from.tier === 'shield' ? from.name : from.tier;
}

test('shows the shield who asks, with a key for this pair of nodes, and passes on the fields between tiers', async (t) => {
  const { fetch, peers } = await setUp(t, 'eu', { eu: fine });
  await fetch({ tierHeaders: ['breakwater-position', 'abc 7 def'] });
  const lines = peers.eu?.arrivals[0]?.head.split('\r\n') ?? [];
  const key = deriveKey('not-a-secret', tierKeyPurpose('par', 'eu'));
  assert.ok(lines.includes(`breakwater-tier: par ${key}`));
  assert.ok(lines.includes('breakwater-position: abc 7 def'));
  assert.ok(lines.includes('host: www.test'));
});

test('a key for one shield opens no other', () => {
  const keyFor = (from: string, to: string) => deriveKey('s', tierKeyPurpose(from, to));
  const keys = [keyFor('par', 'eu'), keyFor('par', 'us'), keyFor('nyc', 'eu'), keyFor('eu', 'par')];
  assert.equal(new Set(keys).size, 4);
});

test('does not pass on what a client says in the words of the tiers', async (t) => {
  const { fetch, peers } = await setUp(t, 'eu', { eu: fine });
  await fetch({
    headers: ['Breakwater-Position', 'forged', 'breakwater-tier', 'forged', 'X-A', '1'],
  });
  assert.doesNotMatch(peers.eu?.arrivals[0]?.head ?? '', /forged/);
});

test('takes the fields between tiers out of the answer', async (t) => {
  const fields = 'Breakwater-Label: abc 9 def\r\nX-A: 1\r\nbreakwater-stale-since: 17\r\n';
  const { fetch } = await setUp(t, 'eu', { eu: replying(response('', fields)) });
  const { headers, tierHeaders, from } = answered(await fetch());
  assert.deepEqual(headers, ['X-A', '1', 'Content-Length', '0']);
  assert.deepEqual(Object.fromEntries(tierHeaders), {
    'breakwater-label': 'abc 9 def',
    'breakwater-stale-since': '17',
  });
  assert.deepEqual(from, { tier: 'shield', name: 'eu' });
});

test('each key has its shield in a ring, and all edges agree on it', async (t) => {
  const { fetch } = await setUp(t, '[[eu, us, ap]]', { eu: fine, us: fine, ap: fine });
  const seen = new Set<string>();
  for (let i = 0; i < 20; i++) {
    const key = `http www.test /${i}`;
    const [owner] = orderByRendezvous(key, ['ap', 'eu', 'us']);
    const asked = await askedFrom(fetch({ key }));
    assert.equal(asked, owner);
    seen.add(asked);
  }
  assert.equal(seen.size, 3);
});

test('asks the rings in their order: the second while nobody of the first answers', async (t) => {
  const { fetch, peers, fallbacks } = await setUp(t, '[eu, us]', { eu: fine, us: fine });
  for (let i = 0; i < 5; i++) assert.equal(await askedFrom(fetch({ key: `k${i}` })), 'eu');
  await peers.eu?.stop();
  for (let i = 0; i < 5; i++) assert.equal(await askedFrom(fetch({ key: `k${i}` })), 'us');
  assert.equal(await fallbacks(), 0);
});

test('a shield of the ring that is away is replaced by the next in the order of the key', async (t) => {
  const { fetch, peers } = await setUp(t, '[[eu, us, ap]]', { eu: fine, us: fine, ap: fine });
  const [owner = '', heir] = orderByRendezvous('some key', ['eu', 'us', 'ap']);
  await peers[owner]?.stop();
  for (let i = 0; i < 5; i++) assert.equal(await askedFrom(fetch({ key: 'some key' })), heir);
});

test('a shield that is draining or not ready is passed over at once, and for a while', async (t) => {
  const { fetch, arrivalsAt, clock, metrics } = await setUp(t, '[eu, us]', {
    eu: refusing,
    us: fine,
  });
  assert.equal(await askedFrom(fetch()), 'us');
  assert.equal(await askedFrom(fetch()), 'us');
  assert.equal(arrivalsAt('eu'), 1);
  await clock.advance(1000);
  assert.equal(await askedFrom(fetch()), 'us');
  assert.equal(arrivalsAt('eu'), 2);
  const name = 'breakwater_upstream_retries_total{tier="shield",reason="refused"}';
  assert.equal(await metricValue(metrics, name), 2);
});

test('a 503 of the origin that a shield passes on is an answer', async (t) => {
  const busy = replying('HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n');
  const { fetch, arrivalsAt } = await setUp(t, '[eu, us]', { eu: busy, us: fine });
  assert.equal(answered(await fetch()).status, 503);
  assert.equal(arrivalsAt('us'), 0);
});

const failing = (fields: string, status = '502 Bad Gateway'): Answer =>
  replying(`HTTP/1.1 ${status}\r\n${fields}Content-Length: 4\r\n\r\nnone`);

test('an error that the shield made because its own upstream failed is that failure, and nobody else is asked', async (t) => {
  const fields = 'Breakwater-Failure: connect\r\nProxy-Status: eu; error=connection_refused\r\n';
  const { fetch, arrivalsAt, origin, peers } = await setUp(t, '[eu, us]', {
    eu: failing(fields),
    us: fine,
  });
  for (let i = 0; i < 6; i++) {
    const { source, kind, retryable, told } = failureIn(await fetch());
    assert.deepEqual([source, kind, retryable], ['upstream', 'connect', false]);
    assert.deepEqual(told, {
      name: 'eu',
      status: 502,
      proxyStatus: 'eu; error=connection_refused',
    });
  }
  assert.deepEqual([arrivalsAt('eu'), arrivalsAt('us'), origin.arrivals.length], [6, 0, 0]);
  // The next request may come before the body of the last one has been read.
  assert.ok((peers.eu?.connections ?? 6) <= 2, 'bodies are read, so connections are kept');
});

test('that the shield could not validate what it has stored is told as well (RFC 9111 §5.2.2.2)', async (t) => {
  const fields = 'Breakwater-Failure: timeout; unvalidated\r\n';
  const { fetch } = await setUp(t, 'eu', { eu: failing(fields, '504 Gateway Timeout') });
  const { kind, unvalidated, told } = failureIn(await fetch());
  assert.deepEqual([kind, unvalidated, told?.status], ['timeout', true, 504]);
});

test('an error of the origin is not, nor an answer that is no error', async (t) => {
  const { fetch } = await setUp(t, 'eu', { eu: failing('') });
  assert.equal(answered(await fetch()).status, 502);
  const odd = await setUp(t, 'eu', { eu: failing('Breakwater-Failure: cut\r\n', '404 No') });
  assert.equal(answered(await odd.fetch()).status, 404);
});

test('a GET that a shield lost before its head goes to the next, a POST does not', async (t) => {
  const { fetch, arrivalsAt } = await setUp(t, '[eu, us]', { eu: lost, us: fine });
  assert.equal(await askedFrom(fetch()), 'us');
  assert.equal(failureIn(await fetch({ method: 'POST' })).kind, 'cut');
  assert.deepEqual([arrivalsAt('eu'), arrivalsAt('us')], [2, 1]);
});

test('waits longer for a shield than the shield does for the origin, then asks the next', async (t) => {
  const { fetch, arrivalsAt, clock } = await setUp(t, '[eu, us]', { eu: () => {}, us: fine });
  const asked = askedFrom(fetch());
  await until(() => arrivalsAt('eu') === 1);
  await clock.advance(deadline.firstByteMs + 1999);
  assert.equal(arrivalsAt('us'), 0);
  await clock.advance(1);
  assert.equal(await asked, 'us');
});

test('when no shield answers the edge asks the origin, if the site allows it, and counts it', async (t) => {
  const { fetch, peers, origin, fallbacks } = await setUp(t, 'eu', { eu: fine });
  await peers.eu?.stop();
  assert.equal(await askedFrom(fetch({ tierHeaders: ['breakwater-position', 'a 1 b'] })), 'origin');
  assert.equal(await fallbacks(), 1);
  assert.doesNotMatch(origin.arrivals[0]?.head ?? '', /breakwater/i);
});

test('a site that forbids it gets the failure, and its origin no request', async (t) => {
  const { fetch, peers, origin } = await setUp(t, 'eu', { eu: fine }, { originFallback: false });
  await peers.eu?.stop();
  for (let i = 0; i < 5; i++) assert.equal(failureIn(await fetch()).kind, 'connect');
  assert.equal(origin.arrivals.length, 0);
});

test('an only shield that comes back is found by the next request', async (t) => {
  const { fetch, peers } = await setUp(t, 'eu', { eu: fine }, { originFallback: false });
  const port = peers.eu?.port;
  await peers.eu?.stop();
  for (let i = 0; i < 5; i++) failureIn(await fetch());
  await startPeer(t, fine, port);
  assert.equal(await askedFrom(fetch()), 'eu');
});

test('a PoP without shields goes straight to the origins, and that is no fallback', async (t) => {
  const origin = await startPeer(t, replying(response('origin')));
  const options = { origins: [{ port: origin.port }], originFallback: false };
  const { fetch, metrics } = createSubject(t, options);
  assert.equal(await askedFrom(fetch()), 'origin');
  assert.equal(await metricValue(metrics, 'breakwater_edge_origin_fallbacks_total'), 0);
});

test('a body of which nothing was read goes to the next shield', async (t) => {
  const takesBody: Answer = (arrival) =>
    void until(() => arrival.body === 'body').then(() => arrival.socket.write(response('')));
  const { fetch, peers } = await setUp(t, '[eu, us]', { eu: fine, us: takesBody });
  await peers.eu?.stop();
  const body = Readable.from([Buffer.from('body')]);
  assert.equal(await askedFrom(fetch({ method: 'POST', body, bodyBytes: 4 })), 'us');
});

test('a body of which a byte was read is never sent again, to a shield or to the origin', async (t) => {
  const { fetch, arrivalsAt, origin } = await setUp(t, '[eu, us]', { eu: refusing, us: fine });
  const body = new PassThrough();
  body.write('some');
  const failure = failureIn(await fetch({ method: 'PUT', body, bodyBytes: 1000 }));
  assert.deepEqual([failure.kind, failure.retryable], ['unavailable', false]);
  assert.deepEqual([arrivalsAt('us'), origin.arrivals.length], [0, 0]);
});

test('an aborted request asks nobody further', async (t) => {
  const abort = new AbortController();
  const { fetch, arrivalsAt, origin } = await setUp(t, '[eu, us]', {
    eu: () => abort.abort(),
    us: fine,
  });
  assert.equal(failureIn(await fetch({ signal: abort.signal })).kind, 'aborted');
  assert.deepEqual([arrivalsAt('us'), origin.arrivals.length], [0, 0]);
});

test('a shield on a port of the system’s choosing is found once it has said which, and again after a restart', async (t) => {
  const dataDir = mkdtempSync(path.join(tmpdir(), 'breakwater-shields-'));
  t.after(() => rmSync(dataDir, { recursive: true }));
  const { fetch, topology } = await setUp(t, 'eu', {}, { shields: { eu: 0 }, dataDir });
  const listenAt = (port: number) =>
    recordBound(topology, 'eu', { listen: `127.0.0.1:${port}`, admin: '127.0.0.1:1' });
  assert.equal(await askedFrom(fetch()), 'origin');
  const first = await startPeer(t, fine);
  listenAt(first.port);
  assert.equal(await askedFrom(fetch()), 'eu');
  await first.stop();
  const second = await startPeer(t, fine);
  assert.equal(await askedFrom(fetch()), 'origin');
  listenAt(second.port);
  assert.equal(await askedFrom(fetch()), 'eu');
  assert.equal(second.arrivals.length, 1);
});

test('takes the shields of a new configuration', async (t) => {
  const { fetch, upstream, peers, origin } = await setUp(t, 'eu', { eu: fine, us: fine });
  assert.equal(await askedFrom(fetch()), 'eu');
  const shields = { eu: peers.eu?.port ?? 0, us: peers.us?.port ?? 0 };
  upstream.updateTopology(network({ origins: [{ port: origin.port }], shields, shield: 'us' }));
  assert.equal(await askedFrom(fetch()), 'us');
});

test('requests lost by shields are sent again within the budget only', async (t) => {
  // Each shield answers every second request, so that none goes out.
  const flaky = (): Answer => {
    let count = 0;
    return (arrival) => (count++ % 2 === 0 ? lost(arrival) : fine(arrival));
  };
  const { fetch, metrics } = await setUp(
    t,
    '[[eu, us]]',
    { eu: flaky(), us: flaky() },
    { originFallback: false },
  );
  for (let i = 0; i < 200; i++) {
    const result = await fetch({ key: `k${i}` });
    if (result.ok) await receiveAll(result.response.body);
  }
  const value = (name: string) => metricValue(metrics, `breakwater_upstream_${name}`);
  const retries = await value('retries_total{tier="shield",reason="cut"}');
  assert.ok(retries > 10 && retries <= 30, `${retries} retries`);
  assert.ok((await value('retries_refused_total{tier="shield"}')) > 0);
});
