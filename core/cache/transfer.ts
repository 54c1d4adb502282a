/**
 * The second half of a flight: moves a body from the upstream to readers, memory tier and disk tier at once, and stores it when
 * it has ended well.
 *
 * Invariants: what was cut short is never stored; the upstream is read as fast as the slowest of spool and disk takes it, and
 * no faster; memory counts as in use until the last reader is gone.
 */
import type { Clock, Timer } from '../runtime/deps.ts';
import type { Failure, ResponseBody } from '../upstream/upstream.ts';
import type { BodyReader } from './body-reader.ts';
import { chunkBytes } from './disk-messages.ts';
import type { DiskWrite } from './disk-tier.ts';
import type { StoredResponse } from './entry.ts';
import { abortedFailure, type BodyBacking } from './exchange.ts';
import { createSpool, type Spool } from './spool.ts';
import type { Store } from './store.ts';

export interface FlightDeps {
  clock: Clock;
  store: Store;
  limits: FlightLimits;
  /** Bytes that the flights of this worker hold together. */
  memoryInUse: { bytes: number };
  onReaderCut: () => void;
  /** A body did not arrive whole: for the log and a counter. */
  onBodyFailed: (key: string, failure: Failure) => void;
}

export interface FlightLimits {
  /** Memory of one flight's window. */
  windowBytes: number;
  /** Beyond it the flights of a worker get small windows. */
  totalWindowBytes: number;
  /** With nobody left to read, a storable body is finished when no more than this is missing. */
  finishBytes: number;
  stallLimitMs: number;
}

export interface TransferPlan {
  body: ResponseBody;
  /** Its length, and its body if it fits into memory, are set when the body has ended. */
  entry: StoredResponse;
  /** Asked whenever it matters: an unsafe request may forbid it while the body arrives. */
  mayStore: () => boolean;
  maxVariants: number;
  /** Whether this worker writes to disk (the owner of the key does). */
  writesToDisk: boolean;
  /** Another worker's rows, from which the body can be read back. */
  backing: BodyBacking | undefined;
  /** The stores serve newcomers from now on, or nobody can. May be called more than once. */
  onSettled: () => void;
}

export interface Transfer {
  /** A reader of the body's bytes; undefined when they are gone. */
  read(start: number, end: number): BodyReader | undefined;
  /** Whether the body can still be read from its first byte. */
  hasBeginning(): boolean;
  isComplete(): boolean;
  /** Resolves with the first byte, or the end of a body without any; with the failure when it broke off before. */
  begun(): Promise<Failure | undefined>;
  /** Calls `listener` with each progress of the rows behind the body, and once now if there are any. */
  watchBacking(listener: (backing: BodyBacking) => void): void;
  /** Nobody wants it any more: it ends, unless finishing it is cheap. */
  abandon(): void;
}

/** Starts the body. */
export function startTransfer(deps: FlightDeps, plan: TransferPlan): Transfer {
  const { body, entry, mayStore } = plan;
  const { store, limits, memoryInUse } = deps;
  const pace = createPace(body);
  const write = plan.writesToDisk && mayStore() ? store.disk?.begin(entry.key) : undefined;
  const backing = write ?? plan.backing;
  const watchers = new Set<(backing: BodyBacking) => void>();
  /** All bytes have come; what waits for the disk may still be on its way. */
  let hasEnded = false;
  let isOver = false;
  const beginning = Promise.withResolvers<Failure | undefined>();
  let countedBytes = 0;

  const spool = createSpool({
    clock: deps.clock,
    windowBytes: windowOf(deps, backing !== undefined),
    stallLimitMs: limits.stallLimitMs,
    onPause: () => pace.hold('spool'),
    onResume: () => pace.release('spool'),
    onReaderGone: () => {
      count();
      if (isOver && spool.readers === 0 && !mayStore()) write?.abort();
    },
    onStalledReaderCut: deps.onReaderCut,
  });
  const count = () => {
    const heldBytes = isOver && spool.readers === 0 ? 0 : spool.retainedBytes;
    memoryInUse.bytes += heldBytes - countedBytes;
    countedBytes = heldBytes;
  };
  const over = () => {
    isOver = true;
    count();
    plan.onSettled();
  };
  const fail = (failure: Failure) => {
    if (isOver || hasEnded) return;
    beginning.resolve(failure);
    write?.abort();
    spool.fail();
    over();
  };
  const end = () => {
    if (isOver || hasEnded) return;
    hasEnded = true;
    beginning.resolve(undefined);
    spool.end();
    const isInMemory = complete(deps, plan, spool);
    if (!write || !mayStore()) {
      over();
      // A reader may still need the rows; without one they go now.
      if (spool.readers === 0) write?.abort();
      return;
    }
    // Until the row is visible the flight serves newcomers, unless memory does.
    afterWrite(write, over);
    write.finish(entry, plan.maxVariants);
    if (isInMemory) plan.onSettled();
  };

  if (backing) {
    backByDisk(store, spool, backing, entry, limits.windowBytes, pace, () => {
      count();
      for (const watcher of watchers) watcher(backing);
    });
  }
  // Without a disk the beginning goes with the first reader, and all who have waited for the head are to have it: it is kept
  // until the turn of the event loop is over in which the first of them began to read.
  let anchor = backing ? undefined : spool.reader(0, Number.POSITIVE_INFINITY);
  let weighing: Timer | undefined;
  const weighAnchor = () => {
    weighing?.cancel();
    anchor?.close();
    anchor = undefined;
  };
  body.start({
    data(piece) {
      if (isOver || hasEnded) return;
      beginning.resolve(undefined);
      spool.append(piece);
      // A reader that was woken may have ended the flight.
      if (isOver) return;
      write?.append(piece);
      if (write && write.pendingBytes > limits.windowBytes) pace.hold('disk');
      count();
      // With the last byte a client has everything, and may ask again before the upstream says that this was the end.
      if (spool.receivedBytes === body.lengthBytes) end();
    },
    end,
    fail(failure) {
      if (!isOver && !hasEnded) deps.onBodyFailed(entry.key, failure);
      fail(failure);
    },
  });
  return {
    read(start, end) {
      if (anchor) weighing ??= deps.clock.after(0, weighAnchor);
      return spool.reader(start, end);
    },
    hasBeginning() {
      const probe = spool.reader(0, Number.POSITIVE_INFINITY);
      probe?.close();
      return probe !== undefined;
    },
    isComplete: () => spool.state === 'complete',
    begun: () => beginning.promise,
    watchBacking(listener) {
      watchers.add(listener);
      if (backing) listener(backing);
    },
    abandon() {
      weighAnchor();
      if (spool.state !== 'open' || isWorthFinishing(deps, plan, spool, write)) return;
      body.abort();
      fail(abortedFailure);
    },
  };
}

