/** Ranges that are not stored whole: parts that are stored, joined and completed (RFC 9111 §3.3, 3.4). */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { handle } from '../../../core/cache/handle.ts';
import { createTestEngine, type EngineOptions } from '../../support/engine.ts';
import { createFakeDisk } from '../../support/fake-disk.ts';
import { exchange, type HttpAnswer, serve } from '../../support/http-exchange.ts';
import { type Ranged, serveRanged } from '../../support/ranged-origin.ts';

const fresh = ['Cache-Control', 'max-age=60'];

/** An engine over a representation of ten digits; what is asked upstream is told as Range and If-Range. */
async function start(t: TestContext, ranged: Partial<Ranged> = {}, options: EngineOptions = {}) {
  const engine = createTestEngine(options);
  const origin: Ranged = { body: '0123456789', etag: '"a"', headers: fresh, ...ranged };
  engine.upstream.script = serveRanged(origin);
  const { port } = await serve(t, (req, res) => void handle(engine.handle, req, res));
  const get = (range?: string, headers: string[] = []) =>
    exchange(port, { headers: [...(range === undefined ? [] : ['Range', range]), ...headers] });
  const asked = () =>
    engine.upstream.calls.map(({ field }) =>
      [field('range'), field('if-range')].filter((part) => part !== undefined).join(' '),
    );
  return { engine, origin, get, asked, upstream: engine.upstream };
}

const said = (answer: HttpAnswer) => [
  answer.status,
  answer.header('x-cache'),
  answer.body.toString(),
  answer.header('content-range'),
];

