/** Ranges through both tiers: parts and slices in memory and on disk, over all workers, with what purges and unsafe requests do to them. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { siteHost } from '../support/network/config.ts';
import { startNetwork } from '../support/network/network.ts';
import type { Route } from '../support/network/origin.ts';
import { until } from '../support/network/until.ts';

const slicedHost = 'video.shop.test';
const KIB = 1024;
const slice = 64 * KIB;

const network = await startNetwork({
  sites: (url) => [
    { hosts: [siteHost], origins: [{ url }] },
    { hosts: [slicedHost], origins: [{ url }], cache: { slice: '64KiB' } },
  ],
  pops: [
    { id: 'par', shield: ['eu'] },
    { id: 'nyc', shield: ['eu'] },
  ],
});
const { origin } = network;

/** A file that is served whole, in one range, or not at all because the client has it. */
function ranged(bytes: Buffer, etag = '"v1"'): Route {
  return (request, response) => {
    const [, from, to] = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '') ?? [];
    const fields = { 'cache-control': 'max-age=60', etag, 'surrogate-key': 'files' };
    const condition = request.headers['if-range'];
    if (from === undefined || (condition !== undefined && condition !== etag)) {
      response.writeHead(200, { ...fields, 'content-length': bytes.length });
      response.end(request.method === 'HEAD' ? undefined : bytes);
      return;
    }
    const start = Number(from);
    const end = Math.min(to === '' ? Number.POSITIVE_INFINITY : Number(to), bytes.length - 1);
    const place = `bytes ${start}-${end}/${bytes.length}`;
    const length = end - start + 1;
    response.writeHead(206, { ...fields, 'content-range': place, 'content-length': length });
    response.end(bytes.subarray(start, end + 1));
  };
}

/** Bytes that are different everywhere. */
function content(length: number, seed = ''): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; at < length; at += 64) {
    parts.push(createHash('sha512').update(`${seed}${at}`).digest());
  }
  return Buffer.concat(parts).subarray(0, length);
}

const fetchRange = (pop: string, path: string, range: string, host = siteHost) =>
  network.request(pop, path, { host, headers: { range, connection: 'close' } });
const rangesOf = (path: string) => origin.received(path).map(({ headers }) => headers.range);

test('a part is stored at both tiers and completed by what is missing (RFC 9111 §3.3, 3.4)', async () => {
  const file = content(300 * KIB);
  origin.on('/file', ranged(file));
  const first = await fetchRange('par', '/file', 'bytes=0-999');
  assert.deepEqual([first.status, first.header('x-cache')], [206, 'MISS']);
  for (const pop of ['par', 'nyc']) {
    const within = await fetchRange(pop, '/file', 'bytes=500-599');
    assert.deepEqual(within.body, file.subarray(500, 600));
    assert.equal(within.header('content-range'), `bytes 500-599/${file.length}`);
  }
  assert.deepEqual(rangesOf('/file'), ['bytes=0-999']);
  const whole = await network.get('par', '/file');
  assert.deepEqual([whole.status, whole.body.equals(file)], [200, true]);
  assert.deepEqual(rangesOf('/file'), ['bytes=0-999', 'bytes=1000-']);
  const tail = await fetchRange('par', '/file', 'bytes=250000-');
  assert.equal(tail.header('x-cache'), 'HIT');
  assert.equal(tail.body.equals(file.subarray(250_000)), true);
});

test('a seek in a large file fetches slices and not the file, once for all PoPs', async () => {
  const file = content(40 * slice + 10);
  origin.on('/film', ranged(file));
  const middle = 20 * slice - 100;
  for (const pop of ['par', 'nyc', 'par', 'nyc']) {
    const answer = await fetchRange(pop, '/film', `bytes=${middle}-${middle + 199}`, slicedHost);
    assert.equal(answer.status, 206);
    assert.equal(answer.body.equals(file.subarray(middle, middle + 200)), true);
  }
  const nth = (n: number) => `bytes=${n * slice}-${(n + 1) * slice - 1}`;
  assert.deepEqual(rangesOf('/film').sort(), [nth(19), nth(20)]);
  const end = await fetchRange('par', '/film', `bytes=${30 * slice}-`, slicedHost);
  assert.equal(end.body.equals(file.subarray(30 * slice)), true);
  assert.equal(origin.hits('/film'), 2 + 11);
});

test('slices survive a restart, and are purged by URL, by tag and by an unsafe request', async () => {
  const file = content(4 * slice);
  origin.on('/book', ranged(file));
  const range = `bytes=0-${2 * slice - 1}`;
  const fetchBook = () => fetchRange('par', '/book', range, slicedHost);
  assert.equal((await fetchBook()).status, 206);
  assert.equal(origin.hits('/book'), 2);
  await network.terminate('par');
  await network.start('par');
  const again = await fetchBook();
  assert.deepEqual([again.header('x-cache'), again.body.length], ['HIT', 2 * slice]);
  assert.equal(origin.hits('/book'), 2);

  const next = content(4 * slice, 'next');
  origin.on('/book', ranged(next, '"v2"'));
  await network.purge({ urls: [`http://${slicedHost}/book`] });
  assert.equal((await fetchBook()).body.equals(next.subarray(0, 2 * slice)), true);
  await network.purge({ tags: ['files'] });
  await fetchBook();
  assert.equal(origin.hits('/book'), 6);
  await network.request('par', '/book', { method: 'POST', host: slicedHost });
  await fetchBook();
  assert.equal(origin.hits('/book'), 9, 'the POST and two slices');
});

test('slices of two versions are never joined, and the next try has the new one', async () => {
  const host = slicedHost;
  origin.on('/news', ranged(content(4 * slice, 'old'), '"old"'));
  await fetchRange('par', '/news', 'bytes=0-9', host);
  const next = content(4 * slice, 'new');
  origin.on('/news', ranged(next, '"new"'));
  const spanning = `bytes=${slice - 100}-${slice + 99}`;
  const cut = await fetchRange('par', '/news', spanning, host).then(
    ({ complete }) => !complete,
    () => true,
  );
  assert.equal(cut, true);
  // Dropping the old slices goes through all threads of both nodes; a try that comes first is cut as well.
  await until('the new version is served', async () => {
    const answer = await fetchRange('par', '/news', spanning, host).catch(() => undefined);
    return answer?.body.equals(next.subarray(slice - 100, slice + 100)) === true;
  });
});
