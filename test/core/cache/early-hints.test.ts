/** Rules of core/cache/early-hints.ts: a 103 made of what is stored, before the upstream is asked. */
import assert from 'node:assert/strict';
import { it, type TestContext } from 'node:test';
import { handle } from '../../../core/cache/handle.ts';
import type { Peers } from '../../../core/cache/obtain.ts';
import { createTestEngine, type EngineOptions, settle } from '../../support/engine.ts';
import { begin, exchange, type HttpRequest, serve, until } from '../../support/http-exchange.ts';

const links = [
  'Link',
  '</a.css>; rel=preload; as=style, </next>; rel=next',
  'Link',
  '<//c>; rel=preconnect',
];
const hint = [103, 'Link', '</a.css>; rel=preload; as=style, <//c>; rel=preconnect'];
const short = ['Cache-Control', 'max-age=1', 'ETag', '"1"', 'Set-Cookie', 'a=b', ...links];
const tier = ['Breakwater-Tier', 'par ok'];

/** An engine with a stale response that has links, behind a real listener. */
async function start(t: TestContext, options: EngineOptions = {}, headers: string[] = short) {
  const site = { cache: { earlyHints: true, setCookie: 'store' } };
  const engine = createTestEngine({ site, ...options });
  const { port } = await serve(t, (req, res) => void handle(engine.handle, req, res));
  const ask = (asked: HttpRequest = {}) => exchange(port, { headers: tier, ...asked });
  const { upstream } = engine;
  upstream.script = (call) => call.respond({ headers, body: 'one' });
  assert.deepEqual((await ask()).interim, []);
  await engine.clock.advance(2000);
  upstream.script = (call) => call.respond({ status: 304, lengthBytes: 0, body: '' });
  const hints = () => engine.counter('breakwater_cache_early_hints_total');
  return { engine, port, ask, upstream, hints };
}

it('a stale response that is revalidated hints at its links before the upstream has answered (RFC 8297 §2)', async (t) => {
  const { port, upstream, hints } = await start(t);
  upstream.script = undefined;
  const { answer, interim } = begin(port);
  await until('the client has it', () => interim.length === 1);
  assert.deepEqual(interim, [hint]);
  upstream.call(1).respond({ status: 304, lengthBytes: 0, body: '' });
  assert.equal((await answer).header('x-cache'), 'REVALIDATED');
  assert.equal(await hints(), 1);
});

it('so does one that is to be fetched anew because the client says so', async (t) => {
  const { ask, upstream } = await start(t);
  await ask();
  const { interim } = await ask({ headers: ['Cache-Control', 'no-cache'] });
  assert.deepEqual([interim, upstream.calls.length], [[hint], 3]);
});

it('everybody who waits for the same flight gets the hint', async (t) => {
  const { port, upstream, engine } = await start(t);
  upstream.script = undefined;
  const asked = [begin(port), begin(port)];
  await until('both have it', () => asked.every(({ interim }) => interim.length === 1));
  await settle();
  assert.equal(upstream.calls.length, 2);
  upstream.call(1).respond({ status: 304, lengthBytes: 0, body: '' });
  for (const { answer } of asked) assert.equal((await answer).status, 200);
  assert.equal(engine.coalescer.flights, 0);
});

it('the hints of the upstream come after ours', async (t) => {
  const { ask, upstream } = await start(t);
  upstream.script = (call) => {
    call.request.onInterim?.(103, ['Link', '</own>; rel=preload']);
    call.respond({ status: 304, lengthBytes: 0, body: '' });
  };
  assert.deepEqual((await ask()).interim, [hint, [103, 'Link', '</own>; rel=preload']]);
});

it('a hit, a response that nobody waits for, HEAD and a tier get none', async (t) => {
  const { ask, engine, hints } = await start(t);
  assert.deepEqual((await ask({ method: 'HEAD' })).interim, []);
  await engine.clock.advance(2000);
  assert.deepEqual((await ask()).interim, [hint]);
  assert.deepEqual((await ask()).interim, []);
  assert.equal(await hints(), 1);
  const refreshed = await start(t, {}, [
    ...['Cache-Control', 'max-age=1, stale-while-revalidate=60'],
    ...links,
  ]);
  assert.deepEqual((await refreshed.ask()).interim, []);
  await until('it is refreshed', () => refreshed.upstream.calls.length === 2);
  assert.equal(await refreshed.hints(), 0);
  const shield = await start(t, { role: 'shield' });
  assert.deepEqual((await shield.ask()).interim, []);
});

it('without the option, without such links, and where nothing is stored there are none', async (t) => {
  const off = await start(t, { site: { cache: { earlyHints: false } } });
  assert.deepEqual((await off.ask()).interim, []);
  const plain = await start(t, {}, ['Cache-Control', 'max-age=1', 'Link', '</next>; rel=next']);
  assert.deepEqual((await plain.ask()).interim, []);
  assert.deepEqual((await plain.ask({ path: '/never' })).interim, []);
});

it('a request for a part gets none: who asks for it has begun with the whole before', async (t) => {
  const { ask, engine, upstream, hints } = await start(t);
  const part = ['Content-Range', 'bytes 0-1/9', ...short];
  upstream.script = (call) => call.respond({ status: 206, headers: part, body: 'on' });
  const range = { path: '/part', headers: ['Range', 'bytes=0-1'] };
  for (const round of [1, 2]) {
    const { status, interim } = await ask(range);
    assert.deepEqual([status, interim, upstream.calls.length], [206, [], 1 + round]);
    await engine.clock.advance(2000);
  }
  assert.equal(await hints(), 0);
});

it('what a purge has matched hard hints at nothing; what it has made stale does', async (t) => {
  for (const soft of [false, true]) {
    const { ask, engine, upstream } = await start(t);
    engine.journal.purge([{ kind: 'everything' }], { soft });
    upstream.script = (call) => call.respond({ headers: short, body: 'two' });
    assert.deepEqual((await ask()).interim, soft ? [hint] : []);
  }
});

it('the worker that owns the key is told whether a hint is still wanted', async (t) => {
  const wanted: unknown[] = [];
  let owner: number | undefined;
  const peers: Peers = {
    ownerOf: () => owner,
    outdate: () => {},
    async ask(_owner, { wantsHints, onInterim }) {
      wanted.push(wantsHints);
      onInterim?.(103, ['Link', '</owner>; rel=preload']);
      return { kind: 'failed', failure };
    },
  };
  const failure = { source: 'internal', kind: 'unavailable', retryable: true, cause: '' } as const;
  const { ask } = await start(t, { peers });
  owner = 1;
  assert.deepEqual((await ask({ path: '/never' })).interim.length, 1);
  assert.deepEqual((await ask()).interim, [hint, [103, 'Link', '</owner>; rel=preload']]);
  assert.deepEqual(wanted, [true, false]);
});
