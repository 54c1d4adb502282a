/**
 * What a client sees when the origin fails: something stale where that is allowed, a clear error where it is not, and never
 * part of a response as the whole of it.
 */
import assert from 'node:assert/strict';
import { createServer, type Socket } from 'node:net';
import { after, describe, test } from 'node:test';
import { siteHost } from '../support/network/config.ts';
import { startNetwork } from '../support/network/network.ts';
import { createGate, page } from '../support/network/origin.ts';
import { startOriginProcess } from '../support/network/origin-process.ts';
import { until } from '../support/network/until.ts';

const mortal = await startOriginProcess();
after(() => mortal.kill());

/** Answers every request with these bytes, whatever they are. */
let rawAnswer = '';
const rawSockets = new Set<Socket>();
const raw = createServer((socket) => {
  rawSockets.add(socket);
  socket.on('data', () => socket.end(rawAnswer));
  socket.on('error', () => socket.destroy());
});
await new Promise<void>((resolve) => raw.listen(0, '127.0.0.1', resolve));
after(() => {
  for (const socket of rawSockets) socket.destroy();
  raw.close();
});
const rawPort = (raw.address() as { port: number }).port;

const network = await startNetwork({
  sites: (url) => [
    {
      hosts: [siteHost],
      origins: [{ url }],
      timeouts: { firstByte: '400ms', betweenBytes: '400ms' },
    },
    {
      hosts: ['mortal.shop.test'],
      origins: [{ url: mortal.url }],
      // Only what stale-if-error allows.
      cache: { staleWhenUnreachable: '0s' },
    },
    { hosts: ['raw.shop.test'], origins: [{ url: `http://127.0.0.1:${rawPort}` }] },
  ],
});
const { origin } = network;

describe('the origin is killed', () => {
  const ask = (path: string, cacheControl: string) =>
    network.request('par', `${path}?cc=${encodeURIComponent(cacheControl)}`, {
      host: 'mortal.shop.test',
    });
  const directives = {
    '/sie': 'max-age=1, stale-if-error=600',
    '/none': 'max-age=1',
    '/must': 'max-age=1, must-revalidate, stale-if-error=600',
    '/fresh': 'max-age=600',
  };
  const all = () =>
    Promise.all(Object.entries(directives).map(([path, value]) => ask(path, value)));

  test('before, everything is stored', async () => {
    for (const { text, header } of await all()) {
      assert.equal(text, 'of start 1');
      assert.equal(header('x-cache'), 'MISS');
    }
  });

  test('then what is stale is served where stale-if-error allows, and 502 where nothing does (RFC 5861 §4)', async () => {
    await mortal.kill();
    // The edge may find its copy stale a moment before the shield does: what comes then is fresh, and the way of it a MISS.
    const [sie, none, must, fresh] = await until('all is stale at both tiers', async () => {
      const [first, second, third, ...rest] = await all();
      const isStale = first?.header('x-cache') === 'STALE' && second?.status === 502;
      return isStale && third?.status === 504 ? [first, second, third, ...rest] : undefined;
    });
    assert.deepEqual([sie?.status, sie?.text], [200, 'of start 1']);
    assert.match(sie?.header('cache-status') ?? '', /eu; fwd=stale;.*upstream-error/);
    assert.ok(Number(sie?.header('age')) >= 1);
    assert.equal(none?.header('content-type'), 'application/problem+json');
    // One request at a time finds out that the origin is still away; the others are told so at once.
    const away = /^eu; error=(connection_refused|destination_unavailable)/;
    assert.match(none?.header('proxy-status') ?? '', away);
    // RFC 9111 §5.2.2.2: must-revalidate allows nothing stale, whatever else is said.
    assert.equal(must?.status, 504);
    assert.deepEqual([fresh?.status, fresh?.header('x-cache')], [200, 'HIT']);
  });

  test('what was never stored is 502, and a POST too', async () => {
    assert.equal((await ask('/never', 'max-age=1')).status, 502);
    const post = await network.request('par', '/never', {
      host: 'mortal.shop.test',
      method: 'POST',
      body: 'x',
    });
    assert.equal(post.status, 502);
  });

  test('back again, it is asked again', async () => {
    await mortal.start();
    const answer = await until('the new start answers', async () => {
      const got = await ask('/sie', directives['/sie']);
      return got.text === 'of start 2' ? got : undefined;
    });
    assert.equal(answer.status, 200);
  });
});

describe('an error status of the origin', () => {
  test('is replaced by what is stale where stale-if-error allows', async () => {
    let failing = false;
    const answer = page('good', { 'cache-control': 'max-age=1, stale-if-error=600' });
    origin.on('/error', (request, response) =>
      failing ? void response.writeHead(500).end('bad') : answer(request, response),
    );
    await network.get('par', '/error');
    failing = true;
    const stale = await until('the response is stale at both tiers', async () => {
      const got = await network.get('par', '/error');
      assert.deepEqual([got.status, got.text], [200, 'good']);
      return got.header('x-cache') === 'STALE' ? got : undefined;
    });
    assert.match(
      stale.header('cache-status') ?? '',
      /eu; fwd=stale; fwd-status=500;.*upstream-error/,
    );
  });

  test('is passed on where nothing is stored, and not stored', async () => {
    origin.on('/error500', (_, response) => void response.writeHead(500).end('bad'));
    const answers = [await network.get('par', '/error500'), await network.get('par', '/error500')];
    assert.deepEqual(
      answers.map(({ status, text }) => [status, text]),
      [
        [500, 'bad'],
        [500, 'bad'],
      ],
    );
    assert.equal(origin.hits('/error500'), 2);
  });
});

