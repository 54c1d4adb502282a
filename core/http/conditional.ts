/**
 * Conditional requests (RFC 9110 §13) as a cache evaluates and makes them (RFC 9111 §4.3): the
 * client's preconditions against a stored response, the validators to send upstream, what a 304 or
 * a HEAD changes in what is stored, and what a 304 to the client carries.
 *
 * Invariants: a malformed date condition is ignored, a malformed tag matches nothing (it is compared
 * as text), so that a doubt gives the whole response, never a wrong 304; If-Match and
 * If-Unmodified-Since are the origin's alone and are not evaluated here (RFC 9111 §4.3.2).
 */
import { parseHttpDate } from './date.ts';
import { dateValueMs } from './freshness.ts';
import { combined, first, hopByHop, type RawHeaders, trimWhitespace } from './headers.ts';

/** An entity tag (RFC 9110 §8.8.3); `opaque` includes its quotes. */
export type EntityTag = { readonly weak: boolean; readonly opaque: string };

/** The stored response that a GET's or HEAD's precondition is held against, and the request. */
export type PreconditionInput = {
  readonly requestHeaders: RawHeaders;
  readonly etag: string | undefined;
  readonly lastModified: string | undefined;
  /** Status of the stored response: only a 2xx has preconditions (RFC 9110 §13.2.1). */
  readonly status: number;
  readonly nowMs: number;
  /** Where there is no Last-Modified: the response's fields and when it came (RFC 9111 §4.3.2). */
  readonly dated?: { readonly headers: RawHeaders; readonly responseTimeMs: number };
};

/** What the preconditions of a request make of an answer from the cache. */
export type PreconditionOutcome = 'proceed' | 'not-modified';

/**
 * RFC 9111 §4.3.2: If-None-Match, then If-Modified-Since, against the stored response for a GET or
 * HEAD.
 */
export function evaluatePreconditions(input: PreconditionInput): PreconditionOutcome {
  const { requestHeaders } = input;
  if (!isConditional(requestHeaders)) return 'proceed';
  if (input.status < 200 || input.status > 299) return 'proceed';
  const ifNoneMatch = combined(requestHeaders, 'if-none-match');
  if (ifNoneMatch !== undefined) {
    return anyTagMatches(ifNoneMatch, input.etag, weakMatch) ? 'not-modified' : 'proceed';
  }
  return isModifiedSince(input) === false ? 'not-modified' : 'proceed';
}

/** Whether the request has a precondition that a cache evaluates. */
export function isConditional(requestHeaders: RawHeaders): boolean {
  for (let i = 0; i < requestHeaders.length; i += 2) {
    const name = requestHeaders[i] ?? '';
    if (mayBeCondition(name) && cacheConditions.has(name.toLowerCase())) return true;
  }
  return false;
}

/**
 * The name of a precondition that only the origin may evaluate (RFC 9111 §4.3.2), in lower case; such
 * a request is forwarded as it is. If-Range belongs to Range and is none.
 */
export function originConditionOf(requestHeaders: RawHeaders): string | undefined {
  for (let i = 0; i < requestHeaders.length; i += 2) {
    const name = requestHeaders[i] ?? '';
    if (!mayBeCondition(name)) continue;
    const lowerName = name.toLowerCase();
    if (originConditions.has(lowerName)) return lowerName;
  }
  return undefined;
}

/** All conditions begin with "If-"; anything else costs no lower-casing. */
function mayBeCondition(name: string): boolean {
  return (name.charCodeAt(0) | 0x20) === 0x69 && name.charCodeAt(2) === 0x2d;
}

/** A well-formed entity tag, or undefined. */
export function parseEntityTag(text: string): EntityTag | undefined {
  const weak = text.startsWith('W/');
  const opaque = weak ? text.slice(2) : text;
  if (opaque.length < 2 || opaque.charCodeAt(0) !== QUOTE) return undefined;
  if (opaque.indexOf('"', 1) !== opaque.length - 1) return undefined;
  for (let i = 1; i < opaque.length - 1; i++) {
    const code = opaque.charCodeAt(i);
    if (code <= 0x20 || code === 0x7f) return undefined;
  }
  return { weak, opaque };
}

/** RFC 9110 §8.8.3.2: the same, and neither of them weak. Takes tags as text. */
export function strongMatch(a: string, b: string): boolean {
  return a === b && !a.startsWith('W/');
}

/** RFC 9110 §8.8.3.2: the same but for the mark of weakness. Takes tags as text. */
export function weakMatch(a: string, b: string): boolean {
  return a === b || withoutWeakness(a) === withoutWeakness(b);
}

/**
 * The conditional fields that ask whether a stored response is still good (RFC 9111 §4.3.1), as a flat
 * list; empty when it has no validator. `otherEtags`: the tags of further variants that would do.
 */
export function validatorsOf(stored: RawHeaders, otherEtags: readonly string[] = []): string[] {
  const fields: string[] = [];
  const etag = first(stored, 'etag');
  const tags = new Set(etag === undefined ? otherEtags : [etag, ...otherEtags]);
  if (tags.size > 0) fields.push('If-None-Match', [...tags].join(', '));
  const lastModified = first(stored, 'last-modified');
  if (lastModified !== undefined) fields.push('If-Modified-Since', lastModified);
  return fields;
}

/**
 * The stored fields after a 304 or a HEAD (RFC 9111 §3.2): those that came replace all lines of their
 * names, in the order that they came in; the rest stays. Not taken over: hop-by-hop fields, and those
 * that describe the stored bytes. Age and Date are the new response's or nothing, because the age
 * starts anew (§4.3.4). A weak tag does not become strong: the stored bytes were never promised to be
 * those. Set-Cookie is taken over only for a site that stores cookies.
 */
