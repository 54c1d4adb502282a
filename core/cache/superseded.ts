/**
 * Copies that have been replaced elsewhere. The workers of a node have a memory tier each; when one of them has stored something
 * newer than what the others may still serve (a client has forced a reload, a HEAD or a refresh has brought it), they drop their
 * copy, and do not bring an older one back from disk in the moment before the newer row is visible.
 */
import { LRUCache } from 'lru-cache';
import { stalenessSeconds } from './decide.ts';
import type { StoredResponse } from './entry.ts';

/** A response that may go before older ones. Plain data, for messages between workers. */
export type Newer = Pick<StoredResponse, 'key' | 'variant' | 'varyFields' | 'responseTimeMs'>;

export interface Superseded {
  /** Another worker has stored this. */
  note(newer: Newer): void;
  /** Of the rows under a key, those before which nothing goes that is not among them yet. */
  current(key: string, rows: readonly StoredResponse[]): readonly StoredResponse[];
}

const rememberedKeys = 10_000;
/** A variant may be named by a field of kilobytes, a cookie say. */
export const rememberedCharacters = 8_000_000;
/** Of one key; what is forgotten has its row by then. */
const rememberedVariants = 16;

/** Whether a request that selects the older response may be for the newer one instead (RFC 9111 §4.1). */
export function goesBefore(newer: Newer, older: Newer): boolean {
  if (newer.responseTimeMs <= older.responseTimeMs) return false;
  return newer.variant === older.variant || newer.varyFields.join() !== older.varyFields.join();
}

/** Creates the memory of one worker. */
export function createSuperseded(): Superseded {
  const awaited = new LRUCache<string, readonly Newer[]>({
    max: rememberedKeys,
    maxSize: rememberedCharacters,
    sizeCalculation: (all, key) =>
      all.reduce((sum, { variant }) => sum + variant.length, key.length + 1),
  });
  return {
    note(newer) {
      const others = (awaited.get(newer.key) ?? []).filter((known) => !goesBefore(newer, known));
      awaited.set(newer.key, [newer, ...others.slice(0, rememberedVariants - 1)]);
    },
    current(key, rows) {
      const known = awaited.get(key);
      if (!known) return rows;
      const missing = known.filter((newer) => !rows.some((row) => isAtLeast(row, newer)));
      if (missing.length === 0) awaited.delete(key);
      else awaited.set(key, missing);
      return rows.filter((row) => !missing.some((newer) => goesBefore(newer, row)));
    },
  };
}

/**
 * Whether other workers may still serve an older response as it is where this one has a newer one: it is fresh, or served stale
 * while it is refreshed. What is past that they ask about. Parts are joined under the same validator only, so an old one does no
 * harm.
 */
export function isServedElsewhere(
  newer: StoredResponse,
  older: StoredResponse,
  nowMs: number,
): boolean {
  if (newer.part || older.part || !goesBefore(newer, older)) return false;
  const { noCache, staleWhileRevalidateSeconds } = older.freshness;
  if (noCache) return false;
  return stalenessSeconds(older, { kind: 'clean' }, nowMs) < staleWhileRevalidateSeconds;
}

function isAtLeast(row: Newer, newer: Newer): boolean {
  return row.variant === newer.variant && row.responseTimeMs >= newer.responseTimeMs;
}
