/**
 * What travels between workers, the main thread and the writer thread of the disk tier. A worker names a write by a number
 * of its own (`write`); the row's id comes back with the first commit.
 *
 * Invariant: everything here is plain data that survives the structured clone of a message port.
 */
import type { JournalEntry, Position } from '../purge/command.ts';
import type { StoredResponseInit } from './entry.ts';
import type { HostGroups } from './host-groups.ts';

/** Bytes of a chunk row; every chunk of a body but the last has exactly this length. */
export const chunkBytes = 256 * 1024;

/** Why a write did not end as a stored response. */
export type DropReason = 'purged' | 'too-large' | 'error' | 'queue-full';

export type ToWriter =
  /** Announces a body. The row stays invisible to lookups until `finish`. */
  | { type: 'begin'; write: number; key: string }
  /** The next chunk; the buffer is transferred. */
  | { type: 'chunk'; write: number; bytes: Uint8Array }
  /** The body is complete: check against the purge index and make it visible, replacing the same variant. */
  | { type: 'finish'; write: number; init: StoredResponseInit; maxVariants: number }
  | { type: 'abort'; write: number }
  /** A 304: new head over the same body. Applied only while the row exists. */
  | { type: 'update'; rowId: number; init: StoredResponseInit }
  /** Drops what is stored under the keys and in the groups (RFC 9111 §4.4, RFC 9875 §3). Answered with `removed`. */
  | { type: 'remove'; call: number; keys: readonly string[]; groups?: HostGroups }
  /** Rows that were read; moves them to the young end of the eviction order. */
  | { type: 'touch'; rowIds: readonly number[] }
  /** Rows whose head or chunk failed its checksum: to be removed. */
  | { type: 'damaged'; rowIds: readonly number[] }
  /** SQLite itself says that the file of this generation is damaged, also after it was opened again. */
  | { type: 'damaged-file'; generation: number };

export type FromWriter =
  /** Everything of the write up to `bytes` is committed; `done` once it is visible. */
  | { type: 'committed'; write: number; rowId: number; bytes: number; done: boolean }
  /** The write was dropped: purged meanwhile, over the budget, or an error. */
  | { type: 'dropped'; write: number; why: DropReason }
  /** A removal is committed: no lookup that begins now finds what it dropped. */
  | { type: 'removed'; call: number }
  /** The file was set aside and a new one is in its place. Rows of the old one are gone. */
  | { type: 'reopen'; generation: number };

/** From the main thread to the writer; each is answered with a `ControlReply` of the same `call`. */
export type ControlToWriter =
  /** Durable (journal rows and cursor in one transaction) before the answer. What is already applied is ignored. */
  | { type: 'apply'; call: number; entries: readonly JournalEntry[]; position: Position }
  /** Another identity or a lost past: everything held counts as hard-purged from here on. */
  | { type: 'reset'; call: number; position: Position }
  /** Answered when all that was queued before it is committed. */
  | { type: 'flush'; call: number }
  | { type: 'stats'; call: number }
  /** The kept entries numbered `from` and above, for a worker that builds its index. */
  | { type: 'entries'; call: number; from: number };

export type ControlReply =
  | { type: 'applied'; call: number }
  | { type: 'stats'; call: number; stats: DiskStats }
  | { type: 'entries'; call: number; journal: JournalContents }
  | { type: 'failed'; call: number; problem: string };

/** What a purge index is built from: it begins at `start`, and `entries` lead to `position`. */
export interface JournalContents {
  /** Null: the node has no position yet. */
  position: Position | null;
  /** Entries up to here are forgotten; what is labelled below counts as purged. */
  start: Position | null;
  entries: JournalEntry[];
}

/** What the writer tells the main thread without being asked. */
export type DiskReport =
  /** How many stored responses the entry matched. */
  | { type: 'matched'; seq: number; responses: number }
  /** No row needs the entries up to `seq` any more; they are no longer in the file. */
  | { type: 'swept'; seq: number };

export interface DiskStats {
  responses: number;
  /** Bytes of visible responses and of writes in progress. */
  liveBytes: number;
  /** Bytes of invisible rows that are not removed yet. */
  doomedBytes: number;
  budgetBytes: number;
  queueBytes: number;
  openWrites: number;
  position: Position | null;
  /** Every row counts as labelled at least so; null: no pass has ended. */
  sweptSeq: number | null;
}