/** When the worker's flights hold much already, the next ones get little. A chunk must fit that the disk still waits for. */
function windowOf({ limits, memoryInUse }: FlightDeps, isBacked: boolean): number {
  if (memoryInUse.bytes > limits.totalWindowBytes) return 2 * chunkBytes;
  return isBacked ? Math.max(limits.windowBytes, 2 * chunkBytes) : limits.windowBytes;
}

/** Completes the entry and puts it into memory when it fits; true when memory serves it from now on. */
function complete(
  { store }: FlightDeps,
  { entry, maxVariants, mayStore }: TransferPlan,
  spool: Spool,
): boolean {
  entry.bodyBytes = spool.receivedBytes;
  if (!mayStore() || spool.receivedBytes > store.memoryObjectBytes) return false;
  const whole = spool.whole();
  if (!whole) return false;
  entry.body = exactly(whole);
  return store.putInMemory(entry, maxVariants);
}

/** Pieces are slices of larger buffers, and small ones of a shared pool; memory of its own keeps the budget honest. */
function exactly(bytes: Buffer): Buffer {
  if (bytes.buffer.byteLength === bytes.length) return bytes;
  const copy = Buffer.allocUnsafeSlow(bytes.length);
  bytes.copy(copy);
  return copy;
}

/** Whether what is missing of a body that nobody reads is little enough to have it stored. */
function isWorthFinishing(
  { store, limits }: FlightDeps,
  { body, mayStore }: TransferPlan,
  spool: Spool,
  write: DiskWrite | undefined,
): boolean {
  if (!mayStore() || body.lengthBytes === undefined) return false;
  const fits = write?.state === 'open' || body.lengthBytes <= store.memoryObjectBytes;
  return fits && body.lengthBytes - spool.receivedBytes <= limits.finishBytes;
}

function backByDisk(
  store: Store,
  spool: Spool,
  write: BodyBacking,
  entry: StoredResponse,
  windowBytes: number,
  pace: Pace,
  onProgress: () => void,
): void {
  spool.back({
    chunkBytes,
    get committedBytes() {
      return write.committedBytes;
    },
    get usable() {
      return write.state !== 'dropped';
    },
    readChunk: (n) => (write.rowId === null ? undefined : store.disk?.chunk(write.rowId, n)),
  });
  write.onProgress = () => {
    if (write.state === 'stored') entry.rowId = write.rowId;
    if (write.pendingBytes <= windowBytes / 2 || write.state !== 'open') pace.release('disk');
    spool.backingProgress();
    onProgress();
  };
}

function afterWrite(write: DiskWrite, run: () => void): void {
  const progress = write.onProgress;
  write.onProgress = () => {
    progress?.();
    if (write.state !== 'open') run();
  };
}

interface Pace {
  hold(by: 'spool' | 'disk'): void;
  release(by: 'spool' | 'disk'): void;
}

/** The body flows while nobody holds it. */
function createPace(body: ResponseBody): Pace {
  const holders = new Set<string>();
  return {
    hold(by) {
      if (holders.size === 0) body.pause();
      holders.add(by);
    },
    release(by) {
      if (holders.delete(by) && holders.size === 0) body.resume();
    },
  };
}
