/** Sliced sites: a range of a large representation fetches and stores slices (RFC 9110 §14, RFC 9111 §3.4). */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { handle } from '../../../core/cache/handle.ts';
import { createTestEngine, settle } from '../../support/engine.ts';
import { exchange, type HttpAnswer, serve } from '../../support/http-exchange.ts';
import { type Ranged, serveRanged } from '../../support/ranged-origin.ts';

const KIB = 1024;
const slice = 64 * KIB;
const fresh = ['Cache-Control', 'max-age=60'];
/** Three and a half slices; every group of eight bytes tells its place. */
const content = (version = 0) =>
  Array.from({ length: (3.5 * slice) / 8 }, (_, i) => `${version}${i}`.padStart(8, '.')).join('');

async function start(t: TestContext, ranged: Partial<Ranged> = {}) {
  const engine = createTestEngine({
    site: { cache: { slice: '64KiB' } },
    memoryObjectBytes: 128 * KIB,
  });
  const origin: Ranged = { body: content(), etag: '"a"', headers: fresh, ...ranged };
  engine.upstream.script = serveRanged(origin);
  const { port } = await serve(t, (req, res) => void handle(engine.handle, req, res));
  const get = (range?: string, headers: string[] = []) =>
    exchange(port, { headers: [...(range === undefined ? [] : ['Range', range]), ...headers] });
  const asked = () => engine.upstream.calls.map(({ field }) => field('range') ?? 'whole');
  return { engine, origin, get, asked };
}

const nth = (n: number) => `bytes=${n * slice}-${(n + 1) * slice - 1}`;
const isPart = (answer: HttpAnswer, start: number, end: number, of = content()) => {
  assert.equal(answer.status, 206);
  assert.equal(answer.header('content-range'), `bytes ${start}-${end}/${of.length}`);
  assert.equal(answer.header('content-length'), String(end - start + 1));
  assert.equal(answer.body.toString() === of.slice(start, end + 1), true, 'the bytes');
};

