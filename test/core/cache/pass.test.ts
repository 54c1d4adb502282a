/** Rules of core/cache/pass.ts: requests that the cache takes no part in, with their bodies, over real HTTP. */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { handle } from '../../../core/cache/handle.ts';
import { MAX_INVALIDATED_GROUPS } from '../../../core/http/tags.ts';
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

async function start(t: TestContext, options: EngineOptions = {}) {
  const engine = createTestEngine(options);
  const { port } = await serve(t, (req, res) => void handle(engine.handle, req, res));
  const ask = (asked: HttpRequest) => exchange(port, { method: 'POST', ...asked });
  return { engine, port, ask, upstream: engine.upstream };
}

/** Reads a request's body as an origin does: its text, and how it ended. */
function readUpload({ request }: FakeCall) {
  const seen = { text: '', end: 'open' as 'open' | 'complete' | 'broken' };
  request.body?.on('data', (piece: Buffer) => {
    seen.text += piece.toString();
  });
  request.body?.on('end', () => {
    seen.end = 'complete';
  });
  request.body?.on('error', () => {
    seen.end = 'broken';
  });
  return seen;
}

describe('a request that passes by', () => {
  it('goes up with its method and body, and its answer comes down as it is', async (t) => {
    const { ask, upstream } = await start(t);
    upstream.script = (call) => {
      const upload = readUpload(call);
      call.request.body?.on('end', () => {
        call.respond({ status: 201, headers: ['X-Own', 'a', 'Age', '3'], body: upload.text });
      });
    };
    const { status, header, body } = await ask({
      headers: ['Content-Length', '5'],
      body: 'hello',
    });
    assert.deepEqual([status, body.toString()], [201, 'hello']);
    assert.deepEqual(['x-own', 'x-cache', 'cache-status', 'age'].map(header), [
      'a',
      'BYPASS',
      'par; fwd=method; fwd-status=201',
      '3',
    ]);
    assert.equal(upstream.call(0).request.bodyBytes, 5);
  });

  it('streams its body while it arrives, chunked as well', async (t) => {
    const { port, upstream } = await start(t);
    const { answer, sent } = begin(port, { method: 'PUT', body: null });
    sent.write('first');
    await until('it is asked', () => upstream.calls.length === 1);
    const upload = readUpload(upstream.call(0));
    await until('the first piece is there', () => upload.text === 'first');
    assert.equal(upstream.call(0).request.bodyBytes, undefined);
    sent.end(' second');
    await until('it is complete', () => upload.end === 'complete');
    assert.equal(upload.text, 'first second');
    upstream.call(0).respond({ body: 'done' });
    assert.equal((await answer).body.toString(), 'done');
  });

  it('with no-store is neither answered from what is stored nor stored (RFC 9111 §5.2.1.5)', async (t) => {
    const { ask, upstream, engine } = await start(t);
    upstream.script = (call) =>
      call.respond({ headers: ['Cache-Control', 'max-age=60'], body: `${upstream.calls.length}` });
    await ask({ method: 'GET' });
    const { body, header } = await ask({ method: 'GET', headers: ['Cache-Control', 'no-store'] });
    assert.equal(body.toString(), '2');
    assert.equal(header('cache-status'), 'par; fwd=request; fwd-status=200; detail=no-store');
    assert.equal(engine.store.memory.count, 1);
  });

  it('keeps the client’s conditions and ranges, which the origin answers', async (t) => {
    const { ask, upstream } = await start(t);
    upstream.script = (call) => call.respond({ status: 304, lengthBytes: 0, body: '' });
    const headers = ['Cache-Control', 'no-store', 'If-None-Match', '"1"', 'Range', 'bytes=0-1'];
    assert.equal((await ask({ method: 'GET', headers })).status, 304);
    assert.equal(upstream.call(0).field('if-none-match'), '"1"');
    assert.equal(upstream.call(0).field('range'), 'bytes=0-1');
  });

  for (const [name, value] of [
    ['If-Match', '"2"'],
    ['If-Unmodified-Since', 'Thu, 01 Jan 2026 00:00:00 GMT'],
  ] as const) {
    it(`with ${name} is forwarded with its conditions, fresh as what is stored may be (RFC 9111 §4.3.2)`, async (t) => {
      const { ask, upstream, engine } = await start(t);
      upstream.script = (call) =>
        call.respond({ headers: ['Cache-Control', 'max-age=60'], body: '1' });
      await ask({ method: 'GET' });
      upstream.script = (call) => call.respond({ status: 412, body: '' });
      for (const method of ['GET', 'HEAD']) {
        const { status, header } = await ask({ method, headers: [name, value] });
        assert.deepEqual(
          [status, header('x-cache'), header('cache-status')],
          [412, 'BYPASS', `par; fwd=request; fwd-status=412; detail=${name.toLowerCase()}`],
        );
        assert.equal(upstream.calls.at(-1)?.field(name.toLowerCase()), value);
      }
      assert.equal(engine.store.memory.count, 1);
    });
  }

  it('with a range and a condition for the origin has the part as the origin gives it', async (t) => {
    const { ask, upstream } = await start(t);
    const headers = ['Content-Range', 'bytes 0-1/9', 'ETag', '"1"'];
    upstream.script = (call) => call.respond({ status: 206, headers, body: 'on' });
    const asked = ['Range', 'bytes=0-1', 'If-Match', '"1"', 'If-None-Match', '"2"'];
    const { status, header, body } = await ask({ method: 'GET', headers: asked });
    assert.deepEqual(
      [status, header('content-range'), header('content-length'), body.toString()],
      [206, 'bytes 0-1/9', '2', 'on'],
    );
    const sent = ['range', 'if-match', 'if-none-match'].map((name) => upstream.call(0).field(name));
    assert.deepEqual(sent, ['bytes=0-1', '"1"', '"2"']);
  });

  it('of HEAD tells the length that the origin tells', async (t) => {
    const { ask, upstream } = await start(t);
    upstream.script = (call) =>
      call.respond({ headers: ['Content-Length', '99'], lengthBytes: 0, body: '' });
    const { header } = await ask({ method: 'HEAD', headers: ['Cache-Control', 'no-store'] });
    assert.equal(header('content-length'), '99');
  });

  it('does not forward a body of GET, which has no meaning (RFC 9110 §9.3.1)', async (t) => {
    const { ask, upstream } = await start(t);
    upstream.script = (call) => call.respond({ body: 'done' });
    await ask({ method: 'GET', headers: ['Cache-Control', 'no-store'], body: 'x' });
    assert.equal(upstream.call(0).request.body, null);
  });

  it('whose answer is cut shows as cut', async (t) => {
    const { port, upstream } = await start(t);
    const { answer, receivedBytes } = begin(port, { method: 'POST', body: '' });
    await until('it is asked', () => upstream.calls.length === 1);
    const body = upstream.call(0).respond({ lengthBytes: 10 });
    body.push('hell');
    await until('it has begun', () => receivedBytes() === 4);
    body.fail();
    assert.equal((await answer).isCut, true);
  });

  it('is given up when the client goes, before the head and after', async (t) => {
    const { port, upstream } = await start(t);
    for (const hasHead of [false, true]) {
      const index = upstream.calls.length;
      const { sent, receivedBytes, answer } = begin(port, { method: 'POST', body: '' });
      answer.catch(() => {});
      await until('it is asked', () => upstream.calls.length === index + 1);
      const call = upstream.call(index);
      const body = hasHead ? call.respond() : undefined;
      body?.push('x');
      await until('it has begun', () => !hasHead || receivedBytes() === 1);
      sent.destroy();
      await until('it is given up', () => body?.isAborted ?? call.request.signal.aborted);
    }
  });
});

