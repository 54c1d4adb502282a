/**
 * Reads bytes over slices, one slice after the other as they are taken.
 *
 * Invariants: the next slice is asked for only when the one before has been taken; each that was entered is left once; a slice
 * that ends before its bytes have come fails the reader, which never asks for the same bytes twice.
 */
import type { BytePart } from '../http/partial.ts';
import type { BodyReader } from './body-reader.ts';
import type { Answer } from './obtain.ts';
import type { Store } from './store.ts';

export type Delivered = Extract<Answer, { kind: 'stored' | 'streaming' }>;

/** An answer that has bytes of the representation. */
export interface Slice {
  answer: Delivered;
  /** Which bytes its body is. */
  held: BytePart;
  leave(): void;
}

export interface SlicedRead {
  /** What is there already. */
  first: { n: number; slice: Slice };
  /** Asks for slice `n`; undefined: there is none that belongs to the first. */
  fetch(n: number): Promise<Slice | undefined>;
  sliceBytes: number;
  start: number;
  end: number;
}

interface Opened {
  reader: BodyReader;
  /** Up to where it reads. */
  until: number;
  leave(): void;
}

/** A reader of `[start, end)`. */
export function readSlices(store: Store, plan: SlicedRead): BodyReader {
  const { first, sliceBytes, end } = plan;
  let offset = plan.start;
  let state: BodyReader['state'] = offset < end ? 'open' : 'ended';
  let current: Opened | undefined;
  let isFetching = false;

  const drop = () => {
    current?.reader.close();
    current?.leave();
    current = undefined;
  };
  const fail = () => {
    drop();
    if (state === 'open') state = 'failed';
  };
  const wake = () => {
    const call = reader.onReadable;
    reader.onReadable = null;
    call?.();
  };
  const enter = (slice: Slice | undefined) => {
    if (state !== 'open') return slice?.leave();
    current = slice && openSlice(store, slice, offset, end);
    if (current) return;
    slice?.leave();
    fail();
  };
  const openNext = () => {
    const n = Math.floor(offset / sliceBytes);
    current = n === first.n ? openSlice(store, first.slice, offset, end) : undefined;
    if (current) return;
    // Also where the first one has let go of bytes that are wanted once more.
    isFetching = true;
    void plan.fetch(n).then((slice) => {
      isFetching = false;
      enter(slice);
      wake();
    });
  };
  const reader: BodyReader = {
    take() {
      while (state === 'open' && !isFetching) {
        const piece = current?.reader.take();
        if (piece) {
          offset += piece.length;
          if (offset >= end) {
            drop();
            state = 'ended';
          }
          return piece;
        }
        if (current?.reader.state === 'open') {
          current.reader.onReadable = wake;
          return undefined;
        }
        if (current && (current.reader.state === 'failed' || offset < current.until)) fail();
        else {
          drop();
          openNext();
        }
      }
      return undefined;
    },
    get state() {
      return state;
    },
    onReadable: null,
    close() {
      if (state === 'open') state = 'ended';
      drop();
    },
  };
  return reader;
}

/** Opens what the slice has from `offset` on; undefined: nothing, or not any more. */
function openSlice(
  store: Store,
  { answer, held, leave }: Slice,
  offset: number,
  end: number,
): Opened | undefined {
  const until = Math.min(end, held.end + 1);
  if (offset < held.start || offset >= until) return undefined;
  const from = offset - held.start;
  const to = until - held.start;
  const reader =
    answer.kind === 'stored' ? store.read(answer.entry, from, to) : answer.flight.read(from, to);
  return reader && { reader, until, leave };
}
