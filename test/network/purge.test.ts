/**
 * Purges by every selector, hard and soft: what they match is fetched anew at every tier and by every worker once they have
 * converged, and what they do not match stays a HIT (DESIGN section 4).
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { siteHost, tokens } from '../support/network/config.ts';
import { startNetwork } from '../support/network/network.ts';
import { counted, page } from '../support/network/origin.ts';
import { until } from '../support/network/until.ts';

const imageHost = 'img.shop.test';
const wwwToken = { name: 'www', secret: 'token-for-www', hosts: [siteHost] };

const network = await startNetwork({
  sites: (url) => [
    { hosts: [siteHost], origins: [{ url }], purgeMethod: true },
    { hosts: [imageHost], origins: [{ url }] },
  ],
  pops: [
    { id: 'par', shield: ['eu'] },
    { id: 'nyc', shield: ['eu'] },
  ],
  purge: { tokens: [tokens.all, wwwToken] },
});
const { origin } = network;
const cachingNodes = ['eu', 'nyc', 'par'];

/** Texts of several connections at a PoP, so that all its workers answer. */
async function textsAt(pop: string, path: string, host = siteHost): Promise<string[]> {
  const asked = Array.from({ length: 6 }, () =>
    network.request(pop, path, { host, headers: { connection: 'close' } }),
  );
  return [...new Set((await Promise.all(asked)).map(({ text }) => text))];
}

/** Fetches the path at both PoPs, all workers included; it is then stored in every tier. */
async function fill(path: string, host = siteHost): Promise<void> {
  assert.deepEqual(await textsAt('par', path, host), await textsAt('nyc', path, host));
}

/** Purges, and checks the evidence: every node has acknowledged, and says up to where. */
async function converge(what: object, token?: string) {
  const answer = await network.purge(what, token === undefined ? {} : { token });
  assert.deepEqual([answer.httpStatus, answer.status], [200, 'converged'], JSON.stringify(answer));
  assert.deepEqual(answer.nodes.map(({ node }) => node).sort(), cachingNodes);
  for (const { state, cursor, appliedAt } of answer.nodes) {
    assert.equal(state, 'acknowledged');
    assert.ok(cursor && cursor.seq >= answer.seq, 'a cursor that covers the purge');
    assert.ok(Date.parse(appliedAt ?? '') > 0, 'a time');
  }
  return answer;
}

/** The path is fetched once more, by whichever PoP is asked first, and is new at both, for all workers. */
async function assertPurged(path: string, text: string, host = siteHost): Promise<void> {
  const before = origin.hits(path);
  const first = await network.request('par', path, { host });
  assert.deepEqual([first.text, first.header('x-cache')], [text, 'MISS']);
  assert.deepEqual(await textsAt('par', path, host), [text]);
  assert.deepEqual(await textsAt('nyc', path, host), [text]);
  assert.equal(origin.hits(path), before + 1);
}

async function assertKept(path: string, text: string, host = siteHost): Promise<void> {
  for (const pop of ['par', 'nyc']) {
    const answer = await network.request(pop, path, { host });
    assert.deepEqual([answer.text, answer.header('x-cache')], [text, 'HIT']);
  }
}

