/** Rules of core/cache/handle.ts and the steps that it calls, over real HTTP and with a fake upstream. */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { promisify } from 'node:util';
import { handle } from '../../../core/cache/handle.ts';
import { createTestEngine, type EngineOptions } from '../../support/engine.ts';
import { createFakeDisk } from '../../support/fake-disk.ts';
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
  const { port, server } = await serve(t, (req, res) => void handle(engine.handle, req, res));
  const connections = promisify(server.getConnections.bind(server));
  const ask = (path = '/', asked: HttpRequest = {}) => exchange(port, { path, ...asked });
  return { engine, port, ask, connections, upstream: engine.upstream };
}

it('a request of HTTP/1.0 with Transfer-Encoding is refused, and its connection ends (RFC 9112 §6.1)', async (t) => {
  const { port, upstream } = await start(t);
  const socket = await openSocket(t, port);
  let text = '';
  socket.on('data', (piece) => (text += piece));
  const ended = new Promise((resolve) => socket.once('close', resolve));
  socket.write(
    'POST / HTTP/1.0\r\nHost: www.demo.test\r\nConnection: keep-alive\r\n' +
      'Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
  );
  await ended;
  assert.match(text, /^HTTP\/1\.1 400 /);
  assert.equal(upstream.calls.length, 0);
});

describe('OPTIONS with Max-Forwards (RFC 9110 §7.6.2)', () => {
  it('is answered here when no hop is left, and goes on with one less', async (t) => {
    const { ask, upstream, engine } = await start(t);
    upstream.script = (call) => call.respond({ status: 204, body: '' });
    const here = await ask('/', { method: 'OPTIONS', headers: ['Max-Forwards', '0'] });
    assert.deepEqual([here.status, upstream.calls.length], [204, 0]);
    assert.match(here.header('allow') ?? '', /GET/);
    assert.equal(engine.accessed[0]?.xCache, 'BYPASS');
    await ask('/', { method: 'OPTIONS', headers: ['Max-Forwards', '2'] });
    assert.equal(upstream.call(0).field('max-forwards'), '1');
  });
});

