/**
 * What the public listeners refuse (DESIGN sections 2, 3 and 10): hosts and ports that are not ours, heads that cannot be
 * trusted, loops, and anybody who speaks as if he were one of our tiers.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { sendRaw } from '../support/network/client.ts';
import { siteHost } from '../support/network/config.ts';
import { startNetwork } from '../support/network/network.ts';
import { counted, page } from '../support/network/origin.ts';

const network = await startNetwork({
  sites: (url) => [{ hosts: [siteHost], origins: [{ url }], maxRequestBody: '64KiB' }],
});
const { origin } = network;
origin.on('/page', counted('page'));

const portOf = (id: string) => new URL(network.url(id)).port;

/** A request line and fields as bytes, Host included. */
const head = (...lines: string[]) => `${lines.join('\r\n')}\r\n\r\n`;

/** Sends bytes to the edge; the statuses of all answers, and whether the connection then ended is implied by the return. */
async function statusesOf(bytes: string): Promise<string[]> {
  const answer = await sendRaw(network.url('par'), bytes);
  return [...answer.matchAll(/HTTP\/1\.1 (\d{3})/g)].map(([, status]) => status ?? '');
}

describe('hosts and ports', () => {
  test('a host that no site has is 421, as a problem that says so (RFC 9110 §15.5.20, RFC 9457)', async () => {
    const answer = await network.request('par', '/page', { host: 'www.other.test' });
    assert.equal(answer.status, 421);
    assert.equal(answer.header('content-type'), 'application/problem+json');
    assert.equal(answer.header('x-cache'), 'ERROR');
    assert.match(answer.text, /www\.other\.test/);
  });

  test('a port in Host is taken when it is the listener’s or the default one, and else 421', async () => {
    const statusFor = async (host: string) =>
      (await network.request('par', '/page', { host })).status;
    assert.equal(await statusFor(`${siteHost}:${portOf('par')}`), 200);
    assert.equal(await statusFor(`${siteHost}:80`), 200);
    assert.equal(await statusFor('WWW.Shop.TEST.'), 200);
    assert.equal(await statusFor(`${siteHost}:${portOf('eu')}`), 421);
    assert.equal(await statusFor(`${siteHost}:1`), 421);
    assert.equal(origin.hits('/page'), 1, 'all of these are one key');
  });

  test('a browser is told by HTML', async () => {
    const answer = await network.request('par', '/', {
      host: 'www.other.test',
      headers: { accept: 'text/html,*/*;q=0.8' },
    });
    assert.match(answer.header('content-type') ?? '', /^text\/html/);
  });
});

