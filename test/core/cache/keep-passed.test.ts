/** Rules of core/cache/keep-passed.ts: the answer to a POST that is stored for GET (RFC 9110 §9.3.3), over real HTTP. */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { handle } from '../../../core/cache/handle.ts';
import { createTestEngine, type EngineOptions, settle } from '../../support/engine.ts';
import { createFakeDisk, type FakeDisk } from '../../support/fake-disk.ts';
import type { FakeBody, FakeCall, FakeResponse } from '../../support/fake-upstream.ts';
import { begin, exchange, type HttpRequest, serve, until } from '../../support/http-exchange.ts';

const own = ['Cache-Control', 'max-age=60', 'Content-Location', '/'];
const stored = 'par; fwd=method; fwd-status=200; stored';

async function start(t: TestContext, options: EngineOptions = {}) {
  const engine = createTestEngine(options);
  const { port } = await serve(t, (req, res) => void handle(engine.handle, req, res));
  const ask = (asked: HttpRequest) => exchange(port, asked);
  /** Answers a POST when its upload is complete; its body then, unless one is given, to be sent by the test. */
  const toPost = (response: FakeResponse) => {
    const bodies: FakeBody[] = [];
    engine.upstream.script = (call: FakeCall) => {
      if (call.request.method !== 'POST') return call.respond({ body: 'from GET' }) && undefined;
      call.request.body?.resume().on('end', () => bodies.push(call.respond(response)));
      call.request.body?.on('error', () => {});
      return undefined;
    };
    return bodies;
  };
  const post = (more: HttpRequest = {}) =>
    ask({ method: 'POST', headers: ['Content-Length', '1'], body: 'x', ...more });
  const get = async () => (await ask({ method: 'GET' })).body.toString();
  return { engine, port, ask, post, get, toPost, upstream: engine.upstream };
}

describe('a 200 to POST with its own lifetime and the target in Content-Location', () => {
  it('answers later GETs and HEADs, with its fields', async (t) => {
    const { ask, post, toPost, upstream } = await start(t);
    toPost({ headers: [...own, 'X-Own', 'a', 'ETag', '"1"'], body: 'from POST' });
    const answer = await post();
    assert.deepEqual(
      [answer.body.toString(), answer.header('cache-status')],
      ['from POST', stored],
    );
    const { header, body } = await ask({});
    assert.deepEqual(
      [body.toString(), header('x-cache'), header('x-own'), header('content-length')],
      ['from POST', 'HIT', 'a', '9'],
    );
    assert.equal((await ask({ method: 'HEAD' })).header('x-cache'), 'HIT');
    assert.equal(upstream.calls.length, 1);
  });

  it('answers no POST, and is replaced by the answer to the next one', async (t) => {
    const { post, get, toPost, upstream } = await start(t);
    toPost({ headers: own, body: 'first' });
    await post();
    toPost({ headers: own, body: 'second' });
    assert.equal((await post()).body.toString(), 'second');
    assert.deepEqual([await get(), upstream.calls.length], ['second', 2]);
  });

  it('has replaced what was stored before, and its variants', async (t) => {
    const { engine, ask, post, get, toPost, upstream } = await start(t);
    upstream.script = (call) =>
      call.respond({ headers: ['Cache-Control', 'max-age=60', 'Vary', 'X-A'], body: 'old' });
    await ask({ headers: ['X-A', '1'] });
    toPost({ headers: own, body: 'new' });
    await post();
    assert.equal(await get(), 'new');
    assert.equal(engine.store.memory.peek('http://www.demo.test/').length, 1);
  });

  it('is for the requests that Vary selects, by the fields of the POST (RFC 9111 §4.1)', async (t) => {
    const { ask, post, toPost } = await start(t);
    toPost({ headers: [...own, 'Vary', 'X-A'], body: 'from POST' });
    await post({ headers: ['Content-Length', '1', 'X-A', '1'] });
    assert.equal((await ask({ headers: ['X-A', '1'] })).body.toString(), 'from POST');
    assert.equal((await ask({ headers: ['X-A', '2'] })).body.toString(), 'from GET');
  });

  const locations = [
    '/a?b=1',
    'a?b=1',
    '?b=1',
    'http://www.demo.test/a?b=1',
    '//WWW.demo.test/a?b=1',
  ];
  for (const location of locations) {
    it(`which may be written as ${location}`, async (t) => {
      const { post, toPost } = await start(t);
      toPost({ headers: ['Cache-Control', 'max-age=60', 'Content-Location', location], body: '' });
      assert.equal((await post({ path: '/a?b=1' })).header('cache-status'), stored);
    });
  }
});

