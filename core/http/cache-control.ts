/**
 * Cache-Control (RFC 9111 §5.2) read leniently: names in any case, tokens and quoted strings alike,
 * unknown directives ignored, nonsense never an error. Of a repeated numeric directive the first
 * valid one counts (§4.2.1); a flag counts wherever it stands.
 *
 * Invariant: leniency never makes a response more cacheable than its sender can have meant: a number
 * that is none is 'invalid', which freshness takes for zero.
 */
import {
  combined,
  endOfQuotedString,
  headerValues,
  type RawHeaders,
  splitList,
  trimWhitespace,
} from './headers.ts';

/** Seconds from 0 to 2^31, or 'invalid' (negative, not digits, empty, without a value). */
export type DeltaSeconds = number | 'invalid';

/** The directives of a request or a response; a directive that is absent is undefined. */
export type CacheControl = {
  readonly maxAge: DeltaSeconds | undefined;
  readonly sMaxage: DeltaSeconds | undefined;
  /** RFC 5861 §3 */
  readonly staleWhileRevalidate: DeltaSeconds | undefined;
  /** RFC 5861 §4 */
  readonly staleIfError: DeltaSeconds | undefined;
  /** Request: true without a value = any staleness (RFC 9111 §5.2.1.2). A bad value is ignored. */
  readonly maxStale: number | true | undefined;
  /** Request: a bad value is ignored. */
  readonly minFresh: number | undefined;
  /** true = the whole response; names in lower case = these fields only (RFC 9111 §5.2.2.4). */
  readonly noCache: true | readonly string[] | undefined;
  /** true = the whole response; names in lower case = these fields only (RFC 9111 §5.2.2.7). */
  readonly private: true | readonly string[] | undefined;
  readonly noStore: boolean;
  readonly noTransform: boolean;
  readonly mustRevalidate: boolean;
  readonly proxyRevalidate: boolean;
  readonly public: boolean;
  readonly onlyIfCached: boolean;
  readonly mustUnderstand: boolean;
  /** RFC 8246 */
  readonly immutable: boolean;
};

/** Greatest delta-seconds that is told apart (RFC 9111 §1.2.2): 68 years are for ever. */
export const MAX_DELTA_SECONDS = 2 ** 31;

/** What a message without Cache-Control says. */
export const noDirectives: CacheControl = Object.freeze(emptyCacheControl());

/** Reads the field's lines, one string each. */
export function parseCacheControl(values: readonly string[]): CacheControl {
  if (values.length === 0) return noDirectives;
  const result = emptyCacheControl();
  for (const value of values) {
    for (const member of splitList(value)) applyDirective(result, member);
  }
  return result;
}

/**
 * The directives of a request. Without Cache-Control, `Pragma: no-cache` means the same as
 * `Cache-Control: no-cache` (RFC 9111 §5.4: deprecated, but still what old clients send).
 */
export function requestCacheControl(requestHeaders: RawHeaders): CacheControl {
  const values = headerValues(requestHeaders, 'cache-control');
  if (values.length > 0) return parseCacheControl(values);
  const pragma = combined(requestHeaders, 'pragma');
  if (pragma === undefined) return noDirectives;
  const asksAnew = splitList(pragma).some((member) => member.toLowerCase() === 'no-cache');
  return asksAnew ? { ...noDirectives, noCache: true } : noDirectives;
}

/** Seconds of a text that is digits only, clamped to 2^31; anything else is 'invalid'. */
export function parseDeltaSeconds(text: string): DeltaSeconds {
  if (text === '') return 'invalid';
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code < 0x30 || code > 0x39) return 'invalid';
  }
  return Math.min(Number(text), MAX_DELTA_SECONDS);
}

/** A CacheControl while it is being read. */
export type MutableCacheControl = { -readonly [K in keyof CacheControl]: CacheControl[K] };

/** A fresh one with nothing set. */
export function emptyCacheControl(): MutableCacheControl {
  return {
    maxAge: undefined,
    sMaxage: undefined,
    staleWhileRevalidate: undefined,
    staleIfError: undefined,
    maxStale: undefined,
    minFresh: undefined,
    noCache: undefined,
    private: undefined,
    noStore: false,
    noTransform: false,
    mustRevalidate: false,
    proxyRevalidate: false,
    public: false,
    onlyIfCached: false,
    mustUnderstand: false,
    immutable: false,
  };
}