describe('the answer to a client', () => {
  it('says what was done, in X-Cache and Cache-Status (RFC 9211), and Age only when something was stored', async (t) => {
    const { ask, engine, upstream } = await start(t);
    upstream.script = (call) => call.respond({ headers: fresh, body: 'one' });
    const miss = await ask();
    assert.deepEqual(['x-cache', 'x-cache-pop', 'cache-status', 'age', 'via'].map(miss.header), [
      'MISS',
      'par',
      'par; fwd=uri-miss; fwd-status=200; stored',
      undefined,
      '1.1 par',
    ]);
    await engine.clock.advance(5000);
    const hit = await ask();
    assert.deepEqual(['x-cache', 'cache-status', 'age'].map(hit.header), [
      'HIT',
      'par; hit; ttl=55',
      '5',
    ]);
    assert.equal(hit.body.toString(), 'one');
  });

  it('has the Cache-Status of the tiers behind it, on a miss and not on a hit', async (t) => {
    const { ask, upstream } = await start(t);
    const headers = [...fresh, 'Age', '7', 'Cache-Status', 'eu; hit; ttl=53'];
    upstream.script = (call) =>
      call.respond({
        headers,
        body: 'one',
        tier: 'shield',
        tierHeaders: { 'breakwater-label': 'journal-a 0 -' },
      });
    const miss = await ask();
    assert.equal(
      miss.header('cache-status'),
      'eu; hit; ttl=53, par; fwd=uri-miss; fwd-status=200; stored',
    );
    assert.equal(miss.header('age'), '7');
    assert.equal((await ask()).header('cache-status'), 'par; hit; ttl=53');
  });

  it('tells the key where the site says so, whatever was done (RFC 9211 §2.7)', async (t) => {
    const site = { cache: { statusKey: true, query: { sort: true } } };
    const { ask, upstream } = await start(t, { site });
    upstream.script = (call) => call.respond({ headers: fresh, body: 'one' });
    const statusOf = async (path: string, method = 'GET') =>
      (await ask(path, { method })).header('cache-status');
    const key = 'key="http://www.demo.test/a?b=1&c=%222"';
    assert.equal(
      await statusOf('/a?c="2&b=1'),
      `par; fwd=uri-miss; fwd-status=200; stored; ${key}`,
    );
    assert.equal(await statusOf('/a?b=1&c="2'), `par; hit; ttl=60; ${key}`);
    assert.equal(await statusOf('/a?b=1&c="2', 'POST'), `par; fwd=method; fwd-status=200; ${key}`);
  });

  it('has one request id and one X-Cache, whatever the upstream said', async (t) => {
    const { ask, upstream } = await start(t);
    const headers = [...fresh, 'X-Request-Id', 'theirs', 'X-Cache', 'HIT from elsewhere'];
    upstream.script = (call) => call.respond({ headers, body: 'one' });
    for (const xCache of ['MISS', 'HIT']) {
      const answer = await ask();
      assert.equal(answer.header('x-cache'), xCache);
      assert.match(answer.header('x-request-id') ?? '', /^id-\d$/);
    }
  });

  it('has fields for one client only if it was the one whose request fetched it, towards a tier too (RFC 9111 §5.2.2.7)', async (t) => {
    const headers = [
      ...['Cache-Control', 'max-age=60, private="X-User, Set-Cookie"'],
      ...['X-User', 'me', 'Set-Cookie', 'a=b', 'Set-Cookie', 'c=d'],
    ];
    for (const role of ['edge', 'shield'] as const) {
      const { ask, upstream } = await start(t, { role });
      upstream.script = (call) => call.respond({ headers, body: 'one' });
      const first = await ask('/', { headers: tier });
      const second = await ask('/', { headers: tier });
      assert.deepEqual(['x-user', 'set-cookie'].map(first.header), ['me', 'a=b, c=d']);
      assert.deepEqual(['x-user', 'set-cookie'].map(second.header), [undefined, undefined]);
      assert.equal(second.body.toString(), 'one');
    }
  });

  it('does not show surrogate tags to a client, but to a tier', async (t) => {
    const headers = [...fresh, 'Surrogate-Key', 'a', 'Cache-Tag', 'b'];
    for (const role of ['edge', 'shield'] as const) {
      const { ask, upstream } = await start(t, { role });
      upstream.script = (call) => call.respond({ headers, body: 'one' });
      const answer = await ask('/', { headers: tier });
      const shown = role === 'shield' ? ['a', 'b'] : [undefined, undefined];
      assert.deepEqual(['surrogate-key', 'cache-tag'].map(answer.header), shown);
    }
  });

  const targeted = ['CDN-Cache-Control', 'max-age=60', 'Surrogate-Control', 'max-age=60'];
  const passedOn: [title: string, cache: Record<string, unknown>, string[]][] = [
    ['as nothing is said', {}, ['max-age=60', 'max-age=60']],
    ['strip', { cdnCacheControl: 'strip' }, ['-', 'max-age=60']],
    ['obeyed Surrogate-Control', { surrogateControl: true }, ['max-age=60', '-']],
    ['both', { cdnCacheControl: 'strip', surrogateControl: true }, ['-', '-']],
  ];
  for (const [title, cache, toClient] of passedOn) {
    it(`has the targeted fields that its site passes on, ${title}; a tier has all (RFC 9213 §3.1)`, async (t) => {
      for (const role of ['edge', 'shield'] as const) {
        const { ask, upstream } = await start(t, { role, site: { cache } });
        upstream.script = (call) => call.respond({ headers: targeted, body: 'one' });
        const expected = role === 'shield' ? ['max-age=60', 'max-age=60'] : toClient;
        for (const method of ['GET', 'GET', 'HEAD', 'POST']) {
          const answer = await ask('/', { method, headers: tier });
          const got = ['cdn-cache-control', 'surrogate-control'].map(
            (name) => answer.header(name) ?? '-',
          );
          assert.deepEqual(got, expected, `${role} ${method}`);
        }
      }
    });
  }

  it('has every field as it came: order, case, repeats, and Content-* that nobody knows (RFC 9111 §3.1)', async (t) => {
    const { ask, upstream } = await start(t);
    const odd = [
      ...['X-b', '2', 'x-A', ' 1', 'X-B', 'Three', 'Content-Foo', 'Bar', 'CONTENT-MD5', 'q=='],
      ...['Date', 'yesterday', 'ETag', 'unquoted', 'Last-Modified', 'never', 'Content-Style', ''],
      ...['Link', '<a>; rel=x', 'Content-Location', '/other', 'Link', '<b>', 'Cache-Control'],
      ...['MAX-AGE=60', 'Content-Encoding', 'x-odd', 'Content-Range', 'bytes 0-0/1', 'Pragma', 'x'],
    ].map((text) => text.trim());
    upstream.script = (call) => call.respond({ headers: odd, body: 'one' });
    for (const xCache of ['MISS', 'HIT']) {
      const answer = await ask();
      assert.equal(answer.header('x-cache'), xCache);
      assert.deepEqual(answer.rawHeaders.slice(0, odd.length), odd);
    }
  });

  it('to HEAD tells the length that the origin told, on a miss and on a hit', async (t) => {
    const { ask, upstream } = await start(t);
    upstream.script = (call) =>
      call.request.method === 'HEAD'
        ? call.respond({ headers: [...fresh, 'Content-Length', '3'], lengthBytes: 0, body: '' })
        : call.respond({ headers: fresh, body: 'one' });
    assert.equal((await ask('/', { method: 'HEAD' })).header('content-length'), '3');
    await ask();
    assert.equal((await ask('/', { method: 'HEAD' })).header('content-length'), '3');
  });
});