describe('a stored 206 (RFC 9111 §3.3)', () => {
  it('answers the same range again, and any within it, with the fields of the whole', async (t) => {
    const { get, asked } = await start(t);
    assert.deepEqual(said(await get('bytes=4-8')), [206, 'MISS', '45678', 'bytes 4-8/10']);
    assert.deepEqual(said(await get('bytes=4-8')), [206, 'HIT', '45678', 'bytes 4-8/10']);
    const within = await get('bytes=5-6');
    assert.deepEqual(said(within), [206, 'HIT', '56', 'bytes 5-6/10']);
    assert.deepEqual(
      [within.header('content-length'), within.header('etag'), within.header('age')],
      ['2', '"a"', '0'],
    );
    assert.deepEqual(asked(), ['bytes=4-8']);
  });

  it('answers a suffix once the size is known', async (t) => {
    const { get, asked } = await start(t);
    assert.deepEqual(said(await get('bytes=-5')), [206, 'MISS', '56789', 'bytes 5-9/10']);
    assert.deepEqual(said(await get('bytes=-2')), [206, 'HIT', '89', 'bytes 8-9/10']);
    assert.deepEqual(said(await get('bytes=7-')), [206, 'HIT', '789', 'bytes 7-9/10']);
    assert.deepEqual(asked(), ['bytes=-5']);
  });

  it('is no answer to a range outside it, to the whole, or to HEAD', async (t) => {
    const { get, engine, asked } = await start(t, { etag: undefined });
    await get('bytes=4-8');
    const outside = await get('bytes=0-1');
    assert.deepEqual(said(outside), [206, 'MISS', '01', 'bytes 0-1/10']);
    assert.match(outside.header('cache-status') ?? '', /^par; fwd=partial;/);
    assert.deepEqual(said(await get()), [200, 'MISS', '0123456789', undefined]);
    assert.deepEqual(asked(), ['bytes=4-8', 'bytes=0-1', '']);
    assert.deepEqual(said(await get('bytes=1-2')), [206, 'HIT', '12', 'bytes 1-2/10']);
    assert.equal(engine.upstream.calls.length, 3, 'from the whole');
  });

  it('that is everything is the whole', async (t) => {
    const { get, asked } = await start(t);
    assert.deepEqual(said(await get('bytes=0-')), [206, 'MISS', '0123456789', 'bytes 0-9/10']);
    assert.deepEqual(said(await get()), [200, 'HIT', '0123456789', undefined]);
    assert.deepEqual(asked(), ['bytes=0-']);
  });

  it('answers the client’s If-None-Match, and If-Range only for its own tag (RFC 9110 §13.2.2)', async (t) => {
    const { get, asked } = await start(t);
    await get('bytes=4-8');
    assert.equal((await get('bytes=4-8', ['If-None-Match', '"a"'])).status, 304);
    assert.equal((await get('bytes=4-8', ['If-Range', '"a"'])).status, 206);
    assert.equal(asked().length, 1);
    const other = await get('bytes=4-8', ['If-Range', '"b"']);
    assert.deepEqual(said(other), [200, 'MISS', '0123456789', undefined]);
    assert.deepEqual(asked(), ['bytes=4-8', 'bytes=4-8 "b"']);
  });

  it('that has changed is no answer under If-Range: the client gets the whole (RFC 9110 §13.1.5)', async (t) => {
    const { engine, origin, get, asked } = await start(t);
    await get('bytes=4-8');
    await engine.clock.advance(61_000);
    Object.assign(origin, { body: 'abcdefghij', etag: '"b"' });
    const changed = await get('bytes=4-8', ['If-Range', '"a"']);
    assert.deepEqual(said(changed), [200, 'MISS', 'abcdefghij', undefined]);
    assert.deepEqual(asked(), ['bytes=4-8', 'bytes=4-8 "a"']);
  });

  it('is revalidated when it is stale, and is then fresh again', async (t) => {
    const { engine, get, upstream } = await start(t);
    await get('bytes=4-8');
    await engine.clock.advance(61_000);
    assert.deepEqual(said(await get('bytes=4-8')), [206, 'REVALIDATED', '45678', 'bytes 4-8/10']);
    const { field } = upstream.call(1);
    assert.deepEqual([field('range'), field('if-none-match')], ['bytes=4-8', '"a"']);
    assert.deepEqual(said(await get('bytes=4-8')), [206, 'HIT', '45678', 'bytes 4-8/10']);
  });

  it('gives way to what has changed', async (t) => {
    const { engine, origin, get } = await start(t);
    await get('bytes=4-8');
    await engine.clock.advance(61_000);
    Object.assign(origin, { body: 'abcdefghij', etag: '"b"' });
    assert.deepEqual(said(await get('bytes=4-8')), [206, 'MISS', 'efghi', 'bytes 4-8/10']);
    assert.deepEqual(said(await get('bytes=4-8')), [206, 'HIT', 'efghi', 'bytes 4-8/10']);
  });

  it('is purged with its URL, its tags and what is invalidated', async (t) => {
    const { engine, get, asked } = await start(t);
    await get('bytes=4-8');
    engine.journal.purge([{ kind: 'url', url: 'http://www.demo.test/' }]);
    assert.equal((await get('bytes=4-8')).header('x-cache'), 'MISS');
    await engine.handle.invalidate(['http://www.demo.test/']);
    assert.equal((await get('bytes=4-8')).header('x-cache'), 'MISS');
    assert.equal(asked().length, 3);
  });

  it('is kept for each variant', async (t) => {
    const { get, asked } = await start(t, { headers: [...fresh, 'Vary', 'X-Kind'] });
    await get('bytes=4-8', ['X-Kind', '1']);
    assert.equal((await get('bytes=4-8', ['X-Kind', '2'])).header('x-cache'), 'MISS');
    assert.equal((await get('bytes=4-8', ['X-Kind', '1'])).header('x-cache'), 'HIT');
    assert.equal(asked().length, 2);
  });

  it('is fetched once for all who want the same range at once', async (t) => {
    const { engine, get } = await start(t);
    engine.upstream.script = undefined;
    const waiting = [get('bytes=4-8'), get('bytes=4-8')];
    await until(() => engine.upstream.calls.length > 0);
    const { body } = { body: '45678' };
    const headers = [...fresh, 'Content-Range', 'bytes 4-8/10'];
    await until(() => engine.coalescer.flights === 1);
    engine.upstream.call(0).respond({ status: 206, headers, body });
    assert.deepEqual(
      (await Promise.all(waiting)).map((answer) => answer.body.toString()),
      [body, body],
    );
    assert.equal(engine.upstream.calls.length, 1);
  });
});

