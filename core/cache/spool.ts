/**
 * A body on its way: one writer appends, any number of readers take, each from its own offset and at its own speed. Memory is
 * bounded by a window. What the disk tier has committed leaves the window and is read back from there, so a slow client
 * neither holds memory nor holds up the others; without a disk the slowest reader sets the pace, and one that stalls the
 * others for too long is cut.
 *
 * Invariants: a reader sees every byte from its start in order, or fails; `complete` only after `end`; the writer is told
 * to pause before the window is exceeded by more than what one event of its socket brings.
 */
import type { Clock, Timer } from '../runtime/deps.ts';
import type { BodyReader, ReadChunk } from './body-reader.ts';
import { createPieceWindow } from './piece-window.ts';

/** Bytes on disk that stand behind a spool; grows while the body arrives. */
export interface SpoolBacking {
  readonly committedBytes: number;
  readonly readChunk: ReadChunk;
  readonly chunkBytes: number;
  /** False once the backing is gone: what only it has cannot be read any more. */
  readonly usable: boolean;
}

export interface SpoolOptions {
  clock: Clock;
  /** Bytes kept in memory before the writer is paused. With a backing: at least two of its chunks. */
  windowBytes: number;
  /** A reader that holds up others for so long, without taking anything, is cut. */
  stallLimitMs: number;
  onPause: () => void;
  onResume: () => void;
  /** A reader left; the argument is how many are left. */
  onReaderGone?: (left: number) => void;
  onStalledReaderCut?: () => void;
}

export interface Spool {
  append(piece: Buffer): void;
  end(): void;
  fail(): void;
  /** Backs the spool by chunk rows from its first byte on. */
  back(backing: SpoolBacking): void;
  /** To be called when the backing has committed more, or is gone. */
  backingProgress(): void;
  /** A reader of `[start, end)`; undefined when those bytes are neither in memory nor on disk. `end` may be Infinity. */
  reader(start: number, end: number): BodyReader | undefined;
  /** The whole body when it is complete and still in memory. */
  whole(): Buffer | undefined;
  readonly receivedBytes: number;
  readonly state: 'open' | 'complete' | 'failed';
  readonly readers: number;
  /** Bytes held in memory. */
  readonly retainedBytes: number;
}

interface Reader extends BodyReader {
  offset: number;
  wake(): void;
  cut(): void;
}

