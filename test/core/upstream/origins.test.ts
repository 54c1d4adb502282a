import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { type TestContext, test } from 'node:test';
import { silentLog } from '../../../core/runtime/log.ts';
import { createMetrics } from '../../../core/runtime/metrics.ts';
import { createDialer } from '../../../core/upstream/dial.ts';
import { createOrigins } from '../../../core/upstream/origins.ts';
import type { UpstreamRequest } from '../../../core/upstream/upstream.ts';
import { upstreamContract } from '../../contract/upstream.contract.ts';
import { createFakeClock } from '../../support/fake-clock.ts';
import {
  type Arrival,
  answered,
  deadline,
  failureIn,
  metricValue,
  network,
  receiveAll,
  replying,
  requestFor,
  response,
  siteOf,
  startPeer,
  until,
} from './support.ts';

upstreamContract('origins', (_t, port, clock) => {
  const metrics = createMetrics();
  const dialer = createDialer({ clock, log: silentLog, metrics });
  const upstream = createOrigins({ clock, dialer, log: silentLog, metrics });
  return { upstream, site: siteOf(network({ origins: [{ port }] })) };
});

type Answer = (arrival: Arrival) => void;

const fine: Answer = replying(response('fine'));
const lost: Answer = ({ socket }) => socket.destroy();

/** A site with an origin for each answer; `extras` are further keys of its configuration. */
async function setUp(t: TestContext, answers: readonly Answer[], extras: readonly string[] = []) {
  const clock = createFakeClock();
  const metrics = createMetrics();
  const dialer = createDialer({ clock, log: silentLog, metrics });
  const upstream = createOrigins({ clock, dialer, log: silentLog, metrics });
  t.after(() => upstream.close());
  const peers = await Promise.all(answers.map((answer) => startPeer(t, answer)));
  const origins = peers.map(({ port }, index) => ({ port, extra: extras[index] ?? '' }));
  const site = siteOf(network({ origins }));
  const fetch = (changes: Partial<UpstreamRequest> = {}) =>
    upstream.fetch(requestFor(site, changes), deadline);
  /** Fetches one after the other and says which origin answered each: its number, or x. */
  const fetchInTurn = async (times: number) => {
    let names = '';
    for (let i = 0; i < times; i++) {
      const result = await fetch();
      if (result.ok) await receiveAll(result.response.body);
      const name = result.ok ? result.response.from.name : '';
      const index = peers.findIndex(({ port }) => name === `127.0.0.1:${port}`);
      names += index === -1 ? 'x' : index;
    }
    return names;
  };
  return { clock, metrics, upstream, peers, site, fetch, fetchInTurn };
}

test('spreads requests over the origins by weight, and sends none to weight 0', async (t) => {
  const { fetchInTurn } = await setUp(t, [fine, fine, fine], [', weight: 2', '', ', weight: 0']);
  assert.equal(await fetchInTurn(6), '010010');
});

for (const [option, expected] of [
  ['preserve', 'www.test'],
  ['origin', undefined],
  ['inner.example', 'inner.example'],
] as const) {
  test(`the option host: ${option} says which Host the origin sees`, async (t) => {
    const { fetch, peers } = await setUp(t, [fine], [`, host: ${option}`]);
    answered(await fetch());
    const host = /^host: (.*)$/m.exec(peers[0]?.arrivals[0]?.head.replaceAll('\r', '') ?? '');
    assert.equal(host?.[1], expected ?? `127.0.0.1:${peers[0]?.port}`);
  });
}

test('tells an origin nothing that is between tiers, and believes nothing of it', async (t) => {
  const fields = 'Breakwater-Label: a 1 b\r\nX-A: 1\r\n';
  const { fetch, peers } = await setUp(t, [replying(response('', fields))]);
  const headers = ['Breakwater-Tier', 'par key', 'X-B', '2'];
  const answer = answered(await fetch({ headers, tierHeaders: ['breakwater-position', 'a 1 b'] }));
  assert.doesNotMatch(peers[0]?.arrivals[0]?.head ?? '', /breakwater/i);
  assert.deepEqual(answer.headers, ['X-A', '1', 'Content-Length', '0']);
  assert.equal(answer.tierHeaders.size, 0);
});

test('an only origin that ends connections without an answer is asked by everybody all the same', async (t) => {
  let isLost = true;
  const { fetch, fetchInTurn, peers } = await setUp(t, [
    (arrival) => (isLost ? lost(arrival) : fine(arrival)),
  ]);
  for (let i = 0; i < 5; i++) assert.equal(failureIn(await fetch()).kind, 'cut');
  assert.equal(peers[0]?.arrivals.length, 5);
  isLost = false;
  assert.equal(await fetchInTurn(1), '0');
});

test('a lost GET goes to another origin, once', async (t) => {
  const { fetch, peers, metrics } = await setUp(t, [lost, lost, fine]);
  assert.equal(failureIn(await fetch()).kind, 'cut');
  assert.deepEqual(
    peers.map(({ arrivals }) => arrivals.length),
    [1, 1, 0],
  );
  const retries = 'breakwater_upstream_retries_total{tier="origin",reason="cut"}';
  assert.equal(await metricValue(metrics, retries), 1);
});

test('a lost POST does not: it may have been done (RFC 9110 §9.2.2)', async (t) => {
  const { fetch, peers } = await setUp(t, [lost, fine]);
  assert.equal(failureIn(await fetch({ method: 'POST' })).kind, 'cut');
  assert.equal(peers[1]?.arrivals.length, 0);
});

