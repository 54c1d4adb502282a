/**
 * The two tiers as one: a lookup asks memory, then disk, and brings small bodies from disk into memory; what is stored goes to
 * both. Every insertion is a check-and-insert against the purges that this worker knows; the disk checks again, inside the
 * writing transaction.
 *
 * Invariant: a fault of the disk tier is a counted miss, never a wrong answer.
 */
import type { RawHeaders } from '../http/headers.ts';
import { selectVariant } from '../http/select-variant.ts';
import type { Metrics } from '../runtime/metrics.ts';
import { type BodyReader, readBuffer, readChunks } from './body-reader.ts';
import type { Cleanliness } from './clean-through.ts';
import { createDiskCopies } from './disk-copy.ts';
import { chunkBytes } from './disk-messages.ts';
import type { DiskTier } from './disk-tier.ts';
import type { StoredResponse } from './entry.ts';
import type { HostGroups } from './host-groups.ts';
import type { Accepts, MemoryTier } from './memory-tier.ts';
import type { PurgeState } from './purge-state.ts';
import { createSuperseded, goesBefore, type Newer } from './superseded.ts';

export interface Lookup {
  stored: StoredResponse | undefined;
  cleanliness: Cleanliness;
  missReason: MissReason;
}

/** Why nothing that fits was found (RFC 9211 §2.2); `partial`: parts are stored, but not the wanted one. */
export type MissReason = 'uri-miss' | 'vary-miss' | 'partial';

export interface Store {
  /** What is stored for a request, judged by the purges known now. With `accepts`: of parts, one that would do. */
  find(key: string, requestHeaders: RawHeaders, accepts?: Accepts): Lookup;
  /** All under a key that no purge has matched hard, of both tiers, memory first; nothing is used, moved or counted. */
  live(key: string): StoredResponse[];
  /** Puts a response into memory unless a purge matched it; false when it was not put. */
  putInMemory(entry: StoredResponse, maxVariants: number): boolean;
  /** Takes over what a 304 changed, in both tiers. */
  update(entry: StoredResponse, maxVariants: number): void;
  /** Stores a response over the body of another variant (its row, its buffer), which stays what it is. */
  copy(entry: StoredResponse, maxVariants: number): void;
  /** Drops what is older than a response that another worker has stored, and does not bring it back from disk. */
  outdate(newer: Newer): void;
  /** Bytes `[start, end)` of a stored body; undefined when the body is gone. */
  read(entry: StoredResponse, start: number, end: number): BodyReader | undefined;
  /**
   * Drops everything under the keys of URLs, parts too, and what is in the groups, from this worker's memory, and from disk when
   * `alsoDisk`.
   */
  remove(keys: readonly string[], alsoDisk: boolean, groups?: HostGroups): void;
  readonly memory: MemoryTier;
  /** Undefined: this node has no disk tier. */
  readonly disk: DiskTier | undefined;
  /** Bodies up to this size are kept in memory. */
  readonly memoryObjectBytes: number;
}

const clean: Cleanliness = { kind: 'clean' };
const byMemory = { tier: 'memory' };
const byDisk = { tier: 'disk' };
const byNone = { tier: 'none' };

