import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { Readable } from 'node:stream';
import { type TestContext, test } from 'node:test';
import { silentLog } from '../../../core/runtime/log.ts';
import { createMetrics } from '../../../core/runtime/metrics.ts';
import { createDialer, type DialerOptions } from '../../../core/upstream/dial.ts';
import type { UpstreamRequest } from '../../../core/upstream/upstream.ts';
import { createFakeClock } from '../../support/fake-clock.ts';
import {
  answered,
  deadline,
  failureIn,
  metricValue,
  network,
  receiveAll,
  requestFor,
  response,
  siteOf,
  startPeer,
  until,
} from './support.ts';

function setUp(t: TestContext, options: DialerOptions = {}) {
  const clock = createFakeClock();
  const metrics = createMetrics();
  const dialer = createDialer({ clock, log: silentLog, metrics }, options);
  t.after(() => dialer.close());
  const dial = (origin: string, changes: Partial<UpstreamRequest> = {}) => {
    const request = requestFor(siteOf(network({})), changes);
    const peer = { tier: 'origin' as const, name: 'o', origin };
    return dialer.dial(peer, { ...request, hostHeader: 'other.test' }, deadline);
  };
  return { clock, metrics, dialer, dial };
}

test('sends the Host it is given', async (t) => {
  const peer = await startPeer(t, ({ socket }) => socket.write(response('')));
  await setUp(t).dial(`http://127.0.0.1:${peer.port}`);
  assert.match(peer.arrivals[0]?.head ?? '', /^host: other\.test$/m);
});

test('sends no more requests at a time than the limit; the next goes when one is over, body included', async (t) => {
  const peer = await startPeer(t, ({ socket }) => socket.write(response('hello')));
  const { dial } = setUp(t, { maxConnectionsPerPeer: 1 });
  const origin = `http://127.0.0.1:${peer.port}`;
  const first = answered(await dial(origin));
  const second = dial(origin);
  await until(() => peer.arrivals.length === 1);
  for (let turns = 0; turns < 20; turns++) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(peer.arrivals.length, 1);
  await receiveAll(first.body);
  assert.equal(answered(await second).status, 200);
  assert.equal(peer.arrivals.length, 2);
});

test('fails with overload when too many wait, and when a turn does not come within the limit for connecting', async (t) => {
  const peer = await startPeer(t, () => {});
  const { dial, clock, metrics } = setUp(t, { maxConnectionsPerPeer: 1, maxQueuedPerPeer: 1 });
  const origin = `http://127.0.0.1:${peer.port}`;
  const running = dial(origin);
  const waiting = dial(origin);
  const refused = failureIn(await dial(origin));
  assert.deepEqual([refused.kind, refused.retryable], ['overload', true]);
  await until(() => peer.arrivals.length === 1);
  await clock.advance(deadline.connectMs);
  assert.equal(failureIn(await waiting).kind, 'overload');
  const label = '{tier="origin",peer="o"}';
  assert.equal(await metricValue(metrics, `breakwater_upstream_queue_full_total${label}`), 2);
  await peer.stop();
  assert.equal(failureIn(await running).kind, 'cut');
});

test('a failed request gives its place to the next', async (t) => {
  const peer = await startPeer(t, ({ socket }) => socket.destroy());
  const { dial } = setUp(t, { maxConnectionsPerPeer: 1 });
  const origin = `http://127.0.0.1:${peer.port}`;
  for (const result of await Promise.all([dial(origin), dial(origin), dial(origin)])) {
    assert.equal(failureIn(result).kind, 'cut');
  }
});

test('gives up an attempt to connect after its limit, and ends it', async (t) => {
  // Takes the connection and never answers the TLS handshake, so that connecting never ends.
  let closes = 0;
  const server = createServer((socket) => {
    socket.resume();
    socket.on('error', () => socket.destroy()).on('close', () => closes++);
  });
  server.listen(0, '127.0.0.1');
  t.after(() => server.close());
  await once(server, 'listening');
  const { dial, clock } = setUp(t);
  const pending = dial(`https://127.0.0.1:${(server.address() as { port: number }).port}`);
  await once(server, 'connection');
  await clock.advance(deadline.connectMs);
  const failure = failureIn(await pending);
  assert.deepEqual([failure.kind, failure.retryable], ['connect', true]);
  await until(() => closes === 1, 'the close');
});