it('a hit is answered before `handle` returns: nothing is awaited, also for a tier that is not ahead', async (t) => {
  for (const [role, headers] of [
    ['edge', []],
    ['shield', [...tier, 'Breakwater-Position', 'journal-a 0 -']],
  ] as const) {
    const engine = createTestEngine({ role });
    const ended: boolean[] = [];
    const { port } = await serve(t, (req, res) => {
      void handle(engine.handle, req, res);
      ended.push(res.writableEnded);
    });
    engine.upstream.script = (call) => call.respond({ headers: fresh, body: 'one' });
    for (let i = 0; i < 2; i += 1) await exchange(port, { headers: [...headers] });
    assert.deepEqual(ended, [false, true]);
  }
});

describe('a fetch', () => {
  it('is given up when the only client goes before the head has come', async (t) => {
    const { port, upstream, engine } = await start(t);
    const socket = await openSocket(t, port);
    socket.write('GET / HTTP/1.1\r\nHost: www.demo.test\r\n\r\n');
    await until('it is asked', () => upstream.calls.length === 1);
    socket.destroy();
    await until('it is given up', () => upstream.call(0).request.signal.aborted);
    await until('the flight has ended', () => engine.coalescer.flights === 0);
    await until('there is a line in the log', () => engine.accessed.length === 1);
    assert.equal(engine.accessed[0]?.cut, true);
  });

  it('goes on for the others when one client goes', async (t) => {
    const { connections, engine, port, upstream, ask } = await start(t);
    const socket = await openSocket(t, port);
    socket.write('GET / HTTP/1.1\r\nHost: www.demo.test\r\n\r\n');
    await until('it is asked', () => upstream.calls.length === 1);
    const other = ask();
    const lookups = () => engine.counter('breakwater_cache_lookups_total');
    await until('both wait', async () => (await lookups()) === 2);
    socket.destroy();
    await until('it is gone', async () => (await connections()) === 1);
    upstream.call(0).respond({ headers: fresh, body: 'one' });
    assert.equal((await other).body.toString(), 'one');
    assert.equal(upstream.calls.length, 1);
  });

  it('that nobody reads any more ends, unless little is missing', async (t) => {
    const { port, upstream, engine } = await start(t);
    for (const [index, lengthBytes] of [10_000, 100].entries()) {
      const { sent, receivedBytes } = begin(port, { path: `/${index}` });
      sent.on('error', () => {});
      await until('it is asked', () => upstream.calls.length === index + 1);
      const body = upstream.call(index).respond({ headers: fresh, lengthBytes });
      body.push(Buffer.alloc(50));
      await until('it has begun', () => (receivedBytes() ?? 0) > 0);
      sent.destroy();
      await until('it is logged', () => engine.accessed.length === index + 1);
      assert.equal(body.isAborted, lengthBytes === 10_000);
      if (body.isAborted) continue;
      body.push(Buffer.alloc(50));
      body.end();
    }
    assert.equal(engine.store.memory.count, 1);
    await engine.clock.advance(0);
    assert.equal(engine.obtain.flights.memoryInUse.bytes, 0);
  });
});

