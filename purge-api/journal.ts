/**
 * The port of the journal: a totally ordered, durable list of invalidations 1…N under one random identity (DESIGN section 4).
 * Each implementation passes `test/contract/journal.contract.ts`.
 *
 * Invariants: sequence numbers are contiguous; each entry's hash follows from all before it; what `append` has answered
 * is there after any crash; numbers mean something only together with the identity.
 */
import type { JournalEntry, Position, Selector } from '../core/purge/command.ts';

/** A purge to be recorded; its selectors are checked already. */
export interface PurgeCommand {
  soft: boolean;
  /** The hosts of the token; the entry matches nothing else. `['*']` for all. */
  scope: readonly string[];
  selectors: readonly Selector[];
  /** Who asked: the name of the token, or of the node whose PURGE method was used. */
  by: string;
}

export interface Idempotency {
  /** Unique among the callers that share it: holds the token's name. */
  key: string;
  /** Equal for equal commands. */
  fingerprint: string;
}

export type AppendResult =
  | { kind: 'appended'; entry: JournalEntry }
  /** The same key with the same fingerprint was appended before: this is its entry. */
  | { kind: 'repeated'; entry: JournalEntry }
  /** The same key came before with another fingerprint. Nothing was appended. */
  | { kind: 'conflict' };

export interface Recorded {
  entry: JournalEntry;
  by: string;
}

export interface JournalPage {
  limit: number;
  /** Stops before the entry that would exceed it; the first entry always comes. */
  maxBytes?: number;
}

export interface Journal {
  /** The newest entry; its identity is the journal's. Cheap. */
  head(): Position;
  /** The newest entry that is no longer kept; a node at it or after it can follow. */
  floor(): Position;
  /**
   * Appends durably. Concurrent calls share one commit and are numbered in the order of the calls. Rejects when the
   * entry could not be made durable; then it may or may not be there, and no number has been given away.
   */
  append(command: PurgeCommand, idempotency?: Idempotency): Promise<AppendResult>;
  /** Entries after `seq`, in order. Empty at the head; entries at or below the floor are not there. */
  after(seq: number, page: JournalPage): Promise<JournalEntry[]>;
  /** The entry of a purge; undefined when it is unknown or no longer kept. */
  find(id: string): Promise<Recorded | undefined>;
  /** The position of `seq` between floor and head, both included. */
  positionOf(seq: number): Promise<Position | undefined>;
  /** Whether a node at `position` can follow this journal: same identity, kept, same hash. */
  holds(position: Position): Promise<boolean>;
  /** Gives the journal a new identity, durably; entries and numbers go on. For when entries are known to be lost. */
  renewIdentity(reason: string): Promise<Position>;
  /** Forgets a part of what is beyond the retention; returns how many entries. The newest entry always stays. */
  prune(): Promise<number>;
  /** The node has applied everything up to `seq`; for journals that show operators how far each node is. Never waited for. */
  acknowledged?(nodeId: string, seq: number): void;
  close(): Promise<void>;
}

/** How a node that says `position` stands towards the journal. Pure, given `holds`. */
export type Standing =
  /** It can follow. */
  | { kind: 'follow'; position: Position }
  /** It must begin anew: it holds nothing, follows another journal, or was away for longer than entries are kept. */
  | { kind: 'reset'; reason: string }
  /** It has seen entries of this identity that the journal lacks: entries were lost. */
  | { kind: 'lost'; reason: string };

/** Judges a position that a node says. `holds`: what the journal says of it. */
export function judgePosition(
  position: Position | null,
  holds: boolean,
  { head, floor }: { head: Position; floor: Position },
): Standing {
  if (position === null) return { kind: 'reset', reason: 'the node holds no position' };
  // Before `holds`: the journal may have got a new identity since it was asked.
  if (position.identity !== head.identity) {
    return { kind: 'reset', reason: 'the node followed another journal' };
  }
  if (holds) return { kind: 'follow', position };
  if (position.seq < floor.seq) {
    return { kind: 'reset', reason: 'the node was away for longer than entries are kept' };
  }
  const what = position.seq > head.seq ? 'newer than' : 'unlike';
  return { kind: 'lost', reason: `the position ${position.seq} is ${what} all that is here` };
}
