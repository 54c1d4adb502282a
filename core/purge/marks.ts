/**
 * What the invalidation index remembers for one key (a URL, a tag, a host …): its newest hard purge and its soft ones.
 *
 * Of soft purges the time of the FIRST one above a response's label counts: from then on it has been stale. So a mark keeps
 * several, and when it has too many it merges the two newest into (newest number, earlier time), which can only make a
 * response count as stale for longer, never for shorter.
 */

/** Soft purges remembered one by one for a key. */
export const maxSoftPerMark = 16;

export interface Mark {
  /** Where the mark is filed; see `index.ts`. */
  readonly key: string;
  hardSeq: number;
  /** Ascending by `seq`. */
  soft: { seq: number; atMs: number }[];
}

/** The newest matches of a response. 0: none. */
export interface Match {
  hardSeq: number;
  softSeq: number;
  /** Time of the first soft match above the label that was asked for; 0 without one. Milliseconds since 1970. */
  softAtMs: number;
}

export function createMark(key: string): Mark {
  return { key, hardSeq: 0, soft: [] };
}

/** The newest purge of the mark. */
export function newestOf(mark: Mark): number {
  return Math.max(mark.hardSeq, mark.soft.at(-1)?.seq ?? 0);
}

/** Enters a purge. Several selectors of one entry may hit the same mark. */
export function enter(mark: Mark, seq: number, isSoft: boolean, atMs: number): void {
  if (!isSoft) {
    mark.hardSeq = seq;
    // A label above which an older soft purge would matter is below this hard one, which wins.
    mark.soft = [];
    return;
  }
  const newest = mark.soft.at(-1);
  if (newest?.seq === seq) return;
  if (newest && mark.soft.length >= maxSoftPerMark) newest.seq = seq;
  else mark.soft.push({ seq, atMs });
}

/** Adds what `mark` knows about a response labelled `aboveSeq` to `match`. */
export function gather(match: Match, mark: Mark | undefined, aboveSeq: number): void {
  if (!mark) return;
  if (mark.hardSeq > match.hardSeq) match.hardSeq = mark.hardSeq;
  const newest = mark.soft.at(-1);
  if (!newest || newest.seq <= aboveSeq) return;
  if (newest.seq > match.softSeq) match.softSeq = newest.seq;
  for (const { seq, atMs } of mark.soft) {
    if (seq <= aboveSeq) continue;
    if (match.softAtMs === 0 || atMs < match.softAtMs) match.softAtMs = atMs;
    return;
  }
}