describe('a body that is too long', () => {
  const site = { maxRequestBody: '10B' };

  it('is 413 at once when its length is announced, and nobody is asked', async (t) => {
    const { engine, port, upstream } = await start(t, { site });
    const headers = ['Host', 'www.demo.test', 'Content-Length', '11'];
    const { answer, sent } = begin(port, { method: 'POST', headers, body: null });
    sent.write('x');
    const { status, header } = await answer;
    assert.deepEqual([status, header('connection')], [413, 'close']);
    assert.equal(upstream.calls.length, 0);
    assert.equal(engine.accessed[0]?.status, 413);
    sent.destroy();
  });

  it('is 413 when it turns out to be, and never completed towards the origin', async (t) => {
    const { port, upstream } = await start(t, { site });
    const { answer, sent } = begin(port, { method: 'POST', body: null });
    sent.write('12345');
    await until('it is asked', () => upstream.calls.length === 1);
    const upload = readUpload(upstream.call(0));
    upstream.call(0).request.body?.on('error', () => upstream.call(0).fail({ kind: 'aborted' }));
    await until('the first piece is there', () => upload.text === '12345');
    sent.end('678901');
    const { status, isCut } = await answer;
    assert.deepEqual([status, isCut], [413, false]);
    assert.deepEqual([upload.text, upload.end], ['12345', 'broken']);
  });

  it('of exactly the limit passes', async (t) => {
    const { ask, upstream } = await start(t, { site });
    upstream.script = (call) => {
      const upload = readUpload(call);
      call.request.body?.on('end', () => call.respond({ body: upload.text }));
    };
    assert.equal((await ask({ body: '1234567890' })).body.toString(), '1234567890');
  });
});

