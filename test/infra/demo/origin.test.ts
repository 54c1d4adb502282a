import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { systemClock } from '../../../core/runtime/deps.ts';
import { silentLog } from '../../../core/runtime/log.ts';
import { bigFileBlock, bigFileBytes } from '../../../infra/demo/big-file.ts';
import { createExhibits } from '../../../infra/demo/exhibits.ts';
import { startOrigin } from '../../../infra/demo/origin.ts';

const origin = await startOrigin(
  { clock: systemClock, log: silentLog },
  { host: '127.0.0.1', port: 0 },
);
after(() => origin.drain(1000));

const get = (path: string, headers: Record<string, string> = {}, method = 'GET') =>
  fetch(`http://${origin.bound.listen}${path}`, { method, headers, redirect: 'manual' });

test('every page of the index answers, with the status that the index tells', async () => {
  const special: Record<string, number> = { '/old-news': 301, '/missing': 404 };
  for (const { path } of createExhibits(systemClock)) {
    const response = await get(path);
    await response.arrayBuffer();
    assert.equal(response.status, special[path] ?? 200, path);
    assert.notEqual(response.headers.get('content-type'), null, path);
  }
});

test('the index links and explains every page', async () => {
  const html = await (await get('/')).text();
  for (const { path, title } of createExhibits(systemClock)) {
    if (path === '/') continue;
    assert.ok(html.includes(`<a href="${path}">`), path);
    assert.ok(html.includes(title.replaceAll("'", '&#39;')), title);
  }
});

test('what it shows is there: tags, both validators, private, no-store, stale-while-revalidate, a cookie', async () => {
  const fieldsOf = async (path: string) => (await get(path)).headers;
  const article = await fieldsOf('/news/1');
  assert.equal(article.get('surrogate-key'), 'news article-1');
  assert.match(article.get('etag') ?? '', /^"\w+"$/);
  assert.match(article.get('last-modified') ?? '', /GMT$/);
  assert.match(article.get('cache-control') ?? '', /stale-while-revalidate=60/);
  assert.match((await fieldsOf('/account')).get('cache-control') ?? '', /^private/);
  assert.equal((await fieldsOf('/api/balance')).get('cache-control'), 'no-store');
  assert.match((await fieldsOf('/login')).get('set-cookie') ?? '', /^session=/);
});

test('a client that has the page gets 304 without a body; another tag gets the page (RFC 9110 §13.1.2)', async () => {
  const etag = (await get('/news/1')).headers.get('etag') ?? '';
  const same = await get('/news/1', { 'if-none-match': etag });
  const other = await get('/news/1', { 'if-none-match': '"other"' });
  assert.equal(same.status, 304);
  assert.equal(await same.text(), '');
  assert.equal(same.headers.get('etag'), etag);
  assert.equal(other.status, 200);
});

test('what is not as the client knows it is 412: If-Match, else If-Unmodified-Since (RFC 9110 §13.1.1, 13.1.4)', async () => {
  const { headers } = await get('/news/1');
  const date = headers.get('last-modified') ?? '';
  const before = new Date(Date.parse(date) - 1000).toUTCString();
  const cases: [Record<string, string>, number][] = [
    [{ 'if-match': '"other"' }, 412],
    [{ 'if-match': `"other", ${headers.get('etag')}` }, 200],
    [{ 'if-unmodified-since': before }, 412],
    [{ 'if-unmodified-since': date }, 200],
    [{ 'if-unmodified-since': 'yesterday' }, 200],
    [{ 'if-unmodified-since': before, 'if-match': '*' }, 200],
  ];
  for (const [asked, status] of cases) {
    const response = await get('/news/1', asked);
    await response.arrayBuffer();
    assert.equal(response.status, status, JSON.stringify(asked));
  }
});

test('If-Modified-Since is answered by the date, and ignored beside If-None-Match (RFC 9110 §13.1.3)', async () => {
  const date = (await get('/news/1')).headers.get('last-modified') ?? '';
  const dated = await get('/news/1', { 'if-modified-since': date });
  const both = await get('/news/1', { 'if-modified-since': date, 'if-none-match': '"other"' });
  assert.equal(dated.status, 304);
  assert.equal(both.status, 200);
});

test('Vary tells what the answer depends on: the language, the coding', async () => {
  const french = await get('/greeting', { 'accept-language': 'fr-CH, en' });
  const unknown = await get('/greeting', { 'accept-language': 'eo' });
  const coded = await get('/log-book', { 'accept-encoding': 'gzip' });
  const plain = await get('/log-book', { 'accept-encoding': 'identity' });
  assert.deepEqual(
    [french, unknown].map((r) => r.headers.get('content-language')),
    ['fr', 'en'],
  );
  assert.equal(french.headers.get('vary'), 'Accept-Language');
  assert.deepEqual(
    [coded, plain].map((r) => r.headers.get('content-encoding')),
    ['gzip', null],
  );
  assert.equal(await coded.text(), await plain.text());
});

