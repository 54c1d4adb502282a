/**
 * Purges that meet fetches under way, nodes that are down, and a purge-api that dies: what was purged is not served again, by
 * anybody, and every purge that was accepted takes effect (DESIGN section 4).
 */
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';
import { siteHost } from '../support/network/config.ts';
import { type PurgeAnswer, startNetwork } from '../support/network/network.ts';
import { createGate, page } from '../support/network/origin.ts';
import { until } from '../support/network/until.ts';

const network = await startNetwork({
  pops: [
    { id: 'par', shield: ['eu'] },
    { id: 'nyc', shield: ['eu'] },
  ],
});
const { origin } = network;
const urlOf = (target: string) => `http://${siteHost}${target}`;

async function converge(what: object): Promise<PurgeAnswer> {
  const answer = await network.purge(what);
  assert.equal(answer.status, 'converged', JSON.stringify(answer));
  return answer;
}

async function purgeById(id: string, wait = '10s'): Promise<PurgeAnswer> {
  return JSON.parse((await network.api(`/v1/purges/${id}?wait=${wait}`)).text) as PurgeAnswer;
}

/** Texts at a PoP over connections of their own, so that all its workers answer. */
async function textsAt(pop: string, target: string): Promise<string[]> {
  const asked = Array.from({ length: 8 }, () =>
    network.request(pop, target, { headers: { connection: 'close' } }),
  );
  return [...new Set((await Promise.all(asked)).map(({ text }) => text))];
}

describe('a fetch that began before a purge and ends after it', () => {
  const selectors: [string, (target: string) => object][] = [
    ['URL', (target) => ({ urls: [urlOf(target)] })],
    ['tag, which nobody knows before the head has come', () => ({ tags: ['raced'] })],
    ['everything', () => ({ everything: true })],
  ];
  for (const [index, [name, selector]] of selectors.entries()) {
    test(`is not served afterwards, at no tier: by ${name}`, async () => {
      const target = `/race-${index}`;
      const gate = createGate();
      let content = 'old';
      origin.on(target, async (request, response) => {
        const now = content;
        if (request.hit === 1) await gate.opened;
        await page(now, { 'surrogate-key': 'raced' })(request, response);
      });
      const before = network.get('par', target);
      await until('the fetch is at the origin', () => origin.hits(target) === 1);
      content = 'new';
      await converge(selector(target));
      // Whoever reads from here on must not get the old bytes, though the old fetch is still under way to be joined.
      const during = [network.get('par', target), network.get('nyc', target)];
      gate.open();
      const texts = (await Promise.all(during)).map(({ text }) => text);
      assert.deepEqual(texts, ['new', 'new']);
      assert.equal((await before).text, 'old', 'whoever asked before may have it');
      assert.deepEqual(await textsAt('par', target), ['new']);
      assert.deepEqual(await textsAt('nyc', target), ['new']);
    });
  }

  test('is not kept though its head had left before the purge: the transfer may finish', async () => {
    const gate = createGate();
    origin.on('/transfer', async (request, response) => {
      response.writeHead(200, { 'cache-control': 'max-age=60' });
      if (request.hit > 1) return void response.end('new');
      response.write('old ');
      await gate.opened;
      response.end('rest');
    });
    const download = await network.open('par', '/transfer');
    const begun = await download.next();
    await converge({ urls: [urlOf('/transfer')] });
    gate.open();
    assert.equal(`${begun}${await download.rest()}`, 'old rest');
    assert.deepEqual(await textsAt('par', '/transfer'), ['new']);
    assert.deepEqual(await textsAt('nyc', '/transfer'), ['new']);
  });

  test('in the background (stale-while-revalidate) is not served afterwards', async () => {
    const gate = createGate();
    let content = 'old';
    const answer = (text: string) =>
      page(text, { 'cache-control': 'max-age=1, stale-while-revalidate=600' });
    origin.on('/refresh', async (request, response) => {
      const now = content;
      if (request.hit === 2) await gate.opened;
      await answer(now)(request, response);
    });
    await network.get('par', '/refresh');
    await until('a refresh is at the origin', async () => {
      await network.get('par', '/refresh');
      return origin.hits('/refresh') === 2;
    });
    content = 'new';
    await converge({ urls: [urlOf('/refresh')] });
    gate.open();
    assert.deepEqual(await textsAt('par', '/refresh'), ['new']);
    assert.deepEqual(await textsAt('nyc', '/refresh'), ['new']);
  });

  test('and is a 304 does not revive what was purged meanwhile', async () => {
    const gate = createGate();
    let content = 'old';
    origin.on('/confirm', async (request, response) => {
      const etag = `"${content}"`;
      const isSame = request.headers['if-none-match'] === etag;
      if (isSame) await gate.opened;
      response.writeHead(isSame ? 304 : 200, { etag, 'cache-control': 'max-age=1' });
      response.end(isSame ? undefined : content);
    });
    await network.get('par', '/confirm');
    const asked: Promise<unknown>[] = [];
    await until('a revalidation is at the origin', () => {
      asked.push(network.get('par', '/confirm'));
      return origin.received('/confirm').some(({ headers }) => headers['if-none-match']);
    });
    content = 'new';
    await converge({ urls: [urlOf('/confirm')] });
    gate.open();
    assert.deepEqual(await textsAt('par', '/confirm'), ['new']);
    assert.deepEqual(await textsAt('nyc', '/confirm'), ['new']);
    await Promise.all(asked);
  });

  test('and a soft purge is stored as stale: the next read asks the origin', async () => {
    const gate = createGate();
    origin.on('/soft', async (request, response) => {
      if (request.hit === 1) await gate.opened;
      await page(`soft ${request.hit}`)(request, response);
    });
    const before = network.get('par', '/soft');
    await until('the fetch is at the origin', () => origin.hits('/soft') === 1);
    await converge({ urls: [urlOf('/soft')], soft: true });
    gate.open();
    await before;
    assert.deepEqual(await textsAt('par', '/soft'), ['soft 2']);
    assert.deepEqual(await textsAt('nyc', '/soft'), ['soft 2']);
  });
});

