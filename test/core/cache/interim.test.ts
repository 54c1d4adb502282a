/** Rules of core/cache/interim.ts: interim responses on their way to whoever asked, over real HTTP and with a fake upstream. */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { handle } from '../../../core/cache/handle.ts';
import { createTestEngine, type EngineOptions } from '../../support/engine.ts';
import type { FakeCall } from '../../support/fake-upstream.ts';
import {
  begin,
  exchange,
  type HttpRequest,
  openSocket,
  serve,
  until,
} from '../../support/http-exchange.ts';

const fresh = ['Cache-Control', 'max-age=60'];
const tier = ['Breakwater-Tier', 'par ok'];

/** An engine behind a real listener. */
async function start(t: TestContext, options: EngineOptions = {}) {
  const engine = createTestEngine(options);
  const { port } = await serve(t, (req, res) => void handle(engine.handle, req, res));
  const ask = (asked: HttpRequest = {}) => exchange(port, asked);
  return { engine, port, ask, upstream: engine.upstream };
}

/** Answers after two interim responses. */
function twoHints(call: FakeCall) {
  call.request.onInterim?.(102, []);
  call.request.onInterim?.(103, ['LINK', '</a>', 'Link', '</b>', 'X', 'é']);
  call.respond({ headers: fresh, body: 'final' });
}

const hinted = [[102], [103, 'LINK', '</a>', 'Link', '</b>', 'X', 'é']];

