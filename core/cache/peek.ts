/**
 * What is stored under a key, looked at without using it: nothing becomes more recent, nothing moves between the tiers, no
 * label is lifted. For `explain`; the lookup is the one that `Store.find` would come to.
 */
import type { RawHeaders } from '../http/headers.ts';
import { selectVariant } from '../http/select-variant.ts';
import type { PurgeIndex } from '../purge/index.ts';
import { cleanThrough } from './clean-through.ts';
import type { DiskTier } from './disk-tier.ts';
import type { StoredResponse } from './entry.ts';
import type { MemoryTier } from './memory-tier.ts';
import type { Lookup } from './store.ts';

export interface Peeked {
  lookup: Lookup;
  memory: readonly StoredResponse[];
  disk: readonly StoredResponse[];
}

export interface PeekDeps {
  memory: Pick<MemoryTier, 'peek'>;
  disk: Pick<DiskTier, 'lookup'> | undefined;
  index: PurgeIndex;
}

/** Everything under the key, and what a request with these fields would find. Bodies are not read. */
export function peek({ memory, disk, index }: PeekDeps, key: string, headers: RawHeaders): Peeked {
  const inMemory = memory.peek(key);
  const onDisk = disk?.lookup(key) ?? [];
  const isLive = (held: StoredResponse) => cleanThrough(held, index).kind !== 'hard';
  const newestInMemory = selectVariant(inMemory, headers);
  const stored =
    (newestInMemory && isLive(newestInMemory) ? newestInMemory : undefined) ??
    selectVariant(onDisk.filter(isLive), headers) ??
    // What was purged is found as well, so that it can be said why this is a miss.
    newestInMemory ??
    selectVariant(onDisk, headers);
  const varies = stored === undefined && inMemory.length + onDisk.length > 0;
  return {
    lookup: {
      stored,
      cleanliness: stored ? cleanThrough(stored, index) : { kind: 'clean' },
      missReason: varies ? 'vary-miss' : 'uri-miss',
    },
    memory: inMemory,
    disk: onDisk,
  };
}
