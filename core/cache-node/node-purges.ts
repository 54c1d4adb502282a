/**
 * The node's own state of purges, on its main thread: where it is in the journal, the entries that a worker which starts now
 * needs, and the order in which a change becomes true: first durable, then in every worker, then acknowledged.
 */

import { type JournalEntry, type Position, startOf } from '../purge/command.ts';
import type { Log } from '../runtime/log.ts';
import type { FeedStart } from './purge-feed.ts';
import type { WorkerPool } from './worker-pool.ts';
import type { WriterHost } from './writer-host.ts';

export interface NodePurges {
  /** What disk and all workers have applied; null: the node holds nothing and takes any position. */
  position(): Position | null;
  apply(entries: readonly JournalEntry[]): Promise<void>;
  reset(position: Position, reason: string): Promise<void>;
  /** No stored label needs the entries up to `seq` any more. */
  forget(seq: number): void;
  feedStart(): Omit<FeedStart, 'generation'>;
  attach(pool: Pick<WorkerPool, 'publish'>): void;
}

/** Whoever makes it durable. */
export type NodeWriter = Pick<WriterHost, 'journal' | 'apply' | 'reset'>;

/** Entries kept for workers that start later; older ones are forgotten and what needs them counts as purged. */
const maxEntries = 100_000;

/** A node that has never met a journal stores under this identity; the first real one makes all that void. */
const noJournal = startOf('none');

/** Reads what the writer has kept of the journal. Without a disk tier the node starts without a position. */
export function createNodePurges(log: Log, writer: NodeWriter | undefined): NodePurges {
  const kept = writer?.journal;
  let position: Position | null = kept?.position ?? null;
  let start: Position = kept?.start ?? position ?? noJournal;
  let entries: JournalEntry[] = [...(kept?.entries ?? [])];
  let pool: Pick<WorkerPool, 'publish'> | undefined;
  return {
    position: () => position,
    async apply(given) {
      const fresh = given.filter((entry) => entry.seq > (position?.seq ?? 0));
      const last = fresh.at(-1);
      if (!position || !last) return;
      const next: Position = { identity: position.identity, seq: last.seq, hash: last.hash };
      await writer?.apply(fresh, next);
      // A try after a failed one brings the same entries again.
      const heldSeq = entries.at(-1)?.seq ?? start.seq;
      entries.push(...fresh.filter((entry) => entry.seq > heldSeq));
      await pool?.publish({ type: 'entries', entries: fresh });
      position = next;
      ({ start, entries } = bounded(start, entries));
    },
    async reset(next, reason) {
      if (position) log.warn({ reason, position: next }, 'everything held counts as purged');
      else log.info({ position: next }, 'begins at the head of the purge journal');
      await writer?.reset(next);
      entries = [];
      start = next;
      await pool?.publish({ type: 'reset', position: next });
      position = next;
    },
    forget(seq) {
      const kept = entries.findIndex((entry) => entry.seq > seq);
      const last = entries[(kept < 0 ? entries.length : kept) - 1];
      if (last) {
        start = { identity: start.identity, seq: last.seq, hash: last.hash };
        entries = kept < 0 ? [] : entries.slice(kept);
      }
      void pool?.publish({ type: 'forget', seq });
    },
    feedStart: () => ({ start, entries }),
    attach(value) {
      pool = value;
    },
  };
}

function bounded(
  start: Position,
  entries: JournalEntry[],
): { start: Position; entries: JournalEntry[] } {
  const over = entries.length - maxEntries;
  const last = over > 0 ? entries[over - 1] : undefined;
  if (!last) return { start, entries };
  return {
    start: { identity: start.identity, seq: last.seq, hash: last.hash },
    entries: entries.slice(over),
  };
}
