/**
 * `explain` on a real network, by every way that leads to it: the admin listener of a node, purge-api over the nodes' streams,
 * and the command line. What is said of a request is what the request then gets.
 */
import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';
import type {
  Decision,
  NetworkExplanation,
  NodeExplanation,
} from '../../core/purge/explanation.ts';
import { breakwater } from '../infra/support/run-process.ts';
import { siteHost, tokens } from '../support/network/config.ts';
import { startNetwork } from '../support/network/network.ts';
import { counted, page } from '../support/network/origin.ts';
import { until } from '../support/network/until.ts';

const network = await startNetwork({
  pops: [
    { id: 'par', shield: ['eu'] },
    { id: 'nyc', shield: ['eu'] },
  ],
});
const { origin } = network;
const urlOf = (target: string) => `http://${siteHost}${target}`;

async function explain(target: string, more: object = {}): Promise<Map<string, NodeExplanation>> {
  const { status, text } = await network.api('/v1/explain', {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      authorization: `Bearer ${tokens.all.secret}`,
    },
    body: JSON.stringify({ url: urlOf(target), ...more }),
  });
  assert.equal(status, 200, text);
  const { nodes } = JSON.parse(text) as NetworkExplanation;
  return new Map(nodes.flatMap((node) => (node.ok ? [[node.node, node.explanation]] : [])));
}

const decisionAt = async (node: string, target: string, more?: object): Promise<Decision> => {
  const decision = (await explain(target, more)).get(node)?.decision;
  assert.ok(decision, `${node} has decided`);
  return decision;
};

/** Waits for the disk, which is written in batches. */
const stored = (node: string, target: string) =>
  until(`${target} is on the disk of ${node}`, async () =>
    (await explain(target))
      .get(node)
      ?.stored.some(({ copies }) => copies.some(({ tier }) => tier === 'disk')),
  );

test('every node tells what it holds, in which tiers, and what it would do; nothing is fetched for it', async () => {
  const tags = { 'surrogate-key': 'a b', 'cache-control': 'max-age=60', age: '5' };
  origin.on('/page', page('hello', tags));
  assert.equal((await decisionAt('par', '/page')).cacheStatus, 'par; fwd=uri-miss');
  assert.equal(origin.hits('/page'), 0);
  await network.get('par', '/page');
  await stored('par', '/page');
  await stored('eu', '/page');
  const nodes = await explain('/page');
  assert.deepEqual([...nodes.keys()].sort(), ['eu', 'nyc', 'par']);
  assert.match(nodes.get('par')?.decision?.cacheStatus ?? '', /^par; hit; ttl=5\d$/);
  assert.match(nodes.get('eu')?.decision?.cacheStatus ?? '', /^eu; hit; ttl=5\d$/);
  assert.equal(nodes.get('nyc')?.decision?.cacheStatus, 'nyc; fwd=uri-miss');
  const [held, ...more] = nodes.get('par')?.stored ?? [];
  assert.deepEqual([held?.status, held?.bodyBytes, held?.tags, more], [200, 5, ['a', 'b'], []]);
  assert.deepEqual([held?.lifetimeSeconds, held?.source], [60, 'max-age']);
  assert.ok((held?.age.initialSeconds ?? 0) >= 5);
  assert.deepEqual(new Set(held?.copies.map(({ tier }) => tier)), new Set(['memory', 'disk']));
  assert.equal(origin.hits('/page'), 1);
});

test('what is said of variants, unstorable answers and purges is what is then done', async () => {
  const asked = async (target: string, headers: Record<string, string> = {}) => {
    const { cacheStatus } = await decisionAt('par', target, { headers });
    const { header } = await network.get('par', target, headers);
    return [cacheStatus, header('cache-status')?.split(', ').at(-1)];
  };
  origin.on('/varies', page('x', { vary: 'accept-language', 'cache-control': 'max-age=60' }));
  await network.get('par', '/varies', { 'accept-language': 'de' });
  const [saidOther, gotOther] = await asked('/varies', { 'accept-language': 'fr' });
  assert.equal(saidOther, 'par; fwd=vary-miss');
  assert.ok(gotOther?.startsWith('par; fwd=vary-miss'), gotOther);
  origin.on('/purged', counted('purged', { 'cache-control': 'max-age=60', 'surrogate-key': 'p' }));
  await network.get('par', '/purged');
  await network.purge({ tags: ['p'] });
  const [saidPurged, gotPurged] = await asked('/purged');
  assert.equal(saidPurged, 'par; fwd=uri-miss; detail=purged');
  assert.match(gotPurged ?? '', /^par; fwd=uri-miss;.*detail=purged/);
  origin.on('/private', page('mine', { 'cache-control': 'private' }));
  await network.get('par', '/private');
  const [{ hitForMiss } = { hitForMiss: null }] =
    (await explain('/private')).get('par')?.answers.filter((each) => each.hitForMiss) ?? [];
  assert.equal(hitForMiss?.why, 'private');
});

test('a soft purge: every copy is stale since then, by its entry', async () => {
  origin.on('/soft', page('s', { 'cache-control': 'max-age=60', 'surrogate-key': 's' }));
  await network.get('par', '/soft');
  await stored('par', '/soft');
  const { seq } = await network.purge({ tags: ['s'], soft: true });
  const held = (await explain('/soft')).get('par')?.stored[0];
  assert.ok(held);
  for (const { purged, ttlSeconds } of held.copies) {
    assert.deepEqual([purged.kind, purged.kind === 'clean' ? 0 : purged.seq], ['soft', seq]);
    assert.ok(ttlSeconds <= 0);
  }
});

test('the admin listener tells the same, and refuses what is no question', async () => {
  origin.on('/admin', page('a', { vary: 'accept-language', 'cache-control': 'max-age=60' }));
  await network.get('par', '/admin', { 'accept-language': 'de' });
  const query = `url=${encodeURIComponent(urlOf('/admin'))}&header=${encodeURIComponent('Accept-Language: de')}`;
  const { status, text } = await network.admin('par', `/explain?${query}`);
  assert.equal(status, 200);
  const { decision, stored: held, cursor, head } = JSON.parse(text) as NodeExplanation;
  assert.equal(decision?.kind, 'hit');
  assert.deepEqual(held[0]?.vary, [{ field: 'accept-language', value: 'de' }]);
  assert.deepEqual(cursor, head);
  for (const wrong of ['', '?url=x', `?${query}&header=none`, '?url=http://other.test/']) {
    assert.equal((await network.admin('par', `/explain${wrong}`)).status, 400, wrong);
  }
});

test('the command line: all nodes in a table, one in detail; a node that is gone is said so', async () => {
  origin.on('/cli', page('c', { 'cache-control': 'max-age=60' }));
  await network.get('par', '/cli');
  const run = (...args: string[]) =>
    breakwater([
      'explain',
      urlOf('/cli'),
      '-c',
      path.join(network.folder, 'breakwater.yaml'),
      ...args,
    ]);
  const table = await run();
  assert.equal(table.code, 0, table.stderr);
  assert.match(table.stdout, /^par +edge +200 +.*HIT, fresh for \d+ s$/m);
  assert.match(table.stdout, /^nyc +edge +nothing .*MISS, nothing is stored$/m);
  const detail = await run('--pop', 'par');
  assert.match(detail.stdout, /fresh +for \d+ s more: lifetime 60 s \(max-age\)/);
  await network.kill('nyc');
  await until('nyc is not connected', async () =>
    /^nyc +edge +not connected$/m.test((await run()).stdout),
  );
});
