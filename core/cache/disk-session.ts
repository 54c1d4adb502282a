/**
 * Everything that hangs on one open file: store, journal, batches, eviction, counting, sweeping. When the file turns out to be
 * damaged, the writer closes the session and opens another one.
 */
import type { Normaliser } from '../purge/index.ts';
import { isDamage } from '../runtime/sqlite.ts';
import { type Batch, createBatch } from './disk-batch.ts';
import { createDiskEviction, type DiskEviction } from './disk-eviction.ts';
import { type DiskFileDeps, openCacheFile, setAside } from './disk-file.ts';
import { createDiskJournal, type DiskJournal } from './disk-journal.ts';
import { createMaintenance, type Maintenance, type StepResult } from './disk-maintenance.ts';
import { createDiskMatched, type DiskMatched } from './disk-matched.ts';
import type { DiskReport } from './disk-messages.ts';
import type { DiskWriterMetrics } from './disk-metrics.ts';
import type { WriteQueue } from './disk-queue.ts';
import { createDiskStore, type DiskStore } from './disk-store.ts';
import { createDiskSweeper } from './disk-sweeper.ts';
import { createVacuum, createWalLimit } from './disk-vacuum.ts';

export interface DiskSession {
  store: DiskStore;
  journal: DiskJournal;
  batch: Batch;
  eviction: DiskEviction;
  matched: DiskMatched;
  maintenance: Maintenance;
  close(): void;
}

export interface SessionOptions {
  deps: DiskFileDeps;
  queue: WriteQueue;
  counts: DiskWriterMetrics;
  /** Runs a step of background work; false when SQLite failed. */
  guard(run: () => void): boolean;
  file: string;
  budgetBytes: number;
  normalise: Normaliser;
  maxEntries?: number;
  graceMs?: number;
  sweepIntervalMs?: number;
  walLimitBytes?: number;
  onReport?(report: DiskReport): void;
}

const pauseMs = 5;
const idleMs = 1000;

/** Opens the file, or sets it aside and opens an empty one. Rows get ids from `firstRowId` on. */
export function openSession(options: SessionOptions, firstRowId: number): DiskSession {
  try {
    return open(options, firstRowId);
  } catch (error) {
    if (!isDamage(error)) throw error;
    setAside(options.deps, options.file, error);
    return open(options, firstRowId);
  }
}

function open(options: SessionOptions, firstRowId: number): DiskSession {
  const database = openCacheFile(options.deps, options.file);
  try {
    return assemble(options, (onDoomed) => createDiskStore(database, { firstRowId, onDoomed }));
  } catch (error) {
    database.close();
    throw error;
  }
}

function assemble(
  options: SessionOptions,
  createStore: (onDoomed: DiskEviction['bury']) => DiskStore,
): DiskSession {
  const { counts, queue, budgetBytes, normalise, onReport } = options;
  const { clock } = options.deps;
  const { graceMs = 30_000, sweepIntervalMs = 60_000, maxEntries = 100_000 } = options;
  const store = createStore((body) => eviction.bury(body));
  const eviction = createDiskEviction(clock, store, {
    budgetBytes,
    graceMs,
    onEvicted: () => counts.evictions(),
  });
  const journal = createDiskJournal(store, {
    normalise,
    maxEntries,
    onFloor: () => counts.indexFloor(),
  });
  const matched = createDiskMatched(store, {
    normalise,
    identity: () => journal.position?.identity,
    onMatched: (seq, responses) => onReport?.({ type: 'matched', seq, responses }),
    onUncounted: () => counts.uncounted(),
  });
  const sweeper = createDiskSweeper(
    clock,
    { store, journal },
    {
      intervalMs: sweepIntervalMs,
      graceMs: sweepIntervalMs,
      oldestWriteSeq: () => oldestSeq(queue),
      onRemoved: (reason) => counts.removals({ reason }),
      onSoftMarked: () => counts.softMarked(),
      onPass: () => counts.sweeps(),
      onForgotten: (seq) => onReport?.({ type: 'swept', seq }),
    },
  );
  const guarded = (step: () => StepResult) => (): StepResult => {
    let result: StepResult = 'idle';
    options.guard(() => {
      result = step();
    });
    return result;
  };
  // Counting goes before sweeping: what is removed can no longer be counted.
  const tasks = [
    eviction.step,
    matched.step,
    sweeper.step,
    createVacuum(store, budgetBytes),
    createWalLimit(store, options.walLimitBytes ?? 128 * 2 ** 20),
  ];
  const batch = createBatch({ store, journal, queue, counts, bury: eviction.bury });
  const maintenance = createMaintenance(clock, { pauseMs, idleMs }, tasks.map(guarded));
  return {
    store,
    journal,
    batch,
    eviction,
    matched,
    maintenance,
    close() {
      maintenance.stop();
      store.database.close();
    },
  };
}

function oldestSeq(queue: WriteQueue): number | undefined {
  let oldest: number | undefined;
  for (const { beganSeq } of queue.openWrites) oldest = Math.min(oldest ?? beganSeq, beganSeq);
  return oldest;
}
