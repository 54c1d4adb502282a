/**
 * Purges that reach the tiers one after the other, in the one order or in the other: an edge that knows of a purge gets nothing old
 * from a shield that does not, and the reverse (DESIGN section 4, "Between tiers"). Entries are withheld from a node at its link to
 * purge-api; leases are not, so that each node serves from what it has stored.
 */
import assert from 'node:assert/strict';
import { afterEach, describe, test } from 'node:test';
import { siteHost } from '../support/network/config.ts';
import { startLinkedNetwork } from '../support/network/linked-network.ts';
import { createGate, page } from '../support/network/origin.ts';
import { createPurging } from '../support/network/purging.ts';
import { until } from '../support/network/until.ts';

const slicedHost = 'files.shop.test';
const network = await startLinkedNetwork({
  sites: (url) => [
    { hosts: [siteHost], origins: [{ url }] },
    { hosts: [slicedHost], origins: [{ url }], cache: { slice: '64KiB' } },
  ],
  pops: [
    { id: 'par', shield: ['eu'] },
    { id: 'nyc', shield: ['eu'] },
    // Straight to the origin.
    { id: 'tyo' },
  ],
  // Longer than a loaded machine makes anybody wait: this is not about leases.
  settings: { lease: '10s' },
});
const { origin } = network;
const { urlOf, converge, accept, find, converged, acknowledged, stateOf, textsAt } =
  createPurging(network);
await network.ready('purge');

/** No entry of the journal reaches the node until `deliver`. */
function withhold(...nodes: string[]): void {
  for (const node of nodes) {
    network.link(node).judge((_, { type }) => (type === 'entries' ? 'drop' : 'pass'));
  }
}

/** Lets entries come again; the node asks for those that it lacks. */
function deliver(...nodes: string[]): void {
  for (const node of nodes) {
    network.link(node).judge(undefined);
    network.link(node).cut();
  }
}

// A test that fails half-way must not fail the others.
afterEach(() => deliver('eu', 'par', 'nyc', 'tyo'));

/** A page that is what the test says at the moment of the request. */
function changing(path: string, headers = {}) {
  const state = { content: 'old' };
  origin.on(path, (request, response) => page(state.content, headers)(request, response));
  return state;
}

/** A page of which the first request waits at a gate for its answer, which is what it was when the request came. */
function heldBack(path: string, headers = {}) {
  const gate = createGate();
  const state = { content: 'old', open: gate.open };
  origin.on(path, async (request, response) => {
    const { content } = state;
    if (request.hit === 1) await gate.opened;
    await page(content, headers)(request, response);
  });
  return state;
}

/** Waits until so many requests wait at each of these PoPs. */
function underWay(count: number, ...pops: string[]): Promise<unknown> {
  const requestsAt = async (pop: string) => {
    const { text } = await network.get(pop, '/.well-known/breakwater/node');
    // Over a capacity of 1000.
    return Math.round((JSON.parse(text) as { load: number }).load * 1000);
  };
  return until(`${count} wait at each of ${pops}`, async () => {
    const counts = await Promise.all(pops.map(requestsAt));
    return counts.every((each) => each >= count);
  });
}

