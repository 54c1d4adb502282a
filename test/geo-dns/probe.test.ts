import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { silentLog } from '../../core/runtime/log.ts';
import { createMetrics } from '../../core/runtime/metrics.ts';
import { createDnsMetrics } from '../../geo-dns/dns-metrics.ts';
import { createPopView } from '../../geo-dns/pop-view.ts';
import { fetchByHttp, type ProbeFetch, startProber } from '../../geo-dns/probe.ts';
import { dnsNetwork } from '../support/dns-network.ts';
import { createFakeClock } from '../support/fake-clock.ts';

const { pops } = dnsNetwork();
const timing = { intervalMs: 2000, timeoutMs: 1000 };
const answerOf = (node: string, changes = {}, status = 200) => ({
  status,
  body: Buffer.from(JSON.stringify({ node, ready: true, draining: false, load: 0, ...changes })),
});
const settle = () => new Promise((resolve) => setImmediate(resolve));

/** Three PoPs on ports 1 to 3, probed by `fetch`; `calls` are the hosts asked, in order. */
function setUp(fetch: (port: string) => ReturnType<ProbeFetch>, pace = timing) {
  const clock = createFakeClock();
  const registry = createMetrics();
  const metrics = createDnsMetrics(registry);
  const view = createPopView({ log: silentLog, metrics }, pops);
  const calls: string[] = [];
  const urls: string[] = [];
  const targets = pops.map(({ id }, index) => ({
    id,
    reach: () => ({ host: '127.0.0.1', port: index + 1 }),
  }));
  const counted: ProbeFetch = (url) => {
    urls.push(url);
    const port = new URL(url).port;
    calls.push(port);
    return fetch(port);
  };
  const prober = startProber({ clock, metrics, view, fetch: counted }, targets, pace);
  const states = () =>
    view
      .standings()
      .map(({ standing }) => standing)
      .join(' ');
  return { clock, view, prober, calls, urls, states, registry };
}
const idOf = (port: string) => pops[Number(port) - 1]?.id ?? '';

test('every PoP is probed at once, then each in its interval, at the path that nodes answer', async () => {
  const { clock, prober, calls, urls, states } = setUp(async (port) => answerOf(idOf(port)));
  await prober.firstRound;
  assert.equal(urls[0], 'http://127.0.0.1:1/.well-known/breakwater/node');
  assert.deepEqual(calls, ['1', '2', '3']);
  assert.equal(states(), 'in in in');
  await clock.advance(1999);
  assert.equal(calls.length, 3);
  await clock.advance(1);
  assert.equal(calls.length, 6);
  prober.stop();
});

test('a PoP that dies is out within three intervals, and back after two good probes', async () => {
  let isDead = false;
  const { clock, prober, states } = setUp(async (port) => {
    if (isDead && port === '3') throw new Error('connect ECONNREFUSED');
    return answerOf(idOf(port));
  });
  await prober.firstRound;
  isDead = true;
  await clock.advance(3999);
  assert.equal(states(), 'in in in');
  await clock.advance(1);
  assert.equal(states(), 'in in unhealthy');
  isDead = false;
  await clock.advance(2000);
  assert.equal(states(), 'in in unhealthy');
  await clock.advance(2000);
  assert.equal(states(), 'in in in');
  prober.stop();
});

test('one that hangs is out within three intervals too, also when a probe may take a whole one', async () => {
  for (const timeoutMs of [1000, 2000]) {
    let isDead = false;
    const { clock, prober, states } = setUp(
      (port) =>
        isDead && port === '3' ? new Promise(() => {}) : Promise.resolve(answerOf(idOf(port))),
      { intervalMs: 2000, timeoutMs },
    );
    await prober.firstRound;
    isDead = true;
    await clock.advance(3 * 2000);
    assert.equal(states(), 'in in unhealthy', `${timeoutMs} ms`);
    prober.stop();
  }
});

test('a listener that accepts and never answers counts as a failure after the timeout', async () => {
  const { clock, prober, view, registry } = setUp((port) =>
    port === '1' ? new Promise(() => {}) : Promise.resolve(answerOf(idOf(port))),
  );
  let isDone = false;
  void prober.firstRound.then(() => {
    isDone = true;
  });
  await clock.advance(999);
  assert.equal(isDone, false);
  await clock.advance(1);
  await prober.firstRound;
  assert.match(view.standings()[0]?.why ?? '', /no answer within 1000 ms/);
  assert.match(await registry.text(), /probes_total\{pop="par",result="timeout"\} 1/);
  prober.stop();
});

test('answers that do not come from the PoP itself are failures', async () => {
  const { prober, view, registry } = setUp(async (port) => {
    if (port === '1') return answerOf('nyc');
    if (port === '2') return { status: 200, body: Buffer.from('<html>') };
    return { ...answerOf('tyo'), status: 404 };
  });
  await prober.firstRound;
  const whys = view.standings().map(({ why }) => why);
  assert.match(whys[0] ?? '', /answers as the node "nyc"/);
  assert.match(whys[1] ?? '', /answers 200, not as a node/);
  assert.match(whys[2] ?? '', /answers 404/);
  assert.match(await registry.text(), /result="wrong-node"\} 1/);
  prober.stop();
});

test('503 with a statement is an answer: not ready or draining, at once', async () => {
  const { prober, states } = setUp(async (port) => {
    if (port === '1') return answerOf('par', { ready: false }, 503);
    return answerOf(idOf(port), { draining: port === '2' }, 503);
  });
  await prober.firstRound;
  assert.equal(states(), 'unhealthy draining in');
  prober.stop();
});

test('hurry probes one PoP now, and its rhythm goes on from there', async () => {
  const { clock, prober, calls } = setUp(async (port) => answerOf(idOf(port)));
  await prober.firstRound;
  await clock.advance(500);
  prober.hurry('nyc');
  prober.hurry('unknown');
  await settle();
  assert.deepEqual(calls.slice(3), ['2']);
  await clock.advance(1500);
  assert.deepEqual(calls.slice(4).sort(), ['1', '3']);
  await clock.advance(500);
  assert.deepEqual(calls.slice(6), ['2']);
  prober.stop();
});

test('after stop nothing is probed, and a late answer is not taken', async () => {
  let resolveLate = (_: { status: number; body: Buffer }) => {};
  const { clock, prober, calls, states } = setUp(
    () =>
      new Promise((resolve) => {
        resolveLate = resolve;
      }),
  );
  prober.stop();
  resolveLate(answerOf('tyo'));
  await clock.advance(10_000);
  assert.equal(calls.length, 3);
  assert.equal(states(), 'unhealthy unhealthy unhealthy');
});

test('over HTTP each probe is a connection of its own', async () => {
  let connections = 0;
  const server = createServer((_, response) => response.end('{}')).on('connection', () => {
    connections += 1;
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  assert.equal((await fetchByHttp(url, 1000)).status, 200);
  assert.equal((await fetchByHttp(url, 1000)).body.toString(), '{}');
  assert.equal(connections, 2);
  await new Promise((resolve) => server.close(resolve));
  await assert.rejects(fetchByHttp(url, 1000));
});