describe('interim responses of the upstream', () => {
  it('come to the client when they come, with the fields that they have (RFC 9110 §15.2)', async (t) => {
    const { port, upstream, engine } = await start(t);
    const { answer, interim } = begin(port);
    await until('it is asked', () => upstream.calls.length === 1);
    const call = upstream.call(0);
    call.request.onInterim?.(103, ['LINK', '</a>', 'link', '</b>', 'X', 'é']);
    await until('the client has it', () => interim.length === 1);
    assert.deepEqual(interim, [[103, 'LINK', '</a>', 'link', '</b>', 'X', 'é']]);
    call.request.onInterim?.(102, []);
    call.respond({ headers: fresh, body: 'final' });
    const { status, body } = await answer;
    assert.deepEqual([status, body.toString(), interim.length], [200, 'final', 2]);
    assert.equal(await engine.counter('breakwater_cache_interim_responses_total'), 2);
  });

  it('are neither stored nor replayed, nor are their fields part of the response', async (t) => {
    const { ask, upstream } = await start(t);
    upstream.script = twoHints;
    const miss = await ask();
    const hit = await ask();
    assert.deepEqual(miss.interim, hinted);
    assert.deepEqual(hit.interim, []);
    for (const { header } of [miss, hit]) {
      assert.deepEqual([header('link'), header('x')], [undefined, undefined]);
    }
  });

  it('come to those who pass by the cache as well, and to HEAD', async (t) => {
    const { ask, upstream } = await start(t);
    upstream.script = twoHints;
    for (const method of ['POST', 'OPTIONS', 'HEAD']) {
      assert.deepEqual((await ask({ method })).interim, hinted, method);
    }
    const noStore = await ask({ headers: ['Cache-Control', 'no-store'] });
    assert.deepEqual(noStore.interim, hinted);
  });

  it('come before an error of ours, when the upstream then fails', async (t) => {
    const { ask, upstream } = await start(t);
    upstream.script = (call) => {
      call.request.onInterim?.(103, []);
      call.fail();
    };
    const { status, interim } = await ask();
    assert.deepEqual([status, interim], [502, [[103]]]);
  });

  it('come to the request that began a flight, and not to those who joined it', async (t) => {
    const { port, upstream, engine } = await start(t);
    const first = begin(port);
    await until('it is asked', () => upstream.calls.length === 1);
    const second = begin(port);
    const lookups = () => engine.counter('breakwater_cache_lookups_total');
    await until('it waits', async () => (await lookups()) === 2);
    twoHints(upstream.call(0));
    assert.deepEqual((await first.answer).interim, hinted);
    const joined = await second.answer;
    assert.deepEqual([joined.interim, joined.body.toString()], [[], 'final']);
    assert.equal(upstream.calls.length, 1);
  });

  it('do not come to a client of HTTP/1.0 (RFC 9110 §15.2)', async (t) => {
    const { port, upstream } = await start(t);
    upstream.script = twoHints;
    const socket = await openSocket(t, port);
    let text = '';
    socket.on('data', (piece) => (text += piece.toString('latin1')));
    socket.write('GET / HTTP/1.0\r\nHost: www.demo.test\r\n\r\n');
    await until('it has the end', () => text.endsWith('final'));
    assert.match(text, /^HTTP\/1\.1 200 /);
    assert.equal(upstream.call(0).request.onInterim, undefined);
  });

  it('are written onto the connection as HTTP/1.1 has them (RFC 9112 §4)', async (t) => {
    const { port, upstream } = await start(t);
    upstream.script = (call) => {
      call.request.onInterim?.(103, ['A', '1']);
      call.request.onInterim?.(199, ['B', '']);
      call.respond({ body: '' });
    };
    const socket = await openSocket(t, port);
    let text = '';
    socket.on('data', (piece) => (text += piece.toString('latin1')));
    socket.write('GET / HTTP/1.1\r\nHost: www.demo.test\r\n\r\n');
    await until('it has the end', () => text.includes('HTTP/1.1 200'));
    const before = text.slice(0, text.indexOf('HTTP/1.1 200'));
    assert.equal(before, 'HTTP/1.1 103 Early Hints\r\nA: 1\r\n\r\nHTTP/1.1 199 \r\nB: \r\n\r\n');
  });

  it('of a request that waits behind another one on its connection are dropped, so they stand before no answer but their own', async (t) => {
    const { port, upstream, engine } = await start(t);
    const socket = await openSocket(t, port);
    let text = '';
    socket.on('data', (piece) => (text += piece.toString('latin1')));
    const asked = (path: string) => `GET ${path} HTTP/1.1\r\nHost: www.demo.test\r\n\r\n`;
    socket.write(asked('/first') + asked('/second'));
    await until('both are asked', () => upstream.calls.length === 2);
    const [first, second] = [upstream.call(0), upstream.call(1)];
    second.request.onInterim?.(103, ['Early', 'second']);
    first.request.onInterim?.(103, ['Early', 'first']);
    first.respond({ body: 'one' });
    await until('the first is answered', () => text.endsWith('one'));
    second.request.onInterim?.(103, ['In-Time', 'second']);
    second.respond({ body: 'two' });
    await until('the second is answered', () => text.endsWith('two'));
    const order = text.match(/HTTP\/1\.1 \d+|(Early|In-Time): \w+|one|two/g);
    assert.deepEqual(order, [
      ...['HTTP/1.1 103', 'Early: first', 'HTTP/1.1 200', 'one'],
      ...['HTTP/1.1 103', 'In-Time: second', 'HTTP/1.1 200', 'two'],
    ]);
    const unsendable = 'breakwater_cache_interim_responses_total{outcome="unsendable"}';
    assert.equal(await engine.counter(unsendable), 1);
  });

  it('that come late, after the head or when the client is gone, are dropped', async (t) => {
    const { ask, port, upstream, engine } = await start(t);
    upstream.script = (call) => call.respond({ body: 'final' });
    await ask();
    upstream.call(0).request.onInterim?.(103, []);
    upstream.script = undefined;
    const socket = await openSocket(t, port);
    socket.write('GET /other HTTP/1.1\r\nHost: www.demo.test\r\n\r\n');
    await until('it is asked', () => upstream.calls.length === 2);
    socket.destroy();
    await until('it is given up', () => upstream.call(1).request.signal.aborted);
    upstream.call(1).request.onInterim?.(103, []);
    const unsendable = 'breakwater_cache_interim_responses_total{outcome="unsendable"}';
    assert.equal(await engine.counter(unsendable), 2);
  });

  it('of a background refresh come to nobody, at either tier (RFC 5861 §3)', async (t) => {
    const edge = await start(t);
    const headers = ['Cache-Control', 'max-age=1, stale-while-revalidate=60'];
    edge.upstream.script = (call) => call.respond({ headers, body: 'one' });
    await edge.ask();
    await edge.engine.clock.advance(2000);
    edge.upstream.script = twoHints;
    assert.deepEqual((await edge.ask()).interim, []);
    assert.equal(edge.upstream.call(1).request.onInterim, undefined);

    const shield = await start(t, { role: 'shield' });
    shield.upstream.script = twoHints;
    const asked = await shield.ask({ headers: [...tier, 'Breakwater-Refresh', '1'] });
    assert.deepEqual([asked.status, asked.interim], [200, []]);
  });

  it('show surrogate tags to a tier, and not to a client', async (t) => {
    for (const role of ['edge', 'shield'] as const) {
      const { ask, upstream } = await start(t, { role });
      upstream.script = (call) => {
        call.request.onInterim?.(103, ['Surrogate-Key', 'a', 'Link', '</a>']);
        call.respond({ body: '' });
      };
      const { interim } = await ask({ headers: tier });
      const shown = role === 'shield' ? ['Surrogate-Key', 'a'] : [];
      assert.deepEqual(interim, [[103, ...shown, 'Link', '</a>']]);
    }
  });
});
