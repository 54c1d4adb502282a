import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JournalContents } from '../../../core/cache/disk-messages.ts';
import { createNodePurges, type NodePurges } from '../../../core/cache-node/node-purges.ts';
import type { FeedChange } from '../../../core/cache-node/purge-feed.ts';
import type { WorkerPool } from '../../../core/cache-node/worker-pool.ts';
import type { WriterHost } from '../../../core/cache-node/writer-host.ts';
import { type JournalEntry, type Position, startOf } from '../../../core/purge/command.ts';
import { silentLog } from '../../../core/runtime/log.ts';
import { entries, positionAfter } from '../purge/builders.ts';

interface Watched {
  purges: NodePurges;
  /** What happened, in order: `disk 1-2`, `workers entries 1-2`, each with the position at that time. */
  steps: string[];
  /** The next write fails with it. */
  failWith(problem: string): void;
}

const nothing: JournalContents = { position: null, start: null, entries: [] };
const journalStart = startOf('journal-a');
const range = (list: readonly JournalEntry[]) => list.map(({ seq }) => seq).join('-');

function watched(kept: JournalContents | undefined = nothing): Watched {
  const steps: string[] = [];
  let failure: string | undefined;
  const at = () => `at ${purges.position()?.seq ?? 'none'}`;
  const write = async (step: string) => {
    steps.push(`disk ${step} ${at()}`);
    await Promise.resolve();
    const problem = failure;
    failure = undefined;
    if (problem) throw new Error(problem);
  };
  const writer = {
    journal: kept,
    apply: (list: readonly JournalEntry[], { seq }: Position) => write(`${range(list)} to ${seq}`),
    reset: ({ identity, seq }: Position) => write(`reset ${identity} ${seq}`),
  };
  const purges = createNodePurges(silentLog, writer as WriterHost);
  const pool = {
    async publish(change: FeedChange) {
      const what = change.type === 'entries' ? range(change.entries) : '';
      steps.push(`workers ${change.type} ${what} ${at()}`.replace(/ +/g, ' '));
      await Promise.resolve();
    },
  };
  purges.attach(pool as WorkerPool);
  return {
    purges,
    steps,
    failWith(problem) {
      failure = problem;
    },
  };
}

test('entries are durable first, then in all workers, and only then is the position theirs', async () => {
  const { purges, steps } = watched();
  await purges.reset(journalStart, 'the first journal');
  const [first, second] = entries(2) as [JournalEntry, JournalEntry];
  await purges.apply([first, second]);
  assert.deepEqual(steps, [
    'disk reset journal-a 0 at none',
    'workers reset at none',
    'disk 1-2 to 2 at 0',
    'workers entries 1-2 at 0',
  ]);
  assert.deepEqual(purges.position(), positionAfter(second));
  assert.deepEqual(purges.feedStart(), { start: journalStart, entries: [first, second] });
});

test('what could not be made durable is in no worker, and is the position of nobody', async () => {
  const { purges, steps, failWith } = watched();
  await purges.reset(journalStart, 'the first journal');
  const all = entries(2);
  failWith('no space');
  await assert.rejects(purges.apply(all), /no space/);
  assert.deepEqual([steps.length, purges.position()?.seq], [3, 0]);
  assert.deepEqual(purges.feedStart().entries, []);
  await purges.apply(all);
  assert.deepEqual(steps.slice(3), ['disk 1-2 to 2 at 0', 'workers entries 1-2 at 0']);
  assert.deepEqual(range(purges.feedStart().entries), '1-2');
});

test('entries that are applied already are not applied again', async () => {
  const { purges, steps } = watched();
  await purges.reset(journalStart, 'the first journal');
  const all = entries(3);
  await purges.apply(all.slice(0, 2));
  await purges.apply(all);
  await purges.apply(all);
  assert.deepEqual(steps.slice(4), ['disk 3 to 3 at 2', 'workers entries 3 at 2']);
  assert.equal(range(purges.feedStart().entries), '1-2-3');
});

test('a restart goes on from what disk has kept; without a journal nothing can be applied', async () => {
  const all = entries(3);
  const kept = {
    position: positionAfter(all[2] as JournalEntry),
    start: journalStart,
    entries: all,
  };
  const again = watched(kept);
  assert.deepEqual(again.purges.position(), kept.position);
  assert.deepEqual(again.purges.feedStart(), { start: journalStart, entries: all });
  const fresh = watched();
  await fresh.purges.apply(all);
  assert.deepEqual([fresh.purges.position(), fresh.steps], [null, []]);
});

test('a reset forgets the entries of before, and begins where it says', async () => {
  const { purges } = watched();
  await purges.reset(journalStart, 'the first journal');
  await purges.apply(entries(3));
  const other = { identity: 'journal-b', seq: 40, hash: 'h' };
  await purges.reset(other, 'another journal');
  assert.deepEqual(purges.position(), other);
  assert.deepEqual(purges.feedStart(), { start: other, entries: [] });
});

test('what no stored label needs is not kept for workers that start later', async () => {
  const { purges, steps } = watched();
  await purges.reset(journalStart, 'the first journal');
  const all = entries(4);
  await purges.apply(all);
  purges.forget(2);
  assert.equal(steps.at(-1), 'workers forget at 4');
  assert.deepEqual(purges.feedStart(), {
    start: positionAfter(all[1] as JournalEntry),
    entries: all.slice(2),
  });
  purges.forget(1);
  assert.equal(purges.feedStart().start.seq, 2);
  purges.forget(90);
  assert.deepEqual(purges.feedStart(), {
    start: positionAfter(all[3] as JournalEntry),
    entries: [],
  });
  assert.equal(purges.position()?.seq, 4);
});

test('no more than 100,000 entries are kept; a worker then starts above those that went', async () => {
  const { purges } = watched();
  await purges.reset(journalStart, 'the first journal');
  const plain = { id: 'p', atMs: 0, soft: false, scope: ['*'], selectors: [], hash: 'h' };
  const all = Array.from({ length: 100_010 }, (_, n) => ({ ...plain, seq: n + 1 }));
  await purges.apply(all);
  const { start, entries: held } = purges.feedStart();
  assert.deepEqual([start.seq, held.length, held[0]?.seq], [10, 100_000, 11]);
});

test('a node without a disk tier has workers only', async () => {
  const purges = createNodePurges(silentLog, undefined);
  const changes: string[] = [];
  const publish = async ({ type }: FeedChange) => void changes.push(type);
  purges.attach({ publish } as WorkerPool);
  assert.equal(purges.position(), null);
  await purges.reset(journalStart, 'the first journal');
  await purges.apply(entries(1));
  assert.deepEqual([changes, purges.position()?.seq], [['reset', 'entries'], 1]);
});
