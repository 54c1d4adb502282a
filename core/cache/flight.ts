/**
 * One fetch that any number of readers share. A flight begins before its request is sent, tells its head once that has
 * arrived, and then spools the body to readers, memory tier and disk tier at once.
 *
 * Invariants: nobody is given a byte before the head is known; what was cut short is never stored; a flight that nobody
 * is interested in any more ends, unless finishing it is cheap.
 */

import type { Position } from '../purge/command.ts';
import type { Clock } from '../runtime/deps.ts';
import type { Failure, ResponseBody } from '../upstream/upstream.ts';
import type { BodyReader } from './body-reader.ts';
import { chunkBytes } from './disk-messages.ts';
import type { DiskWrite } from './disk-tier.ts';
import { StoredResponse } from './entry.ts';
import type {
  BodyBacking,
  CacheRequest,
  Decided,
  FetchReport,
  NotStored,
  SourceResult,
} from './exchange.ts';
import { createSpool, type Spool } from './spool.ts';
import type { Store } from './store.ts';

export type FlightHead =
  | {
      kind: 'streaming';
      entry: StoredResponse;
      notStored: NotStored | null;
      shareable: boolean;
      /** What the upstream announced; undefined: not known in advance. */
      lengthBytes: number | undefined;
      report: FetchReport;
      decided: Decided | undefined;
    }
  | {
      kind: 'ready';
      entry: StoredResponse;
      report: FetchReport | undefined;
      decided: Decided | undefined;
    }
  | { kind: 'failed'; failure: Failure };

export interface Flight {
  /** The node's position before the request was sent. */
  readonly epoch: Position;
  readonly startedAtMs: number;
  readonly head: Promise<FlightHead>;
  /** A reader of the body's bytes; undefined when the beginning is gone. After `head` only. */
  read(start: number, end: number): BodyReader | undefined;
  /** Calls `listener` with each progress of the rows behind the body, and once now if there are any. */
  watchBacking(listener: (backing: BodyBacking) => void): void;
  /** Whether the whole body has arrived. */
  isComplete(): boolean;
  /** Says that somebody wants the flight; the returned call says that they no longer do. */
  join(): () => void;
  /** What arrives is not stored: an unsafe request has changed the target meanwhile (RFC 9111 §4.4). */
  forbidStoring(): void;
  readonly interested: number;
}

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

export interface FlightPlan {
  request: CacheRequest;
  epoch: Position;
  fetch: (signal: AbortSignal) => Promise<SourceResult>;
  /** Whether this worker writes to disk (the owner of the key does). */
  writesToDisk: boolean;
  /** Called once, when the flight has nothing more to give to newcomers. */
  onSettled: (flight: Flight) => void;
}

/** Starts the fetch. */
export function startFlight(deps: FlightDeps, plan: FlightPlan): Flight {
  const abort = new AbortController();
  let interested = 0;
  let mayStore = true;
  let transfer: Transfer | undefined;
  const settle = () => plan.onSettled(flight);
  const onNobodyLeft = () => {
    if (transfer) transfer.abandon();
    else if (!headKnown) abort.abort();
  };
  let headKnown = false;
  const flight: Flight = {
    epoch: plan.epoch,
    startedAtMs: deps.clock.monotonicMs(),
    head: plan.fetch(abort.signal).then((result) => {
      headKnown = true;
      const head = headOf(result);
      if (result.kind !== 'streaming' || head.kind !== 'streaming') {
        if (head.kind === 'ready' && mayStore) {
          const { maxVariants } = plan.request.key.site.cache.vary;
          // Another worker has updated the disk already.
          if (head.decided) deps.store.putInMemory(head.entry, maxVariants);
          else deps.store.update(head.entry, maxVariants);
        }
        settle();
        return head;
      }
      transfer = startTransfer(deps, plan, result, head, () => mayStore, settle);
      // A response that nobody else may have is not for newcomers.
      if (!head.shareable) settle();
      if (interested === 0) transfer.abandon();
      return head;
    }),
    read: (start, end) => transfer?.spool.reader(start, end),
    watchBacking(listener) {
      transfer?.watchers.add(listener);
      if (transfer?.backing) listener(transfer.backing);
    },
    isComplete: () => transfer?.spool.state === 'complete',
    join() {
      interested += 1;
      let left = false;
      return () => {
        if (left) return;
        left = true;
        interested -= 1;
        if (interested === 0) onNobodyLeft();
      };
    },
    forbidStoring() {
      mayStore = false;
      settle();
    },
    get interested() {
      return interested;
    },
  };
  return flight;
}

