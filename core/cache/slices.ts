/**
 * A large representation in slices: each is fetched, stored, revalidated and purged on its own, and a range is put together
 * from those that it touches, one after the other as the client takes them.
 *
 * Invariants: slices are joined only under the same strong validator and for the same size; one that does not fit cuts the
 * transfer, so that bytes of two representations never look like one, and has all slices of the URL dropped, so that the next
 * try is not cut as well.
 */
import { strongMatch } from '../http/conditional.ts';
import { combined } from '../http/headers.ts';
import {
  type BytePart,
  covers,
  resolveRange,
  type WantedRange,
  withPart,
} from '../http/partial.ts';
import { ifRangeAllows } from '../http/range.ts';
import type { BodyReader } from './body-reader.ts';
import { initOf, StoredResponse } from './entry.ts';
import type { CacheRequest } from './exchange.ts';
import { type Answer, type ObtainDeps, type ObtainOptions, obtain } from './obtain.ts';
import { baseKey, forPart, partRequest, sliceRequest } from './part.ts';
import { type Delivered, readSlices, type Slice } from './read-slices.ts';

/** A representation of which any bytes can be opened, whatever of it is stored. */
export interface Assembled {
  /** The response as if it were whole. */
  entry: StoredResponse;
  open(start: number, end: number): BodyReader;
}

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
  const use = useOf(answer.entry, request, ranges, { n, sliceBytes });
  if (use === 'as-it-is') return answer;
  if (use === 'slice') {
    return { ...answer, assembled: assemble(deps, answer, { n, sliceBytes }, fetchSlice) };
  }
  if (answer.kind === 'streaming') answer.leave();
  return instead(deps, request, ranges, options);
}

/** Where a slice is. */
interface Place {
  n: number;
  sliceBytes: number;
}

/** What the answer to the request for the first slice is good for. */
function useOf(
  entry: StoredResponse,
  { headers, startedAtMs }: CacheRequest,
  ranges: readonly WantedRange[],
  { n, sliceBytes }: Place,
): 'slice' | 'as-it-is' | 'none' {
  const { part, status, etag } = entry;
  if (!part) {
    // Bytes that nobody knows the place of, or a 416 to a range that is perhaps not to be looked at (RFC 9110 §13.1.5).
    const isOfRange =
      status === 206 || (status === 416 && combined(headers, 'if-range') !== undefined);
    // A whole, or an error: what is said of the range is `deliver`'s business.
    return isOfRange ? 'none' : 'as-it-is';
  }
  // An upstream may answer with other bytes than it was asked for (RFC 9110 §15.3.7).
  if (!covers(part, sliceRequest(n, sliceBytes).wanted)) return 'none';
  if (etag?.startsWith('"')) return 'slice';
  const touched = touches(ranges, part.totalBytes, sliceBytes);
  const isAlone = touched.every((other) => other === n);
  return isAlone && ifRangeAllows(headers, entry.headers, startedAtMs) ? 'slice' : 'none';
}

/** Nothing can be put together: the range as the client asks for it. */
function instead(
  deps: ObtainDeps,
  request: CacheRequest,
  [only, second]: readonly WantedRange[],
  options: ObtainOptions,
): Answer | Promise<Answer> {
  const plain = only && !second ? forPart(request, partRequest(only)) : request;
  return obtain(deps, plain, options);
}

/** The foremost of all: it is there if any of them is. */
function firstSlice(ranges: readonly WantedRange[], sliceBytes: number): number {
  // A suffix can be placed only once the size is known, which any slice tells.
  const starts = ranges.map((wanted) => (wanted.kind === 'from' ? wanted.start : 0));
  return Math.floor(Math.min(...starts) / sliceBytes);
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
  { n, sliceBytes }: Place,
  fetchSlice: (n: number) => Promise<Answer>,
): Assembled {
  const { entry } = first;
  const totalBytes = entry.part?.totalBytes ?? 0;
  const whole = { start: 0, end: totalBytes - 1, totalBytes };
  const fetchNext = async (next: number): Promise<Slice | undefined> => {
    const answer = await fetchSlice(next);
    if (answer.kind !== 'stored' && answer.kind !== 'streaming') return undefined;
    const leave = () => {
      if (answer.kind === 'streaming') answer.leave();
    };
    const held = heldBy(answer, totalBytes);
    const isSame = held !== undefined && isSameVersion(answer.entry, entry);
    if (isSame && covers(held, sliceRequest(next, sliceBytes).wanted)) {
      return { answer, held, leave };
    }
    leave();
    if (!isSame && isAnotherVersion(answer.entry)) deps.onSliceMismatch(baseKey(entry.key));
    return undefined;
  };
  // The first one is left by whoever sends the answer.
  const firstOne = { n, slice: { answer: first, held: entry.part ?? whole, leave: () => {} } };
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
    open: (start, end) =>
      readSlices(deps.store, { first: firstOne, fetch: fetchNext, sliceBytes, start, end }),
  };
}

/** The bytes that an answer to the request for a slice has; undefined: it is nothing of a representation of this size. */
function heldBy(answer: Delivered, totalBytes: number): BytePart | undefined {
  const { part, status, bodyBytes } = answer.entry;
  if (part) return part.totalBytes === totalBytes ? part : undefined;
  // Somebody else may have fetched the whole meanwhile.
  const isKnown = answer.kind === 'stored' || answer.flight.isComplete();
  const lengthBytes = isKnown ? bodyBytes : answer.head.lengthBytes;
  if (status !== 200 || lengthBytes !== totalBytes) return undefined;
  return { start: 0, end: totalBytes - 1, totalBytes };
}

function isSameVersion({ etag }: StoredResponse, first: StoredResponse): boolean {
  return etag !== undefined && first.etag !== undefined && strongMatch(etag, first.etag);
}

/** Whether the answer says that the representation has changed or is gone; a failure says nothing of it. */
function isAnotherVersion({ status }: StoredResponse): boolean {
  return status < 400 || status === 404 || status === 410 || status === 416;
}
