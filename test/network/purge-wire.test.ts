/**
 * What the wire, and the death of a process at the worst moment, can do to a purge: entries that come twice, late or never, a node
 * that is killed between applying and acknowledging, a purge-api that is killed between its 202 and the nodes (DESIGN section 4).
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { startLinkedNetwork } from '../support/network/linked-network.ts';
import { page } from '../support/network/origin.ts';
import { createPurging } from '../support/network/purging.ts';
import type { Fate } from '../support/network/stream-proxy.ts';
import { until } from '../support/network/until.ts';

const network = await startLinkedNetwork({
  pops: [
    { id: 'par', shield: ['eu'] },
    { id: 'nyc', shield: ['eu'] },
  ],
  // Longer than a loaded machine makes anybody wait: this is not about leases.
  settings: { lease: '10s' },
});
const { origin } = network;
const nodes = ['eu', 'par', 'nyc'];
const { urlOf, converge, accept, find, converged, acknowledged, stateOf, textsAt } =
  createPurging(network);
await network.ready('purge');

function changing(path: string) {
  const state = { content: 'old' };
  origin.on(path, (request, response) =>
    page(state.content, { 'surrogate-key': 'all' })(request, response),
  );
  return state;
}

async function assertTexts(path: string, text: string): Promise<void> {
  for (const pop of ['par', 'nyc']) assert.deepEqual(await textsAt(pop, path), [text], pop);
}

interface Positions {
  head: { identity: string; seq: number; hash: string };
  nodes: { id: string; role: string; cursor: Positions['head'] | null }[];
}

/** All caching nodes are at the head of the journal, by its hash. */
async function assertSameState(): Promise<void> {
  const answer = JSON.parse((await network.api('/v1/nodes')).text) as Positions;
  for (const id of nodes) {
    assert.deepEqual(answer.nodes.find((node) => node.id === id)?.cursor, answer.head, id);
  }
}

describe('entries on the wire', () => {
  const fates: [string, (count: number) => Fate][] = [
    ['twice', () => 'twice'],
    ['in the wrong order', (count) => (count % 2 === 1 ? 'late' : 'pass')],
    ['with gaps', (count) => (count % 3 === 0 ? 'drop' : 'pass')],
    ['all of this', (count) => (['late', 'twice', 'drop', 'pass'] as const)[count % 4] ?? 'pass'],
  ];
  for (const [index, [what, fateOf]] of fates.entries()) {
    test(`that come ${what} take every node to the same state, and nothing old is served`, async () => {
      const path = `/wire-${index}`;
      const state = changing(path);
      const resyncs = async () => {
        const counts = nodes.map((id) => network.metric(id, 'breakwater_purge_resyncs_total'));
        return (await Promise.all(counts)).reduce((sum, count) => sum + count, 0);
      };
      const before = await resyncs();
      for (const id of nodes) {
        let count = 0;
        network.link(id).judge((_, { type }) => {
          if (type !== 'entries') return 'pass';
          count += 1;
          return fateOf(count);
        });
      }
      let last = '';
      for (let n = 0; n < 20; n += 1) {
        state.content = `content ${n}`;
        // What is acknowledged is gone, though others may not have heard of it yet.
        const { id } = await accept(n % 2 === 0 ? { tags: ['all'] } : { urls: [urlOf(path)] });
        const told = await find(id);
        for (const pop of ['par', 'nyc']) {
          if (stateOf(told, pop) !== 'acknowledged') continue;
          assert.equal((await network.get(pop, path)).text, state.content, pop);
        }
        last = id;
      }
      for (const id of nodes) {
        network.link(id).judge(undefined);
        // What was lost last nobody would miss before the next purge.
        network.link(id).cut();
      }
      await converged(last);
      await assertTexts(path, state.content);
      await assertSameState();
      const isRefetched = (await resyncs()) > before;
      assert.equal(isRefetched, what !== 'twice', 'gaps are asked for, duplicates are not');
    });
  }
});

test('a node that is killed between applying and acknowledging has applied it when it is back', async () => {
  const state = changing('/unacknowledged');
  await assertTexts('/unacknowledged', 'old');
  network
    .link('par')
    .judge((way, { type }) =>
      way === 'up' && (type === 'ack' || type === 'renew') ? 'drop' : 'pass',
    );
  state.content = 'new';
  const { id, seq } = await accept({ urls: [urlOf('/unacknowledged')] });
  await until('par has applied it', async () => {
    return (await network.metric('par', 'breakwater_purge_cursor_entries')) >= seq;
  });
  const pending = await acknowledged(id, 'eu', 'nyc');
  assert.deepEqual([pending.status, stateOf(pending, 'par')], ['pending', 'behind']);
  await network.kill('par');
  network.link('par').judge(undefined);
  // Without purge-api it knows of the purge only from its own file.
  network.link('par').refuse(true);
  await network.node('par').start();
  assert.equal(await network.metric('par', 'breakwater_purge_cursor_entries'), seq);
  assert.equal((await network.get('par', '/unacknowledged')).text, 'new');
  network.link('par').refuse(false);
  await network.ready('par');
  await converged(id);
  await assertTexts('/unacknowledged', 'new');
});

describe('purge-api is killed', () => {
  const worst: [string, string[]][] = [
    ['between its 202 and the fan-out', nodes],
    ['in the middle of the fan-out', ['par', 'eu']],
  ];
  for (const [when, withheld] of worst) {
    test(`${when}: the purge takes effect everywhere all the same`, async () => {
      const path = `/killed-${withheld.length}`;
      const state = changing(path);
      await assertTexts(path, 'old');
      for (const id of withheld) network.link(id).hold('down');
      state.content = 'new';
      const { id } = await accept({ urls: [urlOf(path)] });
      const reached = nodes.filter((node) => !withheld.includes(node));
      const pending = await acknowledged(id, ...reached);
      assert.equal(pending.status, 'pending');
      await network.kill('purge');
      for (const node of withheld) {
        network.link(node).cut();
        network.link(node).letGo();
      }
      await network.start('purge');
      await network.ready('purge');
      assert.equal((await converged(id)).status, 'converged');
      await assertTexts(path, 'new');
      await assertSameState();
    });
  }

  test('while nodes have acknowledged and it has not heard so: it learns it from their next hello', async () => {
    const state = changing('/unheard');
    await assertTexts('/unheard', 'old');
    for (const id of nodes) network.link(id).hold('up');
    state.content = 'new';
    const { id, seq } = await accept({ tags: ['all'] });
    for (const node of nodes) {
      await until('it is applied', async () => {
        return (await network.metric(node, 'breakwater_purge_cursor_entries')) >= seq;
      });
    }
    assert.equal((await find(id)).status, 'pending');
    await assertTexts('/unheard', 'new');
    await network.kill('purge');
    for (const node of nodes) {
      network.link(node).cut();
      network.link(node).letGo();
    }
    await network.start('purge');
    await network.ready('purge');
    await converged(id);
    const next = await converge({ tags: ['next'] });
    assert.equal(next.seq, seq + 1);
  });
});
