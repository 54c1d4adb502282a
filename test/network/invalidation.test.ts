/**
 * What changes at the origin through the network is seen by everybody who asks the nodes that it went through: unsafe requests
 * (RFC 9111 §4.4), groups (RFC 9875), and answers to POST that are stored for GET (RFC 9110 §9.3.3). Two workers and a disk tier
 * in each node.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { siteHost } from '../support/network/config.ts';
import { startNetwork } from '../support/network/network.ts';
import { counted, page } from '../support/network/origin.ts';

const otherHost = 'other.shop.test';
const network = await startNetwork({
  sites: (url) => [{ hosts: [siteHost, otherHost], origins: [{ url }] }],
  pops: [
    { id: 'par', shield: ['eu'] },
    { id: 'nyc', shield: ['eu'] },
  ],
});
const { origin } = network;

/** What all workers of a node say, as far as it differs; a connection of its own each spreads them. */
async function all(pop: string, path: string, host = siteHost): Promise<string[]> {
  const asked = Array.from({ length: 12 }, () =>
    network.request(pop, path, { host, headers: { connection: 'close' } }),
  );
  const said = (await Promise.all(asked)).map(({ text, header }) => `${header('x-cache')} ${text}`);
  return [...new Set(said)].sort();
}

/** Has every worker take it into its memory. */
const warm = (path: string, host?: string) => all('par', path, host);

test('Location and Content-Location go as well, relative or absolute, and no other URL', async () => {
  for (const path of ['/cart', '/cart/item', '/cart/total', '/cart/other']) {
    origin.on(path, counted(path));
    await warm(path);
  }
  const cart = counted('/cart');
  origin.on('/cart', (request, response) => {
    const fields = { location: 'cart/item', 'content-location': `http://${siteHost}/cart/total` };
    if (request.method === 'GET') return cart(request, response);
    return void response.writeHead(303, fields).end();
  });
  await network.request('par', '/cart', { method: 'POST', body: 'x' });
  assert.deepEqual(
    [await all('par', '/cart/item'), await all('par', '/cart/total')]
      .flat()
      .filter((said) => said.endsWith(' 1')),
    [],
  );
  assert.equal((await network.get('nyc', '/cart')).text, '/cart 3');
  assert.deepEqual(await all('par', '/cart/other'), ['HIT /cart/other 1']);
});

test('a Location on another host names nothing there', async () => {
  origin.on('/there', counted('there'));
  await warm('/there', otherHost);
  origin.on('/here', (_, response) => {
    response.writeHead(201, { location: `http://${otherHost}/there` }).end();
  });
  await network.request('par', '/here', { method: 'POST', body: 'x' });
  assert.deepEqual(await all('par', '/there', otherHost), ['HIT there 1']);
});

test('a safe method that is not GET changes nothing; one that is not known to be safe does', async () => {
  origin.on('/methods', counted('methods'));
  await warm('/methods');
  for (const method of ['OPTIONS', 'PROPFIND', 'REPORT', 'SEARCH']) {
    assert.equal((await network.request('par', '/methods', { method })).status, 200, method);
  }
  assert.deepEqual(await all('par', '/methods'), ['HIT methods 1']);
  await network.request('par', '/methods', { method: 'MKCOL' });
  assert.ok((await all('par', '/methods')).every((said) => said.endsWith(' 7')));
});

test('groups that the answer to a POST names go at both tiers; the rest of the site and other hosts stay (RFC 9875 §3)', async () => {
  const grouped = { 'cache-groups': '"prices"' };
  origin.on('/offer', counted('offer', grouped));
  origin.on('/about', counted('about', { 'cache-groups': '"pages"' }));
  origin.on('/foreign', counted('foreign', grouped));
  await warm('/offer');
  await warm('/about');
  await warm('/foreign', otherHost);
  origin.on('/prices', (request, response) => {
    const fields = { 'cache-group-invalidation': '"prices", "unknown"' };
    response.writeHead(request.method === 'POST' ? 200 : 500, fields).end();
  });
  await network.request('par', '/prices', { method: 'PUT', body: 'x' });
  assert.deepEqual(await all('par', '/offer'), ['HIT offer 1'], 'that one failed');
  await network.request('par', '/prices', { method: 'POST', body: 'x' });
  const after = await all('par', '/offer');
  assert.ok(
    after.every((said) => said.endsWith('offer 2')),
    after.join(),
  );
  assert.equal((await network.get('nyc', '/offer')).text, 'offer 2', 'the shield has dropped it');
  assert.deepEqual(await all('par', '/about'), ['HIT about 1']);
  assert.deepEqual(await all('par', '/foreign', otherHost), ['HIT foreign 1']);
});

test('readers meanwhile bring nothing back that a group has lost', async () => {
  let version = 1;
  origin.on(
    '/ticker',
    page(() => `version ${version}`, { 'cache-groups': '"ticker"' }),
  );
  origin.on('/tick', (_, response) => {
    version += 1;
    response.writeHead(204, { 'cache-group-invalidation': '"ticker"' }).end();
  });
  for (let round = 2; round < 8; round += 1) {
    const during = all('par', '/ticker');
    await network.request('par', '/tick', { method: 'POST', body: 'x' });
    const after = await all('par', '/ticker');
    assert.ok(
      after.every((said) => said.endsWith(`version ${round}`)),
      after.join(),
    );
    await during;
  }
});

test('an answer to POST that says what the target is now is stored at both tiers, for every worker', async () => {
  const old = counted('old');
  origin.on('/profile', (request, response) => {
    if (request.method === 'GET') return old(request, response);
    const fields = { 'cache-control': 'max-age=60', 'content-location': '/profile' };
    response.writeHead(200, fields).end(`new ${request.body}`);
  });
  await warm('/profile');
  for (const name of ['Ada', 'Grace', 'Barbara']) {
    const { text, header } = await network.request('par', '/profile', {
      method: 'POST',
      body: name,
    });
    assert.equal(text, `new ${name}`);
    assert.match(
      header('cache-status') ?? '',
      /^eu; fwd=method; fwd-status=200; stored, par; fwd=method; fwd-status=200; stored$/,
    );
    assert.deepEqual(await all('par', '/profile'), [`HIT new ${name}`]);
  }
  assert.match(
    (await network.get('nyc', '/profile')).header('cache-status') ?? '',
    /^eu; hit; ttl=\d+, nyc; fwd=uri-miss;/,
  );
  assert.equal(origin.hits('/profile'), 4);
});

test('one that is larger than a window comes back whole', async () => {
  const body = Buffer.alloc(12 * 2 ** 20, 'abcdefghij');
  origin.on('/report', (_, response) => {
    const fields = { 'cache-control': 'max-age=60', 'content-location': '/report' };
    response.writeHead(200, fields).end(body);
  });
  const posted = await network.request('par', '/report', { method: 'POST', body: 'x' });
  assert.ok(posted.complete && posted.body.equals(body));
  const got = await network.get('par', '/report');
  assert.equal(got.header('x-cache'), 'HIT');
  assert.ok(got.body.equals(body));
  assert.equal(origin.hits('/report'), 1);
});
