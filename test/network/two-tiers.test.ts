/**
 * A request's way through edge and shield and back: what is stored where, and what the response says about it. One origin,
 * one shield, two PoPs behind it.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gunzipSync, gzipSync } from 'node:zlib';
import { siteHost } from '../support/network/config.ts';
import { startNetwork } from '../support/network/network.ts';
import { counted, createGate, page } from '../support/network/origin.ts';
import { until } from '../support/network/until.ts';

/** A site that keeps to itself what was meant for it alone. */
const discreetHost = 'discreet.shop.test';

const network = await startNetwork({
  sites: (url) => [
    { hosts: [siteHost], origins: [{ url }] },
    {
      hosts: [discreetHost],
      origins: [{ url }],
      cache: { cdnCacheControl: 'strip', surrogateControl: true },
    },
  ],
  pops: [
    { id: 'par', shield: ['eu'] },
    { id: 'nyc', shield: ['eu'] },
  ],
});
const { origin } = network;

test('MISS at both tiers, then HIT at the edge, then HIT at the shield for another PoP (RFC 9211)', async () => {
  origin.on('/first', counted('first'));
  const miss = await network.get('par', '/first');
  const hit = await network.get('par', '/first');
  const other = await network.get('nyc', '/first');
  assert.deepEqual([miss.text, hit.text, other.text], ['first 1', 'first 1', 'first 1']);
  assert.deepEqual(
    [miss, hit, other].map(({ header }) => [header('x-cache'), header('x-cache-pop')]),
    [
      ['MISS', 'par'],
      ['HIT', 'par'],
      ['MISS', 'nyc'],
    ],
  );
  assert.match(
    miss.header('cache-status') ?? '',
    /^eu; fwd=uri-miss; fwd-status=200; stored, par; fwd=uri-miss; fwd-status=200; stored$/,
  );
  assert.match(hit.header('cache-status') ?? '', /^par; hit; ttl=\d+$/);
  assert.match(other.header('cache-status') ?? '', /^eu; hit; ttl=\d+, nyc; fwd=uri-miss;/);
  assert.equal(origin.hits('/first'), 1);
});

test('every worker of a node answers from what one of them has fetched', async () => {
  origin.on('/workers', counted('workers'));
  await network.get('par', '/workers');
  const answers = await Promise.all(
    Array.from({ length: 24 }, () =>
      // A connection of its own each, so that the kernel spreads them over the workers.
      network.request('par', '/workers', { headers: { connection: 'close' } }),
    ),
  );
  assert.ok(answers.every(({ text, complete }) => text === 'workers 1' && complete));
  assert.equal(origin.hits('/workers'), 1);
  const workers = new Set(answers.map(({ header }) => header('x-request-id')?.split('-')[1]));
  assert.equal(workers.size, 2, 'workers that answered');
});

test('Age counts from the origin, across tiers, and is the same for all (RFC 9111 §4.2.3)', async () => {
  origin.on('/aged', page('aged', { age: '100', 'cache-control': 'max-age=1000' }));
  const ageAt = async (pop: string) => Number((await network.get(pop, '/aged')).header('age'));
  const first = await ageAt('par');
  await until('the edge counts on', async () => (await ageAt('par')) >= 102);
  const atEdge = await ageAt('par');
  const throughShield = await ageAt('nyc');
  assert.ok(first >= 100, `${first}`);
  assert.ok(throughShield >= atEdge, `${throughShield} at the other edge, ${atEdge} before`);
  assert.equal(origin.hits('/aged'), 1);
});

test('Via names every tier; tags are for us and hidden from clients (DESIGN section 2)', async () => {
  const tags = { 'surrogate-key': 'a b', 'cache-tag': 'c,d', 'cache-groups': '"e"' };
  origin.on('/tagged', page('tagged', tags));
  for (const { header } of [
    await network.get('par', '/tagged'),
    await network.get('par', '/tagged'),
  ]) {
    assert.equal(header('via'), '1.1 eu, 1.1 par');
    assert.equal(header('surrogate-key'), undefined);
    assert.equal(header('cache-tag'), undefined);
    assert.equal(header('cache-groups'), undefined);
  }
});

