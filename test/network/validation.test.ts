/**
 * What is stored is confirmed and freshened through edge and shield, over two workers and a disk tier each: by the tags of all
 * variants (RFC 9111 §4.3), and by what a HEAD tells (§4.3.5).
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startNetwork } from '../support/network/network.ts';
import type { Route } from '../support/network/origin.ts';
import { until } from '../support/network/until.ts';

const network = await startNetwork({
  pops: [
    { id: 'par', shield: ['eu'] },
    { id: 'nyc', shield: ['eu'] },
  ],
});
const { origin } = network;

/** What every worker says, as far as it differs; a connection of its own each spreads them. */
async function all(pop: string, path: string, headers: Record<string, string> = {}) {
  const asked = Array.from({ length: 12 }, () =>
    network.request(pop, path, { headers: { connection: 'close', ...headers } }),
  );
  const said = (await Promise.all(asked)).map(
    ({ text, header }) => `${header('x-cache')} ${header('x-for')} ${text}`,
  );
  return [...new Set(said)].sort();
}

/** Gives each language its own body, but German and French the same one. */
const inLanguages: Route = (request, response) => {
  const language = String(request.headers['accept-language']);
  const etag = language === 'fr' ? '"de"' : `"${language}"`;
  const fields = {
    'cache-control': 'max-age=60',
    vary: 'Accept-Language',
    etag,
    'x-for': language,
  };
  const asked = String(request.headers['if-none-match'] ?? '').split(', ');
  if (asked.includes(etag)) response.writeHead(304, fields).end();
  else response.writeHead(200, fields).end(`body of ${etag}`);
};

test('a variant that the origin confirms to be a stored one is a hit in every worker, and so is that', async () => {
  origin.on('/languages', inLanguages);
  const ask = (pop: string, language: string) =>
    network.get(pop, '/languages', { 'accept-language': language });
  await ask('par', 'de');
  const french = await ask('par', 'fr');
  assert.equal(french.text, 'body of "de"');
  assert.match(
    french.header('cache-status') ?? '',
    /^eu; fwd=vary-miss; fwd-status=304; ttl=\d+; stored, par; fwd=vary-miss; fwd-status=304; ttl=\d+; stored$/,
  );
  assert.deepEqual(await all('par', '/languages', { 'accept-language': 'fr' }), [
    'HIT fr body of "de"',
  ]);
  assert.deepEqual(await all('par', '/languages', { 'accept-language': 'de' }), [
    'HIT de body of "de"',
  ]);
  // The shield has both as well; another edge gets each from there.
  const elsewhere = [await ask('nyc', 'fr'), await ask('nyc', 'de')];
  assert.deepEqual(
    elsewhere.map(({ text, header }) => [text, header('x-for')]),
    [
      ['body of "de"', 'fr'],
      ['body of "de"', 'de'],
    ],
  );
  assert.equal(origin.hits('/languages'), 2);
  assert.equal(origin.received('/languages')[1]?.headers['if-none-match'], '"de"');
});

test('a restart finds the variants on disk, each in its own row', async () => {
  origin.on('/restart', inLanguages);
  const ask = (language: string) => network.get('par', '/restart', { 'accept-language': language });
  const stored = () => network.metric('par', 'breakwater_disk_stored_responses');
  const before = await stored();
  await ask('de');
  await ask('fr');
  await until('both rows are there', async () => (await stored()) === before + 2);
  await network.terminate('par');
  await network.start('par');
  for (const language of ['de', 'fr']) {
    const { header, text } = await ask(language);
    assert.deepEqual([text, header('x-cache'), header('x-for')], ['body of "de"', 'HIT', language]);
  }
});

/** Stale when it comes, and stored for its tag; what the HEAD says is up to the test. */
function agedPage(
  head: (hit: number) => { status: number; fields: Record<string, string> },
): Route {
  return (request, response) => {
    if (request.method === 'HEAD') {
      const { status, fields } = head(request.hit);
      response.writeHead(status, { 'cache-control': 'max-age=60', ...fields }).end();
      return;
    }
    const body = `page ${request.hit}`;
    response.writeHead(200, { 'cache-control': 'max-age=60', age: '60', etag: '"1"' }).end(body);
  };
}

test('a HEAD that agrees makes the stored response fresh again at both tiers, in every worker', async () => {
  origin.on(
    '/freshened',
    agedPage(() => ({
      status: 200,
      fields: { etag: '"1"', 'content-length': '6', 'x-for': 'head' },
    })),
  );
  await network.get('par', '/freshened');
  const head = await network.request('par', '/freshened', { method: 'HEAD' });
  assert.equal(head.status, 200);
  assert.deepEqual(await all('par', '/freshened'), ['HIT head page 1']);
  assert.match(
    (await network.get('nyc', '/freshened')).header('cache-status') ?? '',
    /^eu; hit; ttl=\d+, nyc; fwd=uri-miss;/,
  );
  assert.equal(origin.hits('/freshened'), 2);
});

test('a HEAD that is answered otherwise has it fetched anew, from both tiers', async () => {
  origin.on(
    '/gone',
    agedPage(() => ({ status: 410, fields: {} })),
  );
  await network.get('par', '/gone');
  assert.equal((await network.request('par', '/gone', { method: 'HEAD' })).status, 410);
  const { text, header } = await network.get('par', '/gone');
  assert.equal(text, 'page 3');
  assert.match(header('cache-status') ?? '', /^eu; fwd=uri-miss;.*, par; fwd=uri-miss;/);
});

test('what a client has had fetched anew is new in every worker, and what may not be kept any more is gone', async () => {
  let version = 1;
  let mayBeKept = true;
  origin.on('/reloaded', (_, response) => {
    const fields = { 'cache-control': mayBeKept ? 'max-age=60' : 'no-store', 'x-for': 'all' };
    response.writeHead(200, fields).end(`version ${version}`);
  });
  const reload = () => network.get('par', '/reloaded', { 'cache-control': 'no-cache' });
  await all('par', '/reloaded');
  for (version = 2; version < 12; version += 1) {
    assert.equal((await reload()).text, `version ${version}`);
    assert.deepEqual(await all('par', '/reloaded'), [`HIT all version ${version}`]);
  }
  mayBeKept = false;
  assert.equal((await reload()).text, `version ${version}`);
  const after = await all('par', '/reloaded');
  assert.ok(
    after.every((said) => said === `BYPASS all version ${version}`),
    after.join(),
  );
});
