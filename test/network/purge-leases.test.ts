/**
 * Nodes that cannot hear of purges: cut off for less and for more than a lease, stopped by their system, without power, restarted,
 * or there twice. Purges converge without them, and they serve nothing that they have not validated (DESIGN section 4, "Lease").
 * Here a node without a lease validates at every read, so that the first read tells.
 */
import assert from 'node:assert/strict';
import { cpSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, describe, test } from 'node:test';
import { createAgent, send } from '../support/network/client.ts';
import { siteHost } from '../support/network/config.ts';
import { addressesIn, askByUdp } from '../support/network/dns-client.ts';
import { startLinkedNetwork } from '../support/network/linked-network.ts';
import type { PurgeAnswer } from '../support/network/network.ts';
import { createNodeProcess, type NodeProcess } from '../support/network/node-process.ts';
import { createGate, page } from '../support/network/origin.ts';
import { createPurging } from '../support/network/purging.ts';
import { until } from '../support/network/until.ts';

const addressOf = { par: '192.0.2.1', nyc: '192.0.2.2' };
const network = await startLinkedNetwork({
  pops: [
    { id: 'par', shield: ['eu'], advertise: [addressOf.par] },
    { id: 'nyc', shield: ['eu'], advertise: [addressOf.nyc] },
  ],
  dns: {},
  settings: { quarantineRevalidate: '0s' },
});
const { origin } = network;
const { urlOf, converge, accept, converged, acknowledged, textsAt } = createPurging(network);
await network.ready('purge');

function changing(target: string) {
  const state = { content: 'old' };
  origin.on(target, (request, response) => page(state.content)(request, response));
  return state;
}

// A test that fails half-way must not fail the others.
afterEach(async () => {
  for (const id of ['eu', 'par', 'nyc']) {
    network.node(id).signal('SIGCONT');
    network.link(id).judge(undefined);
    network.link(id).refuse(false);
    network.link(id).letGo();
    if (!network.node(id).isRunning()) await network.node(id).start();
    await network.ready(id);
  }
});

const rowOf = ({ nodes }: PurgeAnswer, id: string) => nodes.find(({ node }) => node === id);
const cursorOf = (id: string) => network.metric(id, 'breakwater_purge_cursor_entries');
const isReady = async (id: string) => (await network.admin(id, '/readyz')).status === 200;

/** Everybody is handed out, or everybody but one. */
const handedOut = (...ids: (keyof typeof addressOf)[]) =>
  until(`DNS hands out ${ids}`, async () => {
    const seen = new Set<string>();
    for (let query = 0; query < 6; query += 1) {
      const answer = await askByUdp(network.url('ns1'), { name: siteHost, type: 'A' });
      for (const address of addressesIn(answer)) seen.add(address);
    }
    const wanted = new Set(ids.map((id) => addressOf[id]));
    return [...seen].every((address) => wanted.has(address));
  });

/** Purges, and waits until it has converged without the node. */
async function convergeWithout(id: string, what: object): Promise<PurgeAnswer> {
  const answer = await converge(what);
  const row = rowOf(answer, id);
  assert.deepEqual([row?.state, row?.quarantined], ['unreachable', true]);
  assert.match(row?.reason ?? '', /^unreachable since /);
  return answer;
}

async function assertTexts(target: string, text: string): Promise<void> {
  for (const pop of ['par', 'nyc']) assert.deepEqual(await textsAt(pop, target), [text], pop);
}

