/**
 * A changed configuration, read again while the nodes run: by SIGHUP for one node, by the API for all. What can be taken over is in
 * force, what cannot is named, and nothing that was cached is lost.
 */
import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { siteHost, tokens } from '../support/network/config.ts';
import { startNetwork } from '../support/network/network.ts';
import { counted, page, startOrigin } from '../support/network/origin.ts';
import { until } from '../support/network/until.ts';

const limited = { name: 'limited', secret: 'token-for-www', hosts: [siteHost] };
const network = await startNetwork({ purge: { tokens: [tokens.all, limited] } });
const { origin } = network;

interface Reloaded {
  nodes: { node: string; ok: boolean; applied: string[]; refused: string[] }[];
}

type SiteConfig = { hosts: string[]; origins: object[]; cache?: object };

/** Changes the one site of the file. */
const changeSite = (change: (site: SiteConfig) => unknown) =>
  network.reconfigure((config) => change(config.sites[0] as SiteConfig));

async function reload(): Promise<Reloaded> {
  const answer = await network.api('/v1/reload', { method: 'POST' });
  assert.equal(answer.status, 200, answer.text);
  return JSON.parse(answer.text) as Reloaded;
}

const cached = counted('cached');
origin.on('/cached', cached);
await network.get('par', '/cached');

async function assertStillCached(): Promise<void> {
  const answer = await network.get('par', '/cached');
  assert.deepEqual([answer.text, answer.header('x-cache')], ['cached 1', 'HIT']);
}

test('SIGHUP: a changed rule of a site takes effect on that node, and what was cached stays', async () => {
  origin.on('/lifeless', counted('lifeless', { 'cache-control': '' }));
  await network.get('par', '/lifeless');
  assert.equal((await network.get('par', '/lifeless')).header('x-cache'), 'MISS');
  changeSite((site) => {
    site.cache = { defaultTtl: '10m' };
  });
  network.node('par').signal('SIGHUP');
  await until('the new rule is in force', async () => {
    return (await network.get('par', '/lifeless')).header('x-cache') === 'HIT';
  });
  await assertStillCached();
});

test('SIGHUP with a file that is wrong changes nothing, and the node serves on', async () => {
  const before = network.node('par').logTail(5);
  network.reconfigure((config) => Object.assign(config, { unknownKey: true }));
  network.node('par').signal('SIGHUP');
  await until('it has said so', () => {
    const now = network.node('par').logTail(5);
    return now !== before && now.includes('unknownKey');
  });
  await assertStillCached();
  const refused = await network.api('/v1/reload', { method: 'POST' });
  assert.ok(refused.status >= 400 && refused.status < 500, `${refused.status}`);
  assert.match(refused.text, /unknownKey/);
  network.reconfigure((config) => Reflect.deleteProperty(config, 'unknownKey'));
});

describe('POST /v1/reload', () => {
  test('takes a further host over in the whole network, and says who did', async () => {
    origin.on('/host', page('on a new host'));
    const ask = () => network.request('par', '/host', { host: 'new.shop.test' });
    assert.equal((await ask()).status, 421);
    changeSite((site) => site.hosts.push('new.shop.test'));
    const { nodes } = await reload();
    assert.deepEqual(nodes.map(({ node }) => node).sort(), ['eu', 'par', 'purge']);
    assert.ok(nodes.every(({ ok, applied }) => ok && applied.includes('sites')));
    assert.deepEqual([(await ask()).status, (await ask()).text], [200, 'on a new host']);
    await assertStillCached();
    const purge = await network.purge({ hosts: ['new.shop.test'] });
    assert.equal(purge.status, 'converged', 'purge-api knows the host as well');
  });

  test('takes other origins over: what is not cached comes from there', async () => {
    const second = await startOrigin();
    after(() => second.stop());
    second.on('/moved', page('from the second origin'));
    changeSite((site) => {
      site.origins = [{ url: second.url }];
    });
    await reload();
    assert.equal((await network.get('par', '/moved')).text, 'from the second origin');
    await assertStillCached();
    changeSite((site) => {
      site.origins = [{ url: origin.url }];
    });
    await reload();
  });

  test('names what needs a restart, takes the rest over, and goes on listening where it did', async () => {
    const listen = '127.0.0.1:1';
    network.reconfigure((config) => {
      for (const pop of config.pops) Object.assign(pop, { listen });
    });
    changeSite((site) => site.hosts.push('further.shop.test'));
    const { nodes } = await reload();
    const par = nodes.find(({ node }) => node === 'par');
    assert.ok(
      par?.refused.some((key) => /par.*listen/.test(key)),
      JSON.stringify(par),
    );
    assert.ok(par?.applied.includes('sites'));
    await assertStillCached();
    const further = await network.request('par', '/host', { host: 'further.shop.test' });
    assert.equal(further.status, 200);
    network.reconfigure((config) => {
      for (const pop of config.pops) Object.assign(pop, { listen: '127.0.0.1:0' });
    });
    await reload();
  });

  test('takes tokens over', async () => {
    const fresh = { name: 'fresh', secret: 'fresh-token', hosts: [siteHost] };
    const ask = () => network.purge({ tags: ['x'] }, { token: fresh.secret });
    assert.equal((await ask()).httpStatus, 401);
    network.reconfigure((config) => config.purge.tokens.push(fresh as never));
    await reload();
    assert.equal((await ask()).httpStatus, 200);
  });

  test('needs a token for all hosts', async () => {
    const headers = { authorization: `Bearer ${limited.secret}` };
    const answer = await network.api('/v1/reload', { method: 'POST', headers });
    assert.equal(answer.status, 403);
  });
});
