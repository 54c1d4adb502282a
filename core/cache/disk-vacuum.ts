/**
 * Gives pages that nothing uses back to the file system, in small steps. Pages that the next writes would take again are left
 * alone: only what exceeds an eighth of the budget goes.
 */
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
