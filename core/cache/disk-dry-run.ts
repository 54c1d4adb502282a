/**
 * What a purge would hit on disk, counted as the purge itself would be (`disk-matched`), without its being one. Runs beside the other
 * background work of the writer thread, a bounded step at a time and no longer than a limit.
 */

import type { DryRunQuestion } from '../purge/dry-run.ts';
import { type DryRunFinding, imaginedEntry, maxExamples } from '../purge/dry-run.ts';
import type { Normaliser } from '../purge/index.ts';
import type { Clock } from '../runtime/deps.ts';
import type { DiskJournal } from './disk-journal.ts';
import { createDiskMatched } from './disk-matched.ts';
import { decodeRow, liftOf } from './disk-schema.ts';
import type { DiskStore } from './disk-store.ts';

export interface DiskDryRunDeps {
  clock: Clock;
  store: DiskStore;
  journal: DiskJournal;
  normalise: Normaliser;
  /** Whether the file is still the one that is written. */
  isCurrent(): boolean;
}

/** Rows that have to be judged cost more than those that are only counted. */
const rowsPerStep = 300;
const pauseMs = 1;

/** Looks for at most `limitMs`. Rejects when SQLite fails. */
export async function dryRunOnDisk(
  deps: DiskDryRunDeps,
  question: DryRunQuestion,
  limitMs: number,
): Promise<DryRunFinding> {
  const { clock, store, journal } = deps;
  const examples = new Set<string>();
  let matched = 0;
  let isComplete = false;
  const counting = createDiskMatched(store, {
    normalise: deps.normalise,
    rowsPerStep,
    identity: () => journal.position?.identity,
    isLive: (rowId) => isLive(deps, rowId),
    onRow(key) {
      matched += 1;
      if (examples.size < maxExamples) examples.add(key);
    },
    onMatched() {
      isComplete = true;
    },
    onUncounted() {},
  });
  counting.add(imaginedEntry(question, Number.MAX_SAFE_INTEGER));
  const deadlineMs = clock.monotonicMs() + limitMs;
  while (deps.isCurrent() && counting.step() === 'more') {
    if (clock.monotonicMs() >= deadlineMs) break;
    await clock.sleep(pauseMs);
  }
  return { matched, isComplete, examples: [...examples] };
}

/** What a purge has killed already, and the sweeper has not removed yet, would not be hit again. */
export function isLive({ store, journal }: DiskDryRunDeps, rowId: number): boolean {
  const row = store.response(rowId);
  if (!row) return false;
  const swept = liftOf(journal.swept, row.identity);
  if (Math.max(row.label_seq, swept) >= (journal.position?.seq ?? 0)) return true;
  return journal.judge(decodeRow(row, row.key, swept)).kind !== 'hard';
}