describe('a shield behind its edges', () => {
  test('gives them nothing that they know to be purged, while it does not know it', async () => {
    const state = changing('/behind', { 'surrogate-key': 'behind' });
    assert.deepEqual(await textsAt('par', '/behind'), ['old']);
    assert.deepEqual(await textsAt('nyc', '/behind'), ['old']);
    withhold('eu');
    state.content = 'new';
    const { id } = await accept({ tags: ['behind'] });
    await acknowledged(id, 'par', 'nyc');
    assert.deepEqual(await textsAt('par', '/behind'), ['new']);
    assert.deepEqual(await textsAt('nyc', '/behind'), ['new']);
    const pending = await find(id);
    assert.deepEqual([pending.status, stateOf(pending, 'eu')], ['pending', 'behind']);
    deliver('eu');
    await converged(id);
    assert.deepEqual(await textsAt('par', '/behind'), ['new']);
    assert.deepEqual(await textsAt('nyc', '/behind'), ['new']);
  });

  test('and with a fetch from before the purge under way: they do not join it', async () => {
    const state = heldBack('/behind-race');
    withhold('eu');
    const early = network.get('par', '/behind-race');
    await until('the fetch is at the origin', () => origin.hits('/behind-race') === 1);
    state.content = 'new';
    const { id } = await accept({ urls: [urlOf('/behind-race')] });
    await acknowledged(id, 'par', 'nyc');
    const late = ['par', 'nyc'].map((pop) => network.get(pop, '/behind-race'));
    await until('a second fetch is at the origin', () => origin.hits('/behind-race') >= 2);
    state.open();
    assert.deepEqual(
      (await Promise.all(late)).map(({ text }) => text),
      ['new', 'new'],
    );
    assert.equal((await early).text, 'old');
    deliver('eu');
    await converged(id);
    assert.deepEqual(await textsAt('par', '/behind-race'), ['new']);
    assert.deepEqual(await textsAt('nyc', '/behind-race'), ['new']);
  });
});

describe('an edge behind its shield', () => {
  test('keeps the purge pending; what it then gets from the shield outlasts the purge', async () => {
    const one = changing('/ahead/one');
    const two = changing('/ahead/two');
    assert.deepEqual(await textsAt('par', '/ahead/one'), ['old']);
    withhold('par');
    one.content = 'new';
    two.content = 'new';
    const { id } = await accept({ prefixes: [urlOf('/ahead/')] });
    const pending = await acknowledged(id, 'eu', 'nyc');
    assert.deepEqual([pending.status, stateOf(pending, 'par')], ['pending', 'behind']);
    assert.deepEqual(await textsAt('nyc', '/ahead/one'), ['new']);
    assert.equal((await network.get('par', '/ahead/two')).text, 'new');
    deliver('par');
    await converged(id);
    assert.deepEqual(await textsAt('par', '/ahead/one'), ['new']);
    const kept = await network.get('par', '/ahead/two');
    // Its label says that it was valid after the purge.
    assert.deepEqual([kept.text, kept.header('x-cache')], ['new', 'HIT']);
    assert.equal(origin.hits('/ahead/two'), 1);
  });

  test('with a fetch from before the purge under way: what comes of it is not used once it knows', async () => {
    const state = heldBack('/ahead-race');
    withhold('par');
    const early = network.get('par', '/ahead-race');
    await until('the fetch is at the origin', () => origin.hits('/ahead-race') === 1);
    state.content = 'new';
    const { id } = await accept({ urls: [urlOf('/ahead-race')] });
    await acknowledged(id, 'eu', 'nyc');
    state.open();
    assert.equal((await early).text, 'old');
    assert.deepEqual(await textsAt('nyc', '/ahead-race'), ['new']);
    deliver('par');
    await converged(id);
    assert.deepEqual(await textsAt('par', '/ahead-race'), ['new']);
  });

  test('is told that what the shield gives is stale since a soft purge, and never serves it as fresh', async () => {
    const fields = { 'cache-control': 'max-age=600, stale-while-revalidate=600' };
    const state = changing('/ahead-soft', fields);
    const gate = createGate();
    assert.deepEqual(await textsAt('nyc', '/ahead-soft'), ['old']);
    origin.on('/ahead-soft', async (request, response) => {
      // The refresh of the shield: until it has come there is nothing else to give.
      await gate.opened;
      await page(state.content, fields)(request, response);
    });
    withhold('par');
    state.content = 'new';
    const { id } = await accept({ urls: [urlOf('/ahead-soft')], soft: true });
    await acknowledged(id, 'eu', 'nyc');
    for (let read = 0; read < 3; read += 1) {
      const answer = await network.get('par', '/ahead-soft');
      assert.deepEqual([answer.text, answer.header('x-cache')], ['old', 'STALE']);
    }
    gate.open();
    await until('the refresh has come', async () => {
      return (await network.get('par', '/ahead-soft')).text === 'new';
    });
    deliver('par');
    await converged(id);
    await until('everybody has it', async () => {
      return (await textsAt('par', '/ahead-soft')).join() === 'new';
    });
  });
});