test('fields for one client only reach the one whose request was fetched, through both tiers (RFC 9111 §5.2.2.7)', async () => {
  const headers = { 'cache-control': 'max-age=60, private="X-User"', 'x-user': 'me' };
  const gate = createGate();
  const answer = page('personal', headers);
  origin.on('/personal', async (request, response) => {
    await gate.opened;
    await answer(request, response);
  });
  const misses = async (id: string) =>
    await network.metric(id, 'breakwater_cache_lookups_total', 'tier="none"');
  const before = { par: await misses('par'), nyc: await misses('nyc') };
  // Over connections of their own, so that they come to different workers as well.
  const waiting = ['par', 'par', 'par', 'par', 'nyc', 'nyc'].map((pop) =>
    network.request(pop, '/personal', { headers: { connection: 'close' } }),
  );
  await until('the origin is asked', () => origin.hits('/personal') === 1);
  await until('all wait', async () => {
    const [par, nyc] = [await misses('par'), await misses('nyc')];
    return par >= before.par + 4 && nyc >= before.nyc + 2;
  });
  gate.open();
  const together = await Promise.all(waiting);
  const later = [await network.get('par', '/personal'), await network.get('nyc', '/personal')];
  assert.ok([...together, ...later].every(({ text }) => text === 'personal'));
  assert.equal(origin.hits('/personal'), 1);
  const seen = (answers: typeof later) => answers.map(({ header }) => header('x-user') ?? '-');
  assert.deepEqual(seen(together).sort(), ['-', '-', '-', '-', '-', 'me']);
  assert.deepEqual(seen(later), ['-', '-']);
});

test('no field between tiers reaches a client, nor the origin', async () => {
  origin.on('/quiet', page('quiet', { 'breakwater-label': 'none 0 -' }));
  const answer = await network.get('par', '/quiet');
  const toOrigin = origin.received('/quiet')[0]?.rawHeaders ?? [];
  const spoken = [...answer.rawHeaders, ...toOrigin].filter((text) => /^breakwater-/i.test(text));
  // CDN-Loop names the network; that is a value, and for others to see (RFC 8586).
  assert.deepEqual(
    spoken.filter((text) => !text.startsWith('breakwater-test')),
    [],
  );
});

test('the origin learns who asks from us and not from the client (RFC 7239, RFC 8586)', async () => {
  origin.on('/forwarded', page('forwarded'));
  await network.get('par', '/forwarded', {
    'x-forwarded-for': '203.0.113.9',
    forwarded: 'for=203.0.113.9',
    'x-forwarded-host': 'evil.test',
    'x-original-url': '/admin',
    'x-http-method-override': 'DELETE',
  });
  const headers = origin.received('/forwarded')[0]?.headers ?? {};
  assert.equal(headers['x-forwarded-for'], '127.0.0.1');
  assert.equal(headers['x-forwarded-host'], 'www.shop.test');
  assert.equal(headers['x-forwarded-proto'], 'http');
  assert.equal(headers.forwarded, 'for=127.0.0.1;host=www.shop.test;proto=http');
  assert.equal(headers['x-original-url'], undefined);
  assert.equal(headers['x-http-method-override'], undefined);
  assert.equal(headers.via, '1.1 par, 1.1 eu');
  assert.match(String(headers['cdn-loop']), /breakwater-test/);
  assert.equal(headers.host, 'www.shop.test');
});