it('an upload that the client breaks off is never completed towards the origin (DESIGN section 10)', async (t) => {
  for (const framing of [
    ['Content-Length', '100'],
    ['Transfer-Encoding', 'chunked'],
  ]) {
    const { port, upstream } = await start(t);
    const headers = ['Host', 'www.demo.test', ...framing];
    const { answer, sent } = begin(port, { method: 'POST', headers, body: null });
    answer.catch(() => {});
    sent.write('half');
    await until('it is asked', () => upstream.calls.length === 1);
    const upload = readUpload(upstream.call(0));
    await until('it has begun', () => upload.text === 'half');
    sent.destroy();
    await until('it is broken off', () => upload.end === 'broken');
    assert.ok(upstream.call(0).request.signal.aborted);
  }
});

describe('an unsafe request that succeeded invalidates (RFC 9111 §4.4)', () => {
  const both = (url: string) => [`http://${url}`, `https://${url}`];
  const own = both('www.demo.test/a?b=1');
  const cases: [string, number, string[], string[]][] = [
    ['its target', 200, [], own],
    ['also when it redirects', 303, [], own],
    ['nothing when it failed', 400, ['Location', '/new'], []],
    ['nothing when the server failed', 500, [], []],
    [
      'Location of the same host',
      201,
      ['Location', '/new'],
      [...own, ...both('www.demo.test/new')],
    ],
    [
      'Content-Location under the rules of the site, without its fragment',
      200,
      ['Content-Location', 'http://www.demo.test/c?z=1&a=2&utm_x=1#top'],
      [...own, ...both('www.demo.test/c?a=2&z=1')],
    ],
    [
      'Location relative to the target, and both fields when both are there (RFC 9110 §10.2.2)',
      201,
      ['Location', 'new', 'Content-Location', '?c=2'],
      [...own, ...both('www.demo.test/new'), ...both('www.demo.test/a?c=2')],
    ],
    ['a URL that is the target once', 200, ['Content-Location', '//www.demo.test/a?b=1'], own],
    ['no other host', 201, ['Location', 'http://other.test/new'], own],
    ['nothing that is no URL', 201, ['Location', 'http://['], own],
  ];
  for (const [title, status, headers, expected] of cases) {
    it(title, async (t) => {
      const site = { cache: { query: { sort: true, drop: ['utm_*'] } } };
      const { ask, engine, upstream } = await start(t, { site });
      upstream.script = (call) => call.respond({ status, headers, body: '' });
      await ask({ path: '/a?b=1' });
      assert.deepEqual(engine.invalidated, expected);
    });
  }

  it('but a safe one does not', async (t) => {
    const { ask, engine, upstream } = await start(t);
    upstream.script = (call) => call.respond({ headers: ['Location', '/new'], body: '' });
    const safe = ['OPTIONS', 'PROPFIND', 'QUERY', 'REPORT', 'SEARCH'];
    for (const method of safe) assert.equal((await ask({ method })).status, 200, method);
    assert.deepEqual(engine.invalidated, []);
  });

  it('whatever its method is, if that is not known to be safe', async (t) => {
    const { ask, engine, upstream } = await start(t);
    upstream.script = (call) => call.respond({ body: '' });
    for (const method of ['PUT', 'DELETE', 'PATCH', 'MKCOL']) {
      engine.invalidated.length = 0;
      await ask({ method });
      assert.deepEqual(engine.invalidated, both('www.demo.test/'), method);
    }
  });

  const groupCases: [string, string, number, string, string[]][] = [
    ['the groups that its response names', 'POST', 200, '"a", "b c"', ['group a', 'group b c']],
    ['no groups when it failed', 'POST', 409, '"a"', []],
    ['no groups when it was safe', 'QUERY', 200, '"a"', []],
    ['no groups by a field that breaks its grammar', 'POST', 200, '"a", b', []],
  ];
  for (const [title, method, status, value, expected] of groupCases) {
    it(`${title} (RFC 9875 §3)`, async (t) => {
      const { ask, engine, upstream } = await start(t);
      const headers = ['Cache-Group-Invalidation', value];
      upstream.script = (call) => call.respond({ status, headers, body: '' });
      await ask({ method });
      const groups = engine.invalidated.filter((text) => text.startsWith('group'));
      assert.deepEqual(groups, expected);
    });
  }

  it('no more groups than there may be, and tells how many were left out', async (t) => {
    const { ask, engine, upstream } = await start(t);
    const value = Array.from({ length: MAX_INVALIDATED_GROUPS + 3 }, (_, n) => `"${n}"`).join(',');
    const headers = ['Cache-Group-Invalidation', value];
    upstream.script = (call) => call.respond({ headers, body: '' });
    await ask({});
    assert.deepEqual(engine.groupsLeftOut, [3]);
  });

  it('so that the next GET is fetched, and a fetch from before is not stored', async (t) => {
    const { ask, engine, upstream } = await start(t);
    const fresh = ['Cache-Control', 'max-age=60'];
    const early = ask({ method: 'GET' });
    await until('it is asked', () => upstream.calls.length === 1);
    upstream.script = (call) => call.respond({ headers: fresh, body: `${upstream.calls.length}` });
    await ask({ body: 'x' });
    upstream.call(0).respond({ headers: fresh, body: 'before' });
    assert.equal((await early).body.toString(), 'before');
    assert.equal(engine.store.memory.count, 0);
    assert.equal((await ask({ method: 'GET' })).body.toString(), '3');
  });
});

it('the answer is slowed down by a slow client: the origin is not read ahead without end', async (t) => {
  const { port, upstream } = await start(t);
  const socket = await openSocket(t, port);
  socket.pause();
  socket.write('POST / HTTP/1.1\r\nHost: www.demo.test\r\nContent-Length: 0\r\n\r\n');
  await until('it is asked', () => upstream.calls.length === 1);
  const body = upstream.call(0).respond();
  await until('the origin is paused', () => {
    if (!body.isPaused) body.push(Buffer.alloc(64 * 1024));
    return body.isPaused;
  });
  socket.resume();
  await until('the origin goes on', () => !body.isPaused);
});
