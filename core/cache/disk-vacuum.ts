/**
 * Keeps the files themselves small. Pages that nothing uses go back to the file system in small steps; those that the next
 * writes would take again, up to an eighth of the budget, are left alone. The write-ahead log is emptied when readers that
 * overlap have kept SQLite from doing so by itself.
 */
import { statSync } from 'node:fs';
import type { StepResult } from './disk-maintenance.ts';
import { pageBytes } from './disk-schema.ts';
import type { DiskStore } from './disk-store.ts';

const pagesPerStep = 64;

/** A step moves at most 1 MiB to the front of the file and cuts its end off. */
export function createVacuum(store: DiskStore, budgetBytes: number): () => StepResult {
  const keptPages = Math.ceil(budgetBytes / 8 / pageBytes);
  return () => {
    const free = store.database.pragma('freelist_count', { simple: true }) as number;
    if (free <= keptPages) return 'idle';
    store.database.pragma(`incremental_vacuum(${Math.min(pagesPerStep, free - keptPages)})`);
    return 'more';
  };
}

/** Empties the log when it is larger than `limitBytes`. Reads last for less than a millisecond, so waiting for them is short. */
export function createWalLimit(store: DiskStore, limitBytes: number): () => StepResult {
  const file = `${store.database.name}-wal`;
  return () => {
    const bytes = statSync(file, { throwIfNoEntry: false })?.size ?? 0;
    if (bytes > limitBytes) store.database.pragma('wal_checkpoint(TRUNCATE)');
    return 'idle';
  };
}
