/** A purge with `warm` over real nodes: what was hot is there again before anybody asks, fetched once, and new. */
import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import type { WarmProgress } from '../../purge-api/warming.ts';
import { siteHost } from '../support/network/config.ts';
import { startNetwork } from '../support/network/network.ts';
import { page } from '../support/network/origin.ts';
import { until } from '../support/network/until.ts';

const network = await startNetwork({
  pops: [
    { id: 'par', shield: ['eu'] },
    { id: 'nyc', shield: ['eu'], disk: '0B', workers: 1 },
  ],
});
const { origin } = network;
const lasting = { 'cache-control': 'max-age=600', 'surrogate-key': 'news' };

let round = 0;
beforeEach(() => {
  round += 1;
});
const pathOf = (name: string) => `/${round}/${name}`;

/** Asks for it so many times at a PoP; resolves with the last answer. */
async function visit(pop: string, path: string, times = 1, headers: Record<string, string> = {}) {
  for (let time = 1; time < times; time += 1) await network.get(pop, path, headers);
  return network.get(pop, path, headers);
}

function warmed(id: string): Promise<WarmProgress> {
  return until('the warming is over', async () => {
    const { text } = await network.api(`/v1/purges/${id}`);
    const { warm } = JSON.parse(text) as { warm: WarmProgress };
    return ['waiting', 'running'].includes(warm.state) ? undefined : warm;
  });
}

test('the hottest are refilled, each by one request of the origin, and the first client gets a HIT', async () => {
  const paths = ['hot', 'warm', 'cold'].map(pathOf);
  const [hot = '', mild = '', cold = ''] = paths;
  for (const path of paths) origin.on(path, page('old', lasting));
  await visit('par', hot, 5);
  await visit('par', mild, 3);
  await visit('nyc', hot, 3);
  await visit('par', cold);
  for (const path of paths) origin.on(path, page('new', lasting));
  const before = new Map(paths.map((path) => [path, origin.hits(path)]));

  const purged = await network.purge({ tags: ['news'], warm: 2 });
  const warm = await warmed(purged.id);
  assert.deepEqual(
    [warm.state, warm.responses, warm.asked, warm.done, warm.failed],
    ['done', 2, 5, 5, 0],
  );
  for (const [pop, path] of [
    ['par', hot],
    ['par', mild],
    ['nyc', hot],
  ] as const) {
    const { text, header } = await network.get(pop, path);
    assert.deepEqual([text, header('x-cache')], ['new', 'HIT'], `${path} at ${pop}`);
  }
  for (const path of [hot, mild]) {
    assert.equal(origin.hits(path) - (before.get(path) ?? 0), 1, `requests for ${path}`);
  }
  assert.equal(
    origin.hits(cold),
    before.get(cold),
    'what was not among the hottest waits for a client',
  );
});

test('variants are refilled as they were asked for, and what was made for a cookie is not', async () => {
  const path = pathOf('variants');
  origin.on(path, page('text', { ...lasting, vary: 'accept-language, cookie' }));
  await visit('par', path, 2, { 'accept-language': 'fr' });
  await visit('par', path, 2, { 'accept-language': 'de', cookie: 'name=value' });
  const purged = await network.purge({ urls: [`http://${siteHost}${path}`], warm: 10 });
  const warm = await warmed(purged.id);
  assert.deepEqual([warm.responses, warm.done, warm.failed], [1, 2, 0]);
  const again = await network.get('par', path, { 'accept-language': 'fr' });
  assert.equal(again.header('x-cache'), 'HIT');
});

test('after a soft purge what is warmed is fresh again, and was asked for anew', async () => {
  const path = pathOf('soft');
  origin.on(path, page('old', lasting));
  await visit('par', path, 2);
  origin.on(path, page('new', lasting));
  const before = origin.hits(path);
  const purged = await network.purge({
    urls: [`http://${siteHost}${path}`],
    soft: true,
    warm: 1,
  });
  assert.equal((await warmed(purged.id)).state, 'done');
  const { text, header } = await network.get('par', path);
  assert.deepEqual([text, header('x-cache')], ['new', 'HIT']);
  assert.equal(origin.hits(path) - before, 1);
});

test('an origin that fails is left alone: the warming ends, and nothing that was purged comes back', async () => {
  const paths = Array.from({ length: 20 }, (_, n) => pathOf(`failing/${n}`));
  for (const path of paths) origin.on(path, page('old', lasting));
  for (const path of paths) await visit('par', path);
  for (const path of paths) origin.on(path, (_, response) => void response.writeHead(500).end());
  const before = paths.reduce((sum, path) => sum + origin.hits(path), 0);
  const purged = await network.purge({ prefixes: [`http://${siteHost}/${round}/`], warm: 20 });
  const warm = await warmed(purged.id);
  assert.deepEqual([warm.state, warm.done, warm.failed], ['stopped', 0, 40]);
  const asked = paths.reduce((sum, path) => sum + origin.hits(path), 0) - before;
  assert.ok(asked < paths.length, `the origin was asked ${asked} times`);
  assert.equal((await network.get('par', paths[0] ?? '')).status, 500);
});
