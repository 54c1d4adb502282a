/**
 * With the debug token a client is told under which purges its answer was judged, at every tier, and its tags (DESIGN section 2);
 * without it nobody is, whoever's fetch he shares.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { siteHost } from '../support/network/config.ts';
import { startNetwork } from '../support/network/network.ts';
import { page } from '../support/network/origin.ts';

const network = await startNetwork({
  pops: [{ id: 'par', shield: ['eu'] }],
  settings: { debugToken: 'let-me-see' },
});
const { origin } = network;
const fields = { 'cache-control': 'max-age=600', 'surrogate-key': 'news' };

async function ask(path: string, debug?: string) {
  const headers = debug === undefined ? {} : { 'breakwater-debug': debug };
  const answer = await network.request('par', path, { host: siteHost, headers });
  return { status: answer.header('cache-status') ?? '', tags: answer.header('surrogate-key') };
}

test('a miss names cursor and label of both tiers, and a hit those of the edge', async () => {
  origin.on('/page', page('text', fields));
  await network.purge({ tags: ['other'] });
  const miss = await ask('/page', 'let-me-see');
  assert.match(
    miss.status,
    /^eu; fwd=uri-miss; fwd-status=200; stored; breakwater-cursor="[0-9a-f]{8}:1"; breakwater-label=1, par; fwd=uri-miss; .*stored; breakwater-cursor="[0-9a-f]{8}:1"; breakwater-label=1$/,
  );
  assert.equal(miss.tags, 'news');
  await network.purge({ tags: ['other'] });
  const hit = await ask('/page', 'let-me-see');
  assert.match(
    hit.status,
    /^par; hit; ttl=\d+; breakwater-cursor="[0-9a-f]{8}:2"; breakwater-label=2$/,
  );
  assert.equal(hit.tags, 'news');
});

test('without the token, or with a wrong one, neither is told, on a miss through a shield or a hit', async () => {
  for (const [path, debug] of [
    ['/none', undefined],
    ['/wrong', 'let-me-in'],
  ] as const) {
    origin.on(path, page('text', fields));
    for (const expected of [
      /^eu; fwd=uri-miss; fwd-status=200; stored, par; /,
      /^par; hit; ttl=\d+$/,
    ]) {
      const { status, tags } = await ask(path, debug);
      assert.match(status, expected);
      assert.doesNotMatch(status, /breakwater/);
      assert.equal(tags, undefined);
    }
  }
});

test('the token reaches no origin, and what was fetched with it is shared with everybody', async () => {
  let seen: string | string[] | undefined = 'nothing was asked';
  origin.on('/token', (request, response) => {
    seen = request.headers['breakwater-debug'];
    return page('text', fields)(request, response);
  });
  await ask('/token', 'let-me-see');
  assert.equal(seen, undefined);
  const { status } = await ask('/token');
  assert.match(status, /^par; hit; ttl=\d+$/);
});
