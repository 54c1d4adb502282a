/**
 * A worker's end of one write: assembles a body that comes in pieces of any size into chunks, hands them to the writer
 * thread, and keeps account of what is committed.
 *
 * Invariants: a chunk is sent in a buffer of its own, exact size, that is transferred; the pieces given are copied and never
 * kept longer than until their chunk is full; after the write is over nothing is sent any more.
 */
import { chunkBytes, type DropReason, type FromWriter, type ToWriter } from './disk-messages.ts';
import { initOf, type StoredResponseInit } from './entry.ts';

export interface DiskWrite {
  /** Adds to the body. Must not be called after `finish` or `abort`; ignored once the write was dropped. */
  append(piece: Buffer): void;
  /** The body is whole; `init.bodyBytes` is its length. Of a write that was dropped `onProgress` hears again, at once. */
  finish(init: StoredResponseInit, maxVariants: number): void;
  /** Gives the write up; `onProgress` hears nothing of it. */
  abort(): void;
  /** From the start of the body; can be read back by `rowId` from here on, also before `finish`. */
  readonly committedBytes: number;
  /** Sent to the writer and not committed. */
  readonly pendingBytes: number;
  /** Set with the first commit. */
  readonly rowId: number | null;
  /** `stored`: visible. `dropped`: never will be. */
  readonly state: 'open' | 'stored' | 'dropped';
  /** Why it was dropped; null: it was not, or by `abort`. */
  readonly dropReason: DropReason | null;
  /** Called when any of the above has changed. */
  onProgress: (() => void) | null;
}

export interface DiskWriteOptions {
  number: number;
  key: string;
  post(message: ToWriter, transfer?: readonly ArrayBuffer[]): void;
  /** More bytes are on their way (negative: fewer); false: that is too many for this worker. */
  reserve(bytes: number): boolean;
  /** The write is over. */
  onOver(): void;
}

/** What the tier tells its writes. */
export interface TieredWrite extends DiskWrite {
  receive(message: Extract<FromWriter, { type: 'committed' | 'dropped' }>): void;
}

export function createDiskWrite(options: DiskWriteOptions): TieredWrite {
  const { number, post } = options;
  let pieces: Buffer[] = [];
  let heldBytes = 0;
  let sentBytes = 0;
  let committedBytes = 0;
  let rowId: number | null = null;
  let state: DiskWrite['state'] = 'open';
  let dropReason: DropReason | null = null;
  let isAnnounced = false;

  const end = (result: 'stored' | 'dropped') => {
    state = result;
    pieces = [];
    options.reserve(committedBytes - sentBytes);
    options.onOver();
  };
  const announce = () => {
    if (isAnnounced) return;
    isAnnounced = true;
    post({ type: 'begin', write: number, key: options.key });
  };
  const giveUp = () => {
    if (isAnnounced) post({ type: 'abort', write: number });
    end('dropped');
  };
  /** Sends what is held as one chunk; it is no longer than one. */
  const send = (): void => {
    announce();
    const bytes = new Uint8Array(heldBytes);
    let at = 0;
    for (const piece of pieces) {
      bytes.set(piece, at);
      at += piece.length;
    }
    pieces = [];
    heldBytes = 0;
    if (!options.reserve(bytes.length)) {
      dropReason = 'queue-full';
      giveUp();
      write.onProgress?.();
      return;
    }
    sentBytes += bytes.length;
    post({ type: 'chunk', write: number, bytes }, [bytes.buffer]);
  };

  const write: TieredWrite = {
    append(piece) {
      for (let rest = piece; rest.length > 0 && state === 'open'; ) {
        const part = rest.subarray(0, chunkBytes - heldBytes);
        pieces.push(part);
        heldBytes += part.length;
        rest = rest.subarray(part.length);
        if (heldBytes === chunkBytes) send();
      }
    },
    finish(init, maxVariants) {
      if (state === 'open' && heldBytes > 0) send();
      else if (state === 'dropped') write.onProgress?.();
      if (state !== 'open') return;
      announce();
      post({ type: 'finish', write: number, init: initOf(init), maxVariants });
    },
    abort() {
      if (state === 'open') giveUp();
    },
    receive(message) {
      if (state !== 'open') return;
      if (message.type === 'dropped') {
        dropReason = message.why;
        end('dropped');
      } else {
        options.reserve(committedBytes - message.bytes);
        committedBytes = message.bytes;
        rowId = message.rowId;
        if (message.done) end('stored');
      }
      write.onProgress?.();
    },
    get committedBytes() {
      return committedBytes;
    },
    get pendingBytes() {
      return sentBytes - committedBytes;
    },
    get rowId() {
      return rowId;
    },
    get state() {
      return state;
    },
    get dropReason() {
      return dropReason;
    },
    onProgress: null,
  };
  return write;
}
