/**
 * A large representation in slices: each is fetched, stored, revalidated and purged on its own, and a range is put together
 * from those that it touches, one after the other as the client takes them.
 *
 * Invariants: slices are joined only under the same strong validator and for the same size; one that does not fit cuts the
 * transfer, so that bytes of two representations never look like one, and has all slices of the URL dropped, so that the next
 * try is not cut as well.
 */
import { strongMatch } from '../http/conditional.ts';
import { resolveRange, type WantedRange, withPart } from '../http/partial.ts';
import type { BodyReader } from './body-reader.ts';
import { initOf, StoredResponse } from './entry.ts';
import type { CacheRequest } from './exchange.ts';
import { type Answer, type ObtainDeps, type ObtainOptions, obtain } from './obtain.ts';
import { baseKey, forPart, partRequest, sliceRequest } from './part.ts';
import type { Store } from './store.ts';

/** A representation of which any bytes can be opened, whatever of it is stored. */
export interface Assembled {
  /** The response as if it were whole. */
  entry: StoredResponse;
  open(start: number, end: number): BodyReader;
}

type Delivered = Extract<Answer, { kind: 'stored' | 'streaming' }>;

/** Answers ranges from slices. The first slice that is touched tells the size, and whether more can be joined to it. */
export async function obtainSliced(
  deps: ObtainDeps,
  request: CacheRequest,
  ranges: readonly WantedRange[],
  sliceBytes: number,
  options: ObtainOptions,
): Promise<Answer> {
  const fetchSlice = (n: number) =>
    Promise.resolve(obtain(deps, forPart(request, sliceRequest(n, sliceBytes)), options));
  const n = firstSlice(ranges, sliceBytes);
  const answer = await fetchSlice(n);
  if (answer.kind !== 'stored' && answer.kind !== 'streaming') return answer;
  const { entry } = answer;
  // A whole, or an error: the answer as it is. What is said of the range is `deliver`'s business.
  if (!entry.part) return answer;
  const isAlone = touches(ranges, entry.part.totalBytes, sliceBytes).every((other) => other === n);
  if (!isAlone && !entry.etag?.startsWith('"')) {
    if (answer.kind === 'streaming') answer.leave();
    return instead(deps, request, ranges, options);
  }
  return { ...answer, assembled: assemble(deps, answer, n, sliceBytes, fetchSlice) };
}

/** Without a strong validator nothing can be joined: the range as the client asks for it. */
function instead(
  deps: ObtainDeps,
  request: CacheRequest,
  [only, second]: readonly WantedRange[],
  options: ObtainOptions,
): Answer | Promise<Answer> {
  const plain = only && !second ? forPart(request, partRequest(only)) : request;
  return obtain(deps, plain, options);
}

function firstSlice([first]: readonly WantedRange[], sliceBytes: number): number {
  // A suffix can be placed only once the size is known, which any slice tells.
  return first?.kind === 'from' ? Math.floor(first.start / sliceBytes) : 0;
}

/** The first and last slice of each range. */
function touches(ranges: readonly WantedRange[], totalBytes: number, sliceBytes: number): number[] {
  return ranges.flatMap((wanted) => {
    const range = resolveRange(wanted, totalBytes);
    return range ? [range.start, range.end].map((at) => Math.floor(at / sliceBytes)) : [];
  });
}

function assemble(
  deps: ObtainDeps,
  first: Delivered,
  firstIndex: number,
  sliceBytes: number,
  fetchSlice: (n: number) => Promise<Answer>,
): Assembled {
  const { entry } = first;
  const totalBytes = entry.part?.totalBytes ?? 0;
  const whole = { start: 0, end: totalBytes - 1, totalBytes };
  const fetchNext = async (n: number): Promise<Slice | undefined> => {
    const answer = await fetchSlice(n);
    if (answer.kind !== 'stored' && answer.kind !== 'streaming') return undefined;
    const leave = () => {
      if (answer.kind === 'streaming') answer.leave();
    };
    if (fits(answer.entry, entry, n * sliceBytes)) return { answer, leave };
    leave();
    deps.onSliceMismatch(baseKey(entry.key));
    return undefined;
  };
  // The first one is left by whoever sends the answer.
  const open = (n: number) =>
    n === firstIndex ? { answer: first, leave: () => undefined } : fetchNext(n);
  return {
    entry: new StoredResponse(
      {
        ...initOf(entry),
        status: 200,
        reason: 'OK',
        headers: withPart(entry.headers, whole),
        part: undefined,
        bodyBytes: totalBytes,
      },
      null,
      null,
    ),
    open: (start, end) => readSlices(deps, { open, sliceBytes, start, end }),
  };
}

/** Whether a slice begins where it should and is of the same representation as the first one. */
function fits(entry: StoredResponse, first: StoredResponse, start: number): boolean {
  const { part, etag } = entry;
  if (part?.start !== start || part.totalBytes !== first.part?.totalBytes) return false;
  return etag !== undefined && first.etag !== undefined && strongMatch(etag, first.etag);
}

interface Slice {
  answer: Delivered;
  leave: () => void;
}

interface SlicedRead {
  open(n: number): Slice | Promise<Slice | undefined>;
  sliceBytes: number;
  start: number;
  end: number;
}

/** Reads `[start, end)` over slices; the next one is asked for when the one before has been taken. */
function readSlices({ store }: ObtainDeps, plan: SlicedRead): BodyReader {
  const { sliceBytes, end } = plan;
  let offset = plan.start;
  let state: BodyReader['state'] = offset < end ? 'open' : 'ended';
  let current: { reader: BodyReader; leave: () => void } | undefined;
  let isOpening = false;

  const drop = () => {
    current?.reader.close();
    current?.leave();
    current = undefined;
  };
  const wake = () => {
    const call = reader.onReadable;
    reader.onReadable = null;
    call?.();
  };
  const fail = () => {
    drop();
    if (state === 'open') state = 'failed';
  };
  const enter = (n: number, slice: Slice | undefined) => {
    if (state !== 'open') return slice?.leave();
    const from = offset - n * sliceBytes;
    const opened = slice && readPart(store, slice.answer, from, end - n * sliceBytes);
    if (slice && opened) current = { reader: opened, leave: slice.leave };
    else {
      slice?.leave();
      fail();
    }
  };
  const openNext = () => {
    const n = Math.floor(offset / sliceBytes);
    const slice = plan.open(n);
    if (!(slice instanceof Promise)) return enter(n, slice);
    isOpening = true;
    void slice.then((opened) => {
      isOpening = false;
      enter(n, opened);
      wake();
    });
  };
  const reader: BodyReader = {
    take() {
      while (state === 'open' && !isOpening) {
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
        if (current?.reader.state === 'failed') fail();
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

/** Bytes of one slice, and no more than it has. */
function readPart(
  store: Store,
  answer: Delivered,
  from: number,
  to: number,
): BodyReader | undefined {
  const { part } = answer.entry;
  const until = part ? Math.min(to, part.end - part.start + 1) : to;
  return answer.kind === 'stored'
    ? store.read(answer.entry, from, until)
    : answer.flight.read(from, until);
}
