/** `/v1/acme-challenges` over real parts: who may prove what, and what the DNS servers are told. */
import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { type AcmeList, challengeTtlMs, maxChallenges } from '../../core/purge/acme.ts';
import { silentLog } from '../../core/runtime/log.ts';
import { addAcmeRoutes } from '../../purge-api/acme-api.ts';
import { createApi } from '../../purge-api/api.ts';
import { type FakeNode, settle, setUpParts } from './builders.ts';

let cleanUps: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps) await cleanUp();
  cleanUps = [];
});

const value = (letter: string) => letter.repeat(43);

function setUp() {
  const parts = setUpParts();
  cleanUps.push(parts.cleanUp);
  const app = createApi({
    ...parts,
    log: silentLog,
    nodes: parts.registry.standings,
    reload: parts.reloadAll,
    ask: parts.fanOut.ask,
  });
  addAcmeRoutes(app, { challenges: parts.acme, topology: parts.topology });
  const call = async (method: string, path = '', body?: unknown, token = 'token-of-all') => {
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
    const init = { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) };
    const response = await app.request(`/v1/acme-challenges${path}`, init);
    const text = await response.text();
    return { status: response.status, body: text === '' ? undefined : JSON.parse(text) };
  };
  return { parts, call };
}

/** What the server was told last, which it now says it has done, or not. */
async function reply(node: FakeNode, ok = true): Promise<[host: string, value: string][]> {
  const asked = node.got('request').at(-1) ?? assert.fail('was not asked');
  assert.equal(asked.what, 'acme');
  const body = ok ? null : { problem: 'no' };
  await node.say({ type: 'reply', request: asked.request, ok, body });
  return (asked.body as AcmeList).challenges.map((one) => [one.host, one.value]);
}

test('a challenge is told to the DNS servers of its zone; 201 when all answer it', async () => {
  const { parts, call } = setUp();
  const ns1 = parts.connect('ns1');
  await ns1.hello(null);
  const posted = call('POST', '', { host: 'A.test', value: value('a') });
  await settle();
  assert.deepEqual(await reply(ns1), [['a.test', value('a')]]);
  const { status, body } = await posted;
  assert.equal(status, 201);
  assert.deepEqual(body, {
    host: 'a.test',
    name: '_acme-challenge.a.test',
    value: value('a'),
    expiresAt: new Date(parts.clock.nowMs() + challengeTtlMs).toISOString(),
    servers: [{ node: 'ns1', ok: true }],
  });
});

test('202 while a server does not answer it: not connected, or refusing; it is told when it comes back', async () => {
  const { parts, call } = setUp();
  const away = await call('POST', '', { host: 'a.test', value: value('a') });
  assert.equal(away.status, 202);
  assert.deepEqual(away.body.servers, [{ node: 'ns1', ok: false, problem: 'not connected' }]);
  const ns1 = parts.connect('ns1');
  await ns1.hello(null);
  assert.deepEqual(await reply(ns1), [['a.test', value('a')]]);
  const posted = call('POST', '', { host: 'a.test', value: value('b') });
  await settle();
  assert.deepEqual(await reply(ns1, false), [
    ['a.test', value('a')],
    ['a.test', value('b')],
  ]);
  assert.deepEqual((await posted).body.servers, [{ node: 'ns1', ok: false, problem: 'no' }]);
});

test('a token proves its own hosts only; one for all, any name in our zones', async () => {
  const { call } = setUp();
  const post = (host: string, token?: string) =>
    call('POST', '', { host, value: value('a') }, token);
  assert.equal((await post('a.test', 'token-of-a')).status, 202);
  assert.equal((await post('b.test', 'token-of-a')).status, 403);
  assert.equal((await post('test', 'token-of-a')).status, 403);
  assert.equal((await post('a.test', 'wrong')).status, 401);
  assert.equal((await post('deep.a.test')).status, 202);
  const outside = await post('example.org');
  assert.deepEqual(
    [outside.status, outside.body.type],
    [400, 'urn:breakwater:problem:invalid-parameter'],
  );
  const hostsOf = async (token: string) => {
    const { body } = await call('GET', '', undefined, token);
    return body.challenges.map(({ host }: { host: string }) => host);
  };
  assert.deepEqual(await hostsOf('token-of-a'), ['a.test']);
  assert.deepEqual(await hostsOf('token-of-all'), ['a.test', 'deep.a.test']);
  assert.equal((await call('DELETE', '/deep.a.test', undefined, 'token-of-a')).status, 403);
});

test('DELETE takes back one value or all of a host, and tells the servers', async () => {
  const { parts, call } = setUp();
  for (const letter of ['a', 'b', 'c']) {
    await call('POST', '', { host: 'a.test', value: value(letter) });
  }
  const ns1 = parts.connect('ns1');
  await ns1.hello(null);
  await reply(ns1);
  const one = call('DELETE', `/a.test?value=${value('b')}`);
  await settle();
  assert.equal((await reply(ns1)).length, 2);
  assert.equal((await one).status, 204);
  const all = call('DELETE', '/a.test');
  await settle();
  assert.deepEqual(await reply(ns1), []);
  assert.equal((await all).status, 204);
  assert.equal((await call('DELETE', '/a.test')).status, 404);
});

test('a challenge ends after an hour, and saying it again makes it last', async () => {
  const { parts, call } = setUp();
  const count = async () => (await call('GET')).body.challenges.length;
  await call('POST', '', { host: 'a.test', value: value('a') });
  await call('POST', '', { host: 'a.test', value: value('b') });
  await parts.clock.advance(challengeTtlMs - 1);
  await call('POST', '', { host: 'a.test', value: value('b') });
  assert.equal(await count(), 2);
  await parts.clock.advance(1);
  assert.equal(await count(), 1);
});

test('challenges have a bound, counted', async () => {
  const { parts, call } = setUp();
  for (let n = 0; n < maxChallenges; n += 1) {
    assert.ok(parts.acme.add('a.test', String(n).padStart(43, '0')));
  }
  const { status, body } = await call('POST', '', { host: 'a.test', value: value('x') });
  assert.deepEqual([status, body.type], [429, 'urn:breakwater:problem:too-many-challenges']);
  const again = { host: 'a.test', value: '0'.repeat(43) };
  assert.equal((await call('POST', '', again)).status, 202);
  const text = await parts.context.metrics.text();
  assert.match(text, /acme_challenges_refused_total 1/);
  assert.match(text, /breakwater_purge_acme_challenges 1000/);
});

test('what is not understood is told by field; other methods are refused', async () => {
  const { call } = setUp();
  const { status, body } = await call('POST', '', { host: 'a b', value: 'short', more: 1 });
  assert.equal(status, 400);
  assert.deepEqual(
    body.problems.map(({ path }: { path: string }) => path),
    ['host', 'value', ''],
  );
  assert.equal((await call('PUT')).status, 405);
  assert.equal((await call('GET', '/a.test')).status, 405);
});