function headOf(result: SourceResult): FlightHead {
  if (result.kind === 'failed') return result;
  if (result.kind === 'ready') return { ...result, decided: result.decided };
  return {
    kind: 'streaming',
    entry: new StoredResponse(result.init, null, null),
    notStored: result.notStored,
    shareable: result.shareable,
    lengthBytes: result.body.lengthBytes,
    report: result.report,
    decided: result.decided,
  };
}

interface Transfer {
  spool: Spool;
  backing: BodyBacking | undefined;
  watchers: Set<(backing: BodyBacking) => void>;
  /** Nobody reads any more: end it, or finish what is worth it. */
  abandon(): void;
}

type StreamingHead = Extract<FlightHead, { kind: 'streaming' }>;

/** Moves the body from the upstream into the spool and the disk, and stores it when it has ended well. */
function startTransfer(
  deps: FlightDeps,
  plan: FlightPlan,
  source: Extract<SourceResult, { kind: 'streaming' }>,
  head: StreamingHead,
  mayStore: () => boolean,
  settle: () => void,
): Transfer {
  const { body } = source;
  const { store, limits, memoryInUse } = deps;
  const { entry } = head;
  const stores = head.notStored === null;
  const crowded = memoryInUse.bytes > limits.totalWindowBytes;
  const pace = createPace(body);
  const spool = createSpool({
    clock: deps.clock,
    windowBytes: crowded ? 2 * chunkBytes : limits.windowBytes,
    stallLimitMs: limits.stallLimitMs,
    onPause: () => pace.hold('spool'),
    onResume: () => pace.release('spool'),
    onStalledReaderCut: deps.onReaderCut,
  });
  const write = stores && plan.writesToDisk ? store.disk?.begin(entry.key) : undefined;
  let counted = 0;
  const count = () => {
    memoryInUse.bytes += spool.retainedBytes - counted;
    counted = spool.retainedBytes;
  };
  const done = () => {
    memoryInUse.bytes -= counted;
    counted = 0;
    settle();
  };
  const backing = write ?? source.backing;
  const watchers: Transfer['watchers'] = new Set();
  if (backing) {
    backByDisk(store, spool, backing, entry, limits.windowBytes, pace, () => {
      count();
      for (const watcher of watchers) watcher(backing);
    });
  }
  const fail = () => {
    write?.abort();
    spool.fail();
    done();
  };
  body.start({
    data(piece) {
      spool.append(piece);
      write?.append(piece);
      if (write && write.pendingBytes > limits.windowBytes) pace.hold('disk');
      count();
    },
    end() {
      spool.end();
      const whole = completed(deps, plan, head, spool, stores && mayStore());
      if (!write) return done();
      if (!mayStore()) {
        write.abort();
        return done();
      }
      // Until the row is visible the flight serves newcomers, unless memory does.
      afterWrite(write, done);
      write.finish(entry, plan.request.key.site.cache.vary.maxVariants);
      if (whole) settle();
    },
    fail(failure) {
      deps.onBodyFailed(entry.key, failure);
      fail();
    },
  });
  return {
    spool,
    backing,
    watchers,
    abandon() {
      if (spool.state !== 'open') return;
      const missing = (body.lengthBytes ?? Number.POSITIVE_INFINITY) - spool.receivedBytes;
      if (stores && missing <= limits.finishBytes) return;
      body.abort();
      fail();
    },
  };
}

/** Completes the entry and puts it into memory when it fits; true when memory serves it from now on. */
function completed(
  deps: FlightDeps,
  plan: FlightPlan,
  head: StreamingHead,
  spool: Spool,
  mayStore: boolean,
): boolean {
  const { entry } = head;
  entry.bodyBytes = spool.receivedBytes;
  if (!mayStore || spool.receivedBytes > deps.store.memoryObjectBytes) return false;
  const whole = spool.whole();
  if (!whole) return false;
  // Pieces are slices of larger buffers; a copy of the exact size keeps the budget honest.
  entry.body = whole.buffer.byteLength === whole.length ? whole : Buffer.from(whole);
  return deps.store.putInMemory(entry, plan.request.key.site.cache.vary.maxVariants);
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
