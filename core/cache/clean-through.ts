/**
 * May a stored response still be used, after all purges that this node has applied? The one function that judges hits, late
 * inserts, hand-overs, 304s and restarts (DESIGN section 4). Pure; a response that is clean may be relabelled with the
 * cursor, so that the next judgement is one comparison.
 */
import type { Purgeable, PurgeIndex } from '../purge/index.ts';

/** A response with the position under which it is known to be valid. */
export interface Labelled extends Purgeable {
  /** The journal that `labelSeq` belongs to. */
  identity: string;
  labelSeq: number;
}

export type Cleanliness =
  /** No purge above the label matches: valid at the cursor. */
  | { kind: 'clean' }
  /** Stale since `sinceMs` (milliseconds since 1970), when the first soft purge above the label came; `seq` is the newest. */
  | { kind: 'soft'; seq: number; sinceMs: number }
  /** Not to be used, not even as stale; its body may serve a conditional request. `seq` 0: of another journal. */
  | { kind: 'hard'; seq: number };

const clean: Cleanliness = Object.freeze({ kind: 'clean' });

/** Judges `entry` at the index's cursor. Numbers are compared only within one identity; hard wins over soft. */
export function cleanThrough(entry: Labelled, index: PurgeIndex): Cleanliness {
  if (entry.identity !== index.identity) return { kind: 'hard', seq: 0 };
  const { labelSeq } = entry;
  if (labelSeq >= index.cursor.seq) return clean;
  if (labelSeq < index.floorSeq) return { kind: 'hard', seq: index.floorSeq };
  const match = index.lastMatch(entry, labelSeq);
  if (match.hardSeq > labelSeq) return { kind: 'hard', seq: match.hardSeq };
  if (match.softSeq > labelSeq)
    return { kind: 'soft', seq: match.softSeq, sinceMs: match.softAtMs };
  return clean;
}