describe('what is stored in part is completed (RFC 9111 §3.4)', () => {
  it('a whole over a stored beginning asks for the rest, and is stored whole', async (t) => {
    const { get, asked } = await start(t);
    await get('bytes=0-4');
    assert.deepEqual(said(await get()), [200, 'MISS', '0123456789', undefined]);
    assert.deepEqual(asked(), ['bytes=0-4', 'bytes=5- "a"']);
    assert.deepEqual(said(await get()), [200, 'HIT', '0123456789', undefined]);
  });

  it('a range that begins in a stored part asks for what is missing behind it', async (t) => {
    const { get, asked } = await start(t);
    await get('bytes=1-4');
    assert.deepEqual(said(await get('bytes=3-6')), [206, 'MISS', '3456', 'bytes 3-6/10']);
    assert.deepEqual(said(await get('bytes=1-6')), [206, 'HIT', '123456', 'bytes 1-6/10']);
    assert.deepEqual(asked(), ['bytes=1-4', 'bytes=5-6 "a"']);
  });

  it('is not completed for a client that has another version (RFC 9110 §13.1.5)', async (t) => {
    const { get, asked } = await start(t);
    await get('bytes=1-4');
    const whole = await get('bytes=3-6', ['If-Range', '"b"']);
    assert.deepEqual(said(whole), [200, 'MISS', '0123456789', undefined]);
    assert.deepEqual(asked(), ['bytes=1-4', 'bytes=3-6 "b"']);
  });

  it('takes over the fields that came with the rest', async (t) => {
    const { origin, get } = await start(t, { headers: [...fresh, 'X-Version', '1'] });
    await get('bytes=0-4');
    origin.headers = [...fresh, 'X-Version', '2'];
    const whole = await get();
    assert.deepEqual([whole.body.toString(), whole.header('x-version')], ['0123456789', '2']);
  });

  it('never joins what has changed: the new whole replaces it', async (t) => {
    const { origin, get, asked } = await start(t);
    await get('bytes=0-4');
    Object.assign(origin, { body: 'abcdefghijkl', etag: '"b"' });
    assert.deepEqual(said(await get()), [200, 'MISS', 'abcdefghijkl', undefined]);
    assert.deepEqual(asked(), ['bytes=0-4', 'bytes=5- "a"']);
    assert.deepEqual(said(await get('bytes=0-4')), [206, 'HIT', 'abcde', 'bytes 0-4/12']);
  });

  it('never joins under a weak tag or none', async (t) => {
    for (const etag of ['W/"a"', undefined]) {
      const { get, asked } = await start(t, { etag });
      await get('bytes=0-4');
      assert.deepEqual(said(await get()), [200, 'MISS', '0123456789', undefined]);
      assert.deepEqual(asked(), ['bytes=0-4', '']);
    }
  });

  it('asks again for everything when the upstream answers with other bytes than were missing', async (t) => {
    const { get, upstream, asked } = await start(t);
    const honest = upstream.script;
    await get('bytes=0-4');
    upstream.script = (call) => {
      if (call.field('if-range') === undefined) return honest?.(call);
      const headers = [...fresh, 'ETag', '"a"', 'Content-Range', 'bytes 6-9/10'];
      return void call.respond({ status: 206, headers, body: '6789' });
    };
    assert.deepEqual(said(await get()), [200, 'MISS', '0123456789', undefined]);
    assert.deepEqual(asked(), ['bytes=0-4', 'bytes=5- "a"', '']);
  });

  it('asks again for everything when the upstream gives less than was missing', async (t) => {
    const { get, upstream, asked } = await start(t);
    const honest = upstream.script;
    await get('bytes=0-4');
    upstream.script = (call) => {
      if (call.field('if-range') === undefined) return honest?.(call);
      const headers = [...fresh, 'ETag', '"a"', 'Content-Range', 'bytes 5-6/10'];
      return void call.respond({ status: 206, headers, body: '56' });
    };
    assert.deepEqual(said(await get()), [200, 'MISS', '0123456789', undefined]);
    assert.deepEqual(asked(), ['bytes=0-4', 'bytes=5- "a"', '']);
  });

  it('is cut and not stored when what comes in chunks is not as long as it says', async (t) => {
    for (const rest of ['567', '56789a']) {
      const { get, upstream } = await start(t);
      const honest = upstream.script;
      await get('bytes=0-4');
      upstream.script = (call) => {
        const headers = [...fresh, 'ETag', '"a"', 'Content-Range', 'bytes 5-9/10'];
        call.respond({ status: 206, headers, lengthBytes: undefined, body: rest });
      };
      assert.equal(await isCut(get()), true);
      upstream.script = honest;
      assert.deepEqual(said(await get()), [200, 'MISS', '0123456789', undefined]);
    }
  });

  it('also from disk', async (t) => {
    const disk = createFakeDisk();
    disk.isEager = true;
    const { engine, get, asked } = await start(t, {}, { disk });
    await get('bytes=0-4');
    engine.store.memory.clear();
    assert.deepEqual(said(await get('bytes=1-3')), [206, 'HIT', '123', 'bytes 1-3/10']);
    engine.store.memory.clear();
    assert.deepEqual(said(await get()), [200, 'MISS', '0123456789', undefined]);
    assert.deepEqual(asked(), ['bytes=0-4', 'bytes=5- "a"']);
  });
});