describe('a hard purge', () => {
  test('by URL takes all variants of exactly that URL', async () => {
    const byLanguage = page(({ headers, hit }) => `${headers['accept-language']} ${hit}`, {
      vary: 'accept-language',
    });
    origin.on('/url', (request, response) =>
      request.path === '/url'
        ? byLanguage(request, response)
        : page('with a query')(request, response),
    );
    const textIn = async (language: string) =>
      (await network.get('par', '/url', { 'accept-language': language })).text;
    assert.deepEqual([await textIn('fr'), await textIn('ja')], ['fr 1', 'ja 2']);
    await fill('/url?a=1');
    // Another scheme, another case, a default port: the same URL (DESIGN section 2).
    await converge({ urls: ['https://WWW.shop.test:443/url'] });
    assert.deepEqual([await textIn('fr'), await textIn('ja')], ['fr 4', 'ja 5']);
    await assertKept('/url?a=1', 'with a query');
  });

  test('by several URLs takes each of them', async () => {
    for (const path of ['/several-1', '/several-2']) {
      origin.on(path, counted(path));
      await fill(path);
    }
    await converge({
      urls: ['/several-1', '/several-2'].map((path) => `http://${siteHost}${path}`),
    });
    await assertPurged('/several-1', '/several-1 2');
    await assertPurged('/several-2', '/several-2 2');
  });

  test('by tag takes whatever carries it, in any of the three fields, on all hosts', async () => {
    origin.on('/tag/key', counted('key', { 'surrogate-key': 'other news' }));
    origin.on('/tag/cache', counted('cache', { 'cache-tag': 'news,other' }));
    origin.on('/tag/group', counted('group', { 'cache-groups': '"news", "other"' }));
    origin.on('/tag/none', counted('none', { 'surrogate-key': 'new newsroom' }));
    origin.on('/tag/image', counted('image', { 'surrogate-key': 'news' }));
    for (const name of ['key', 'cache', 'group', 'none']) await fill(`/tag/${name}`);
    await fill('/tag/image', imageHost);
    await converge({ tags: ['news'] });
    await assertPurged('/tag/key', 'key 2');
    await assertPurged('/tag/cache', 'cache 2');
    await assertPurged('/tag/group', 'group 2');
    await assertPurged('/tag/image', 'image 2', imageHost);
    await assertKept('/tag/none', 'none 1');
  });

  test('by prefix takes what begins so, bytes and not segments', async () => {
    for (const path of ['/pre/a', '/pre/a/b', '/prefix', '/pr']) {
      origin.on(path, counted(path));
      await fill(path);
    }
    await converge({ prefixes: [`http://${siteHost}/pre/`] });
    await assertPurged('/pre/a', '/pre/a 2');
    await assertPurged('/pre/a/b', '/pre/a/b 2');
    await assertKept('/prefix', '/prefix 1');
    await converge({ prefixes: [`http://${siteHost}/pre`] });
    await assertPurged('/prefix', '/prefix 2');
    await assertKept('/pr', '/pr 1');
  });

  test('by host takes that host and no other', async () => {
    origin.on('/host', counted('host'));
    origin.on('/host-image', counted('image'));
    await fill('/host');
    await fill('/host-image', imageHost);
    await converge({ hosts: [imageHost] });
    await assertPurged('/host-image', 'image 2', imageHost);
    await assertKept('/host', 'host 1');
  });

  test('of everything takes everything, and what is fetched afterwards is kept', async () => {
    origin.on('/every', counted('every'));
    origin.on('/every-image', counted('image'));
    await fill('/every');
    await fill('/every-image', imageHost);
    await converge({ everything: true });
    await assertPurged('/every', 'every 2');
    await assertPurged('/every-image', 'image 2', imageHost);
    await assertKept('/every', 'every 2');
  });
});

describe('a soft purge', () => {
  test('makes stale: served at once where stale-while-revalidate allows, and refreshed', async () => {
    const headers = { 'cache-control': 'max-age=600, stale-while-revalidate=600' };
    origin.on('/soft-swr', counted('soft', headers));
    await fill('/soft-swr');
    await converge({ urls: [`http://${siteHost}/soft-swr`], soft: true });
    const stale = await network.get('par', '/soft-swr');
    assert.deepEqual([stale.text, stale.header('x-cache')], ['soft 1', 'STALE']);
    const fresh = await until('it has been refreshed', async () => {
      const answer = await network.get('par', '/soft-swr');
      return answer.header('x-cache') === 'HIT' ? answer : undefined;
    });
    assert.equal(fresh.text, 'soft 2');
  });

  test('is followed by a revalidation elsewhere: a 304 keeps the body, at both tiers', async () => {
    origin.on('/soft-304', (request, response) => {
      const isSame = request.headers['if-none-match'] === '"one"';
      response.writeHead(isSame ? 304 : 200, { etag: '"one"', 'cache-control': 'max-age=600' });
      response.end(isSame ? undefined : `soft ${request.hit}`);
    });
    await fill('/soft-304');
    for (const what of [{ tags: ['unheard-of'] }, { hosts: [siteHost] }]) {
      const { httpStatus } = await network.purge({ ...what, soft: true });
      assert.equal(httpStatus, 200);
    }
    const confirmed = await network.get('par', '/soft-304');
    assert.deepEqual([confirmed.text, confirmed.header('x-cache')], ['soft 1', 'REVALIDATED']);
    const elsewhere = await network.get('nyc', '/soft-304');
    assert.equal(elsewhere.text, 'soft 1');
    assert.equal(origin.hits('/soft-304'), 2, 'one response, one 304');
    assert.equal((await network.get('par', '/soft-304')).header('x-cache'), 'HIT');
  });

  test('never revives what a hard one took', async () => {
    origin.on(
      '/hard-soft',
      counted('both', { 'cache-control': 'max-age=600, stale-while-revalidate=600' }),
    );
    await fill('/hard-soft');
    await converge({ urls: [`http://${siteHost}/hard-soft`] });
    await converge({ urls: [`http://${siteHost}/hard-soft`], soft: true });
    await assertPurged('/hard-soft', 'both 2');
  });
});

