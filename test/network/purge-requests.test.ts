/** What may be in one request to purge, over real nodes: up to 1,000 selectors are one entry; what is refused touches nothing. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { EntryBody } from '../../purge-api/present.ts';
import { siteHost, tokens } from '../support/network/config.ts';
import { startNetwork } from '../support/network/network.ts';
import { page } from '../support/network/origin.ts';

const imageHost = 'img.shop.test';
const wwwToken = { name: 'www', secret: 'token-for-www', hosts: [siteHost] };
const network = await startNetwork({
  sites: (url) => [
    { hosts: [siteHost], origins: [{ url }] },
    { hosts: [imageHost], origins: [{ url }] },
  ],
  pops: [{ id: 'par', shield: ['eu'] }],
  purge: { tokens: [tokens.all, wwwToken] },
});
const { origin } = network;
const url = (path: string, host = siteHost) => `http://${host}${path}`;

async function fill(...paths: string[]): Promise<void> {
  for (const path of paths) {
    origin.on(path, page('text', { 'cache-control': 'max-age=600', 'surrogate-key': 'news' }));
    for (const host of [siteHost, imageHost]) await network.request('par', path, { host });
  }
}

async function cacheOf(path: string, host = siteHost): Promise<string | undefined> {
  return (await network.request('par', path, { host })).header('x-cache');
}

async function headSeq(): Promise<number> {
  const { text } = await network.api('/v1/journal');
  return (JSON.parse(text) as { head: { seq: number } }).head.seq;
}

async function send(body: string, token: string): Promise<{ status: number; type: string }> {
  const { status, text } = await network.api('/v1/purges', {
    method: 'POST',
    body,
    headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
  });
  return { status, type: (JSON.parse(text) as { type: string }).type.replace(/.*:/, '') };
}

test('1,000 selectors of mixed kinds, some of them twice, are one entry that hits what each of them names', async () => {
  await fill('/by/url', '/by/prefix/1', '/kept');
  const many = Array.from({ length: 992 }, (_, n) => `none-${n}`);
  const before = await headSeq();
  const purged = await network.purge({
    urls: [url('/by/url'), url('/by/url'), url('/by/none')],
    prefixes: [url('/by/prefix/'), url('/by/prefix/')],
    tags: [...many, 'none-0'],
    hosts: [imageHost, imageHost],
  });
  assert.deepEqual([purged.status, purged.seq, purged.nodes.length], ['converged', before + 1, 2]);
  const { text } = await network.api(`/v1/journal?after=${before}`);
  const { entries } = JSON.parse(text) as { entries: EntryBody[] };
  assert.deepEqual(
    entries.map(({ selectors }) => selectors.length),
    [1000],
  );
  assert.deepEqual(
    [await cacheOf('/by/url'), await cacheOf('/by/prefix/1'), await cacheOf('/kept', imageHost)],
    ['MISS', 'MISS', 'MISS'],
  );
  assert.equal(await cacheOf('/kept'), 'HIT');
});

const all = tokens.all.secret;
const everything = { everything: true };
const refused: readonly (readonly [string, string, string, number, string])[] = [
  [
    '1,001 selectors',
    JSON.stringify({ tags: Array(1001).fill('news') }),
    all,
    400,
    'invalid-purge',
  ],
  ['an empty body', '', all, 400, 'invalid-json'],
  ['an empty object', '{}', all, 400, 'invalid-purge'],
  ['an empty list', '{"tags":[]}', all, 400, 'invalid-purge'],
  ['an empty selector', '{"tags":["news",""]}', all, 400, 'invalid-purge'],
  ['an unknown selector', '{"tags":["news"],"regex":".*"}', all, 400, 'invalid-purge'],
  ['a host of no site', '{"hosts":["else.test"]}', all, 400, 'invalid-purge'],
  ['2 MiB', JSON.stringify({ tags: ['x'.repeat(2 ** 21)] }), all, 413, 'body-too-large'],
  ['a wrong token', JSON.stringify(everything), 'wrong', 401, 'unauthorized'],
  [
    "another site's URL among one's own",
    JSON.stringify({ tags: ['news'], urls: [url('/kept'), url('/kept', imageHost)] }),
    wwwToken.secret,
    403,
    'forbidden-host',
  ],
];

for (const [what, body, token, status, type] of refused) {
  test(`${what}: ${status}, and nothing is touched`, async () => {
    await fill('/kept');
    const before = await headSeq();
    assert.deepEqual(await send(body, token), { status, type });
    assert.equal(await headSeq(), before);
    assert.deepEqual([await cacheOf('/kept'), await cacheOf('/kept', imageHost)], ['HIT', 'HIT']);
  });
}

test('everything, with a token for one site, takes nothing of the others', async () => {
  await fill('/kept');
  const { status } = await network.purge(everything, { token: wwwToken.secret });
  assert.equal(status, 'converged');
  assert.deepEqual([await cacheOf('/kept'), await cacheOf('/kept', imageHost)], ['MISS', 'HIT']);
});
