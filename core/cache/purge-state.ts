/**
 * What a worker knows of purges: its own index, brought up to date before every read. The main thread posts new entries to
 * the worker and then publishes a generation in shared memory; a worker that sees another generation than its own takes the
 * posted entries synchronously. So a read that begins after the node has acknowledged a purge cannot miss it.
 */

import type { Position } from '../purge/command.ts';
import type { PurgeIndex } from '../purge/index.ts';
import type { Clock } from '../runtime/deps.ts';
import { type Cleanliness, cleanThrough } from './clean-through.ts';
import type { StoredResponse } from './entry.ts';

export interface PurgeState {
  /** Takes what has been published; to be called at the start of each read. One integer comparison when nothing is new. */
  sync(): void;
  readonly index: PurgeIndex;
  /** The cursor of this worker: to be read before a request goes upstream; it is then the response's epoch. */
  position(): Position;
  /** Judges a stored response and relabels it when it is clean. */
  judge(entry: StoredResponse): Cleanliness;
  /**
   * The position under which a response is known to be valid: the cursor when no purge above its label matched it, else its
   * label (whose hash is no longer known, and left empty).
   */
  labelOf(entry: StoredResponse): Position;
  /** Resolves true once the cursor has reached `position` of the same identity, false after `waitMs`. */
  reaches(position: Position, waitMs: number): Promise<boolean>;
}

export interface PurgeStateSource {
  /** True when something is published that `take` would bring. */
  isBehind(): boolean;
  /** Applies what is published to the index (or replaces it) synchronously; returns the current index. */
  take(): PurgeIndex;
}

/** Creates the state over what the node's main thread publishes. */
export function createPurgeState(
  { clock }: { clock: Clock },
  source: PurgeStateSource,
): PurgeState {
  let index = source.take();
  const sync = () => {
    if (source.isBehind()) index = source.take();
  };
  const judge = (entry: StoredResponse) => {
    const cleanliness = cleanThrough(entry, index);
    if (cleanliness.kind === 'clean') {
      entry.labelSeq = Math.max(entry.labelSeq, index.cursor.seq);
    } else if (cleanliness.kind === 'soft') {
      entry.staleSinceMs = Math.min(entry.staleSinceMs ?? cleanliness.sinceMs, cleanliness.sinceMs);
    }
    return cleanliness;
  };
  return {
    sync,
    get index() {
      return index;
    },
    position: () => index.cursor,
    judge,
    labelOf(entry) {
      judge(entry);
      const { identity, labelSeq: seq } = entry;
      const { cursor } = index;
      const isCursor = identity === cursor.identity && seq === cursor.seq;
      return isCursor ? cursor : { identity, seq, hash: '' };
    },
    async reaches(position, waitMs) {
      const untilMs = clock.monotonicMs() + waitMs;
      for (;;) {
        sync();
        if (index.identity === position.identity && index.cursor.seq >= position.seq) return true;
        // A journal that this node does not know will not become known by waiting a moment.
        if (index.identity !== position.identity || clock.monotonicMs() >= untilMs) return false;
        await clock.sleep(2);
      }
    },
  };
}
