/**
 * The disk tier as a worker's engine uses it: reads go straight to the file, everything that changes it goes to the writer
 * thread. A write's progress comes back, so that memory can be let go of what is committed and an upstream can be slowed down.
 */
import type { Clock, Timer } from '../runtime/deps.ts';
import type { Metrics } from '../runtime/metrics.ts';
import type { FromWriter, ToWriter } from './disk-messages.ts';
import { createDiskReaderMetrics } from './disk-metrics.ts';
import type { DiskReader } from './disk-reader.ts';
import { createDiskWrite, type DiskWrite, type TieredWrite } from './disk-write.ts';
import { initOf, type StoredResponse, type StoredResponseInit } from './entry.ts';
import type { HostGroups } from './host-groups.ts';

export type { DiskWrite } from './disk-write.ts';

export interface DiskTier {
  /** The visible variants under a key, bodies left on disk; to be judged by the purges that this worker knows. */
  lookup(key: string): StoredResponse[];
  /** The visible parts of a URL, at most so many; for whoever explains. */
  partsOf(key: string, limit: number): StoredResponse[];
  /** Chunk `n` (of `chunkBytes`) of a stored body, or of one that is being written, as far as it is committed. */
  chunk(rowId: number, n: number): Buffer | undefined;
  body(rowId: number, bodyBytes: number): Buffer | undefined;
  /** Begins to write a body. Nothing is sent before there is a chunk of it. */
  begin(key: string): DiskWrite;
  /** New head for a stored body (304); ignored when the row is gone. */
  update(rowId: number, init: StoredResponseInit): void;
  /** Drops what is stored under the keys and in the groups; `onRemoved` is called when no lookup finds it any more. */
  remove(keys: readonly string[], onRemoved?: () => void, groups?: HostGroups): void;
  /** Says that a row was used: it leaves later. Sent in batches, at most once a minute for a row. */
  touch(rowId: number): void;
  /** Takes a message of the writer. */
  receive(message: FromWriter): void;
  close(): void;
}

export interface DiskTierDeps {
  clock: Clock;
  metrics: Metrics;
  reader: DiskReader;
  toWriter: { post(message: ToWriter, transfer?: readonly ArrayBuffer[]): void };
}

export interface DiskTierOptions {
  /** Of all writes of this worker: beyond it a write is given up. A flight should pause long before. Default 64 MiB. */
  maxPendingBytes?: number;
}

const touchDelayMs = 1000;
const touchAgainMs = 60_000;
const maxTouched = 10_000;
const touchesPerMessage = 500;

export function createDiskTier(deps: DiskTierDeps, options: DiskTierOptions = {}): DiskTier {
  const { reader, toWriter } = deps;
  const { maxPendingBytes = 64 * 2 ** 20 } = options;
  const counts = createDiskReaderMetrics(deps.metrics);
  const writes = new Map<number, TieredWrite>();
  const removals = new Map<number, () => void>();
  let nextNumber = 1;
  let pendingBytes = 0;
  const touches = createTouches(deps.clock, (rowIds) => toWriter.post({ type: 'touch', rowIds }));
  reader.onDamagedRow = (rowId) => toWriter.post({ type: 'damaged', rowIds: [rowId] });
  reader.onDamagedFile = (generation) => toWriter.post({ type: 'damaged-file', generation });
  const reserve = (bytes: number) => {
    if (bytes > 0 && pendingBytes + bytes > maxPendingBytes) {
      counts.refused();
      return false;
    }
    pendingBytes += bytes;
    return true;
  };
  const settleRemoval = (call: number) => {
    removals.get(call)?.();
    removals.delete(call);
  };
  return {
    lookup: reader.lookup,
    partsOf: reader.partsOf,
    chunk: reader.chunk,
    body: reader.body,
    begin(key) {
      const number = nextNumber;
      nextNumber += 1;
      const write = createDiskWrite({
        number,
        key,
        post: toWriter.post,
        reserve,
        onOver: () => void writes.delete(number),
      });
      writes.set(number, write);
      return write;
    },
    update: (rowId, init) => toWriter.post({ type: 'update', rowId, init: initOf(init) }),
    remove(keys, onRemoved, groups) {
      const call = nextNumber;
      nextNumber += 1;
      if (onRemoved) removals.set(call, onRemoved);
      toWriter.post({ type: 'remove', call, keys: [...keys], ...(groups ? { groups } : {}) });
    },
    touch: touches.add,
    receive(message) {
      if (message.type === 'reopen') reader.reopen(message.generation);
      else if (message.type === 'removed') settleRemoval(message.call);
      else writes.get(message.write)?.receive(message);
    },
    close() {
      touches.stop();
      reader.close();
    },
  };
}

/** Collects rows that were used. Approximate on purpose: the order of eviction need not be exact. */
function createTouches(clock: Clock, send: (rowIds: number[]) => void) {
  let waiting = new Set<number>();
  let recent = new Set<number>();
  let recentSinceMs = clock.monotonicMs();
  let timer: Timer | undefined;
  const flush = () => {
    timer = undefined;
    const rowIds = [...waiting];
    waiting = new Set();
    for (let at = 0; at < rowIds.length; at += touchesPerMessage) {
      send(rowIds.slice(at, at + touchesPerMessage));
    }
  };
  return {
    add(rowId: number) {
      const now = clock.monotonicMs();
      if (recent.size >= maxTouched || now - recentSinceMs >= touchAgainMs) {
        recent = new Set();
        recentSinceMs = now;
      }
      if (recent.has(rowId) || waiting.size >= maxTouched) return;
      recent.add(rowId);
      waiting.add(rowId);
      timer ??= clock.after(touchDelayMs, flush);
    },
    stop() {
      timer?.cancel();
    },
  };
}
