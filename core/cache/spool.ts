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
  /** Bytes kept in memory before the writer is paused. */
  windowBytes: number;
  /** A reader that alone holds up others for so long is cut. */
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
  let pieces: { start: number; bytes: Buffer }[] = [];
  let receivedBytes = 0;
  let retainedBytes = 0;
  let state: Spool['state'] = 'open';
  let backing: SpoolBacking | undefined;
  let paused = false;
  let stall: Timer | undefined;
  const readers = new Set<Reader>();

  const firstRetained = () => pieces[0]?.start ?? receivedBytes;
  const slowestOffset = () => {
    let slowest = receivedBytes;
    for (const reader of readers) slowest = Math.min(slowest, reader.offset);
    return slowest;
  };

  /** Drops what the disk has, or (without a disk) what every reader has taken, while the window is exceeded. */
  const shrink = () => {
    const droppable = backing?.usable ? backing.committedBytes : slowestOffset();
    let dropped = 0;
    while (retainedBytes > windowBytes / 2) {
      const piece = pieces[dropped];
      if (!piece || piece.start + piece.bytes.length > droppable) break;
      retainedBytes -= piece.bytes.length;
      dropped += 1;
    }
    if (dropped > 0) pieces = pieces.slice(dropped);
    const wantsPause = state === 'open' && retainedBytes > windowBytes;
    if (wantsPause === paused) return;
    paused = wantsPause;
    if (paused) options.onPause();
    else options.onResume();
    watchForStall();
  };

  const watchForStall = () => {
    stall?.cancel();
    stall = undefined;
    if (!paused || backing?.usable || readers.size < 2) return;
    const atOffset = slowestOffset();
    stall = clock.after(options.stallLimitMs, () => {
      if (!paused || slowestOffset() !== atOffset || readers.size < 2) return watchForStall();
      for (const reader of readers) {
        if (reader.offset !== atOffset) continue;
        options.onStalledReaderCut?.();
        reader.cut();
      }
    });
  };

  const wakeAll = () => {
    for (const reader of [...readers]) reader.wake();
  };

  const fromMemory = (offset: number): Buffer | undefined => {
    // Readers mostly want the newest piece; older ones are found by bisection.
    let low = 0;
    let high = pieces.length - 1;
    while (low <= high) {
      const middle = (low + high) >> 1;
      const piece = pieces[middle];
      if (!piece) return undefined;
      if (offset < piece.start) high = middle - 1;
      else if (offset >= piece.start + piece.bytes.length) low = middle + 1;
      else return piece.bytes.subarray(offset - piece.start);
    }
    return undefined;
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
      if (!readers.delete(reader)) return;
      shrink();
      options.onReaderGone?.(readers.size);
    };
    const reader: Reader = {
      offset: start,
      onReadable: null,
      take() {
        if (failed || closed || reader.offset >= Math.min(end, receivedBytes)) return undefined;
        const found = fromMemory(reader.offset) ?? fromDisk(reader.offset);
        if (!found || found.length === 0) {
          reader.cut();
          return undefined;
        }
        const piece =
          found.length > end - reader.offset ? found.subarray(0, end - reader.offset) : found;
        reader.offset += piece.length;
        shrink();
        if (reader.state !== 'open') leave();
        return piece;
      },
      get state() {
        if (failed) return 'failed';
        if (closed || reader.offset >= end) return 'ended';
        if (state === 'open' || reader.offset < receivedBytes) return 'open';
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
      pieces.push({ start: receivedBytes, bytes });
      receivedBytes += bytes.length;
      retainedBytes += bytes.length;
      wakeAll();
      shrink();
    },
    end() {
      if (state !== 'open') return;
      state = 'complete';
      stall?.cancel();
      wakeAll();
    },
    fail() {
      if (state !== 'open') return;
      state = 'failed';
      stall?.cancel();
      wakeAll();
    },
    back(value) {
      backing = value;
    },
    backingProgress() {
      shrink();
    },
    reader(start, end) {
      const inMemory = start >= firstRetained();
      const onDisk = backing?.usable === true && backing.committedBytes >= firstRetained();
      if (!inMemory && !onDisk) return undefined;
      const reader = createReader(start, end);
      readers.add(reader);
      return reader;
    },
    whole() {
      if (state !== 'complete' || firstRetained() !== 0) return undefined;
      const only = pieces.length === 1 ? pieces[0] : undefined;
      return only
        ? only.bytes
        : Buffer.concat(
            pieces.map((piece) => piece.bytes),
            receivedBytes,
          );
    },
    get receivedBytes() {
      return receivedBytes;
    },
    get state() {
      return state;
    },
    get readers() {
      return readers.size;
    },
    get retainedBytes() {
      return retainedBytes;
    },
  };
}
