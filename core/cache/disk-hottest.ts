/**
 * Which responses on disk a purge will match, the most recently used first: what is refilled after it is chosen among these and
 * those in memory. Counts as the purge itself would (`disk-matched`), a bounded step at a time and no longer than a limit.
 */
import { type DryRunQuestion, imaginedEntry } from '../purge/dry-run.ts';
import type { ResponseName } from '../purge/warm.ts';
import { type DiskDryRunDeps, isLive } from './disk-dry-run.ts';
import { createDiskMatched } from './disk-matched.ts';
import { splitVariant } from './part.ts';

export interface DiskHottest {
  responses: ResponseName[];
  isComplete: boolean;
}

const rowsPerStep = 300;
const pauseMs = 1;

/** Looks for at most `limitMs`, and names at most `limit`. Parts are left out: nobody refills a body piece by piece. */
export async function hottestOnDisk(
  deps: DiskDryRunDeps,
  question: DryRunQuestion,
  limit: number,
  limitMs: number,
): Promise<DiskHottest> {
  const { clock, store, journal } = deps;
  const rows = store.database.prepare<[number], { used_at: number; variant: string }>(
    'select used_at, variant from responses where id = ?',
  );
  let found: (ResponseName & { usedAt: number })[] = [];
  let isComplete = false;
  const keepRecent = (count: number) => {
    found = found.sort((a, b) => b.usedAt - a.usedAt).slice(0, count);
  };
  const matching = createDiskMatched(store, {
    normalise: deps.normalise,
    rowsPerStep,
    identity: () => journal.position?.identity,
    isLive: (rowId) => isLive(deps, rowId),
    onRow(key, rowId) {
      const row = rows.get(rowId);
      const { variant, part } = splitVariant(row?.variant ?? '');
      if (!row || part) return;
      found.push({ key, variant, usedAt: row.used_at });
      if (found.length >= 2 * limit) keepRecent(limit);
    },
    onMatched() {
      isComplete = true;
    },
    onUncounted() {},
  });
  matching.add(imaginedEntry(question, Number.MAX_SAFE_INTEGER));
  const deadlineMs = clock.monotonicMs() + limitMs;
  while (deps.isCurrent() && matching.step() === 'more') {
    if (clock.monotonicMs() >= deadlineMs) break;
    await clock.sleep(pauseMs);
  }
  keepRecent(limit);
  return { responses: found.map(({ key, variant }) => ({ key, variant })), isComplete };
}
