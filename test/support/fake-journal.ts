/** Purges for an engine in a test: a journal in memory, and a worker's view of it that is behind until it looks. */
import { createPurgeState, type PurgeState } from '../../core/cache/purge-state.ts';
import { chainHash, type JournalEntry, type Selector, startOf } from '../../core/purge/command.ts';
import { createPurgeIndex, type Normaliser, type PurgeIndex } from '../../core/purge/index.ts';
import type { Clock } from '../../core/runtime/deps.ts';
import { journal } from './responses.ts';

export interface FakeJournal {
  readonly purges: PurgeState;
  /** Appends an entry; the worker takes it with its next `sync`. Returns its number. */
  purge(selectors: Selector[], options?: { soft?: boolean; scope?: string[] }): number;
  /** Another journal takes over: everything held counts as hard-purged. */
  reset(identity: string): void;
}

export function createFakeJournal(clock: Clock, normalise: Normaliser): FakeJournal {
  const create = (identity: string) =>
    createPurgeIndex({ identity, start: startOf(identity), maxEntries: 1000 }, normalise);
  let index: PurgeIndex = create(journal);
  let head = startOf(journal);
  let waiting: JournalEntry[] = [];
  let successor: PurgeIndex | undefined;
  const purges = createPurgeState(
    { clock },
    {
      isBehind: () => waiting.length > 0 || successor !== undefined,
      take() {
        index = successor ?? index;
        successor = undefined;
        for (const entry of waiting) index.apply(entry);
        waiting = [];
        return index;
      },
    },
  );
  return {
    purges,
    purge(selectors, { soft = false, scope = ['*'] } = {}) {
      const seq = head.seq + 1;
      const entry = { seq, id: `purge-${seq}`, atMs: clock.nowMs(), soft, scope, selectors };
      const hash = chainHash(head.hash, entry);
      head = { ...head, seq, hash };
      waiting.push({ ...entry, hash });
      return seq;
    },
    reset(identity) {
      head = startOf(identity);
      waiting = [];
      successor = create(identity);
    },
  };
}