describe('a PoP that is cut off from purge-api', () => {
  test('for less than a lease: the purge waits for it, and then nothing old is served', async () => {
    const state = changing('/short');
    await assertTexts('/short', 'old');
    network.link('par').hold('up', 'down');
    state.content = 'new';
    const { id } = await accept({ urls: [urlOf('/short')] });
    await acknowledged(id, 'eu', 'nyc');
    network.link('par').letGo();
    await converged(id);
    await assertTexts('/short', 'new');
  });

  test('for more: the purge converges without it, nothing old is served, and it is not ready before the head', async () => {
    const state = changing('/long');
    await assertTexts('/long', 'old');
    network.link('par').hold('up', 'down');
    state.content = 'new';
    const { seq } = await convergeWithout('par', { urls: [urlOf('/long')] });
    const asked = await network.get('par', '/long');
    assert.deepEqual([asked.text, await isReady('par')], ['new', false]);
    await assertTexts('/long', 'new');
    await handedOut('nyc');
    // It is heard again, and granted leases, while it does not get what it lacks.
    network.link('par').judge((_, { type }) => (type === 'entries' ? 'drop' : 'pass'));
    const granted = network.link('par').passed('down', 'lease');
    network.link('par').cut();
    network.link('par').letGo();
    await until('it has been granted leases', () => {
      return network.link('par').passed('down', 'lease') >= granted + 3;
    });
    assert.ok((await cursorOf('par')) < seq);
    state.content = 'newer';
    const next = await accept({ urls: [urlOf('/long')] });
    await acknowledged(next.id, 'eu', 'nyc');
    assert.deepEqual(await textsAt('par', '/long'), ['newer']);
    assert.equal(await isReady('par'), false);
    network.link('par').judge(undefined);
    network.link('par').cut();
    await network.ready('par');
    assert.ok((await cursorOf('par')) >= next.seq);
    assert.deepEqual(await textsAt('par', '/long'), ['newer']);
    await handedOut('par', 'nyc');
  });

  test('together with its shield: it asks the origin', async () => {
    const state = changing('/both');
    await assertTexts('/both', 'old');
    for (const id of ['par', 'eu']) network.link(id).hold('up', 'down');
    state.content = 'new';
    await convergeWithout('eu', { urls: [urlOf('/both')] });
    await assertTexts('/both', 'new');
    for (const id of ['par', 'eu']) network.link(id).letGo();
    await Promise.all(['par', 'eu'].map((id) => network.ready(id)));
    await assertTexts('/both', 'new');
  });
});

for (const id of ['nyc', 'eu']) {
  test(`a node that its system stops for longer than a lease validates its first answer when it goes on: ${id}`, async () => {
    const target = `/stopped-${id}`;
    const state = changing(target);
    await assertTexts(target, 'old');
    network.node(id).signal('SIGSTOP');
    state.content = 'new';
    await convergeWithout(id, { urls: [urlOf(target)] });
    const waiting = Array.from({ length: 8 }, () =>
      network.request('nyc', target, { headers: { connection: 'close' } }),
    );
    network.node(id).signal('SIGCONT');
    for (const { text } of await Promise.all(waiting)) assert.equal(text, 'new');
    await network.ready(id);
    await assertTexts(target, 'new');
    assert.equal(await network.metric(id, 'breakwater_node_workers_replaced_total'), 0);
  });
}

test('a power cut that takes back what was acknowledged brings nothing old back: the node holds no lease', async () => {
  const state = changing('/power');
  const storedBefore = await network.metric('par', 'breakwater_disk_stored_responses');
  await assertTexts('/power', 'old');
  await until('it is on disk', async () => {
    return (await network.metric('par', 'breakwater_disk_stored_responses')) > storedBefore;
  });
  const folder = network.dataOf('par');
  const aside = path.join(network.folder, 'before');
  const isCache = (name: string) => name === 'cache.db' || name === 'cache.db-wal';
  mkdirSync(aside);
  for (const name of readdirSync(folder).filter(isCache)) {
    cpSync(path.join(folder, name), path.join(aside, name));
  }
  state.content = 'new';
  const answer = await converge({ urls: [urlOf('/power')] });
  assert.equal(rowOf(answer, 'par')?.state, 'acknowledged');
  await network.kill('par');
  for (const name of readdirSync(folder).filter((each) => each.startsWith('cache.db'))) {
    rmSync(path.join(folder, name));
  }
  cpSync(aside, folder, { recursive: true });
  network.link('par').refuse(true);
  await network.node('par').start();
  // What it acknowledged is lost, and what was purged is there again.
  assert.ok((await cursorOf('par')) < answer.seq);
  assert.ok((await network.metric('par', 'breakwater_disk_stored_responses')) > storedBefore);
  assert.deepEqual(
    [(await network.get('par', '/power')).text, await isReady('par')],
    ['new', false],
  );
  network.link('par').refuse(false);
  await network.ready('par');
  assert.ok((await cursorOf('par')) >= answer.seq);
  await assertTexts('/power', 'new');
});

