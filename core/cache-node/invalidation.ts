/**
 * An unsafe request that succeeded invalidates what is stored for its target (RFC 9111 §4.4): in all workers and on disk, and
 * before its answer is sent, so that whoever has the answer never sees again what was before.
 *
 * The order matters. First flights that are under way are forbidden to store, everywhere; then the rows go; then memory is
 * emptied once more, since a lookup may have brought a row back from disk in between.
 */
import type { DiskTier } from '../cache/disk-tier.ts';
import type { Clock } from '../runtime/deps.ts';
import type { Mesh } from './mesh.ts';

export interface InvalidationDeps {
  clock: Clock;
  /** Drops the keys from this worker's memory and forbids its flights to store them. */
  dropLocally: (keys: readonly string[]) => void;
  mesh: Pick<Mesh, 'invalidate'>;
  disk: Pick<DiskTier, 'remove'> | undefined;
  /** The limit was hit: the answer is sent though some part has not confirmed yet. */
  onLimit: () => void;
}

/** A thread that is busy for longer must not hold up the answer; it will still do what it was told. */
const limitMs = 2000;

/** Returns the call that invalidates keys; resolves when nothing of them is found any more. Never rejects. */
export function createInvalidation(
  deps: InvalidationDeps,
): (keys: readonly string[]) => Promise<void> {
  const { clock, dropLocally, mesh, disk } = deps;
  const dropEverywhere = (keys: readonly string[]) => {
    dropLocally(keys);
    return mesh.invalidate(keys);
  };
  const removeRows = (keys: readonly string[]) =>
    new Promise<void>((resolve) => {
      if (disk) disk.remove(keys, resolve);
      else resolve();
    });
  const invalidate = async (keys: readonly string[]) => {
    await dropEverywhere(keys);
    await removeRows(keys);
    await dropEverywhere(keys);
  };
  return async (keys) => {
    const done = new AbortController();
    const limit = clock.sleep(limitMs, done.signal).then((isReached) => {
      if (isReached) deps.onLimit();
    });
    await Promise.race([invalidate(keys), limit]);
    done.abort();
  };
}