describe('a token', () => {
  test('for some hosts purges nothing of others, whatever the selector', async () => {
    origin.on('/scope', counted('scope', { 'surrogate-key': 'scope' }));
    origin.on('/scope-image', counted('image', { 'surrogate-key': 'scope' }));
    await fill('/scope');
    await fill('/scope-image', imageHost);
    await converge({ tags: ['scope'] }, wwwToken.secret);
    await assertPurged('/scope', 'scope 2');
    await assertKept('/scope-image', 'image 1', imageHost);
    await converge({ everything: true }, wwwToken.secret);
    await assertPurged('/scope', 'scope 3');
    await assertKept('/scope-image', 'image 1', imageHost);
    for (const what of [{ hosts: [imageHost] }, { urls: [`http://${imageHost}/scope-image`] }]) {
      const refused = await network.purge(what, { token: wwwToken.secret });
      assert.equal(refused.httpStatus, 403);
    }
    await assertKept('/scope-image', 'image 1', imageHost);
  });

  test('that is wrong or missing purges nothing: 401', async () => {
    origin.on('/guarded', counted('guarded'));
    await fill('/guarded');
    const refused = await network.purge({ everything: true }, { token: 'wrong' });
    assert.equal(refused.httpStatus, 401);
    await assertKept('/guarded', 'guarded 1');
  });
});

test('nothing, or something that is no selector, is 400 and never everything', async () => {
  origin.on('/safe', counted('safe'));
  await fill('/safe');
  const wrong = [
    {},
    { urls: [] },
    { tags: [''] },
    { everything: false },
    { url: `http://${siteHost}/safe` },
    { urls: ['/safe'] },
    { prefixes: [''] },
    { hosts: ['www.unknown.test'] },
  ];
  for (const what of wrong) {
    const refused = await network.purge(what);
    assert.equal(refused.httpStatus, 400, JSON.stringify(what));
  }
  await assertKept('/safe', 'safe 1');
});

test('the journal tells what was purged, and the same Idempotency-Key the same purge', async () => {
  const headers = { 'idempotency-key': 'deploy-17' };
  const first = await network.purge({ tags: ['deploy'] }, { headers });
  const second = await network.purge({ tags: ['deploy'] }, { headers });
  assert.deepEqual([second.id, second.seq], [first.id, first.seq]);
  const { text } = await network.api(`/v1/journal?after=${first.seq - 1}`);
  const { entries } = JSON.parse(text) as { entries: { id: string; seq: number }[] };
  assert.deepEqual(
    entries.map(({ id, seq }) => [id, seq]),
    [[first.id, first.seq]],
  );
  const found = await network.api(`/v1/purges/${first.id}`);
  assert.equal((JSON.parse(found.text) as { status: string }).status, 'converged');
});

test('every node counts in time how many responses a purge has matched', async () => {
  origin.on('/matched', counted('matched', { 'surrogate-key': 'matched' }));
  const storedBy = (id: string) =>
    network.metric(id, 'breakwater_disk_writes_total', 'result="stored"');
  const before = await Promise.all(cachingNodes.map(storedBy));
  await fill('/matched');
  for (const [index, id] of cachingNodes.entries()) {
    await until('it is on disk', async () => (await storedBy(id)) > (before[index] ?? 0));
  }
  const { id } = await converge({ tags: ['matched'] });
  const counts = await until('all have counted', async () => {
    const { text } = await network.api(`/v1/purges/${id}`);
    const { nodes } = JSON.parse(text) as { nodes: { matched: number | null }[] };
    return nodes.every(({ matched }) => matched !== null) ? nodes : undefined;
  });
  assert.deepEqual(
    counts.map(({ matched }) => matched),
    [1, 1, 1],
  );
});

describe('the method PURGE', () => {
  const purged = async (text: string) => {
    const { id } = JSON.parse(text) as { id: string };
    const found = await network.api(`/v1/purges/${id}?wait=10s`);
    assert.equal((JSON.parse(found.text) as { status: string }).status, 'converged');
  };

  test('at an edge’s admin listener purges in the whole network, without a token', async () => {
    origin.on('/method-admin', counted('admin'));
    await fill('/method-admin');
    const answer = await network.admin('par', '/method-admin', { method: 'PURGE' });
    assert.equal(answer.status, 202);
    await purged(answer.text);
    await assertPurged('/method-admin', 'admin 2');
    const unknown = await network.admin('par', '/x', { method: 'PURGE', host: 'www.unknown.test' });
    assert.equal(unknown.status, 404);
  });

  test('at the public listener needs a token for the host', async () => {
    origin.on('/method-public', counted('public'));
    await fill('/method-public');
    const purge = (headers: Record<string, string>) =>
      network.request('par', '/method-public', { method: 'PURGE', headers });
    assert.equal((await purge({})).status, 401);
    assert.equal((await purge({ authorization: 'Bearer wrong' })).status, 401);
    await assertKept('/method-public', 'public 1');
    const answer = await purge({ authorization: `Bearer ${wwwToken.secret}` });
    assert.equal(answer.status, 202);
    await purged(answer.text);
    await assertPurged('/method-public', 'public 2');
  });

  test('at the public listener of a site that does not allow it purges nothing', async () => {
    origin.on('/method-off', counted('off'));
    await fill('/method-off', imageHost);
    const answer = await network.request('par', '/method-off', {
      method: 'PURGE',
      host: imageHost,
      headers: { authorization: `Bearer ${tokens.all.secret}` },
    });
    assert.equal(answer.status, 405);
    await assertKept('/method-off', 'off 1', imageHost);
  });
});