/** Directives whose value is delta-seconds, with the field that holds them. */
export const deltaDirectives: ReadonlyMap<
  string,
  'maxAge' | 'sMaxage' | 'staleWhileRevalidate' | 'staleIfError'
> = new Map([
  ['max-age', 'maxAge'],
  ['s-maxage', 'sMaxage'],
  ['stale-while-revalidate', 'staleWhileRevalidate'],
  ['stale-if-error', 'staleIfError'],
]);

/** Directives that may name fields. */
export const fieldDirectives: ReadonlyMap<string, 'noCache' | 'private'> = new Map([
  ['no-cache', 'noCache'],
  ['private', 'private'],
]);

/** Directives without a value. */
export const flagDirectives: ReadonlyMap<
  string,
  | 'noStore'
  | 'noTransform'
  | 'mustRevalidate'
  | 'proxyRevalidate'
  | 'public'
  | 'onlyIfCached'
  | 'mustUnderstand'
  | 'immutable'
> = new Map([
  ['no-store', 'noStore'],
  ['no-transform', 'noTransform'],
  ['must-revalidate', 'mustRevalidate'],
  ['proxy-revalidate', 'proxyRevalidate'],
  ['public', 'public'],
  ['only-if-cached', 'onlyIfCached'],
  ['must-understand', 'mustUnderstand'],
  ['immutable', 'immutable'],
]);

/**
 * Adds the names of a qualified no-cache or private. A list that is empty, or holds anything that is
 * no field name, means the whole response: what was to be protected cannot be told.
 */
export function mergeFieldNames(
  existing: true | readonly string[] | undefined,
  namesText: string | undefined,
): true | readonly string[] {
  if (existing === true || namesText === undefined) return true;
  const names = splitList(namesText).map((name) => name.toLowerCase());
  if (names.length === 0 || !names.every(isFieldName)) return true;
  return existing === undefined ? names : [...new Set([...existing, ...names])];
}

/**
 * RFC 9110 §5.1, but for the apostrophe, which is in no field's name: who writes one here takes it for
 * a quotation mark.
 */
function isFieldName(lowerName: string): boolean {
  return /^[!#$%&*+.^_`|~0-9a-z-]+$/.test(lowerName);
}

/** The lower-case name of a directive with or without a value. */
export function directiveName(member: string): string {
  const equals = member.indexOf('=');
  return trimWhitespace(equals === -1 ? member : member.slice(0, equals)).toLowerCase();
}

/** Takes one directive over into what has been read before it. */
export function applyDirective(result: MutableCacheControl, member: string): void {
  const equals = member.indexOf('=');
  // Whitespace around '=' is no grammar (§5.2). The name counts all the same, because a restriction
  // must; the value keeps its whitespace, so that a number is 'invalid'.
  const name = directiveName(member);
  const value = equals === -1 ? undefined : member.slice(equals + 1);
  const isSpaced = equals > 0 && member.charCodeAt(equals - 1) <= 0x20;

  const flag = flagDirectives.get(name);
  if (flag !== undefined) {
    result[flag] = true;
    return;
  }
  const fieldDirective = fieldDirectives.get(name);
  if (fieldDirective !== undefined) {
    const names = value === undefined ? undefined : unquote(value);
    result[fieldDirective] = mergeFieldNames(result[fieldDirective], names);
    return;
  }
  const delta = deltaDirectives.get(name);
  const seconds = value === undefined || isSpaced ? 'invalid' : parseDeltaSeconds(unquote(value));
  if (delta !== undefined) {
    // The first valid one wins (§4.2.1); an invalid one stays only while nothing better came.
    if (typeof result[delta] !== 'number') result[delta] = seconds;
  } else if (name === 'min-fresh') {
    if (seconds !== 'invalid') result.minFresh ??= seconds;
  } else if (name === 'max-stale') {
    if (value === undefined) result.maxStale ??= true;
    else if (seconds !== 'invalid') result.maxStale ??= seconds;
  }
}

/** The content of a quoted string (RFC 9110 §5.6.4); any other text as it is. */
function unquote(text: string): string {
  if (text.charCodeAt(0) !== 0x22 || endOfQuotedString(text, 0) !== text.length - 1) return text;
  const content = text.slice(1, -1);
  if (!content.includes('\\')) return content;
  let plain = '';
  for (let i = 0; i < content.length; i++) {
    if (content.charCodeAt(i) === 0x5c) i++;
    plain += content[i] ?? '';
  }
  return plain;
}
