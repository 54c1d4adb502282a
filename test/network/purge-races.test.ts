/** Purges that meet a fetch under way, over real processes: what was fetched before a purge is not stored as fresh after it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { siteHost } from '../support/network/config.ts';
import { startNetwork } from '../support/network/network.ts';
import { createGate, page, type Route } from '../support/network/origin.ts';
import { until } from '../support/network/until.ts';

const network = await startNetwork({
  pops: [
    { id: 'par', shield: ['eu'] },
    { id: 'nyc', shield: ['eu'] },
  ],
});
const { origin } = network;

/** Says what it was at the moment of the request; the first answer waits at the gate. */
function heldBack(headers = {}) {
  const gate = createGate();
  const reached = createGate();
  const state = { content: 'old' };
  const route: Route = async (request, response) => {
    const { content } = state;
    if (request.hit === 1) {
      reached.open();
      await gate.opened;
    }
    await page(content, headers)(request, response);
  };
  return { route, gate, reached, state };
}

const url = (path: string) => `http://${siteHost}${path}`;

for (const [name, what] of [
  ['url', { urls: [url('/raced-url')] }],
  ['tag', { tags: ['raced-tag'] }],
  ['prefix', { prefixes: [url('/raced-prefix')] }],
] as const) {
  test(`a hard purge by ${name} during a fetch: the reader gets what it asked for, nobody else does`, async () => {
    const path = `/raced-${name}`;
    const { route, gate, reached, state } = heldBack({ 'surrogate-key': 'raced-tag' });
    origin.on(path, route);
    const early = network.get('par', path);
    await reached.opened;
    state.content = 'new';
    assert.equal((await network.purge(what)).status, 'converged');
    gate.open();
    assert.equal((await early).text, 'old');
    for (const pop of ['par', 'nyc', 'par', 'nyc']) {
      assert.equal((await network.get(pop, path)).text, 'new', pop);
    }
    assert.equal(origin.hits(path), 2);
  });
}

test('a read begun after a hard purge does not wait for the fetch from before it', async () => {
  const { route, gate, reached, state } = heldBack();
  origin.on('/parted', route);
  const early = network.get('par', '/parted');
  await reached.opened;
  state.content = 'new';
  await network.purge({ urls: [url('/parted')] });
  const late = [network.get('par', '/parted'), network.get('nyc', '/parted')];
  await until('those who came later are under way', async () => origin.hits('/parted') >= 1);
  gate.open();
  assert.equal((await early).text, 'old');
  assert.deepEqual(
    (await Promise.all(late)).map(({ text }) => text),
    ['new', 'new'],
  );
  assert.equal(origin.hits('/parted'), 2);
});

test('a soft purge during a fetch: what was fetched is stored as stale, and fetched anew', async () => {
  const { route, gate, reached, state } = heldBack();
  origin.on('/softened', route);
  const early = network.get('par', '/softened');
  await reached.opened;
  state.content = 'new';
  await network.purge({ urls: [url('/softened')], soft: true });
  gate.open();
  await early;
  const later = await network.get('nyc', '/softened');
  assert.equal(later.text, 'new');
  assert.equal((await network.get('par', '/softened')).text, 'new');
});