test('the signal ends an attempt to connect', async (t) => {
  const server = createServer((socket) => socket.resume().on('error', () => socket.destroy()));
  server.listen(0, '127.0.0.1');
  t.after(() => server.close());
  await once(server, 'listening');
  const abort = new AbortController();
  const { dial } = setUp(t);
  const { port } = server.address() as { port: number };
  const pending = dial(`https://127.0.0.1:${port}`, { signal: abort.signal });
  const [socket] = await once(server, 'connection');
  abort.abort();
  assert.equal(failureIn(await pending).kind, 'aborted');
  await until(() => socket.destroyed, 'the close');
});

for (const [how, end] of [
  ['is closed', (socket: Socket) => socket.destroy()],
  ['is reset', (socket: Socket) => socket.resetAndDestroy()],
] as const) {
  test(`a request whose idle connection ${how} before it is sent goes over another one, a POST too`, async (t) => {
    const peer = await startPeer(t, (arrival) => {
      const isWhole = () => arrival.head.startsWith('GET') || arrival.body === 'body';
      void until(isWhole).then(() => arrival.socket.write(response('hello')));
    });
    const { dial } = setUp(t);
    const origin = `http://127.0.0.1:${peer.port}`;
    await receiveAll(answered(await dial(origin)).body);
    for (let turns = 0; turns < 5; turns++) await new Promise((resolve) => setImmediate(resolve));
    // The end is on its way while the next request begins.
    const [first] = peer.arrivals;
    assert.ok(first);
    end(first.socket);
    const body = Readable.from([Buffer.from('body')]);
    const result = await dial(origin, { method: 'POST', body, bodyBytes: 4 });
    assert.equal((await receiveAll(answered(result).body)).text, 'hello');
    assert.equal(peer.connections, 2);
  });
}

test('the connection of a given-up request is not taken for a kept one: what is lost on the next is lost', async (t) => {
  const abort = new AbortController();
  const peer = await startPeer(t, ({ socket, connection }) => {
    if (connection === 1) abort.abort();
    else socket.destroy();
  });
  const { dial } = setUp(t);
  const origin = `http://127.0.0.1:${peer.port}`;
  assert.equal(failureIn(await dial(origin, { signal: abort.signal })).kind, 'aborted');
  await until(() => peer.arrivals[0]?.socket.destroyed === true);
  for (let turns = 0; turns < 5; turns++) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(failureIn(await dial(origin)).kind, 'cut');
  assert.equal(peer.arrivals.length, 2);
});

test('counts interim responses by what became of them', async (t) => {
  const early = 'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n';
  const bad = 'HTTP/1.1 103 Early Hints\r\nContent-Length: 5\r\n\r\n';
  const peer = await startPeer(t, ({ socket }) => {
    socket.write(bad + early.repeat(17) + response(''));
  });
  const { dial, metrics } = setUp(t);
  const origin = `http://127.0.0.1:${peer.port}`;
  answered(await dial(origin, { onInterim() {} }));
  answered(await dial(origin));
  const value = (fate: string) =>
    metricValue(
      metrics,
      `breakwater_upstream_interim_responses_total{tier="origin",fate="${fate}"}`,
    );
  assert.deepEqual(
    await Promise.all(['forwarded', 'unwanted', 'malformed', 'too-many'].map(value)),
    [15, 15, 2, 4],
  );
});

test('counts requests by result, time to the head, connections and broken bodies', async (t) => {
  const peer = await startPeer(t, ({ socket, connection }) => {
    if (connection === 1) socket.end('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello');
    else socket.destroy();
  });
  const { dial, metrics } = setUp(t);
  const origin = `http://127.0.0.1:${peer.port}`;
  await receiveAll(answered(await dial(origin)).body);
  failureIn(await dial(origin));
  const value = (rest: string) => metricValue(metrics, `breakwater_upstream_${rest}`);
  const label = 'tier="origin",peer="o"';
  assert.equal(await value(`requests_total{${label},result="ok"}`), 1);
  assert.equal(await value(`requests_total{${label},result="cut"}`), 1);
  assert.equal(await value(`body_failures_total{${label},kind="cut"}`), 1);
  assert.equal(await value(`connections_total{${label}}`), 2);
  assert.equal(await value('first_byte_seconds_count{tier="origin"}'), 1);
});