test('304 from a store, and for a condition that met a cold cache (RFC 9110 §13)', async () => {
  const modified = 'Fri, 20 Nov 2026 10:00:00 GMT';
  origin.on('/etag', page('etag', { etag: '"v1"', 'last-modified': modified }));
  const cold = await network.get('par', '/etag', { 'if-none-match': '"v1"' });
  const warm = await network.get('par', '/etag', { 'if-none-match': 'W/"v1", "other"' });
  const since = await network.get('par', '/etag', { 'if-modified-since': modified });
  const changed = await network.get('par', '/etag', { 'if-none-match': '"v2"' });
  assert.deepEqual(
    [cold, warm, since, changed].map(({ status, text }) => [status, text]),
    [
      [304, ''],
      [304, ''],
      [304, ''],
      [200, 'etag'],
    ],
  );
  assert.equal(warm.header('etag'), '"v1"');
  // Nothing was stored, so the origin was to judge the condition; it has sent the whole, and that is stored all the same.
  assert.equal(origin.hits('/etag'), 1);
  assert.equal(origin.received('/etag')[0]?.headers['if-none-match'], '"v1"');
});

test('If-Match and If-Unmodified-Since are the origin’s to answer, through both tiers (RFC 9111 §4.3.2)', async () => {
  const text = page('matched', { etag: '"v1"' });
  origin.on('/match', (request, response) =>
    [undefined, '"v1"'].includes(request.headers['if-match'])
      ? text(request, response)
      : void response.writeHead(412).end('changed'),
  );
  await network.get('par', '/match');
  const matched = await network.get('par', '/match', { 'if-match': '"v1"' });
  const failed = await network.get('par', '/match', { 'if-match': '"v2"' });
  const since = { 'if-unmodified-since': 'Fri, 20 Nov 2026 10:00:00 GMT' };
  const dated = await network.get('par', '/match', since);
  assert.deepEqual(
    [matched, failed, dated].map(({ status, text, header }) => [status, text, header('x-cache')]),
    [
      [200, 'matched', 'BYPASS'],
      [412, 'changed', 'BYPASS'],
      [200, 'matched', 'BYPASS'],
    ],
  );
  assert.equal(
    failed.header('cache-status'),
    'eu; fwd=request; fwd-status=412; detail=if-match, par; fwd=request; fwd-status=412; detail=if-match',
  );
  assert.equal(
    origin.received('/match').at(-1)?.headers['if-unmodified-since'],
    since['if-unmodified-since'],
  );
  assert.equal((await network.get('par', '/match')).header('x-cache'), 'HIT');
});

test('one range and several, from a store and on the way through (RFC 9110 §14)', async () => {
  const text = '0123456789'.repeat(10);
  origin.on('/range', page(text, { 'content-type': 'text/x-digits' }));
  const cold = await network.get('par', '/range', { range: 'bytes=95-' });
  const warm = await network.get('par', '/range', { range: 'bytes=5-9' });
  const suffix = await network.get('nyc', '/range', { range: 'bytes=-3' });
  const outside = await network.get('par', '/range', { range: 'bytes=200-' });
  assert.deepEqual(
    [cold, warm, suffix].map(({ status, text, header }) => [status, text, header('content-range')]),
    [
      [206, '56789', 'bytes 95-99/100'],
      [206, '56789', 'bytes 5-9/100'],
      [206, '789', 'bytes 97-99/100'],
    ],
  );
  assert.equal(outside.status, 416);
  assert.equal(outside.header('content-range'), 'bytes */100');
  await network.get('par', '/range');
  const several = await network.get('par', '/range', { range: 'bytes=0-1,50-52' });
  const boundary = /^multipart\/byteranges; boundary="?([^"]+)"?$/.exec(
    several.header('content-type') ?? '',
  )?.[1];
  assert.equal(several.status, 206);
  const part = (range: string, body: string) =>
    `--${boundary}\r\nContent-Type: text/x-digits\r\nContent-Range: bytes ${range}/100\r\n\r\n${body}\r\n`;
  const expected = `${part('0-1', '01')}${part('50-52', '012')}--${boundary}--\r\n`;
  assert.equal(several.text.replace(/^\r\n/, '').toLowerCase(), expected.toLowerCase());
  assert.equal(several.header('content-length'), String(several.body.length));
  assert.equal(origin.hits('/range'), 1);
});

