/**
 * Range requests (RFC 9110 §14) against a body of known size: which bytes, whether If-Range lets them
 * be sent, and the words around them, also of a multipart/byteranges body.
 *
 * Invariants: a field that breaks the grammar or asks for too many parts gives the whole, which a
 * server may always send (§14.2); overlapping and touching ranges are sent once, so that a request
 * never makes the answer longer than the body and its part heads.
 */
import { strongMatch } from './conditional.ts';
import { parseHttpDate } from './date.ts';
import { combined, first, type RawHeaders, trimWhitespace } from './headers.ts';

/** First and last byte, both included. */
export type ByteRange = { readonly start: number; readonly end: number };

/** What a Range field asks of a body. */
export type RangeRequest =
  | { readonly kind: 'whole' }
  | { readonly kind: 'unsatisfiable' }
  | { readonly kind: 'ranges'; readonly ranges: readonly ByteRange[] };

/** Parts a client may ask for in one request. */
export const DEFAULT_MAX_RANGES = 16;

/** The ranges of a Range field's value for a body of `sizeBytes`, in the order asked for (§14.1.2). */
export function parseRange(
  value: string,
  sizeBytes: number,
  maxRanges: number = DEFAULT_MAX_RANGES,
): RangeRequest {
  const equals = value.indexOf('=');
  if (equals === -1 || value.slice(0, equals).toLowerCase() !== 'bytes') return whole;
  const ranges: ByteRange[] = [];
  // Over the cap the rest is not even read.
  const members = value.slice(equals + 1).split(',', maxRanges + 1);
  if (members.length > maxRanges) return whole;
  let hasSpec = false;
  for (const member of members) {
    const spec = trimWhitespace(member);
    // A recipient skips empty list members (§5.6.1.2), but a list of nothing else asks nothing.
    if (spec === '') continue;
    hasSpec = true;
    const range = parseSpec(spec, sizeBytes);
    if (range === 'invalid') return whole;
    if (range !== 'unsatisfiable') addCoalesced(ranges, range);
  }
  if (!hasSpec) return whole;
  return ranges.length === 0 ? { kind: 'unsatisfiable' } : { kind: 'ranges', ranges };
}

/**
 * Whether If-Range, if there is one, lets the ranges be sent instead of the whole (§13.1.5): the same
 * strong tag, or exactly the Last-Modified where that is strong (§8.8.2.2: a second before Date).
 */
export function ifRangeAllows(
  requestHeaders: RawHeaders,
  stored: RawHeaders,
  nowMs: number,
): boolean {
  const condition = combined(requestHeaders, 'if-range');
  if (condition === undefined) return true;
  if (condition.includes('"')) {
    const etag = first(stored, 'etag');
    return etag !== undefined && strongMatch(trimWhitespace(condition), etag);
  }
  const lastModified = first(stored, 'last-modified');
  const date = first(stored, 'date');
  if (lastModified === undefined || date === undefined) return false;
  const conditionMs = parseHttpDate(condition, nowMs);
  const modifiedMs = parseHttpDate(lastModified, nowMs);
  const dateMs = parseHttpDate(date, nowMs);
  if (conditionMs === undefined || modifiedMs === undefined || dateMs === undefined) return false;
  return conditionMs === modifiedMs && dateMs - modifiedMs >= 1000;
}

/** Content-Range of a part (§14.4). */
export function contentRange(start: number, end: number, sizeBytes: number): string {
  return `bytes ${start}-${end}/${sizeBytes}`;
}

/** Content-Range of a 416 (§15.5.17). */
export function unsatisfiedContentRange(sizeBytes: number): string {
  return `bytes */${sizeBytes}`;
}

/** Content-Type of a body of several parts (§14.6). */
export function multipartContentType(boundary: string): string {
  return `multipart/byteranges; boundary=${boundary}`;
}

/** What stands before the bytes of a part, delimiter included. Latin-1: a character is a byte. */
export function partHead(
  boundary: string,
  contentType: string | undefined,
  range: ByteRange,
  sizeBytes: number,
): string {
  const type = contentType === undefined ? '' : `Content-Type: ${contentType}\r\n`;
  const place = `Content-Range: ${contentRange(range.start, range.end, sizeBytes)}\r\n`;
  return `\r\n--${boundary}\r\n${type}${place}\r\n`;
}

/** What stands after the last part. */
export function multipartTail(boundary: string): string {
  return `\r\n--${boundary}--\r\n`;
}

/** Content-Length of the whole multipart body. */
export function multipartLengthBytes(
  boundary: string,
  contentType: string | undefined,
  ranges: readonly ByteRange[],
  sizeBytes: number,
): number {
  let lengthBytes = multipartTail(boundary).length;
  for (const range of ranges) {
    lengthBytes += partHead(boundary, contentType, range, sizeBytes).length;
    lengthBytes += range.end - range.start + 1;
  }
  return lengthBytes;
}

const whole: RangeRequest = { kind: 'whole' };

function parseSpec(spec: string, sizeBytes: number): ByteRange | 'invalid' | 'unsatisfiable' {
  const dash = spec.indexOf('-');
  if (dash === -1) return 'invalid';
  const firstPos = parsePosition(spec.slice(0, dash));
  const lastPos = parsePosition(spec.slice(dash + 1));
  if (firstPos === 'invalid' || lastPos === 'invalid') return 'invalid';
  if (firstPos === undefined) {
    if (lastPos === undefined) return 'invalid';
    if (lastPos === 0) return 'unsatisfiable';
    // A suffix of an empty body is satisfiable, but no Content-Range can say so: the whole.
    if (sizeBytes === 0) return 'invalid';
    return { start: Math.max(0, sizeBytes - lastPos), end: sizeBytes - 1 };
  }
  if (lastPos !== undefined && lastPos < firstPos) return 'invalid';
  if (firstPos >= sizeBytes) return 'unsatisfiable';
  return { start: firstPos, end: Math.min(lastPos ?? Number.POSITIVE_INFINITY, sizeBytes - 1) };
}

/** Digits as a number (huge ones become infinite, which is past every end); '' is undefined. */
function parsePosition(text: string): number | undefined | 'invalid' {
  if (text === '') return undefined;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code < 0x30 || code > 0x39) return 'invalid';
  }
  return Number(text);
}

/** Adds a range, joined with all that it overlaps or touches, at the place of the first of them (§15.3.7.2). */
function addCoalesced(ranges: ByteRange[], added: ByteRange): void {
  let { start, end } = added;
  let place = -1;
  // The ranges so far neither overlap nor touch each other, so joining cannot set off a chain.
  // Backwards, so that a removal leaves the indexes still to come as they are.
  for (let i = ranges.length - 1; i >= 0; i--) {
    const range = ranges[i];
    if (range === undefined || range.start > end + 1 || range.end + 1 < start) continue;
    start = Math.min(start, range.start);
    end = Math.max(end, range.end);
    ranges.splice(i, 1);
    place = i;
  }
  if (place === -1) ranges.push({ start, end });
  else ranges.splice(place, 0, { start, end });
}