describe('a stored body that turns out to be unreadable', () => {
  it('is fetched instead, before anything is sent', async (t) => {
    const disk = createFakeDisk();
    disk.isEager = true;
    const { ask, upstream } = await start(t, { disk, memoryObjectBytes: 0 });
    upstream.script = (call) =>
      call.respond({ headers: fresh, body: `answer ${upstream.calls.length}` });
    await ask();
    assert.equal((await ask()).header('x-cache'), 'HIT');
    disk.damaged.add(1);
    const instead = await ask();
    assert.deepEqual([instead.header('x-cache'), instead.body.toString()], ['MISS', 'answer 2']);
  });
});

describe('an error of our own', () => {
  it('is problem JSON for machines and HTML for browsers (RFC 9457), with Proxy-Status (RFC 9209)', async (t) => {
    const { ask, upstream, engine } = await start(t);
    upstream.script = (call) => call.fail({ kind: 'timeout', cause: 'too slow' });
    const answer = await ask();
    assert.deepEqual(
      [
        answer.status,
        ...['content-type', 'x-cache', 'proxy-status', 'cache-control'].map(answer.header),
      ],
      [504, 'application/problem+json', 'ERROR', 'par; error=http_response_timeout', 'no-store'],
    );
    assert.equal(JSON.parse(answer.body.toString()).status, 504);
    assert.equal(engine.accessed[0]?.failure, 'timeout: too slow');
    const page = await ask('/', { headers: ['Accept', 'text/html'] });
    assert.match(page.header('content-type') ?? '', /^text\/html/);
  });

  it('towards a tier forbids nothing, so that those who wait there share it', async (t) => {
    const { ask, upstream } = await start(t, { role: 'shield' });
    upstream.script = (call) => call.fail();
    const answer = await ask('/', { headers: tier });
    assert.deepEqual([answer.status, answer.header('cache-control')], [502, undefined]);
  });

  it('towards a tier tells the kind of failure, so that it is not taken for an error of the origin', async (t) => {
    const { ask, engine, upstream } = await start(t, { role: 'shield' });
    upstream.script = (call) => call.fail({ kind: 'connect' });
    const missed = await ask('/', { headers: tier });
    assert.deepEqual([missed.status, missed.header('breakwater-failure')], [502, 'connect']);
    const must = ['Cache-Control', 'max-age=60, must-revalidate'];
    upstream.script = (call) => call.respond({ headers: must, body: 'one' });
    await ask('/', { headers: tier });
    await engine.clock.advance(60_000);
    upstream.script = (call) => call.fail({ kind: 'connect' });
    const stale = await ask('/', { headers: tier });
    assert.deepEqual(['breakwater-failure', 'proxy-status'].map(stale.header), [
      'connect; unvalidated',
      'eu; error=connection_refused; details="unvalidated"',
    ]);
    assert.equal(stale.status, 504);
    upstream.script = (call) => call.respond({ status: 503, body: 'no' });
    assert.equal((await ask('/', { headers: tier })).header('breakwater-failure'), undefined);
  });

  it('towards a client never does, and passes on what a tier behind told of it (RFC 9209)', async (t) => {
    const { ask, upstream, engine } = await start(t);
    const told = { name: 'eu', status: 504, proxyStatus: 'eu; error=http_response_timeout' };
    upstream.script = (call) => call.fail({ kind: 'timeout', told });
    const { status, header } = await ask();
    assert.deepEqual(
      [status, header('proxy-status'), header('breakwater-failure')],
      [504, 'eu; error=http_response_timeout, par; received-status=504', undefined],
    );
    const line = engine.accessed[0];
    assert.deepEqual(
      [line?.from, line?.cacheStatus],
      ['eu', 'par; fwd=uri-miss; fwd-status=504; detail=timeout'],
    );
  });

  it('504 where what is stored must be validated and nobody can be reached (RFC 9111 §5.2.2.2)', async (t) => {
    const { ask, upstream, engine } = await start(t);
    const must = ['Cache-Control', 'max-age=60, must-revalidate'];
    upstream.script = (call) => call.respond({ headers: must, body: 'one' });
    await ask();
    await engine.clock.advance(60_000);
    upstream.script = (call) => call.fail({ kind: 'connect' });
    const { status, body } = await ask();
    assert.equal(status, 504);
    assert.match(body.toString(), /must not be used before it has been validated/);
    assert.equal(engine.accessed[1]?.cacheStatus, 'par; fwd=stale; detail=unvalidated');
  });

  it('504 for only-if-cached with nothing stored (RFC 9111 §5.2.1.7)', async (t) => {
    const { ask, upstream, engine } = await start(t);
    const answer = await ask('/', { headers: ['Cache-Control', 'only-if-cached'] });
    assert.equal(answer.status, 504);
    assert.equal(upstream.calls.length, 0);
    assert.equal(engine.accessed[0]?.cacheStatus, 'par; detail=only-if-cached');
  });

  it('has no Cache-Status, which is for what was stored or forwarded (RFC 9211 §2)', async (t) => {
    const { ask, upstream, engine } = await start(t);
    upstream.script = (call) => call.fail({ kind: 'connect' });
    for (const asked of [
      {},
      { headers: ['Cache-Control', 'only-if-cached'] },
      { method: 'POST' },
    ]) {
      assert.equal((await ask('/', asked)).header('cache-status'), undefined);
    }
    assert.deepEqual(
      engine.accessed.map(({ cacheStatus }) => cacheStatus),
      [
        'par; fwd=uri-miss; detail=connect',
        'par; detail=only-if-cached',
        'par; fwd=method; detail=connect',
      ],
    );
  });

  it('503 says when to come back, when too many wait', async (t) => {
    const { ask, upstream } = await start(t, { maxWaiters: 1 });
    const first = ask();
    await until('it is asked', () => upstream.calls.length === 1);
    const second = await ask();
    assert.deepEqual([second.status, second.header('retry-after')], [503, '1']);
    upstream.call(0).respond({ headers: fresh, body: 'one' });
    assert.equal((await first).status, 200);
  });

  it('ends the connection after a head that is malformed, and keeps it after a wrong host', async (t) => {
    const { ask } = await start(t);
    const malformed = await ask('/', { headers: ['Host', 'www.demo.test', 'Host', 'x'] });
    assert.deepEqual([malformed.status, malformed.header('connection')], [400, 'close']);
    const misdirected = await ask('/', {
      headers: ['Host', 'other.test', 'Connection', 'keep-alive'],
    });
    assert.deepEqual([misdirected.status, misdirected.header('connection')], [421, 'keep-alive']);
  });

  it('to a request whose body nobody reads comes whole, and then the connection ends', async (t) => {
    const { engine, port } = await start(t);
    const { answer, sent } = begin(port, {
      method: 'POST',
      headers: ['Host', 'other.test', 'Content-Length', '100000000'],
      body: null,
    });
    sent.write(Buffer.alloc(100));
    const { status, header, isCut } = await answer;
    assert.deepEqual([status, header('connection'), isCut], [421, 'close', false]);
    await engine.clock.advance(1000);
    await until('the connection has ended', () => sent.socket?.destroyed === true);
  });
});