test('a POST that found nobody listening does, with its body', async (t) => {
  const { fetch, peers } = await setUp(t, [
    fine,
    (arrival) =>
      void until(() => arrival.body === 'body').then(() => arrival.socket.write(response(''))),
  ]);
  await peers[0]?.stop();
  const body = Readable.from([Buffer.from('body')]);
  answered(await fetch({ method: 'POST', body, bodyBytes: 4 }));
  assert.equal(peers[1]?.arrivals[0]?.body, 'body');
});

test('an error that an origin answers is its answer, and no reason to ask another', async (t) => {
  const broken = replying('HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n');
  const { fetchInTurn, peers } = await setUp(t, [broken, fine]);
  assert.equal(await fetchInTurn(4), '0101');
  assert.equal(peers[1]?.arrivals.length, 2);
});

test('a response that breaks the rules of framing is not fetched again', async (t) => {
  const odd = replying('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\t\r\n\r\n0\r\n\r\n');
  const { fetch, peers } = await setUp(t, [odd, fine]);
  assert.equal(failureIn(await fetch()).kind, 'framing');
  assert.equal(peers[1]?.arrivals.length, 0);
});

test('retries are a tenth of the requests and a small reserve, however much fails', async (t) => {
  // Every second arrival is answered, so that a retry would always help and neither origin goes out.
  let count = 0;
  const flaky: Answer = (arrival) => (count++ % 2 === 0 ? lost(arrival) : fine(arrival));
  const { fetchInTurn, metrics } = await setUp(t, [flaky, flaky]);
  await fetchInTurn(200);
  const value = (name: string) => metricValue(metrics, `breakwater_upstream_${name}`);
  const retries = await value('retries_total{tier="origin",reason="cut"}');
  assert.ok(retries > 10 && retries <= 30, `${retries} retries`);
  assert.ok((await value('retries_refused_total{tier="origin"}')) > 0);
});

test('an origin that nobody listens at costs no request while another is up', async (t) => {
  const { fetch, peers } = await setUp(t, [fine, fine]);
  await peers[0]?.stop();
  const results = await Promise.all(Array.from({ length: 100 }, () => fetch()));
  assert.deepEqual(
    results.filter((result) => !result.ok),
    [],
  );
});

test('three failures in a row put an origin out; after the back-off one trial brings it back', async (t) => {
  let isBroken = true;
  const { fetchInTurn, peers, clock, metrics } = await setUp(t, [
    (arrival) => (isBroken ? lost(arrival) : fine(arrival)),
    fine,
  ]);
  const isReady = () =>
    metricValue(
      metrics,
      `breakwater_upstream_peer_ready{tier="origin",peer="127.0.0.1:${peers[0]?.port}"}`,
    );
  assert.equal(await fetchInTurn(10), '1111111111');
  assert.equal(peers[0]?.arrivals.length, 3);
  assert.equal(await isReady(), 0);
  isBroken = false;
  await clock.advance(999);
  assert.equal(await fetchInTurn(2), '11');
  await clock.advance(1);
  assert.deepEqual([...(await fetchInTurn(4))].sort().join(''), '0011');
  assert.equal(await isReady(), 1);
});

test('backups are asked only while no primary is usable', async (t) => {
  const { fetchInTurn, peers, clock } = await setUp(t, [fine, fine], ['', ', backup: true']);
  assert.equal(await fetchInTurn(3), '000');
  const port = peers[0]?.port ?? 0;
  await peers[0]?.stop();
  assert.equal(await fetchInTurn(5), '11111');
  const back = await startPeer(t, fine, port);
  await clock.advance(1000);
  assert.equal(await fetchInTurn(3), '000');
  assert.equal(back.arrivals.length, 3);
});

test('an only origin that comes back is found by the next request, not after its back-off', async (t) => {
  const { fetchInTurn, peers } = await setUp(t, [fine]);
  const port = peers[0]?.port ?? 0;
  await peers[0]?.stop();
  assert.equal(await fetchInTurn(8), 'xxxxxxxx');
  await startPeer(t, fine, port);
  assert.equal(await fetchInTurn(2), '00');
});

test('while everything is out one request at a time is tried, and the others fail at once', async (t) => {
  const { fetch, peers, clock } = await setUp(t, [() => {}]);
  for (let i = 0; i < 3; i++) {
    const pending = fetch();
    await until(() => peers[0]?.arrivals.length === i + 1);
    await clock.advance(deadline.firstByteMs);
    assert.equal(failureIn(await pending).kind, 'timeout');
  }
  const trial = fetch();
  const other = failureIn(await fetch());
  assert.deepEqual([other.kind, other.retryable], ['unavailable', false]);
  await until(() => peers[0]?.arrivals.length === 4);
  await clock.advance(deadline.firstByteMs);
  assert.equal(failureIn(await trial).kind, 'timeout');
});

test('who aborts says nothing about the origin', async (t) => {
  const { fetch, peers } = await setUp(t, [() => {}]);
  for (let i = 0; i < 4; i++) {
    const abort = new AbortController();
    const pending = fetch({ signal: abort.signal });
    await until(() => peers[0]?.arrivals.length === i + 1);
    abort.abort();
    assert.equal(failureIn(await pending).kind, 'aborted');
  }
});

test('says who answered', async (t) => {
  const { fetch, peers } = await setUp(t, [fine]);
  const { from } = answered(await fetch());
  assert.deepEqual(from, { tier: 'origin', name: `127.0.0.1:${peers[0]?.port}` });
});