test('HEAD is answered from a stored GET, and asks the origin by HEAD where nothing is stored', async () => {
  origin.on('/head', page('head', { etag: '"h"' }));
  const cold = await network.request('par', '/head', { method: 'HEAD' });
  assert.deepEqual([cold.status, cold.text, cold.header('content-length')], [200, '', '4']);
  assert.equal(origin.received('/head')[0]?.method, 'HEAD');
  const whole = await network.get('par', '/head');
  assert.equal(whole.text, 'head', 'a GET after a HEAD has its body');
  const before = origin.hits('/head');
  const warm = await network.request('par', '/head', { method: 'HEAD' });
  assert.deepEqual([warm.status, warm.text, warm.header('x-cache')], [200, '', 'HIT']);
  assert.equal(warm.header('content-length'), '4');
  assert.equal(origin.hits('/head'), before);
});

test('POST passes with its body, of known length or not, and is never stored', async () => {
  origin.on('/form', (request, response) => {
    response.writeHead(201, { 'content-type': 'text/plain', 'cache-control': 'max-age=60' });
    response.end(`${request.method} ${request.body.length} ${request.hit}`);
  });
  const body = Buffer.alloc(300_000, 'x');
  const known = await network.request('par', '/form', { method: 'POST', body });
  const chunked = await network.request('par', '/form', {
    method: 'POST',
    body,
    headers: { 'transfer-encoding': 'chunked' },
  });
  assert.deepEqual([known.status, known.text], [201, 'POST 300000 1']);
  assert.deepEqual([chunked.status, chunked.text], [201, 'POST 300000 2']);
  assert.equal(known.header('x-cache'), 'BYPASS');
  assert.match(known.header('cache-status') ?? '', /^eu; fwd=method;.*, par; fwd=method;/);
});

test('a POST that succeeded invalidates its target at both tiers it went through (RFC 9111 §4.4)', async () => {
  let version = 1;
  const article = page(() => `version ${version}`);
  origin.on('/article', (request, response) => {
    if (request.method === 'GET') return article(request, response);
    version += 1;
    response.writeHead(204).end();
  });
  // A connection of its own each: whichever worker has it in memory must have dropped it, so all are asked.
  const texts = async () => {
    const asked = Array.from({ length: 8 }, () =>
      network.request('par', '/article', { headers: { connection: 'close' } }),
    );
    return [...new Set((await Promise.all(asked)).map(({ text }) => text))];
  };
  for (let round = 2; round < 12; round += 1) {
    // Readers during the POST may get either version, and must not bring the old one back.
    const during = texts();
    await network.request('par', '/article', { method: 'POST', body: 'x' });
    assert.deepEqual(await texts(), [`version ${round}`]);
    await during;
    assert.deepEqual(await texts(), [`version ${round}`]);
  }
  // It went through the shield as well, so another edge finds nothing old there.
  assert.equal((await network.get('nyc', '/article')).text, `version ${version}`);
});

test('a POST that failed invalidates nothing', async () => {
  const kept = counted('kept');
  origin.on('/kept', (request, response) =>
    request.method === 'GET' ? kept(request, response) : void response.writeHead(500).end(),
  );
  await network.get('par', '/kept');
  await network.request('par', '/kept', { method: 'POST', body: 'x' });
  assert.equal((await network.get('par', '/kept')).header('x-cache'), 'HIT');
});

