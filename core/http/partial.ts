/**
 * Parts of a representation (RFC 9110 §14, RFC 9111 §3.3 and 3.4): which bytes a 206 holds, which ones a request wants before
 * the size is known, and whether the one can answer or continue the other.
 *
 * Invariant: a part is believed only where its Content-Range is exact: one range of bytes within a known size.
 */
import { strongMatch } from './conditional.ts';
import { combined, first, type RawHeaders, trimWhitespace, withoutFields } from './headers.ts';
import { type ByteRange, contentRange, DEFAULT_MAX_RANGES } from './range.ts';

/** Bytes `start` to `end`, both included, of a representation of `totalBytes`. */
export type BytePart = ByteRange & { readonly totalBytes: number };

/** What one range of a request wants. The size is not known yet, so an end may lie past it. */
export type WantedRange =
  | { readonly kind: 'from'; readonly start: number; readonly end: number }
  | { readonly kind: 'suffix'; readonly lengthBytes: number };

/**
 * What the Range field of a request wants, when that is one range; undefined: nothing, several ranges, another unit, or a field
 * that must be ignored (§14.2). An open end is infinite.
 */
export function wantedRange(requestHeaders: RawHeaders): WantedRange | undefined {
  const value = combined(requestHeaders, 'range');
  if (value === undefined) return undefined;
  const ranges = wantedRanges(value);
  return ranges?.length === 1 ? ranges[0] : undefined;
}

/** All ranges of a Range field in their order; undefined when it must be ignored, or has more members than `parseRange` takes. */
export function wantedRanges(value: string): WantedRange[] | undefined {
  const equals = value.indexOf('=');
  if (equals === -1 || value.slice(0, equals).toLowerCase() !== 'bytes') return undefined;
  const members = value.slice(equals + 1).split(',', DEFAULT_MAX_RANGES + 1);
  if (members.length > DEFAULT_MAX_RANGES) return undefined;
  const ranges: WantedRange[] = [];
  for (const member of members) {
    const spec = trimWhitespace(member);
    if (spec === '') continue;
    const range = wantedOf(spec);
    if (!range) return undefined;
    ranges.push(range);
  }
  return ranges.length === 0 ? undefined : ranges;
}

/** The range as it stands in a Range field. */
export function rangeField(wanted: WantedRange): string {
  if (wanted.kind === 'suffix') return `bytes=-${wanted.lengthBytes}`;
  return `bytes=${wanted.start}-${wanted.end === Number.POSITIVE_INFINITY ? '' : wanted.end}`;
}

/** The part that a 206 holds; undefined without an exact Content-Range (§14.4). */
export function partOfHeaders(headers: RawHeaders): BytePart | undefined {
  const match = /^bytes (\d{1,15})-(\d{1,15})\/(\d{1,15})$/i.exec(
    trimWhitespace(combined(headers, 'content-range') ?? ''),
  );
  if (!match) return undefined;
  const [start, end, totalBytes] = match.slice(1).map(Number);
  if (start === undefined || end === undefined || totalBytes === undefined) return undefined;
  return start <= end && end < totalBytes ? { start, end, totalBytes } : undefined;
}

/** Where the wanted range lies in a representation of this size; undefined: nowhere (§14.1.2). */
export function resolveRange(wanted: WantedRange, totalBytes: number): ByteRange | undefined {
  if (totalBytes === 0) return undefined;
  if (wanted.kind === 'suffix') {
    if (wanted.lengthBytes === 0) return undefined;
    return { start: Math.max(0, totalBytes - wanted.lengthBytes), end: totalBytes - 1 };
  }
  if (wanted.start >= totalBytes) return undefined;
  return { start: wanted.start, end: Math.min(wanted.end, totalBytes - 1) };
}

/** Whether the part holds all bytes that are wanted. */
export function covers(part: BytePart, wanted: WantedRange): boolean {
  const range = resolveRange(wanted, part.totalBytes);
  return range !== undefined && part.start <= range.start && range.end <= part.end;
}

/** How many bytes a range has. */
export function lengthOf({ start, end }: ByteRange): number {
  return end - start + 1;
}

/** Whether the part is the whole representation. */
export function isWhole(part: BytePart): boolean {
  return part.start === 0 && part.end === part.totalBytes - 1;
}

/**
 * What must be fetched behind the part to have all that is wanted: possible when the part holds the first wanted byte or the one
 * before it. Undefined otherwise, or when nothing is missing.
 */
export function missingBehind(part: BytePart, wanted: WantedRange): ByteRange | undefined {
  const range = resolveRange(wanted, part.totalBytes);
  if (!range || range.start < part.start || range.start > part.end + 1) return undefined;
  return range.end > part.end ? { start: part.end + 1, end: range.end } : undefined;
}

/**
 * The stored part and a 206 that continues it, as one (RFC 9111 §3.4); undefined when they must not be joined: not the same
 * strong validator, another size, or a gap between them.
 */
export function joinedPart(stored: RawHeaders, received: RawHeaders): BytePart | undefined {
  const etag = first(stored, 'etag');
  const other = first(received, 'etag');
  if (etag === undefined || other === undefined || !strongMatch(etag, other)) return undefined;
  const before = partOfHeaders(stored);
  const behind = partOfHeaders(received);
  if (!before || !behind || before.totalBytes !== behind.totalBytes) return undefined;
  if (behind.start !== before.end + 1) return undefined;
  return { start: before.start, end: behind.end, totalBytes: before.totalBytes };
}

/** The fields of a response that is this part: with the right Content-Range, or without one when it is the whole. */
export function withPart(headers: RawHeaders, part: BytePart): string[] {
  const others = withoutFields(headers, contentRangeOnly);
  if (!isWhole(part)) {
    others.push('Content-Range', contentRange(part.start, part.end, part.totalBytes));
  }
  return others;
}

const contentRangeOnly: ReadonlySet<string> = new Set(['content-range']);

function wantedOf(spec: string): WantedRange | undefined {
  const match = /^(\d{0,15})-(\d{0,15})$/.exec(spec);
  if (!match) return undefined;
  const [, from = '', to = ''] = match;
  if (from === '') {
    return to === '' ? undefined : { kind: 'suffix', lengthBytes: Number(to) };
  }
  const start = Number(from);
  const end = to === '' ? Number.POSITIVE_INFINITY : Number(to);
  return end < start ? undefined : { kind: 'from', start, end };
}
