/**
 * Keeps the disk tier within its budget. Responses leave in two steps: first they become invisible (doomed), least
 * recently used first; a grace later their chunks are removed, so that a reader in the middle of a body can finish it.
 *
 * Invariants: visible responses and writes in progress stay within the budget; with doomed bodies it is exceeded by a tenth
 * at most for longer than one step; no step does more than a bounded amount of work.
 */
import type { Clock } from '../runtime/deps.ts';
import type { StepResult } from './disk-maintenance.ts';
import type { DiskStore, DoomedBody } from './disk-store.ts';

export interface DiskEviction {
  /** Remembers a body without a response (it is an orphan row) until it may be removed. */
  bury(body: DoomedBody): void;
  /** Inside a transaction: dooms what exceeds the budget and removes what exceeds the tolerance, a bounded step of each. */
  relieve(): void;
  /** One step of both in a transaction of its own, and of the removal of bodies whose grace is over. */
  step(): StepResult;
  readonly liveBytes: number;
  readonly doomedBytes: number;
  /** Too much of the file is waiting for its removal: write nothing new before that is done. */
  readonly isCrowded: boolean;
}

export interface DiskEvictionOptions {
  budgetBytes: number;
  /** How long a doomed body can still be read. */
  graceMs: number;
  onEvicted(): void;
}

const doomedPerStep = 512;
const chunksPerStep = 256;
const bodiesPerStep = 512;

/** Bodies without a response that an earlier process left behind are removed from the start on, without grace. */
export function createDiskEviction(
  clock: Clock,
  store: DiskStore,
  options: DiskEvictionOptions,
): DiskEviction {
  const { budgetBytes } = options;
  const graves: { rowId: number; bytes: number; dueMs: number }[] = [];
  let head = 0;
  let doomedBytes = 0;
  const leftovers = createLeftovers(store);
  const liveBytes = () => store.totals.bytes - doomedBytes;

  const bury = ({ rowId, bytes }: DoomedBody) => {
    graves.push({ rowId, bytes, dueMs: clock.monotonicMs() + options.graceMs });
    doomedBytes += bytes;
  };
  const dropHead = () => {
    head += 1;
    if (head < 1024 || head * 2 < graves.length) return;
    graves.splice(0, head);
    head = 0;
  };
  /** Removes bodies from the front while `mayRemove`, within the limits of a step. */
  const remove = (mayRemove: (grave: { dueMs: number }) => boolean) => {
    let chunks = chunksPerStep;
    for (let at = head; at < head + bodiesPerStep && chunks > 0; at += 1) {
      const grave = graves[at];
      if (!grave || !mayRemove(grave)) return;
      const removed = store.removeChunks(grave.rowId, chunks);
      chunks -= Math.max(1, Math.ceil((removed ?? 0) / averageChunkBytes));
      const rest = grave.bytes - (removed ?? 0);
      const isGone = removed === undefined || rest <= 0;
      if (isGone) store.removeOrphan(grave.rowId);
      store.afterCommit(() => {
        doomedBytes -= grave.bytes - (isGone ? 0 : rest);
        grave.bytes = isGone ? 0 : rest;
        if (isGone) dropHead();
      });
      if (!isGone) return;
    }
  };
  const evict = () => {
    let excess = liveBytes() - budgetBytes;
    if (excess <= 0) return;
    for (const rowId of store.oldest(doomedPerStep)) {
      if (excess <= 0) return;
      const row = store.response(rowId);
      if (!row || !store.doom(rowId)) continue;
      store.afterCommit(options.onEvicted);
      excess -= row.size + row.body_bytes;
    }
  };
  const tolerance = budgetBytes * 1.1;
  const relieve = () => {
    // What an earlier process left behind is counted as live until it is gone; it goes first.
    if (leftovers.isPending) leftovers.removeSome();
    else evict();
    const now = clock.monotonicMs();
    remove((grave) => grave.dueMs <= now || store.totals.bytes > tolerance);
  };
  const hasWork = () => {
    const next = graves[head];
    const isDue = next !== undefined && next.dueMs <= clock.monotonicMs();
    const isOver = next !== undefined && store.totals.bytes > tolerance;
    const canEvict = liveBytes() > budgetBytes && store.totals.responses > 0;
    return leftovers.isPending || isDue || isOver || canEvict;
  };
  return {
    bury,
    relieve,
    step() {
      if (!hasWork()) return 'idle';
      store.transaction(relieve);
      return hasWork() ? 'more' : 'idle';
    },
    get liveBytes() {
      return liveBytes();
    },
    get doomedBytes() {
      return doomedBytes;
    },
    get isCrowded() {
      const canShrink = graves.length > head || leftovers.isPending;
      return canShrink && store.totals.bytes > budgetBytes * 1.25;
    },
  };
}

/** For the limit of a step; the chunks of small bodies are counted one by one. */
const averageChunkBytes = 256 * 1024;

/** The orphans that were in the file when it was opened: what thirty seconds before a crash doomed, at most. */
function createLeftovers(store: DiskStore) {
  let rowIds = store.orphans();
  let at = 0;
  return {
    get isPending() {
      return at < rowIds.length;
    },
    /** Inside a transaction: a bounded step. */
    removeSome() {
      let next = at;
      for (let chunks = chunksPerStep; chunks > 0 && next < rowIds.length; ) {
        const rowId = rowIds[next] ?? 0;
        const removed = store.removeChunks(rowId, chunks);
        chunks -= removed === undefined ? 1 : Math.max(1, Math.ceil(removed / averageChunkBytes));
        if (removed !== undefined) continue;
        store.removeOrphan(rowId);
        next += 1;
      }
      store.afterCommit(() => {
        at = next;
        if (at < rowIds.length) return;
        rowIds = [];
        at = 0;
      });
    },
  };
}
