/**
 * A body as whoever sends it sees it: pieces that can be taken now, and a call when more can. Memory, disk and a body that is
 * still arriving all look the same to `deliver` and to another worker.
 */

export interface BodyReader {
  /** The next piece, or undefined when there is none at the moment (see `state`). Never an empty piece. */
  take(): Buffer | undefined;
  /** `open`: more may come; `ended`: everything has been taken; `failed`: the rest will never come. */
  readonly state: 'open' | 'ended' | 'failed';
  /** Called (at most once for each time `take` came back empty) when there is something new. */
  onReadable: (() => void) | null;
  /** Says that nobody takes any more. Idempotent. */
  close(): void;
}

/** Reads `[start, end)` of a body that is in memory whole. */
export function readBuffer(body: Buffer, start = 0, end = body.length): BodyReader {
  // The whole, which is what every plain hit sends, needs no view of its own.
  const part = start === 0 && end >= body.length ? body : body.subarray(start, end);
  return new BufferReader(part.length > 0 ? part : undefined);
}

/** A class, because each hit makes one, and an accessor in an object literal costs more than all the rest of it. */
class BufferReader implements BodyReader {
  onReadable: BodyReader['onReadable'] = null;
  #rest: Buffer | undefined;

  constructor(rest: Buffer | undefined) {
    this.#rest = rest;
  }

  take(): Buffer | undefined {
    const piece = this.#rest;
    this.#rest = undefined;
    return piece;
  }

  get state(): 'open' | 'ended' {
    return this.#rest ? 'open' : 'ended';
  }

  close(): void {
    this.#rest = undefined;
  }
}

/** Where a body's chunks can be read back from disk: chunk `n` holds bytes `n·chunkBytes …`. */
export type ReadChunk = (n: number) => Buffer | undefined;

/**
 * Reads `[start, end)` of a body of chunk rows. A chunk that is missing or damaged fails the reader, so that the
 * client sees a cut and never a wrong byte.
 */
export function readChunks(
  readChunk: ReadChunk,
  chunkBytes: number,
  start: number,
  end: number,
): BodyReader {
  let offset = start;
  let state: BodyReader['state'] = offset < end ? 'open' : 'ended';
  return {
    take() {
      if (state !== 'open') return undefined;
      const n = Math.floor(offset / chunkBytes);
      const chunk = readChunk(n);
      const from = offset - n * chunkBytes;
      const piece = chunk?.subarray(from, Math.min(chunk.length, end - n * chunkBytes));
      if (!piece || piece.length === 0) {
        state = 'failed';
        return undefined;
      }
      offset += piece.length;
      if (offset >= end) state = 'ended';
      return piece;
    },
    get state() {
      return state;
    },
    onReadable: null,
    close() {
      if (state === 'open') state = 'ended';
    },
  };
}