export function updateStoredHeaders(
  stored: RawHeaders,
  from304: RawHeaders,
  setCookie: 'refuse' | 'strip' | 'store' = 'refuse',
): string[] {
  const ignored = hopByHop(from304);
  const isWeak = first(stored, 'etag')?.startsWith('W/') === true;
  const replaced = new Set<string>(['age', 'date']);
  const added: string[] = [];
  for (let i = 0; i + 1 < from304.length; i += 2) {
    const name = from304[i] ?? '';
    const lowerName = name.toLowerCase();
    if (ignored.has(lowerName) || bodyBound.has(lowerName)) continue;
    if (lowerName === 'set-cookie' && setCookie !== 'store') continue;
    if (lowerName === 'etag' && isWeak && !from304[i + 1]?.startsWith('W/')) continue;
    replaced.add(lowerName);
    added.push(name, from304[i + 1] ?? '');
  }
  const updated: string[] = [];
  for (let i = 0; i + 1 < stored.length; i += 2) {
    const name = stored[i] ?? '';
    if (!replaced.has(name.toLowerCase())) updated.push(name, stored[i + 1] ?? '');
  }
  updated.push(...added);
  return updated;
}

/**
 * The fields of a 304 made from a stored response (RFC 9110 §15.4.5): all but those that describe
 * content that is not sent. More than the required ones go out, since a downstream cache updates its
 * copy from them.
 */
export function notModifiedHeaders(stored: RawHeaders, left = contentBound): string[] {
  const fields: string[] = [];
  for (let i = 0; i + 1 < stored.length; i += 2) {
    const name = stored[i] ?? '';
    if (!left.has(name.toLowerCase())) fields.push(name, stored[i + 1] ?? '');
  }
  return fields;
}

/**
 * The same for a cache of ours, which updates its copy by it: whatever a 304 may change (RFC 9111 §3.2), so that both tiers say the
 * same of the content.
 */
export function notModifiedHeadersForTier(stored: RawHeaders): string[] {
  return notModifiedHeaders(stored, bodyBound);
}

/** The lines of If-None-Match and If-Modified-Since of a request, flat, as they came. */
export function conditionsOf(requestHeaders: RawHeaders): string[] {
  const lines: string[] = [];
  for (let i = 0; i + 1 < requestHeaders.length; i += 2) {
    const name = requestHeaders[i] ?? '';
    if (cacheConditions.has(name.toLowerCase())) lines.push(name, requestHeaders[i + 1] ?? '');
  }
  return lines;
}

const QUOTE = 0x22;
const COMMA = 0x2c;

const cacheConditions: ReadonlySet<string> = new Set(['if-none-match', 'if-modified-since']);
const originConditions: ReadonlySet<string> = new Set(['if-match', 'if-unmodified-since']);

/** Fields that belong to the stored bytes, whatever a 304 says of its own (RFC 9111 §3.2). */
const bodyBound: ReadonlySet<string> = new Set([
  'content-encoding',
  'content-length',
  'content-range',
  'transfer-encoding',
]);

/** Fields that describe content, and have no business where there is none. */
const contentBound: ReadonlySet<string> = new Set([
  'accept-ranges',
  'content-digest',
  'content-disposition',
  'content-encoding',
  'content-language',
  'content-length',
  'content-md5',
  'content-range',
  'content-type',
  'digest',
  'repr-digest',
  'trailer',
  'transfer-encoding',
]);

/**
 * Whether the stored response was modified after If-Modified-Since; undefined when there is no such
 * condition or it must be ignored (RFC 9110 §13.1.3: no date, or several lines).
 */
function isModifiedSince(input: PreconditionInput): boolean | undefined {
  const text = combined(input.requestHeaders, 'if-modified-since');
  if (text === undefined) return undefined;
  const sinceMs = parseHttpDate(text, input.nowMs);
  if (sinceMs === undefined) return undefined;
  if (text === input.lastModified) return false;
  const modifiedMs = modifiedAtMs(input);
  return modifiedMs === undefined ? undefined : modifiedMs > sinceMs;
}

/** RFC 9111 §4.3.2: Last-Modified; without one Date, or when the response was received. */
function modifiedAtMs({ lastModified, dated, nowMs }: PreconditionInput): number | undefined {
  if (lastModified !== undefined) return parseHttpDate(lastModified, nowMs);
  return dated && dateValueMs(dated.headers, dated.responseTimeMs);
}

/** Whether a list of tags (RFC 9110 §13.1.1, 13.1.2) or `*` holds one that matches. */
export function anyTagMatches(
  list: string,
  etag: string | undefined,
  matches: (a: string, b: string) => boolean,
): boolean {
  if (trimWhitespace(list) === '*') return true;
  if (etag === undefined) return false;
  // By far the most common request repeats the one tag that it was given.
  if (list === etag) return matches(list, etag);
  let start = 0;
  while (start < list.length) {
    const end = endOfTag(list, start);
    if (matches(trimWhitespace(list.slice(start, end)), etag)) return true;
    start = end + 1;
  }
  return false;
}

/** The index of the comma that ends the tag, or the length. A backslash escapes nothing in a tag. */
function endOfTag(list: string, start: number): number {
  let isQuoted = false;
  for (let i = start; i < list.length; i++) {
    const code = list.charCodeAt(i);
    if (code === QUOTE) isQuoted = !isQuoted;
    else if (code === COMMA && !isQuoted) return i;
  }
  return list.length;
}

function withoutWeakness(tag: string): string {
  return tag.startsWith('W/') ? tag.slice(2) : tag;
}