describe('hard and soft purges of the same', () => {
  const fields = { 'cache-control': 'max-age=600, stale-while-revalidate=600' };
  for (const [name, softness] of [
    ['soft, then hard', [true, false]],
    ['hard, then soft', [false, true]],
  ] as const) {
    test(`${name}: hard wins, whether they come one by one or together`, async () => {
      const path = `/order-${softness[0]}`;
      const state = changing(path, fields);
      assert.deepEqual(await textsAt('par', path), ['old']);
      assert.deepEqual(await textsAt('nyc', path), ['old']);
      assert.deepEqual(await textsAt('tyo', path), ['old']);
      withhold('nyc');
      state.content = 'new';
      const ids: string[] = [];
      for (const soft of softness) {
        const { id } = await accept({ urls: [urlOf(path)], soft });
        await acknowledged(id, 'par', 'eu', 'tyo');
        ids.push(id);
      }
      deliver('nyc');
      for (const id of ids) await converged(id);
      for (const pop of ['nyc', 'par', 'tyo']) {
        assert.deepEqual(await textsAt(pop, path), ['new'], pop);
      }
    });
  }
});

describe('a fetch that began before a purge and ends after it', () => {
  test('at an edge without a shield is not served afterwards', async () => {
    const state = heldBack('/alone');
    const early = network.get('tyo', '/alone');
    await until('the fetch is at the origin', () => origin.hits('/alone') === 1);
    state.content = 'new';
    await converge({ urls: [urlOf('/alone')] });
    const late = network.get('tyo', '/alone');
    await underWay(2, 'tyo');
    state.open();
    assert.deepEqual([(await early).text, (await late).text], ['old', 'new']);
    assert.deepEqual(await textsAt('tyo', '/alone'), ['new']);
  });

  test('of a slice is not served afterwards, at either tier', async () => {
    const path = '/sliced';
    const gate = createGate();
    let content = 'old';
    origin.on(path, async (request, response) => {
      const body = content.repeat(50_000);
      const etag = `"${content}"`;
      if (request.hit === 1) await gate.opened;
      const [, from = '0', to = ''] = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '') ?? [];
      const end = to === '' ? body.length - 1 : Math.min(Number(to), body.length - 1);
      const place = `bytes ${from}-${end}/${body.length}`;
      const fields = { etag, 'cache-control': 'max-age=60', 'content-range': place };
      response.writeHead(206, fields).end(body.slice(Number(from), end + 1));
    });
    const read = (pop: string) =>
      network.request(pop, path, {
        host: slicedHost,
        headers: { range: 'bytes=0-2', connection: 'close' },
      });
    const early = read('par');
    await until('the fetch is at the origin', () => origin.hits(path) === 1);
    content = 'new';
    await converge({ urls: [`http://${slicedHost}${path}`] });
    const late = [read('par'), read('nyc')];
    await underWay(2, 'par');
    gate.open();
    assert.equal((await early).text, 'old');
    assert.deepEqual(
      (await Promise.all(late)).map(({ text }) => text),
      ['new', 'new'],
    );
    for (const pop of ['par', 'nyc', 'par', 'nyc']) assert.equal((await read(pop)).text, 'new');
  });

  test('of those who wait for it together, those who came before the purge get it, and nobody else', async () => {
    const state = heldBack('/waiters', { 'surrogate-key': 'waiters' });
    const pops = ['par', 'nyc'];
    const waitAt = () =>
      pops.flatMap((pop) => Array.from({ length: 40 }, () => network.get(pop, '/waiters')));
    const early = waitAt();
    await underWay(40, ...pops);
    state.content = 'new';
    await converge({ tags: ['waiters'] });
    const late = waitAt();
    await underWay(80, ...pops);
    state.open();
    const textsOf = async (asked: typeof early) => [
      ...new Set((await Promise.all(asked)).map(({ text }) => text)),
    ];
    assert.deepEqual([await textsOf(early), await textsOf(late)], [['old'], ['new']]);
    // The tag is known with the head: those who came later then share one further fetch.
    assert.equal(origin.hits('/waiters'), 2);
  });
});