test('variants by Vary live side by side at both tiers (RFC 9111 §4.1)', async () => {
  origin.on(
    '/vary',
    page(({ headers, hit }) => `${headers['accept-language']} ${hit}`, { vary: 'Accept-Language' }),
  );
  const textFor = async (pop: string, language: string) =>
    (await network.get(pop, '/vary', { 'accept-language': language })).text;
  const order: [string, string][] = [
    ['par', 'fr'],
    ['par', 'ja'],
    ['par', 'fr'],
    ['nyc', 'ja'],
    ['nyc', 'fr'],
  ];
  const texts: string[] = [];
  for (const [pop, language] of order) texts.push(await textFor(pop, language));
  assert.deepEqual(texts, ['fr 1', 'ja 2', 'fr 1', 'ja 2', 'fr 1']);
});

test('a variant in the language that a request likes best is used, at both tiers (RFC 9111 §4.1)', async () => {
  const fields = { vary: 'Accept-Language', 'content-language': 'de' };
  origin.on(
    '/sprache',
    page(({ hit }) => `de ${hit}`, fields),
  );
  const fetch = (pop: string, language: string) =>
    network.get(pop, '/sprache', { 'accept-language': language });
  await fetch('par', 'en;q=0.5, de');
  const atEdge = await fetch('par', 'fr;q=0.5, de;q=1.0');
  const atShield = await fetch('nyc', 'it;q=0.1, de');
  assert.deepEqual([atEdge.text, atEdge.header('x-cache')], ['de 1', 'HIT']);
  assert.match(atShield.header('cache-status') ?? '', /^eu; hit; ttl=\d+, nyc; fwd=uri-miss;/);
  assert.equal((await fetch('par', 'fr')).text, 'de 2');
});

for (const [field, value] of [
  ['CDN-Cache-Control', 'max-age=60'],
  ['Surrogate-Control', 'max-age=60+5, content="ESI/1.0"'],
] as const) {
  test(`${field} rules both tiers, and travels between them although no client gets it (RFC 9213 §3.1)`, async () => {
    const path = `/${field.toLowerCase()}`;
    origin.on(path, page('targeted', { 'cache-control': 'no-store', [field]: value }));
    const ask = (pop: string) => network.request(pop, path, { host: discreetHost });
    const answers = [await ask('par'), await ask('par'), await ask('nyc')];
    assert.deepEqual(
      answers.map(({ header }) => [header('x-cache'), header(field), header('cache-control')]),
      ['MISS', 'HIT', 'MISS'].map((xCache) => [xCache, undefined, 'no-store']),
    );
    assert.match(answers[2]?.header('cache-status') ?? '', /^eu; hit;.* stored$/);
    assert.equal(origin.hits(path), 1);
  });
}

test('who accepts no coding never gets coded bytes that somebody else has asked for', async () => {
  origin.on('/coded', (request, response) => {
    const isCoded = /\bgzip\b/.test(String(request.headers['accept-encoding']));
    response.writeHead(200, {
      'cache-control': 'max-age=60',
      vary: 'Accept-Encoding',
      ...(isCoded ? { 'content-encoding': 'gzip' } : {}),
    });
    response.end(isCoded ? gzipSync('coded') : 'plain');
  });
  const browser = { 'accept-encoding': 'gzip, deflate, br, zstd' };
  for (const pop of ['par', 'par', 'nyc']) {
    const coded = await network.get(pop, '/coded', browser);
    assert.equal(coded.header('content-encoding'), 'gzip');
    assert.equal(gunzipSync(coded.body).toString(), 'coded');
    const plain = await network.get(pop, '/coded');
    assert.deepEqual([plain.header('content-encoding'), plain.text], [undefined, 'plain']);
  }
  assert.equal(origin.hits('/coded'), 2);
});

test('each tier writes one access line for a request, with the id that the client was given', async () => {
  origin.on('/logged', page('logged'));
  const id = (await network.get('par', '/logged')).header('x-request-id') ?? '';
  for (const [tier, xCache] of Object.entries({ par: 'MISS', eu: 'MISS' })) {
    const lines = await until(`${tier} has written it`, () => {
      const found = network
        .node(tier)
        .logLines()
        .filter((line) => line.includes(`"${id}"`));
      return found.length > 0 ? found : undefined;
    });
    const told = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
    assert.deepEqual(
      told.map(({ msg, path, status, xCache }) => [msg, path, status, xCache]),
      [['access', '/logged', 200, xCache]],
    );
  }
});