describe('a response that breaks off', () => {
  const whole = 'x'.repeat(100_000);
  const cases: [string, Record<string, string | number>][] = [
    ['of a known length', { 'content-length': whole.length }],
    ['of unknown length', {}],
  ];
  for (const [name, headers] of cases) {
    test(`${name} is cut for everybody who waits, and stored nowhere`, async () => {
      const path = `/cut/${name.replaceAll(' ', '-')}`;
      const gate = createGate();
      origin.on(path, async (request, response) => {
        response.writeHead(200, { 'cache-control': 'max-age=60', ...headers });
        if (request.hit > 1) return void response.end(whole);
        response.write(whole.slice(0, 50_000));
        await gate.opened;
        response.destroy();
      });
      const opened = await Promise.all(Array.from({ length: 10 }, () => network.open('par', path)));
      await Promise.all(opened.map((response) => response.next()));
      gate.open();
      await Promise.all(opened.map((response) => response.rest()));
      assert.deepEqual(
        opened.map((response) => response.complete()),
        opened.map(() => false),
      );
      const again = await network.get('par', path);
      assert.equal(origin.hits(path), 2, 'neither tier has stored the part');
      assert.ok(again.complete && again.text === whole);
    });
  }

  test('because the origin stalls in the middle is cut as well', async () => {
    origin.on('/stalled', (request, response) => {
      response.writeHead(200, { 'cache-control': 'max-age=60', 'content-length': 1000 });
      if (request.hit > 1) response.end('y'.repeat(1000));
      else response.write('y'.repeat(500));
    });
    const stalled = await network.get('par', '/stalled');
    assert.deepEqual([stalled.status, stalled.complete], [200, false]);
    const again = await network.get('par', '/stalled');
    assert.deepEqual([again.complete, again.body.length], [true, 1000]);
  });

  test('before its head is 502', async () => {
    origin.on('/nothing', (_, response) => void response.destroy());
    const answer = await network.get('par', '/nothing');
    assert.equal(answer.status, 502);
    assert.match(answer.header('proxy-status') ?? '', /error=http_response_incomplete/);
  });
});

test('an origin that does not answer in time is 504 (RFC 9110 §15.6.5)', async () => {
  const gate = createGate();
  origin.on('/late', async (_, response) => {
    await gate.opened;
    response.end('late');
  });
  const answer = await network.get('par', '/late');
  gate.open();
  assert.equal(answer.status, 504);
  assert.match(answer.header('proxy-status') ?? '', /^eu; error=http_response_timeout/);
});

test('a client that breaks its upload off never completes it at the origin', async () => {
  origin.on('/upload', page('taken'));
  const { connect } = await import('node:net');
  const { hostname, port } = new URL(network.url('par'));
  for (const framing of ['Content-Length: 1000', 'Transfer-Encoding: chunked']) {
    const before = origin.hits('/upload');
    const socket = connect({ host: hostname, port: Number(port) });
    socket.on('error', () => socket.destroy());
    socket.write(`POST /upload HTTP/1.1\r\nHost: ${siteHost}\r\n${framing}\r\n\r\n3\r\nabc\r\n`);
    await until('the upload has reached the origin', () => origin.hits('/upload') > before);
    socket.destroy();
    const request = origin.received('/upload').at(-1);
    await until('it is over there', () => request?.state !== 'reading');
    assert.equal(request?.state, 'broken');
  }
});

describe('an origin whose framing cannot be trusted is 502, and nothing of it is passed on (DESIGN section 10)', () => {
  const fields = 'Cache-Control: max-age=60\r\nContent-Type: text/plain\r\n';
  const cases: [string, string][] = [
    ['chunked with a tab', `Transfer-Encoding: chunked\t\r\n\r\n5\r\nhello\r\n0\r\n\r\n`],
    ['two lengths', 'Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello'],
    [
      'length and chunked',
      'Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n',
    ],
    ['an unknown coding', 'Transfer-Encoding: x, chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n'],
    ['a space before the colon', 'X-A : b\r\nContent-Length: 5\r\n\r\nhello'],
    ['no HTTP at all', '\r\n\r\nhello'],
  ];
  for (const [index, [name, rest]] of cases.entries()) {
    test(name, async () => {
      const ask = () => network.request('par', `/raw-${index}`, { host: 'raw.shop.test' });
      rawAnswer = `HTTP/1.1 200 OK\r\n${fields}${rest}`;
      if (name === 'no HTTP at all') rawAnswer = rest;
      assert.equal((await ask()).status, 502);
      rawAnswer = `HTTP/1.1 200 OK\r\n${fields}Content-Length: 4\r\n\r\ngood`;
      // The origin may be out for a moment: what counts is that nothing bad was stored.
      const good = await until('it is asked again', async () => {
        const answer = await ask();
        return answer.status === 200 ? answer : undefined;
      });
      assert.equal(good.text, 'good');
    });
  }
});