/** Creates the store of one worker. */
export function createStore(
  deps: {
    metrics: Metrics;
    purges: PurgeState;
    memory: MemoryTier;
    disk: DiskTier | undefined;
    /** Something was put into memory where other responses lay under its key. */
    onNewer?: (newer: StoredResponse, before: readonly StoredResponse[]) => void;
  },
  options: { memoryObjectBytes: number },
): Store {
  const { memory, disk, purges } = deps;
  const countLookup = deps.metrics.counter(
    'breakwater_cache_lookups_total',
    'Lookups by the tier that answered.',
    ['tier'],
  );
  const countPurged = deps.metrics.counter(
    'breakwater_cache_purged_on_use_total',
    'Stored responses dropped at a lookup or an insertion because a purge matched.',
  );

  const copies = disk && createDiskCopies(disk);
  const superseded = createSuperseded();
  const put = (entry: StoredResponse, maxVariants: number): boolean => {
    const before = memory.peek(entry.key);
    const isPut = memory.put(entry, maxVariants);
    if (isPut && before.length > 0) deps.onNewer?.(entry, before);
    return isPut;
  };

  const judged = (stored: StoredResponse): Lookup => ({
    stored,
    cleanliness: purges.judge(stored),
    missReason: 'uri-miss',
  });

  /** Of what can be used, the variant that fits; else of what was purged, so that it can be said why this is a miss. */
  const fromDisk = (key: string, requestHeaders: RawHeaders, accepts?: Accepts) => {
    const rows = superseded.current(key, disk?.lookup(key) ?? []);
    const live = rows.filter((row) => purges.judge(row).kind !== 'hard');
    const found =
      selectVariant(live, requestHeaders, accepts) ?? selectVariant(rows, requestHeaders, accepts);
    return { found, varies: rows.length > 0 };
  };

  /** Reads a small body of the disk tier; false when it cannot be read. */
  const load = (entry: StoredResponse): boolean => {
    if (!disk || entry.rowId === null) return true;
    disk.touch(entry.rowId);
    if (entry.bodyBytes > options.memoryObjectBytes) return true;
    const body = disk.body(entry.rowId, entry.bodyBytes);
    if (body) entry.body = body;
    return body !== undefined;
  };
  /** Brings a small body into memory; false when it cannot be read. */
  const promote = (entry: StoredResponse): boolean => {
    const isReadable = load(entry);
    // The cap on variants was kept when the row was written.
    if (entry.body !== null) memory.put(entry, Number.MAX_SAFE_INTEGER);
    return isReadable;
  };

  return {
    find(key, requestHeaders, accepts) {
      const inMemory = memory.find(key, requestHeaders, accepts);
      const first = inMemory.found && judged(inMemory.found);
      if (inMemory.found && first) {
        if (first.cleanliness.kind !== 'hard') {
          countLookup(byMemory);
          return first;
        }
        countPurged();
        memory.drop(inMemory.found);
        // The row may be good: it is of a later fetch, or the sweeper has lifted its label above what the index has forgotten.
      }
      const onDisk = fromDisk(key, requestHeaders, accepts);
      if (onDisk.found) {
        const lookup = judged(onDisk.found);
        if (lookup.cleanliness.kind === 'hard' || promote(onDisk.found)) {
          countLookup(byDisk);
          return lookup;
        }
      }
      countLookup(byNone);
      if (first) return first;
      const varies = inMemory.varies || (onDisk.varies && !onDisk.found);
      return {
        stored: undefined,
        cleanliness: clean,
        missReason: varies ? (accepts ? 'partial' : 'vary-miss') : 'uri-miss',
      };
    },
    live: (key) =>
      [...memory.peek(key), ...(disk?.lookup(key) ?? [])].filter(
        (entry) => purges.judge(entry).kind !== 'hard',
      ),
    putInMemory(entry, maxVariants) {
      if (purges.judge(entry).kind === 'hard') {
        countPurged();
        return false;
      }
      return entry.body !== null && put(entry, maxVariants);
    },
    update(entry, maxVariants) {
      if (purges.judge(entry).kind === 'hard') return countPurged();
      if (entry.body !== null) put(entry, maxVariants);
      if (entry.rowId !== null) disk?.update(entry.rowId, entry);
    },
    copy(entry, maxVariants) {
      if (purges.judge(entry).kind === 'hard') return countPurged();
      const sourceRowId = entry.rowId;
      if (entry.body === null) load(entry);
      if (entry.body !== null) {
        // From here on the row of the other variant is not this one's.
        entry.rowId = null;
        memory.put(entry, maxVariants);
      }
      copies?.start(entry, sourceRowId, maxVariants);
    },
    outdate(newer) {
      superseded.note(newer);
      for (const entry of memory.peek(newer.key)) {
        if (goesBefore(newer, entry)) memory.drop(entry);
      }
    },
    read(entry, start, end) {
      if (entry.body !== null) return readBuffer(entry.body, start, end);
      const { rowId } = entry;
      if (!disk || rowId === null) return undefined;
      disk.touch(rowId);
      return readChunks((n) => disk.chunk(rowId, n), chunkBytes, start, end);
    },
    remove(keys, alsoDisk, groups) {
      copies?.forbid(keys, groups);
      for (const key of keys) memory.remove(key);
      if (groups) memory.removeGroups(groups);
      if (alsoDisk) disk?.remove(keys, undefined, groups);
    },
    memory,
    disk,
    memoryObjectBytes: options.memoryObjectBytes,
  };
}