test('what is stale is confirmed by one 304, through both tiers, with its body from the store', async () => {
  origin.on('/confirmed', (request, response) => {
    const isConditional = request.headers['if-none-match'] === '"same"';
    response.writeHead(isConditional ? 304 : 200, { etag: '"same"', 'cache-control': 'max-age=1' });
    response.end(isConditional ? undefined : 'same');
  });
  await network.get('par', '/confirmed');
  const confirmed = await until('it is stale and confirmed', async () => {
    const answer = await network.get('par', '/confirmed');
    return answer.header('x-cache') === 'REVALIDATED' ? answer : undefined;
  });
  assert.deepEqual([confirmed.status, confirmed.text], [200, 'same']);
  assert.match(confirmed.header('cache-status') ?? '', /par; fwd=stale; fwd-status=304/);
  const asked = origin.received('/confirmed').map(({ headers }) => headers['if-none-match']);
  assert.deepEqual(asked, [undefined, '"same"']);
});

test('stale at once while one refresh runs, and fresh afterwards (RFC 5861 §3)', async () => {
  const gate = createGate();
  const text = counted('swr', { 'cache-control': 'max-age=1, stale-while-revalidate=60' });
  origin.on('/swr', async (request, response) => {
    if (request.hit > 1) await gate.opened;
    await text(request, response);
  });
  await network.get('par', '/swr');
  await until('the response is stale', async () => {
    return (await network.get('par', '/swr')).header('x-cache') === 'STALE';
  });
  await until('the refresh has reached the origin', () => origin.hits('/swr') === 2);
  // The refresh is held at the origin; nobody waits for it, and nobody starts another one.
  const meanwhile = await Promise.all(Array.from({ length: 30 }, () => network.get('par', '/swr')));
  assert.ok(meanwhile.every(({ text }) => text === 'swr 1'));
  assert.ok(meanwhile.every(({ header }) => header('x-cache') === 'STALE'));
  assert.equal(origin.hits('/swr'), 2);
  gate.open();
  const fresh = await until('the refreshed response is served', async () => {
    const answer = await network.get('par', '/swr');
    return answer.text === 'swr 2' ? answer : undefined;
  });
  assert.equal(fresh.header('x-cache'), 'HIT');
});

test('no-store, private, Set-Cookie and Authorization are never stored, at no tier', async () => {
  const cases: [string, Record<string, string>, Record<string, string>][] = [
    ['/no-store', { 'cache-control': 'no-store' }, {}],
    ['/private', { 'cache-control': 'private, max-age=60' }, {}],
    ['/cookie', { 'cache-control': 'max-age=60', 'set-cookie': 'a=b' }, {}],
    ['/authorized', { 'cache-control': 'max-age=60' }, { authorization: 'Basic eDp5' }],
  ];
  for (const [path, answered, asked] of cases) {
    origin.on(path, counted(path, answered));
    const answers = [await network.get('par', path, asked), await network.get('par', path, asked)];
    assert.deepEqual(
      answers.map(({ text, header }) => [text, header('x-cache')]),
      [
        [`${path} 1`, 'BYPASS'],
        [`${path} 2`, 'BYPASS'],
      ],
    );
    assert.equal((await network.get('nyc', path)).text, `${path} 3`);
  }
});

test('a client may insist on a fresh answer by no-cache, and the stored one is replaced', async () => {
  origin.on('/insist', counted('insist'));
  await network.get('par', '/insist');
  const forced = await network.get('par', '/insist', { 'cache-control': 'no-cache' });
  assert.equal(forced.text, 'insist 2');
  assert.match(forced.header('cache-status') ?? '', /par; fwd=request/);
  assert.equal((await network.get('par', '/insist')).text, 'insist 2');
});