test('/now changes at each fetch and is cacheable; the number of requests that reached the origin grows', async () => {
  const [first, second] = [await get('/now'), await get('/now')];
  const numbers = [first, second].map((response) =>
    Number(response.headers.get('x-origin-request')),
  );
  assert.notEqual(await first.text(), await second.text());
  assert.match(first.headers.get('cache-control') ?? '', /max-age=3600/);
  assert.equal(first.headers.get('surrogate-key'), 'now');
  assert.equal((numbers[1] ?? 0) - (numbers[0] ?? 0), 1);
});

test('the big file is streamed with its length and its tag, and is the same at every read', async () => {
  const response = await get('/files/20mib.bin');
  const bytes = Buffer.from(await response.arrayBuffer());
  assert.equal(response.headers.get('content-length'), String(20 * 2 ** 20));
  assert.equal(response.headers.get('etag'), '"20mib-1"');
  assert.equal(bytes.length, bigFileBytes);
  for (const index of [0, 1, 319]) {
    const block = bytes.subarray(index * 65_536, (index + 1) * 65_536);
    assert.ok(block.equals(bigFileBlock(index)), `block ${index}`);
  }
});

test('the big file is also served in a range, which lies over its blocks (RFC 9110 §14.2)', async () => {
  const part = await get('/files/20mib.bin', { range: 'bytes=65530-65545' });
  assert.deepEqual(
    [part.status, part.headers.get('content-range'), part.headers.get('content-length')],
    [206, `bytes 65530-65545/${bigFileBytes}`, '16'],
  );
  const expected = Buffer.concat([
    bigFileBlock(0).subarray(65_530),
    bigFileBlock(1).subarray(0, 10),
  ]);
  assert.ok(Buffer.from(await part.arrayBuffer()).equals(expected));
  const outside = await get('/files/20mib.bin', { range: `bytes=${bigFileBytes}-` });
  assert.deepEqual(
    [outside.status, outside.headers.get('content-range')],
    [416, `bytes */${bigFileBytes}`],
  );
  const other = { range: 'bytes=0-1', 'if-range': '"of another version"' };
  const whole = await get('/files/20mib.bin', other);
  assert.equal(whole.status, 200);
  await whole.body?.cancel();
});

test('HEAD has the fields of GET and no body (RFC 9110 §9.3.2)', async () => {
  const head = await get('/files/20mib.bin', {}, 'HEAD');
  assert.equal(head.headers.get('content-length'), String(bigFileBytes));
  assert.equal((await head.arrayBuffer()).byteLength, 0);
  const [page, pageHead] = [await get('/news/1'), await get('/news/1', {}, 'HEAD')];
  assert.equal(
    pageHead.headers.get('content-length'),
    String((await page.arrayBuffer()).byteLength),
  );
});

test('a page that is missing is 404, cacheable where it says so, and harmless in its words', async () => {
  const known = await get('/missing');
  const unknown = await get('/<script>alert(1)</script>');
  assert.equal(known.headers.get('cache-control'), 'public, max-age=10');
  assert.equal(unknown.status, 404);
  assert.equal(unknown.headers.get('cache-control'), null);
  assert.doesNotMatch(await unknown.text(), /<script>alert/);
});

test('the echo shows the request as it arrived, takes POST, and refuses more than it can hold', async () => {
  const url = `http://${origin.bound.listen}/api/echo`;
  const post = await fetch(url, {
    method: 'POST',
    body: 'hello',
    headers: { via: '1.1 demo-par' },
  });
  const tooMuch = await fetch(url, { method: 'POST', body: 'x'.repeat(65_537) });
  const seen = (await post.json()) as { method: string; body: string; headers: { via: string } };
  await tooMuch.arrayBuffer();
  assert.deepEqual([seen.method, seen.body, seen.headers.via], ['POST', 'hello', '1.1 demo-par']);
  assert.equal(tooMuch.status, 413);
});

test('the picture is a PNG of the announced size (RFC 2083 §3.1, §4.1.1)', async () => {
  const bytes = Buffer.from(await (await get('/images/sea.png')).arrayBuffer());
  assert.equal(bytes.subarray(1, 4).toString('latin1'), 'PNG');
  assert.deepEqual([bytes.readUInt32BE(16), bytes.readUInt32BE(20)], [960, 240]);
  assert.equal(bytes.subarray(-8, -4).toString('latin1'), 'IEND');
});

test('an address in use is told to whoever starts it', async () => {
  const [host = '', port] = origin.bound.listen.split(':');
  const deps = { clock: systemClock, log: silentLog };
  await assert.rejects(startOrigin(deps, { host, port: Number(port) }), { code: 'EADDRINUSE' });
});

test('a page takes GET and HEAD only, and says so (RFC 9110 §15.5.6)', async () => {
  for (const method of ['OPTIONS', 'DELETE', 'PURGE']) {
    const { status, headers } = await fetch(`http://${origin.bound.listen}/news/1`, { method });
    assert.deepEqual([method, status, headers.get('allow')], [method, 405, 'GET, HEAD']);
  }
});
