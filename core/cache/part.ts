/**
 * Where parts of a representation are stored, and which of them replaces which. A part lies under a key of its own below that
 * of its URL: all parts that clients happened to ask for under one, and each slice of a sliced site under one.
 *
 * Invariant: whatever drops a URL drops the keys below it. A key in normal form has no space, so that what follows the first
 * one tells them apart.
 */
import { rangeField, type WantedRange } from '../http/partial.ts';
import type { StoredResponseInit } from './entry.ts';
import type { CacheRequest } from './exchange.ts';
import type { CacheKey } from './key.ts';

/** A request for a part, as the engine looks it up and fetches it. */
export interface PartRequest {
  wanted: WantedRange;
  /** Below the URL's key: `parts`, or `slice=N`. */
  place: string;
}

/** Parts of one URL and variant that are kept beside each other; slices are not counted. */
export const maxParts = 16;

const PARTS = 'parts';
const SLICE = 'slice=';

/** The part that a client asks for, among those that others have asked for. */
export function partRequest(wanted: WantedRange): PartRequest {
  return { wanted, place: PARTS };
}

/** Slice `n`: bytes `n·sliceBytes` and on. */
export function sliceRequest(n: number, sliceBytes: number): PartRequest {
  const start = n * sliceBytes;
  return { wanted: { kind: 'from', start, end: start + sliceBytes - 1 }, place: `${SLICE}${n}` };
}

/** The places of the slices before and behind; none for a loose part. */
export function besideSlice({ place }: PartRequest): string[] {
  if (!place.startsWith(SLICE)) return [];
  const n = Number(place.slice(SLICE.length));
  return n === 0 ? [`${SLICE}1`] : [`${SLICE}${n - 1}`, `${SLICE}${n + 1}`];
}

/** Whether any part that covers what is wanted will do; a slice is the only one under its key. */
export function isLooseParts({ place }: PartRequest): boolean {
  return place === PARTS;
}

/** The key under which the part is stored and fetched. */
export function keyOfPart(key: CacheKey, { place }: Pick<PartRequest, 'place'>): CacheKey {
  return { ...key, text: `${baseKey(key.text)} ${place}` };
}

/** The same request for a part of the representation. */
export function forPart(request: CacheRequest, part: PartRequest): CacheRequest {
  return { ...request, key: keyOfPart(request.key, part), part };
}

/** The same request for the whole. */
export function forWhole(request: CacheRequest): CacheRequest {
  const { key } = request;
  return { ...request, key: { ...key, text: baseKey(key.text) }, part: undefined };
}

/** The key of all loose parts of a URL. */
export function partsKey(keyText: string): string {
  return `${baseKey(keyText)} ${PARTS}`;
}

/** The key of the URL that a key belongs to. */
export function baseKey(keyText: string): string {
  const space = keyText.indexOf(' ');
  return space === -1 ? keyText : keyText.slice(0, space);
}

/** What goes upstream in Range. */
export function rangeOf({ wanted }: PartRequest): string {
  return rangeField(wanted);
}

/** Whether the newer response under the same key takes the place of the older one: the same variant, and no byte that it lacks. */
export function replaces(
  newer: Pick<StoredResponseInit, 'variant' | 'part'>,
  older: Pick<StoredResponseInit, 'variant' | 'part'>,
): boolean {
  if (newer.variant !== older.variant) return false;
  if (!newer.part || !older.part) return true;
  return newer.part.start <= older.part.start && older.part.end <= newer.part.end;
}

/** A variant with its part as one text, for a row; no line of a variant begins with a space. */
export function variantWithPart({ variant, part }: Pick<StoredResponseInit, 'variant' | 'part'>) {
  return part ? `${variant} ${part.start}-${part.end}/${part.totalBytes}` : variant;
}

/** The two again. */
export function splitVariant(text: string): Pick<StoredResponseInit, 'variant' | 'part'> {
  const at = text.lastIndexOf('\n') + 1;
  const match = /^ (\d+)-(\d+)\/(\d+)$/.exec(text.slice(at));
  if (!match) return { variant: text, part: undefined };
  const [start = 0, end = 0, totalBytes = 0] = match.slice(1).map(Number);
  return { variant: text.slice(0, at), part: { start, end, totalBytes } };
}
