/**
 * The disk tier's cursor: the position, the journal entries that lead to it, and the purge index built from them. Rows and
 * cursor live in one file, and an entry enters the index only once it is committed with the position.
 *
 * Invariants: entries are applied in order and without a gap; the file holds exactly the entries in (start, position]; the
 * index judges by the same; without a position nothing can be labelled, so nothing is stored.
 */
import {
  chainHash,
  type JournalEntry,
  type Position,
  positionSchema,
  startOf,
} from '../purge/command.ts';
import { createPurgeIndex, type Normaliser, type PurgeIndex } from '../purge/index.ts';
import { type Cleanliness, cleanThrough, type Labelled } from './clean-through.ts';
import type { JournalContents } from './disk-messages.ts';
import { DamagedStateError, type SweptState } from './disk-schema.ts';
import type { DiskStore } from './disk-store.ts';

export interface DiskJournal {
  readonly position: Position | null;
  /** Every row of this journal counts as labelled at least so; null: no pass has ended since the last reset. */
  readonly swept: SweptState | null;
  /** Entries up to here are forgotten. */
  readonly start: Position | null;
  /**
   * Commits the entries above the position, and the position. Returns those that were new. Throws, and changes nothing,
   * when they do not follow.
   */
  apply(entries: readonly JournalEntry[], position: Position): JournalEntry[];
  /** Continues from `position`; what is labelled below it, or in another journal, is dead. */
  reset(position: Position): void;
  /** Judges at the position; without one everything is dead. */
  judge(response: Labelled): Cleanliness;
  /** Inside a transaction: a whole pass has left no row that a purge up to `seq` matched. */
  markSwept(seq: number): void;
  /** Forgets up to `limit` of the entries through `seq`; true: more are left. */
  forgetThrough(seq: number, limit: number): boolean;
  contents(from: number): JournalContents;
}

export interface DiskJournalOptions {
  normalise: Normaliser;
  /** Entries in the file and marks in the index; beyond it the oldest are forgotten, and the floor rises. */
  maxEntries: number;
  onFloor(): void;
}

/** Loads what the file has and builds the index. */
export function createDiskJournal(store: DiskStore, options: DiskJournalOptions): DiskJournal {
  const sql = prepare(store);
  let position = readPosition(store, 'position');
  let start = readPosition(store, 'start');
  let swept = (store.state('swept') as SweptState | undefined) ?? null;
  let index: PurgeIndex | null = null;
  /** The floor of a full index has risen: the entries below it are of no more use. */
  let fullThrough = 0;

  const createIndex = (from: Position): PurgeIndex =>
    createPurgeIndex(
      {
        identity: from.identity,
        start: from,
        maxEntries: options.maxEntries,
        onFloor(floorSeq) {
          fullThrough = floorSeq;
          options.onFloor();
        },
      },
      options.normalise,
    );
  const readEntries = (from: number): JournalEntry[] =>
    sql.entries.all(from).map((row) => JSON.parse(row.entry) as JournalEntry);
  const forgetThrough = (seq: number, limit: number): boolean => {
    if (!start || !index || seq <= start.seq) return false;
    const upTo = Math.min(seq, index.cursor.seq, start.seq + limit);
    const last = sql.entry.get(upTo);
    if (!last) return false;
    const next = positionAt(start.identity, JSON.parse(last.entry) as JournalEntry);
    store.transaction(() => {
      sql.deleteEntries.run(upTo);
      store.setState('start', next);
    });
    start = next;
    index.forgetThrough(upTo);
    return upTo < seq;
  };
  const keepBounds = () => {
    const tooMany = (position?.seq ?? 0) - options.maxEntries;
    const through = Math.max(fullThrough, tooMany);
    if (!start || through <= start.seq) return;
    if (tooMany > start.seq) options.onFloor();
    forgetThrough(through, Number.MAX_SAFE_INTEGER);
  };

  if (position && start) {
    index = createIndex(start);
    const entries = readEntries(0);
    if (!leadsTo(start, entries, position)) throw new DamagedStateError('journal');
    for (const entry of entries) index.apply(entry);
  }
  return {
    get position() {
      return position;
    },
    get start() {
      return start;
    },
    get swept() {
      return swept;
    },
    apply(entries, to) {
      const from = position ?? startOf(to.identity);
      const fresh = following(from, entries, to);
      if (fresh.length === 0) return fresh;
      const begins = start ?? from;
      store.transaction(() => {
        for (const entry of fresh) sql.insertEntry.run(entry.seq, JSON.stringify(entry));
        store.setState('position', to);
        store.setState('start', begins);
      });
      position = to;
      start = begins;
      index ??= createIndex(begins);
      for (const entry of fresh) index.apply(entry);
      keepBounds();
      return fresh;
    },
    reset(to) {
      store.transaction(() => {
        sql.deleteEntries.run(Number.MAX_SAFE_INTEGER);
        store.setState('position', to);
        store.setState('start', to);
        store.setState('swept', null);
      });
      position = to;
      start = to;
      swept = null;
      fullThrough = 0;
      index = createIndex(to);
    },
    judge(response) {
      if (!index) return { kind: 'hard', seq: 0 };
      return cleanThrough(response, index);
    },
    markSwept(seq) {
      if (!position) return;
      const value = { identity: position.identity, seq };
      store.setState('swept', value);
      store.afterCommit(() => {
        swept = value;
      });
    },
    forgetThrough,
    contents: (from) => ({ position, start, entries: readEntries(from) }),
  };
}

/** The entries above `from`, checked to lead to `to`. */
function following(from: Position, entries: readonly JournalEntry[], to: Position): JournalEntry[] {
  if (to.identity !== from.identity) {
    throw new Error('the entries are of another journal than the disk tier: reset it first');
  }
  const fresh = entries.filter((entry) => entry.seq > from.seq);
  if (fresh.length > 0 && !leadsTo(from, fresh, to)) {
    throw new Error(`the entries do not lead from ${from.seq} to ${to.seq}`);
  }
  return fresh;
}

/** Whether the entries lead from one position to the other: no gap, and each hash follows from all before it. */
function leadsTo(from: Position, entries: readonly JournalEntry[], to: Position): boolean {
  let { seq, hash } = from;
  for (const entry of entries) {
    if (entry.seq !== seq + 1 || entry.hash !== chainHash(hash, entry)) return false;
    ({ seq, hash } = entry);
  }
  return seq === to.seq && hash === to.hash;
}

function positionAt(identity: string, entry: JournalEntry): Position {
  return { identity, seq: entry.seq, hash: entry.hash };
}

function readPosition(store: DiskStore, name: string): Position | null {
  const value = store.state(name);
  return value === undefined ? null : positionSchema.parse(value);
}

function prepare({ database }: DiskStore) {
  return {
    insertEntry: database.prepare<[number, string]>(
      'insert into journal (seq, entry) values (?, ?)',
    ),
    deleteEntries: database.prepare<[number]>('delete from journal where seq <= ?'),
    entry: database.prepare<[number], { entry: string }>('select entry from journal where seq = ?'),
    entries: database.prepare<[number], { entry: string }>(
      'select entry from journal where seq >= ? order by seq',
    ),
  };
}