describe('a node that is down', () => {
  for (const id of ['par', 'eu']) {
    test(`because it was stopped is not waited for, and catches up before it is ready: ${id}`, async () => {
      const target = `/down-${id}`;
      let content = 'old';
      origin.on(target, (request, response) => page(content)(request, response));
      await network.get('par', target);
      await network.terminate(id);
      content = 'new';
      // It said goodbye, so nobody is served there: purges converge without it, and say so.
      const done = await converge({ urls: [urlOf(target)] });
      for (const { node, state, quarantined } of done.nodes) {
        assert.equal(state, node === id ? 'unreachable' : 'acknowledged', node);
        assert.equal(quarantined, node === id, node);
      }
      // Others serve what is new meanwhile.
      assert.equal((await network.get('nyc', target)).text, 'new');
      await network.start(id);
      assert.deepEqual(await textsAt('par', target), ['new']);
      assert.deepEqual(await textsAt('nyc', target), ['new']);
      assert.equal((await purgeById(done.id)).status, 'converged');
    });
  }

  test('and was killed, not stopped, catches up as well', async () => {
    let content = 'old';
    origin.on('/killed', (request, response) => page(content)(request, response));
    await network.get('par', '/killed');
    await network.kill('par');
    content = 'new';
    const purges = [];
    for (let n = 0; n < 20; n += 1) {
      purges.push(await network.purge({ tags: [`other-${n}`] }, { wait: '0s' }));
    }
    const ours = await network.purge({ prefixes: [urlOf('/kill')] }, { wait: '200ms' });
    // For all that is known it may live and serve what it has, until its lease has run out.
    assert.deepEqual([ours.httpStatus, ours.status], [202, 'pending']);
    const later = await purgeById(ours.id);
    assert.equal(later.status, 'converged');
    assert.deepEqual(
      later.nodes.filter(({ quarantined }) => quarantined).map(({ node }) => node),
      ['par'],
    );
    await network.start('par');
    assert.deepEqual(await textsAt('par', '/killed'), ['new']);
    for (const { id } of [...purges, ours]) {
      assert.equal((await purgeById(id)).status, 'converged');
    }
  });

  test('is not ready while it cannot reach purge-api, and says so to operators, probes and DNS alike', async () => {
    await network.kill('purge');
    await network.terminate('nyc');
    await network.node('nyc').start();
    const readiness = await network.admin('nyc', '/readyz');
    const probe = await network.get('nyc', '/.well-known/breakwater/node');
    await network.start('purge');
    assert.equal(readiness.status, 503);
    assert.match(readiness.text, /journal/);
    assert.equal(probe.status, 503);
    assert.equal((JSON.parse(probe.text) as { ready: boolean }).ready, false);
    await network.ready('nyc');
    assert.equal((await network.get('nyc', '/.well-known/breakwater/node')).status, 200);
  });
});