describe('a range of a sliced site', () => {
  it('fetches the slices that it touches and nothing else, once', async (t) => {
    const { get, asked } = await start(t);
    isPart(await get(`bytes=${slice + 10}-${slice + 20}`), slice + 10, slice + 20);
    assert.deepEqual(asked(), [nth(1)]);
    isPart(await get(`bytes=${slice - 5}-${2 * slice + 5}`), slice - 5, 2 * slice + 5);
    assert.deepEqual(asked(), [nth(1), nth(0), nth(2)]);
    const again = await get(`bytes=${slice - 5}-${2 * slice + 5}`);
    isPart(again, slice - 5, 2 * slice + 5);
    assert.equal(again.header('x-cache'), 'HIT');
    assert.equal(asked().length, 3);
  });

  it('may be open, a suffix, or several', async (t) => {
    const { get, asked } = await start(t);
    const size = content().length;
    isPart(await get(`bytes=${3 * slice + 1}-`), 3 * slice + 1, size - 1);
    isPart(await get('bytes=-100'), size - 100, size - 1);
    assert.deepEqual(asked(), [nth(3), nth(0)]);
    const several = await get(`bytes=0-1,${size - 2}-`);
    assert.equal(several.status, 206);
    assert.match(several.body.toString(), /bytes 0-1\/.*bytes 229374-229375\//s);
    assert.equal(asked().length, 2);
  });

  it('past the end is 416', async (t) => {
    const { get } = await start(t);
    const answer = await get(`bytes=${10 * slice}-`);
    assert.deepEqual(
      [answer.status, answer.header('content-range')],
      [416, `bytes */${content().length}`],
    );
  });

  it('of something smaller than a slice is answered from the whole from then on', async (t) => {
    const { get, asked } = await start(t, { body: '0123456789' });
    isPart(await get('bytes=2-3'), 2, 3, '0123456789');
    const whole = await get();
    assert.deepEqual([whole.status, whole.header('x-cache')], [200, 'HIT']);
    assert.equal(asked().length, 1);
  });

  it('answers conditions from the slice (RFC 9110 §13.2.2), and If-Range that fails with the whole', async (t) => {
    const { get, asked } = await start(t);
    await get('bytes=0-1');
    assert.equal((await get('bytes=0-1', ['If-None-Match', '"a"'])).status, 304);
    const whole = await get('bytes=0-1', ['If-Range', '"b"']);
    assert.equal(whole.status, 200);
    assert.equal(whole.body.toString() === content(), true);
    assert.deepEqual(asked(), [nth(0), nth(1), nth(2), nth(3)]);
  });

  it('without a strong validator is fetched as the client asks for it, unless one slice has it', async (t) => {
    const { get, asked } = await start(t, { etag: 'W/"a"' });
    isPart(await get('bytes=0-9'), 0, 9);
    isPart(await get(`bytes=${slice - 1}-${slice}`), slice - 1, slice);
    assert.deepEqual(asked(), [nth(0), `bytes=${slice - 1}-${slice}`]);
  });

  it('never joins slices of two versions: the client sees the cut, and the next try is whole', async (t) => {
    const { get, origin } = await start(t);
    await get('bytes=0-9');
    Object.assign(origin, { body: content(1), etag: '"b"' });
    const spanning = `bytes=${slice - 8}-${slice + 7}`;
    const isCut = await get(spanning).then(
      (answer) => answer.isCut,
      () => true,
    );
    assert.equal(isCut, true);
    isPart(await get(spanning), slice - 8, slice + 7, content(1));
  });

  it('revalidates a stale slice by itself', async (t) => {
    const { engine, get } = await start(t);
    await get(`bytes=0-${slice}`);
    await engine.clock.advance(61_000);
    const answer = await get('bytes=0-9');
    isPart(answer, 0, 9);
    assert.equal(answer.header('x-cache'), 'REVALIDATED');
    assert.equal(engine.upstream.call(2).field('if-none-match'), '"a"');
  });

  it('drops all slices when the URL is invalidated or purged', async (t) => {
    const { engine, get, asked } = await start(t);
    await get(`bytes=0-${2 * slice}`);
    await engine.handle.invalidate(['http://www.demo.test/']);
    assert.equal(engine.store.memory.count, 0);
    await get(`bytes=0-${2 * slice}`);
    engine.journal.purge([{ kind: 'everything' }]);
    await get(`bytes=0-${2 * slice}`);
    assert.equal(asked().length, 9);
  });

  it('from an origin that knows no ranges is answered from the whole', async (t) => {
    const { engine, get } = await start(t);
    engine.upstream.script = (call) => void call.respond({ headers: fresh, body: '0123456789' });
    isPart(await get('bytes=2-3'), 2, 3, '0123456789');
    assert.equal((await get('bytes=5-6')).header('x-cache'), 'HIT');
  });

  it('of another size than is stored, after the site has been given one, is fetched', async (t) => {
    const { engine, get, asked } = await start(t);
    await get('bytes=0-');
    engine.site.cache.sliceBytes = 2 * slice;
    isPart(await get(`bytes=${2 * slice + 8}-${2 * slice + 23}`), 2 * slice + 8, 2 * slice + 23);
    isPart(await get('bytes=8-23'), 8, 23);
    assert.deepEqual(asked().slice(4), [
      `bytes=${2 * slice}-${4 * slice - 1}`,
      `bytes=0-${2 * slice - 1}`,
    ]);
  });

  it('is taken from where its bytes are, or not at all (RFC 9110 §15.3.7)', async (t) => {
    const places: [start: number, end: number][] = [
      [16, 2 * slice],
      [0, 999],
    ];
    for (const [from, to] of places) {
      const { engine, get, asked } = await start(t);
      const honest = engine.upstream.script;
      engine.upstream.script = (call) => {
        if (call.field('range') !== nth(0)) return honest?.(call);
        const place = ['Content-Range', `bytes ${from}-${to}/${content().length}`];
        const headers = [...fresh, 'ETag', '"a"', ...place];
        return void call.respond({ status: 206, headers, body: content().slice(from, to + 1) });
      };
      isPart(await get('bytes=992-1007'), 992, 1007);
      assert.deepEqual(asked(), [nth(0), 'bytes=992-1007']);
    }
  });

  it('whose place is not told is fetched as the client asks for it', async (t) => {
    const { engine, get, asked } = await start(t);
    const honest = engine.upstream.script;
    engine.upstream.script = (call) => {
      if (call.field('range') !== nth(0)) return honest?.(call);
      const headers = [...fresh, 'Content-Range', `bytes 0-${slice - 1}/*`];
      return void call.respond({ status: 206, headers, body: content().slice(0, slice) });
    };
    isPart(await get('bytes=10-20'), 10, 20);
    assert.deepEqual(asked(), [nth(0), 'bytes=10-20']);
  });

  it('beside one that cannot be satisfied is answered (RFC 9110 §14.1.2)', async (t) => {
    const { get, asked } = await start(t);
    isPart(await get(`bytes=${20 * slice}-,8-15`), 8, 15);
    assert.deepEqual(asked(), [nth(0)]);
  });

  it('under an If-Range that fails is the whole, also past the end and without a strong validator', async (t) => {
    for (const [etag, range] of [
      ['"a"', `bytes=${20 * slice}-`],
      ['W/"a"', 'bytes=0-9'],
    ] as const) {
      const { get } = await start(t, { etag });
      const whole = await get(range, ['If-Range', '"b"']);
      assert.equal(whole.status, 200);
      assert.equal(whole.body.toString() === content(), true);
    }
  });

  it('may be read twice for one request, in whatever order, without a disk', async (t) => {
    const { engine, get } = await start(t);
    engine.obtain.flights.limits.windowBytes = 1024;
    engine.site.cache.sliceBytes = 3 * slice;
    engine.upstream.script = (call) => {
      const place = ['Content-Range', `bytes 0-${3 * slice - 1}/${content().length}`];
      const headers = [...fresh, 'ETag', '"a"', ...place];
      const body = call.respond({ status: 206, headers, lengthBytes: 3 * slice });
      for (let at = 0; at < 3 * slice; at += KIB) body.push(content().slice(at, at + KIB));
      body.end();
    };
    let isDone = false;
    const waiting = get(`bytes=${2 * slice}-${2 * slice + 7},0-7`).finally(() => {
      isDone = true;
    });
    while (!isDone) {
      // What is kept for those who come in the same turn goes with the clock.
      await engine.clock.advance(1);
      await settle();
    }
    const several = await waiting;
    assert.equal(several.isCut, false);
    assert.match(several.body.toString(), /\.\.016384.*\.\.\.\.\.\.00/s);
  });

  it('goes on from the whole where that has come meanwhile', async (t) => {
    const { engine, get } = await start(t);
    const honest = engine.upstream.script;
    engine.upstream.script = (call) => {
      if (call.field('range') !== nth(1)) return honest?.(call);
      return void call.respond({ headers: [...fresh, 'ETag', '"a"'], body: content() });
    };
    isPart(await get(`bytes=8-${3 * slice}`), 8, 3 * slice);
    assert.deepEqual(engine.invalidated, []);
  });

  it('is cut by an origin that fails, and the other slices stay', async (t) => {
    const { engine, get } = await start(t);
    const honest = engine.upstream.script;
    engine.upstream.script = (call) =>
      call.field('range') === nth(1) ? void call.respond({ status: 503 }).end() : honest?.(call);
    assert.equal((await get('bytes=0-')).isCut, true);
    assert.deepEqual(engine.invalidated, []);
    assert.equal((await get('bytes=0-9')).header('x-cache'), 'HIT');
  });
});
