/**
 * The memory tier: responses with their bodies, least recently used first out, bounded in bytes. One entry of the LRU is a
 * URL with all its variants, so that a hit is one map lookup and a URL leaves as a whole.
 */
import { LRUCache } from 'lru-cache';
import type { RawHeaders } from '../http/headers.ts';
import { selectVariant } from '../http/select-variant.ts';
import type { StoredResponse } from './entry.ts';
import { type HostGroups, memberOf } from './host-groups.ts';
import { baseKey, replaces } from './part.ts';

export interface MemoryTier {
  /** The response that the request selects; `varies` when the URL is known but no variant fits. */
  find(
    key: string,
    requestHeaders: RawHeaders,
    accepts?: Accepts,
  ): { found?: StoredResponse; varies: boolean };
  /** All variants of a URL, newest first; it does not count as a use. */
  peek(key: string): readonly StoredResponse[];
  /** Every key, most recently used first; it does not count as a use. */
  keys(): string[];
  /** The parts of a URL, at most so many; it does not count as a use. */
  partsOf(key: string, limit: number): readonly StoredResponse[];
  /** Adds a response, replacing its variant; false when it is larger than the tier takes. */
  put(entry: StoredResponse, maxVariants: number): boolean;
  /** Takes exactly this response out (it was found purged or damaged). */
  drop(entry: StoredResponse): void;
  /** Drops all under the key, and under the keys of its parts. */
  remove(key: string): void;
  /** Takes out what is in one of the groups. It looks at everything once: such an order is rare, and hits pay nothing for it. */
  removeGroups(groups: HostGroups): void;
  clear(): void;
  readonly bytes: number;
  readonly count: number;
}

/** Whether a response would do, if its variant is the right one. */
export type Accepts = (entry: StoredResponse) => boolean;

type Variants = StoredResponse[];

/** Creates an empty tier of `budgetBytes`. `onEvict` is called for each URL that leaves for want of room. */
export function createMemoryTier(options: {
  budgetBytes: number;
  onEvict?: () => void;
  /** A variant left because its URL had too many, by number or by bytes. */
  onVariantCap?: () => void;
}): MemoryTier {
  const lru = new LRUCache<string, Variants>({
    maxSize: Math.max(1, options.budgetBytes),
    sizeCalculation: (variants) => variants.reduce((sum, entry) => sum + entry.memoryBytes, 0),
    dispose: (_variants, key, reason) => {
      if (reason !== 'set') parts.forget(key);
      if (reason === 'evict') options.onEvict?.();
    },
  });
  const parts = createPartKeys();
  /** What one URL may take with all its variants: nothing may push out everything else. */
  const largestBytes = options.budgetBytes / 2;
  const drop = (entry: StoredResponse) => {
    const variants = lru.peek(entry.key);
    if (!variants?.includes(entry)) return;
    const left = variants.filter((other) => other !== entry);
    if (left.length === 0) lru.delete(entry.key);
    else lru.set(entry.key, left);
  };
  return {
    find(key, requestHeaders, accepts) {
      const variants = lru.get(key);
      if (!variants) return { varies: false };
      const found = selectVariant(variants, requestHeaders, accepts);
      return found ? { found, varies: false } : { varies: true };
    },
    peek: (key) => lru.peek(key) ?? [],
    keys: () => [...lru.keys()],
    partsOf: (key, limit) =>
      parts
        .of(key)
        .slice(0, limit)
        .flatMap((partKey) => lru.peek(partKey) ?? []),
    put(entry, maxVariants) {
      let bytes = entry.memoryBytes;
      if (bytes > largestBytes) return false;
      // Newest first: the order in which `selectVariant` prefers them, and what is over a bound is the oldest.
      const variants = [entry];
      for (const other of lru.peek(entry.key) ?? []) {
        if (replaces(entry, other)) continue;
        bytes += other.memoryBytes;
        if (variants.length >= maxVariants || bytes > largestBytes) {
          options.onVariantCap?.();
          break;
        }
        variants.push(other);
      }
      lru.set(entry.key, variants);
      parts.note(entry.key);
      return true;
    },
    drop,
    remove(key) {
      lru.delete(key);
      for (const partKey of parts.of(key)) lru.delete(partKey);
    },
    removeGroups(groups) {
      const isMember = memberOf(groups);
      const members: StoredResponse[] = [];
      for (const variants of lru.values()) {
        for (const entry of variants) if (isMember(entry)) members.push(entry);
      }
      for (const entry of members) drop(entry);
    },
    clear: () => lru.clear(),
    get bytes() {
      return lru.calculatedSize;
    },
    get count() {
      return lru.size;
    },
  };
}

/** Which keys of parts are in the tier, by the key of their URL; URLs without parts cost nothing. */
function createPartKeys() {
  const byBase = new Map<string, Set<string>>();
  return {
    note(key: string) {
      const base = baseKey(key);
      if (base === key) return;
      const keys = byBase.get(base);
      if (keys) keys.add(key);
      else byBase.set(base, new Set([key]));
    },
    forget(key: string) {
      const base = baseKey(key);
      const keys = base === key ? undefined : byBase.get(base);
      if (keys?.delete(key) && keys.size === 0) byBase.delete(base);
    },
    of: (base: string) => [...(byBase.get(base) ?? [])],
  };
}
