/**
 * Journals that lose what nodes know of: restored from an old copy, and pruned beyond a node's position. Nobody may go on from there:
 * all that is held counts as hard-purged, is said and counted (DESIGN section 4, "Starts and losses").
 */
import assert from 'node:assert/strict';
import { cpSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { openDatabase } from '../../core/runtime/sqlite.ts';
import { startNetwork } from '../support/network/network.ts';
import { page } from '../support/network/origin.ts';
import { createPurging } from '../support/network/purging.ts';

const network = await startNetwork({
  pops: [
    { id: 'par', shield: ['eu'] },
    { id: 'nyc', shield: ['eu'] },
  ],
  // Longer than a loaded machine makes anybody wait: this is not about leases.
  settings: { lease: '10s' },
});
const { origin } = network;
const { converge, textsAt } = createPurging(network);
const nodes = ['eu', 'par', 'nyc'];
const journalFolder = path.join(network.folder, 'data', 'purge');
await network.ready('purge');

/** May be served for a minute, and changes without anybody being told. */
function changing(target: string) {
  const state = { content: 'old' };
  // What is stale may be served when all else fails; what is purged may not.
  const fields = { 'cache-control': 'max-age=60, stale-while-revalidate=60' };
  origin.on(target, (request, response) => page(state.content, fields)(request, response));
  return state;
}

async function assertTexts(target: string, text: string): Promise<void> {
  for (const pop of ['par', 'nyc']) assert.deepEqual(await textsAt(pop, target), [text], pop);
}

const resetsOf = (id: string) => network.metric(id, 'breakwater_purge_resets_total');
const headOf = async () => {
  const { text } = await network.api('/v1/nodes');
  return (JSON.parse(text) as { head: { identity: string; seq: number } }).head;
};
const saysSo = (id: string, reason: RegExp) =>
  network
    .node(id)
    .logLines()
    .some((line) => line.includes('everything held counts as purged') && reason.test(line));

test('a journal that is restored from an old copy gets a new identity, and everybody drops what he holds', async () => {
  const state = changing('/restored');
  await converge({ tags: ['kept'] });
  await network.terminate('purge');
  const copy = path.join(network.folder, 'copy');
  mkdirSync(copy);
  for (const name of readdirSync(journalFolder)) {
    cpSync(path.join(journalFolder, name), path.join(copy, name));
  }
  await network.start('purge');
  await network.ready('purge');
  const { seq } = await converge({ tags: ['lost with the copy'] });
  await Promise.all(nodes.map((id) => network.ready(id)));
  await assertTexts('/restored', 'old');
  const before = await headOf();
  const resets = await Promise.all(nodes.map(resetsOf));
  await network.terminate('purge');
  for (const name of readdirSync(journalFolder)) rmSync(path.join(journalFolder, name));
  cpSync(copy, journalFolder, { recursive: true });
  state.content = 'new';
  await network.start('purge');
  await network.ready('purge');
  const answer = await converge({ tags: ['under the number that was lost'] });
  assert.equal(answer.seq, seq);
  assert.notEqual((await headOf()).identity, before.identity);
  await assertTexts('/restored', 'new');
  for (const [index, id] of nodes.entries()) {
    assert.equal(await resetsOf(id), (resets[index] ?? 0) + 1, id);
    assert.ok(saysSo(id, /entries of the journal were lost|followed another journal/), id);
  }
});

test('a node that comes back from before what the journal keeps drops what it holds; others go on', async () => {
  const state = changing('/pruned');
  await assertTexts('/pruned', 'old');
  const resets = await Promise.all(nodes.map(resetsOf));
  await network.terminate('par');
  state.content = 'new';
  for (let n = 0; n < 5; n += 1) await converge({ tags: [`pruned-${n}`] });
  await network.terminate('purge');
  prune(2);
  await network.start('purge');
  await network.start('par');
  await network.ready('purge');
  // None of the purges has matched it: it is gone because nobody can know that any more.
  assert.deepEqual(await textsAt('par', '/pruned'), await textsAt('nyc', '/pruned'));
  const answer = await network.get('par', '/pruned');
  assert.match(answer.header('cache-status') ?? '', /par; hit/);
  assert.equal(await resetsOf('par'), 1);
  assert.ok(saysSo('par', /longer than entries are kept/));
  for (const id of ['eu', 'nyc']) assert.equal(await resetsOf(id), resets[nodes.indexOf(id)]);
  await converge({ everything: true });
  await assertTexts('/pruned', 'new');
});

/** Forgets all but the last `kept` entries, as purge-api does after their retention. */
function prune(kept: number): void {
  const database = openDatabase(path.join(journalFolder, 'journal.sqlite'));
  try {
    const { seq } = database
      .prepare<[], { seq: number }>('select max(seq) as seq from entries')
      .get() ?? { seq: 0 };
    const floor = seq - kept;
    const row = database
      .prepare<[number], { hash: string }>('select hash from entries where seq = ?')
      .get(floor);
    assert.ok(row);
    database.prepare('update state set floor_seq = ?, floor_hash = ?').run(floor, row.hash);
    database.prepare('delete from entries where seq <= ?').run(floor);
  } finally {
    database.close();
  }
}
