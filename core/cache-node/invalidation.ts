/**
 * An unsafe request that succeeded invalidates what is stored for its target (RFC 9111 §4.4), and the groups that its response
 * names (RFC 9875 §3): in all workers and on disk, and before its answer is sent, so that whoever has the answer never sees
 * again what was before.
 *
 * The order matters. First every worker forbids its flights to store, empties its memory and removes the rows, over its own port
 * to the writer: what it has finished before goes to the writer before the removal, which no other port would assure. Then
 * memory is emptied once more, since a lookup may have brought a row back from disk in between.
 */
import type { DiskTier } from '../cache/disk-tier.ts';
import type { Invalidate, InvalidationOptions } from '../cache/obtain.ts';
import type { Clock } from '../runtime/deps.ts';
import type { Mesh } from './mesh.ts';

/** `rows`: memory, flights and the rows on disk. `memory`: the first two only. */
export type InvalidationStep = 'rows' | 'memory';

/** What one worker does of it; resolves when it is done. */
export type InvalidateHere = (
  keys: readonly string[],
  step: InvalidationStep,
  also?: InvalidationOptions,
) => Promise<void>;

export interface LocalInvalidationDeps {
  /** Drops keys and groups from this worker's memory and forbids what is under way to store them. */
  dropLocally: (keys: readonly string[], also: InvalidationOptions) => void;
  disk: Pick<DiskTier, 'remove'> | undefined;
}

export interface InvalidationDeps {
  clock: Clock;
  here: InvalidateHere;
  mesh: Pick<Mesh, 'invalidate'>;
  /** The limit was hit: the answer is sent though some part has not confirmed yet. */
  onLimit: () => void;
}

/** A thread that is busy for longer must not hold up the answer; it will still do what it was told. */
const limitMs = 2000;

/** Returns a worker's own part, for its own unsafe requests and for those of other workers. */
export function createLocalInvalidation(deps: LocalInvalidationDeps): InvalidateHere {
  const { dropLocally, disk } = deps;
  return (keys, step, also = {}) =>
    new Promise((resolve) => {
      dropLocally(keys, also);
      if (disk && step === 'rows') disk.remove(keys, resolve, also.groups);
      else resolve();
    });
}

/** Returns the call that invalidates keys and groups; resolves when nothing of them is found any more. Never rejects. */
export function createInvalidation(deps: InvalidationDeps): Invalidate {
  const { clock, here, mesh } = deps;
  const invalidate = async (keys: readonly string[], also: InvalidationOptions) => {
    for (const step of ['rows', 'memory'] as const) {
      await Promise.all([here(keys, step, also), mesh.invalidate(keys, step, also.groups)]);
    }
  };
  return async (keys, also = {}) => {
    const done = new AbortController();
    const limit = clock.sleep(limitMs, done.signal).then((isReached) => {
      if (isReached) deps.onLimit();
    });
    await Promise.race([invalidate(keys, also), limit]);
    done.abort();
  };
}