describe('purge-api is killed', () => {
  interface Head {
    head: { identity: string; seq: number };
    entries: { id: string }[];
  }
  const journal = async (after: number) =>
    JSON.parse((await network.api(`/v1/journal?after=${after}`)).text) as Head;

  test('and started again: the journal goes on, nodes come back, purges converge', async () => {
    let content = 'old';
    origin.on('/again', (request, response) => page(content)(request, response));
    await network.get('par', '/again');
    await network.ready('purge');
    const before = await converge({ tags: ['before'] });
    const { head } = await journal(0);
    await network.kill('purge');
    // The CDN serves on without it.
    assert.equal((await network.get('par', '/again')).header('x-cache'), 'HIT');
    await network.start('purge');
    await network.ready('purge');
    content = 'new';
    const after = await converge({ urls: [urlOf('/again')] });
    assert.equal(after.seq, before.seq + 1);
    assert.equal((await journal(0)).head.identity, head.identity);
    assert.deepEqual(await textsAt('par', '/again'), ['new']);
    assert.equal((await purgeById(before.id)).status, 'converged');
  });

  test('in the middle of many purges: every one that was accepted is in the journal and converges', async () => {
    const accepted: PurgeAnswer[] = [];
    const { head } = await journal(0);
    const purges = Array.from({ length: 60 }, async (_, n) => {
      // The last ones find nobody there any more.
      const answer = await network.purge({ tags: [`many-${n}`] }, { wait: '0s' }).catch(() => null);
      if (answer?.httpStatus === 202 || answer?.httpStatus === 200) accepted.push(answer);
      if (accepted.length === 20) network.node('purge').signal('SIGKILL');
    });
    await Promise.all(purges);
    await network.kill('purge');
    await network.start('purge');
    await network.ready('purge');
    const kept = new Set((await journal(head.seq)).entries.map(({ id }) => id));
    assert.ok(accepted.length >= 20, `${accepted.length} were accepted`);
    assert.deepEqual(
      accepted.filter(({ id }) => !kept.has(id)),
      [],
    );
    for (const { id } of accepted) assert.equal((await purgeById(id)).status, 'converged');
  });

  test('and its journal is lost: nobody trusts what he holds any more', async () => {
    let content = 'old';
    origin.on('/lost', (request, response) => page(content)(request, response));
    await network.get('par', '/lost');
    const { head } = await journal(0);
    await network.terminate('purge');
    rmSync(path.join(network.folder, 'data', 'purge'), { recursive: true });
    content = 'new';
    await network.start('purge');
    await network.ready('purge');
    const fresh = await journal(0);
    assert.notEqual(fresh.head.identity, head.identity);
    await converge({ tags: ['anything'] });
    assert.deepEqual(await textsAt('par', '/lost'), ['new']);
    assert.deepEqual(await textsAt('nyc', '/lost'), ['new']);
  });
});