describe('an answer to an unsafe request is not stored', () => {
  const lasting = ['Cache-Control', 'max-age=60'];
  const cases: [string, FakeResponse][] = [
    ['without Content-Location', { headers: lasting }],
    ['that is of another URL', { headers: [...lasting, 'Content-Location', '/other'] }],
    ['that is of another host', { headers: [...lasting, 'Content-Location', 'http://b.test/'] }],
    [
      'that is of another scheme',
      { headers: [...lasting, 'Content-Location', 'https://www.demo.test/'] },
    ],
    ['whose Content-Location is none', { headers: [...lasting, 'Content-Location', 'http://['] }],
    [
      'without a lifetime of its own, though one could be guessed',
      { headers: ['Content-Location', '/', 'Last-Modified', 'Thu, 01 Jan 2015 00:00:00 GMT'] },
    ],
    ['that forbids it', { headers: [...own, 'Cache-Control', 'no-store'] }],
    ['that sets a cookie', { headers: [...own, 'Set-Cookie', 'a=b'] }],
    ['with another status', { status: 201, headers: own }],
    ['that is too large', { headers: own, body: 'x'.repeat(101) }],
  ];
  for (const [title, response] of cases) {
    it(title, async (t) => {
      const { engine, post, get, toPost } = await start(t, { maxObjectBytes: 100 });
      toPost({ body: 'from POST', ...response });
      assert.doesNotMatch((await post()).header('cache-status') ?? '', /stored/);
      assert.equal(engine.store.memory.count, 0);
      assert.equal(await get(), 'from GET');
    });
  }

  it('when its client wants nothing stored, or is authorized (RFC 9111 §3.5, §5.2.1.5)', async (t) => {
    const { engine, post, toPost } = await start(t);
    toPost({ headers: own, body: 'mine' });
    await post({ headers: ['Content-Length', '1', 'Cache-Control', 'no-store'] });
    await post({ headers: ['Content-Length', '1', 'Authorization', 'Basic eA=='] });
    assert.equal(engine.store.memory.count, 0);
  });

  it('when it is to PUT', async (t) => {
    const { engine, ask, upstream } = await start(t);
    upstream.script = (call) => call.respond({ headers: own, body: 'from PUT' });
    await ask({ method: 'PUT', headers: ['Content-Length', '0'] });
    assert.equal(engine.store.memory.count, 0);
  });

  it('when it came before the upload was complete', async (t) => {
    const { engine, port, upstream } = await start(t);
    upstream.script = (call) => call.respond({ headers: own, body: 'early' });
    const { answer, sent } = begin(port, { method: 'POST', body: null });
    sent.write('half');
    assert.equal((await answer).body.toString(), 'early');
    sent.end();
    assert.equal(engine.store.memory.count, 0);
  });

  it('when it was cut', async (t) => {
    const { engine, port, toPost } = await start(t);
    const bodies = toPost({ headers: own, lengthBytes: 10 });
    const headers = ['Content-Length', '1'];
    const { answer, receivedBytes } = begin(port, { method: 'POST', headers, body: 'x' });
    await until('it is answered', () => bodies.length === 1);
    bodies[0]?.push('hell');
    await until('it has begun', () => receivedBytes() === 4);
    bodies[0]?.fail();
    assert.equal((await answer).isCut, true);
    assert.equal(engine.store.memory.count, 0);
  });

  for (const [title, phase] of [
    ['before its head', 'head'],
    ['within its body', 'body'],
  ] as const) {
    it(`when another one has changed the target ${title} (RFC 9111 §4.4)`, async (t) => {
      const { engine, port, upstream, get } = await start(t);
      const { answer } = begin(port, {
        method: 'POST',
        headers: ['Content-Length', '1'],
        body: 'x',
      });
      await until('it is asked', () => upstream.calls.length === 1);
      const call = upstream.call(0);
      call.request.body?.resume();
      await until('it has been sent', () => call.request.body?.readableEnded === true);
      if (phase === 'head') await engine.handle.invalidate(['http://www.demo.test/']);
      const body = call.respond({ headers: own, lengthBytes: 2 });
      await settle();
      body.push('a');
      await settle();
      if (phase === 'body') await engine.handle.invalidate(['http://www.demo.test/']);
      body.push('b');
      body.end();
      assert.equal((await answer).body.toString(), 'ab');
      upstream.script = (next) => next.respond({ body: 'from GET' });
      assert.equal(await get(), 'from GET');
    });
  }

  it('when a purge has matched it since it was asked for', async (t) => {
    const { engine, port, upstream } = await start(t);
    const { answer } = begin(port, { method: 'POST', headers: ['Content-Length', '1'], body: 'x' });
    await until('it is asked', () => upstream.calls.length === 1);
    engine.journal.purge([{ kind: 'url', url: 'http://www.demo.test/' }]);
    engine.obtain.purges.sync();
    upstream.call(0).request.body?.resume();
    await until('it is sent', () => upstream.call(0).request.body?.readableEnded === true);
    upstream.call(0).respond({ headers: own, body: 'old' });
    await answer;
    assert.equal(engine.store.memory.count, 0);
  });
});