test('a planned restart during a purge: what is under way finishes, the purge waits for nobody, nothing old is served', async () => {
  const state = changing('/planned');
  await assertTexts('/planned', 'old');
  const gate = createGate();
  origin.on('/download', async (_, response) => {
    response.writeHead(200, { 'cache-control': 'max-age=60' });
    response.write('begun ');
    await gate.opened;
    response.end('and finished');
  });
  const download = await network.open('nyc', '/download');
  const begun = await download.next();
  const ended = network.node('nyc').end('SIGTERM');
  state.content = 'new';
  await converge({ urls: [urlOf('/planned')] });
  gate.open();
  assert.equal(`${begun}${await download.rest()}`, 'begun and finished');
  assert.equal(await ended, 'code 0');
  const stopped = await converge({ tags: ['while it is away'] });
  const row = rowOf(stopped, 'nyc');
  assert.deepEqual([row?.quarantined, row?.reason], [true, 'it was stopped']);
  await network.start('nyc');
  await assertTexts('/planned', 'new');
});

test('a node that joins empty during a storm of purges is ready at the head, and then never behind it', async (t) => {
  const state = changing('/joins');
  await network.kill('par');
  // All but the key, by which it is known.
  const isLost = (name: string) => name.startsWith('cache.db') || name === 'instances.json';
  for (const name of readdirSync(network.dataOf('par')).filter(isLost)) {
    rmSync(path.join(network.dataOf('par'), name));
  }
  let isOver = false;
  let count = 0;
  const storm = Array.from({ length: 4 }, async () => {
    while (!isOver) {
      count += 1;
      await network.purge({ tags: [`storm-${count}`] }, { wait: '0s' }).catch(() => {});
    }
  });
  t.after(() => {
    isOver = true;
    return Promise.all(storm);
  });
  await until('there is a storm', () => count > 50);
  const { seq } = await accept({ urls: [urlOf('/joins')] });
  await network.start('par');
  assert.ok((await cursorOf('par')) >= seq);
  for (let n = 0; n < 10; n += 1) {
    state.content = `content ${n}`;
    await converge({ urls: [urlOf('/joins')] });
    await assertTexts('/joins', state.content);
  }
});

test('a second process of an id, on another machine, is refused while the first lives, and holds no lease before the first has none', async (t) => {
  const state = changing('/twice');
  const second = secondProcess('par');
  t.after(() => second.end('SIGKILL'));
  const agent = createAgent();
  t.after(() => agent.destroy());
  await second.start();
  await until('it has been refused', () => {
    return second.logLines().some((line) => /another process runs as .*par/.test(line));
  });
  const ask = (base: string, target: string) => send({ base, path: target, host: siteHost, agent });
  assert.equal((await ask(second.url, '/twice')).text, 'old');
  state.content = 'new';
  // The first one goes on; what it acknowledges is what counts.
  const answer = await converge({ urls: [urlOf('/twice')] });
  assert.equal(rowOf(answer, 'par')?.state, 'acknowledged');
  assert.equal((await ask(second.url, '/twice')).text, 'new');
  assert.equal((await ask(second.adminUrl, '/readyz')).status, 503);
  await network.ready('par');
  // Cut off, the first one still holds its lease for a while: until it is over a purge waits for it.
  network.link('par').hold('up', 'down');
  state.content = 'newer';
  await converge({ urls: [urlOf('/twice')] });
  assert.equal((await network.get('par', '/twice')).text, 'newer');
  assert.equal((await ask(second.url, '/twice')).text, 'newer');
  await until('the second one is ready', async () => {
    return (await ask(second.adminUrl, '/readyz')).status === 200;
  });
  assert.equal(await isReady('par'), false);
  await second.end('SIGTERM');
  network.link('par').letGo();
  await network.ready('par');
});

/** A further process of a node, in a folder of its own, with a link of its own to purge-api. */
function secondProcess(id: string): NodeProcess {
  const folder = path.join(network.folder, 'second');
  mkdirSync(path.join(folder, 'data', 'purge'), { recursive: true });
  cpSync(path.join(network.folder, id, 'breakwater.yaml'), path.join(folder, 'breakwater.yaml'));
  const bound = { listen: new URL(network.url('purge')).host, admin: '' };
  writeFileSync(path.join(folder, 'data', 'purge', 'bound.json'), JSON.stringify(bound));
  symlinkSync(network.dataOf('eu'), path.join(folder, 'data', 'eu'));
  // As a machine that was copied: whoever has another key is refused for that.
  mkdirSync(path.join(folder, 'data', id));
  cpSync(
    path.join(network.dataOf(id), 'node-key.pem'),
    path.join(folder, 'data', id, 'node-key.pem'),
  );
  const logFile = path.join(network.folder, 'log', 'second.log');
  writeFileSync(logFile, '');
  const configFile = path.join(folder, 'breakwater.yaml');
  return createNodeProcess({ id, verb: 'edge', configFile, logFile });
}