describe('malformed heads are answered once and the connection ends', () => {
  const good = `Host: ${siteHost}`;
  const cases: [string, string][] = [
    ['no Host', head('GET /page HTTP/1.1')],
    ['two Hosts', head('GET /page HTTP/1.1', good, good)],
    ['an invalid Host', head('GET /page HTTP/1.1', 'Host: a b')],
    ['a Host with a user', head('GET /page HTTP/1.1', `Host: x@${siteHost}`)],
    [
      'Content-Length with Transfer-Encoding',
      head('POST /page HTTP/1.1', good, 'Content-Length: 3', 'Transfer-Encoding: chunked'),
    ],
    [
      'two Content-Lengths',
      head('POST /page HTTP/1.1', good, 'Content-Length: 3', 'Content-Length: 4'),
    ],
    ['a Content-Length list', head('POST /page HTTP/1.1', good, 'Content-Length: 3, 3')],
    ['a signed Content-Length', head('POST /page HTTP/1.1', good, 'Content-Length: +3')],
    [
      'a Transfer-Encoding other than chunked',
      head('POST /page HTTP/1.1', good, 'Transfer-Encoding: gzip, chunked'),
    ],
    ['chunked with a tab', head('POST /page HTTP/1.1', good, 'Transfer-Encoding: chunked\t')],
    ['a space before the colon', head('GET /page HTTP/1.1', good, 'X-A : b')],
    ['obs-fold', head('GET /page HTTP/1.1', good, 'X-A: b', ' c')],
    ['NUL in a value', head('GET /page HTTP/1.1', good, 'X-A: b\0c')],
    ['a bare LF', `GET /page HTTP/1.1\n${good}\n\n`],
    ['a bare CR in a value', head('GET /page HTTP/1.1', good, 'X-A: b\rc')],
    ['a space in the target', head('GET /pa ge HTTP/1.1', good)],
    ['a control character in the target', head('GET /pa\x01ge HTTP/1.1', good)],
    ['a fragment in the target', head('GET /page#a HTTP/1.1', good)],
    ['bytes that are no HTTP', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 \r\n\r\n'],
  ];
  for (const [index, [name, bytes]] of cases.entries()) {
    test(`${name}: 400`, async () => {
      // A second request on the same connection must not be answered, whatever it was meant to be.
      const path = `/behind-${index}`;
      const behind = head(`GET ${path} HTTP/1.1`, good, 'Connection: close');
      assert.deepEqual(await statusesOf(bytes + behind), ['400']);
      assert.equal(origin.hits(path), 0);
    });
  }

  test('a version that is not HTTP/1, or none at all, is 505', async () => {
    assert.deepEqual(await statusesOf(head('GET /page', good)), ['505']);
    assert.deepEqual(await statusesOf(head('GET /page HTTP/0.9', good)), ['505']);
  });

  test('a method that nobody may use here is 405', async () => {
    assert.deepEqual(await statusesOf(head('TRACE /page HTTP/1.1', good)), ['405']);
    assert.deepEqual(await statusesOf(head(`CONNECT ${siteHost}:80 HTTP/1.1`, good)), ['405']);
  });
});

describe('what is over a limit is refused with its own status', () => {
  const good = `Host: ${siteHost}`;

  test('a head beyond 16 KiB: 431', async () => {
    const big = Array.from({ length: 9 }, (_, n) => `X-${n}: ${'x'.repeat(2000)}`);
    assert.deepEqual(await statusesOf(head('GET /page HTTP/1.1', good, ...big)), ['431']);
  });

  test('a head that never ends: 431, long before it has all been sent', async () => {
    const endless = `X-Endless: ${'x'.repeat(400_000)}`;
    assert.deepEqual(await statusesOf(head('GET /page HTTP/1.1', good, endless)), ['431']);
  });

  test('more than 100 fields: 431', async () => {
    const many = Array.from({ length: 101 }, (_, n) => `X-${n}: x`);
    assert.deepEqual(await statusesOf(head('GET /page HTTP/1.1', good, ...many)), ['431']);
  });

  test('a URL beyond 8 KiB: 414', async () => {
    const target = `/page?${'x'.repeat(8 * 1024)}`;
    assert.deepEqual(await statusesOf(head(`GET ${target} HTTP/1.1`, good)), ['414']);
  });
});

describe('a body that is longer than the site takes', () => {
  const body = Buffer.alloc(200_000, 'x');
  const cases: [string, Record<string, string>][] = [
    ['of a known length: 413, and the origin is not asked', {}],
    [
      'of unknown length: 413, and the origin never gets it whole',
      { 'transfer-encoding': 'chunked' },
    ],
  ];
  for (const [name, headers] of cases) {
    test(name, async () => {
      origin.on('/upload', page('taken'));
      const answer = await network.request('par', '/upload', { method: 'POST', body, headers });
      assert.equal(answer.status, 413);
      assert.ok(origin.received('/upload').every(({ state }) => state !== 'whole'));
    });
  }
});

describe('other ways to speak HTTP/1 are answered as well', () => {
  const good = `Host: ${siteHost}`;
  const last = 'Connection: close';

  test('an absolute target replaces Host (RFC 9112 §3.2.2)', async () => {
    const target = `http://${siteHost}/page`;
    assert.deepEqual(await statusesOf(head(`GET ${target} HTTP/1.1`, 'Host: x.test', last)), [
      '200',
    ]);
  });

  test('requests sent ahead are answered in their order (RFC 9112 §9.3.2)', async () => {
    const ahead = head('GET /page HTTP/1.1', good) + head('GET /nothing HTTP/1.1', good);
    const statuses = await statusesOf(ahead + head('HEAD /page HTTP/1.1', good, last));
    assert.deepEqual(statuses, ['200', '404', '200']);
  });

  test('HTTP/1.0 gets a body without chunks, and the end of the connection', async () => {
    origin.on('/chunked', (_, response) => {
      response.writeHead(200, { 'cache-control': 'no-store' });
      response.write('one ');
      response.end('two');
    });
    const answer = await sendRaw(network.url('par'), head('GET /chunked HTTP/1.0', good));
    assert.match(answer, /^HTTP\/1\.1 200 /);
    assert.doesNotMatch(answer, /transfer-encoding/i);
    assert.ok(answer.endsWith('\r\n\r\none two'), answer);
  });

  test('a client that expects 100 is told to go on, and its body arrives (RFC 9110 §10.1.1)', async () => {
    origin.on(
      '/expected',
      page(({ body }) => `${body}`),
    );
    const answer = await sendRaw(
      network.url('par'),
      `${head('POST /expected HTTP/1.1', good, last, 'Content-Length: 4', 'Expect: 100-continue')}body`,
    );
    assert.match(answer, /^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 /);
    assert.ok(answer.endsWith('\r\n\r\nbody'), answer);
  });
});

describe('loops and tiers', () => {
  test('a request that has come through this network is 508 (RFC 8586)', async () => {
    const looped = await network.get('par', '/page', { 'cdn-loop': 'other, breakwater-test; a=b' });
    assert.equal(looped.status, 508);
    const others = await network.get('par', '/page', { 'cdn-loop': 'breakwater-testing, other' });
    assert.equal(others.status, 200);
  });

  test('a client cannot reach a shield, with or without a made-up key', async () => {
    const before = origin.hits('/page');
    for (const tier of [undefined, 'par', `par ${'0'.repeat(64)}`, 'nobody x', '']) {
      const headers = tier === undefined ? {} : { 'breakwater-tier': tier };
      const answer = await network.request('eu', '/page', { headers });
      assert.equal(answer.status, 403);
    }
    assert.equal(origin.hits('/page'), before);
  });

  test('a client’s fields between tiers change nothing at an edge', async () => {
    origin.on('/spoken', page('spoken'));
    const spoken = {
      'breakwater-tier': 'par x',
      'breakwater-position': 'none 99 -',
      'breakwater-refresh': '1',
      'breakwater-label': 'none 99 -',
    };
    const miss = await network.get('par', '/spoken', spoken);
    const hit = await network.get('par', '/spoken', spoken);
    assert.deepEqual([miss.header('x-cache'), hit.header('x-cache')], ['MISS', 'HIT']);
    const asked = origin
      .received('/spoken')[0]
      ?.rawHeaders.filter((text) => /^breakwater-/i.test(text));
    assert.deepEqual(
      asked?.filter((text) => !text.startsWith('breakwater-test')),
      [],
    );
  });

  test('a body on GET is not forwarded (RFC 9110 §9.3.1)', async () => {
    origin.on(
      '/bodied',
      page(({ body }) => `${body.length}`),
    );
    const answer = await network.request('par', '/bodied', {
      body: 'hello',
      headers: { 'content-length': '5' },
    });
    assert.equal(answer.text, '0');
    assert.equal(origin.received('/bodied')[0]?.headers['content-length'], undefined);
  });
});