describe('the connection', () => {
  it('is not kept while the node drains', async (t) => {
    const { engine, ask, upstream } = await start(t);
    upstream.script = (call) => call.respond({ headers: fresh, body: 'one' });
    assert.equal(
      (await ask('/', { headers: ['Connection', 'keep-alive'] })).header('connection'),
      'keep-alive',
    );
    engine.handle.isDraining = () => true;
    assert.equal(
      (await ask('/', { headers: ['Connection', 'keep-alive'] })).header('connection'),
      'close',
    );
  });
});

describe('a shield', () => {
  it('does not name itself in X-Cache, and answers a tier with a label', async (t) => {
    const { ask, upstream } = await start(t, { role: 'shield' });
    upstream.script = (call) => call.respond({ headers: fresh, body: 'one' });
    const answer = await ask('/', { headers: tier });
    assert.deepEqual(['x-cache', 'breakwater-label', 'cache-status'].map(answer.header), [
      undefined,
      'journal-a 0 -',
      'eu; fwd=uri-miss; fwd-status=200; stored; breakwater-cursor="journal-:0"; breakwater-label=0',
    ]);
  });

  it('says since when an answer is stale, and gives it no label', async (t) => {
    const { ask, engine, upstream } = await start(t, { role: 'shield' });
    const swr = ['Cache-Control', 'max-age=60, stale-while-revalidate=60'];
    upstream.script = (call) => call.respond({ headers: swr, body: 'one' });
    await ask('/', { headers: tier });
    upstream.script = undefined;
    await engine.clock.advance(61_000);
    const { header } = await ask('/', { headers: tier });
    const since = String(engine.clock.nowMs() - 1000);
    assert.deepEqual(['breakwater-label', 'breakwater-stale-since', 'cache-status'].map(header), [
      undefined,
      since,
      'eu; hit; ttl=-1; detail=revalidating; breakwater-cursor="journal-:0"; breakwater-label=0',
    ]);
  });

  it('refuses whoever is no tier', async (t) => {
    const { ask } = await start(t, { role: 'shield' });
    assert.equal((await ask()).status, 403);
    assert.equal((await ask('/', { headers: ['Breakwater-Tier', 'par wrong'] })).status, 403);
  });

  it('waits a moment for a position that it has not reached, then fetches for that position (DESIGN section 4)', async (t) => {
    const { ask, engine, upstream } = await start(t, { role: 'shield' });
    upstream.script = (call) =>
      call.respond({ headers: fresh, body: `answer ${upstream.calls.length}` });
    await ask('/', { headers: tier });
    const ahead = { headers: [...tier, 'Breakwater-Position', 'journal-a 3 abc'] };
    const waiting = ask('/', ahead);
    await until('it waits', () => engine.clock.pending > 0);
    await engine.clock.advance(300);
    const { header, body } = await waiting;
    assert.deepEqual(
      [body.toString(), header('breakwater-label')],
      ['answer 2', 'journal-a 3 abc'],
    );
    const behind = await ask('/', { headers: tier });
    assert.deepEqual(
      [behind.header('breakwater-label'), behind.body.toString()],
      ['journal-a 0 -', 'answer 2'],
    );
  });

  it('answers from its store when the purge that it lacked comes in time', async (t) => {
    const { ask, engine, upstream } = await start(t, { role: 'shield' });
    upstream.script = (call) =>
      call.respond({ headers: fresh, body: `answer ${upstream.calls.length}` });
    await ask('/', { headers: tier });
    const waiting = ask('/', { headers: [...tier, 'Breakwater-Position', 'journal-a 1 abc'] });
    await until('it waits', () => engine.clock.pending > 0);
    engine.journal.purge([{ kind: 'tag', tag: 'other' }]);
    await engine.clock.advance(10);
    const { header, body } = await waiting;
    assert.equal(body.toString(), 'answer 1');
    assert.match(header('breakwater-label') ?? '', /^journal-a 1 /);
  });
});