describe('groups that the answer itself invalidates (RFC 9875 §3)', () => {
  it('do not keep it from being stored, though it is in one of them', async (t) => {
    const { post, get, toPost } = await start(t);
    const groups = ['Cache-Groups', '"a"', 'Cache-Group-Invalidation', '"a"'];
    toPost({ headers: [...own, ...groups], body: 'from POST' });
    await post();
    assert.equal(await get(), 'from POST');
  });
});

describe('with a disk tier', () => {
  async function startWithDisk(t: TestContext, lengthBytes: number | undefined) {
    const disk: FakeDisk = createFakeDisk();
    const started = await start(t, { disk, memoryObjectBytes: 2 });
    const bodies = started.toPost({ headers: own, lengthBytes });
    const post = { method: 'POST', headers: ['Content-Length', '1'], body: 'x' };
    const { answer, receivedBytes } = begin(started.port, post);
    let isAnswered = false;
    void answer.then(() => {
      isAnswered = true;
    });
    await until('it is answered', () => bodies.length === 1);
    bodies[0]?.push('from ');
    bodies[0]?.push('POST');
    bodies[0]?.end();
    return { ...started, disk, answer, receivedBytes, isAnswered: () => isAnswered };
  }

  for (const lengthBytes of [9, undefined]) {
    it(`the client has the end when the row is visible (length: ${lengthBytes})`, async (t) => {
      const { disk, answer, receivedBytes, isAnswered, engine } = await startWithDisk(
        t,
        lengthBytes,
      );
      const beforeTheEnd = lengthBytes === undefined ? 9 : 5;
      await until('the rest is there', () => receivedBytes() === beforeTheEnd);
      await until('the row is finished', () => disk.writes[0]?.isFinished === true);
      assert.equal(isAnswered(), false);
      disk.writes[0]?.commit();
      assert.equal((await answer).body.toString(), 'from POST');
      engine.store.memory.clear();
      assert.equal((await engine.fetch()).body, 'from POST');
    });
  }

  it('but it waits no longer than a second, and not for a row that never will be', async (t) => {
    const late = await startWithDisk(t, 9);
    await until('the row is finished', () => late.disk.writes[0]?.isFinished === true);
    await late.engine.clock.advance(1000);
    assert.equal((await late.answer).body.toString(), 'from POST');
    const dropped = await startWithDisk(t, 9);
    await until('the row is finished', () => dropped.disk.writes[0]?.isFinished === true);
    dropped.disk.writes[0]?.drop();
    assert.equal((await dropped.answer).body.toString(), 'from POST');
  });

  it('nor for one that was invalidated', async (t) => {
    const { disk, engine, answer } = await startWithDisk(t, 9);
    await until('the row is finished', () => disk.writes[0]?.isFinished === true);
    await engine.handle.invalidate(['http://www.demo.test/']);
    assert.equal((await answer).body.toString(), 'from POST');
  });
});

it('a shield labels what it passes, with the position from before, so that the edge may store it', async (t) => {
  const { engine, ask, upstream } = await start(t, { role: 'shield' });
  engine.journal.purge([{ kind: 'tag', tag: 'x' }]);
  upstream.script = (call) => call.respond({ headers: own, body: 'from POST' });
  const { header } = await ask({
    method: 'POST',
    headers: ['Content-Length', '0', 'Breakwater-Tier', 'par ok'],
  });
  assert.match(header('breakwater-label') ?? '', /^journal-a 1 /);
});

it('an edge stores it under the label of the shield, or not at all', async (t) => {
  const { engine, post, toPost } = await start(t);
  toPost({ headers: own, body: 'a', tier: 'shield' });
  await post();
  assert.equal(engine.store.memory.count, 0);
  const tierHeaders = { 'breakwater-label': 'journal-a 0 -' };
  toPost({ headers: own, body: 'a', tier: 'shield', tierHeaders });
  await post();
  assert.equal(engine.store.memory.count, 1);
});