describe('what an upstream says about a range', () => {
  it('a whole in answer is stored as such, and the range is taken from it', async (t) => {
    const { get, upstream } = await start(t);
    upstream.script = (call) => void call.respond({ headers: fresh, body: '0123456789' });
    assert.deepEqual(said(await get('bytes=4-8')), [206, 'MISS', '45678', 'bytes 4-8/10']);
    assert.deepEqual(said(await get()), [200, 'HIT', '0123456789', undefined]);
  });

  it('a whole that is on its way serves ranges too, be it in answer to a range or not', async (t) => {
    for (const first of [undefined, 'bytes=8-9']) {
      const { engine, get, upstream } = await start(t);
      upstream.script = undefined;
      const waiting = [get(first)];
      await until(() => upstream.calls.length === 1);
      const body = upstream.call(0).respond({ headers: fresh, lengthBytes: 10 });
      body.push('01234');
      await until(() => engine.coalescer.flights === 1);
      waiting.push(get('bytes=6-7'), get('bytes=2-'));
      while ((await engine.counter('breakwater_cache_collapsed_requests_total')) < 2) await turn();
      body.push('56789');
      body.end();
      const answers = await Promise.all(waiting);
      assert.deepEqual(
        answers.map((answer) => answer.body.toString()),
        [first === undefined ? '0123456789' : '89', '67', '23456789'],
      );
      assert.equal(upstream.calls.length, 1);
    }
  });

  it('a 416 passes and is not stored', async (t) => {
    const { get, asked } = await start(t);
    for (const _ of [1, 2]) {
      const answer = await get('bytes=20-');
      assert.deepEqual([answer.status, answer.header('content-range')], [416, 'bytes */10']);
    }
    assert.equal(asked().length, 2);
  });

  it('a 416 is no answer to those who ask for other bytes, whatever its lifetime (RFC 9110 §15.5.17)', async (t) => {
    const { engine, get, upstream, asked } = await start(t);
    const honest = upstream.script;
    upstream.script = (call) =>
      call.field('range') === 'bytes=20-'
        ? void call.respond({ status: 416, headers: fresh, body: '' })
        : honest?.(call);
    assert.equal((await get('bytes=20-')).status, 416);
    assert.deepEqual(said(await get('bytes=2-3')), [206, 'MISS', '23', 'bytes 2-3/10']);
    assert.deepEqual(said(await get()), [200, 'MISS', '0123456789', undefined]);
    assert.deepEqual(asked(), ['bytes=20-', 'bytes=2-3', '']);
    assert.equal(engine.coalescer.hitForMiss('http://www.demo.test/ parts'), undefined);
  });

  it('a 206 whose length is not that of its Content-Range is refused', async (t) => {
    const { get, upstream } = await start(t);
    upstream.script = (call) =>
      void call.respond({
        status: 206,
        headers: [...fresh, 'Content-Range', 'bytes 4-8/10'],
        body: '4567',
      });
    assert.equal((await get('bytes=4-8')).status, 502);
  });

  it('a 206 in chunks is cut and not stored when its length is not that of its Content-Range', async (t) => {
    for (const place of ['bytes 4-8/10', 'bytes 0-9/10']) {
      for (const body of ['012', '0123456789ab']) {
        const { engine, get, upstream } = await start(t);
        const headers = [...fresh, 'Content-Range', place];
        upstream.script = (call) =>
          void call.respond({ status: 206, headers, lengthBytes: undefined, body });
        assert.equal(await isCut(get('bytes=4-8')), true);
        assert.equal(engine.store.memory.count, 0);
      }
    }
  });

  it('a 206 of an unknown size, or one that nobody asked for, passes and is not stored', async (t) => {
    const { get, upstream, asked } = await start(t);
    const headers = [...fresh, 'Content-Range', 'bytes 4-8/*'];
    upstream.script = (call) => void call.respond({ status: 206, headers, body: '45678' });
    for (const range of ['bytes=4-8', 'bytes=4-8', undefined]) {
      assert.deepEqual(said(await get(range)).slice(0, 3), [206, 'MISS', '45678']);
    }
    assert.equal(asked().length, 3);
  });

  it('several ranges are answered from the whole', async (t) => {
    const { get, asked } = await start(t);
    await get('bytes=0-1,4-5');
    const several = await get('bytes=0-1,4-5');
    assert.deepEqual(asked(), ['']);
    assert.match(several.header('content-type') ?? '', /^multipart\/byteranges/);
  });
});

/** Whether the client sees that something is missing: a cut body, an ended connection, or an error of ours. */
function isCut(answer: Promise<HttpAnswer>): Promise<boolean> {
  return answer.then(
    ({ isCut, status }) => isCut || status === 502,
    () => true,
  );
}

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await turn();
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