/** Creates an empty spool. */
export function createSpool(options: SpoolOptions): Spool {
  const { clock, windowBytes } = options;
  const window = createPieceWindow();
  const readers = createReaderSet();
  let state: Spool['state'] = 'open';
  let backing: SpoolBacking | undefined;
  let paused = false;
  let stall: Timer | undefined;

  const slowestOffset = () => Math.min(readers.slowestOffset(), window.endOffset);

  /** Drops what the disk has, or (without a disk) what every reader has taken, and sets the writer's pace. */
  const shrink = () => {
    if (window.bytes > windowBytes / 2) {
      window.drop(backing?.usable ? backing.committedBytes : slowestOffset(), windowBytes / 2);
    }
    const wantsPause = state === 'open' && window.bytes > windowBytes;
    if (wantsPause === paused) return;
    paused = wantsPause;
    if (paused) {
      options.onPause();
      watchForStall();
    } else options.onResume();
  };

  /** Whether somebody who has taken everything waits for a reader that has not. */
  const isHeldUp = () =>
    paused && !backing?.usable && readers.some((reader) => reader.offset >= window.endOffset);

  const watchForStall = () => {
    if (stall !== undefined || !isHeldUp()) return;
    const atOffset = slowestOffset();
    stall = clock.after(options.stallLimitMs, () => {
      stall = undefined;
      if (isHeldUp() && slowestOffset() === atOffset) {
        for (const reader of readers.at(atOffset)) {
          options.onStalledReaderCut?.();
          reader.cut();
        }
      }
      watchForStall();
    });
  };

  const finish = (result: 'complete' | 'failed') => {
    if (state !== 'open') return;
    state = result;
    stall?.cancel();
    for (const reader of readers.all()) reader.wake();
  };

  const fromDisk = (offset: number): Buffer | undefined => {
    if (!backing?.usable || offset >= backing.committedBytes) return undefined;
    const n = Math.floor(offset / backing.chunkBytes);
    return backing.readChunk(n)?.subarray(offset - n * backing.chunkBytes);
  };

  const createReader = (start: number, end: number): Reader => {
    let failed = false;
    let closed = false;
    const leave = () => {
      if (!readers.remove(reader)) return;
      shrink();
      options.onReaderGone?.(readers.count);
    };
    const reader: Reader = {
      offset: start,
      onReadable: null,
      take() {
        if (failed || closed || reader.offset >= Math.min(end, window.endOffset)) return undefined;
        const found = window.from(reader.offset) ?? fromDisk(reader.offset);
        if (!found || found.length === 0) {
          reader.cut();
          return undefined;
        }
        const piece =
          found.length > end - reader.offset ? found.subarray(0, end - reader.offset) : found;
        readers.advance(reader, piece.length);
        shrink();
        if (reader.state !== 'open') leave();
        else if (reader.offset >= window.endOffset) watchForStall();
        return piece;
      },
      get state() {
        if (failed) return 'failed';
        if (closed || reader.offset >= end) return 'ended';
        if (state === 'open' || reader.offset < window.endOffset) return 'open';
        return state === 'complete' ? 'ended' : 'failed';
      },
      wake() {
        const call = reader.onReadable;
        reader.onReadable = null;
        call?.();
      },
      cut() {
        failed = true;
        leave();
        reader.wake();
      },
      close() {
        closed = true;
        leave();
      },
    };
    return reader;
  };

  return {
    append(bytes) {
      if (bytes.length === 0 || state !== 'open') return;
      window.push(bytes);
      for (const reader of readers.all()) reader.wake();
      shrink();
    },
    end: () => finish('complete'),
    fail: () => finish('failed'),
    back(value) {
      backing = value;
    },
    backingProgress() {
      if (backing && !backing.usable) {
        // What they would read next was on disk only, and they would hold the others up until they notice.
        for (const reader of readers.all()) if (reader.offset < window.startOffset) reader.cut();
      }
      shrink();
      watchForStall();
    },
    reader(start, end) {
      const inMemory = start >= window.startOffset;
      const onDisk = backing?.usable === true && backing.committedBytes >= window.startOffset;
      if (!inMemory && !onDisk) return undefined;
      const reader = createReader(start, end);
      readers.add(reader);
      watchForStall();
      return reader;
    },
    whole: () => (state === 'complete' && window.startOffset === 0 ? window.joined() : undefined),
    get receivedBytes() {
      return window.endOffset;
    },
    get state() {
      return state;
    },
    get readers() {
      return readers.count;
    },
    get retainedBytes() {
      return window.bytes;
    },
  };
}

/** The readers of a spool, and where the slowest is. */
function createReaderSet() {
  const readers = new Set<Reader>();
  // Looked for again only when the last of those who were slowest has moved on: readers mostly move in step, and looking
  // at each move of each would cost their number squared for every piece.
  let slowestOffset = 0;
  let slowestCount = 0;
  const movedFrom = (offset: number) => {
    if (offset === slowestOffset && slowestCount > 0) slowestCount -= 1;
  };
  const lookAgain = () => {
    slowestOffset = Number.POSITIVE_INFINITY;
    for (const { offset } of readers) {
      if (offset > slowestOffset) continue;
      slowestCount = offset < slowestOffset ? 1 : slowestCount + 1;
      slowestOffset = offset;
    }
  };
  return {
    add(reader: Reader) {
      readers.add(reader);
      if (slowestCount === 0 || reader.offset > slowestOffset) return;
      slowestCount = reader.offset < slowestOffset ? 1 : slowestCount + 1;
      slowestOffset = reader.offset;
    },
    /** False: it was not there. */
    remove(reader: Reader): boolean {
      if (!readers.delete(reader)) return false;
      movedFrom(reader.offset);
      return true;
    },
    advance(reader: Reader, bytes: number) {
      const before = reader.offset;
      reader.offset += bytes;
      if (readers.has(reader)) movedFrom(before);
    },
    /** Infinity without readers. */
    slowestOffset(): number {
      if (slowestCount === 0) lookAgain();
      return slowestOffset;
    },
    all: () => [...readers],
    at: (offset: number) => [...readers].filter((reader) => reader.offset === offset),
    some(test: (reader: Reader) => boolean): boolean {
      for (const reader of readers) if (test(reader)) return true;
      return false;
    },
    get count() {
      return readers.size;
    },
  };
}
