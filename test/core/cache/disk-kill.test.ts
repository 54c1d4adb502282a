import assert from 'node:assert/strict';
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { statSync } from 'node:fs';
import { test } from 'node:test';
import { openDatabase } from '../../../core/runtime/sqlite.ts';
import { bodyOf, type Disk, openDisk, response, temporaryFile } from './disk-fixture.ts';

const rounds = 4;

/** Runs the writing process for about `ms` and kills it with SIGKILL; returns the last purge that it saw applied. */
async function writeAndKill(file: string, seed: number, ms: number): Promise<number> {
  const child: ChildProcess = fork(new URL('./disk-writer-child.ts', import.meta.url), [
    file,
    `${seed}`,
  ]);
  let applied = 0;
  child.on('message', (message: { applied?: number }) => {
    applied = message.applied ?? applied;
  });
  await once(child, 'message');
  await new Promise((resolve) => setTimeout(resolve, ms));
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
  return applied;
}

/** Checks all that is visible; returns how much that is. */
function checkBodies(disk: Disk): number {
  let seen = 0;
  for (let n = 0; n < 60; n += 1) {
    const variants = disk.tier.lookup(response(`p${n}`).key);
    assert.ok(variants.length <= 1, 'the same variant is visible twice');
    for (const found of variants) {
      seen += 1;
      const body = disk.tier.body(found.rowId ?? 0, found.bodyBytes);
      assert.ok(body?.equals(bodyOf(found.bodyBytes, found.etag ?? '')), `p${n} is wrong`);
      assert.ok(found.labelSeq <= (disk.writer.position()?.seq ?? 0));
    }
  }
  return seen;
}

/** What the file really holds. */
function census(file: string): unknown {
  const database = openDatabase(file);
  const rowOf = 'select 1 from responses r where r.id =';
  const counted = database
    .prepare(
      `select (select coalesce(sum(length(bytes)), 0) from chunks) + (select coalesce(sum(size), 0) from responses) as bytes,
        (select count(*) from responses) as responses,
        (select count(*) from chunks c where not exists (${rowOf} c.id / 65536)) as rubbishChunks,
        (select count(*) from tags t where not exists (${rowOf} t.response_id)) as rubbishTags,
        (select count(*) from orphans) as orphans`,
    )
    .get();
  assert.equal(database.pragma('integrity_check', { simple: true }), 'ok');
  database.close();
  return counted;
}

test('kill -9 at any moment: every visible row has its whole right body, and no purge that was applied is lost', async (t) => {
  const file = temporaryFile(t);
  let seen = 0;
  // On a machine that is so slow that nothing was written, further and longer ones.
  for (let round = 0; round < rounds || seen === 0; round += 1) {
    const ms = 20 + Math.floor(Math.random() * 150) + Math.max(0, round - rounds + 1) * 200;
    t.diagnostic(`round ${round}: killed after ${ms} ms`);
    const applied = await writeAndKill(file, round + 1, ms);
    const disk = await openDisk(t, { file, isFresh: false, budgetBytes: 8 * 2 ** 20, graceMs: 0 });
    assert.ok((disk.writer.position()?.seq ?? 0) >= applied);
    seen += checkBodies(disk);
    await disk.clock.advance(5000);
    checkBodies(disk);
    assert.equal(await disk.counter('breakwater_disk_damaged_rows_total'), 0);
    assert.equal(await disk.counter('breakwater_disk_read_errors_total'), 0);
    const { liveBytes, doomedBytes, responses } = disk.writer.stats();
    disk.close();
    const expected = { bytes: liveBytes, responses, rubbishChunks: 0, rubbishTags: 0, orphans: 0 };
    assert.deepEqual([census(file), doomedBytes], [expected, 0]);
  }
  assert.ok(statSync(file).size < 16 * 2 ** 20);
});
