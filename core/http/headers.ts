/**
 * Header fields as they came: a flat list name, value, name, value…, with order, case and repeats
 * kept. That is the shape of `node:http`'s and undici's `rawHeaders`, and the only one that loses
 * nothing, so it is what the whole engine passes around, stores and sends.
 *
 * Invariants: nothing here changes its input; a function that takes a name to look for wants it in
 * lower case; values are Latin-1 text (one character, one byte).
 */

/** Flat name, value, name, value… exactly as received. */
export type RawHeaders = readonly string[];

/** All values of one field, a value for each line, in order. */
export function headerValues(raw: RawHeaders, lowerName: string): string[] {
  const values: string[] = [];
  for (let i = 0; i + 1 < raw.length; i += 2) {
    if (isNamed(raw[i], lowerName)) values.push(raw[i + 1] ?? '');
  }
  return values;
}

/** The field's lines joined with ', ' (RFC 9110 §5.3), or undefined when there is no such line. */
export function combined(raw: RawHeaders, lowerName: string): string | undefined {
  let value: string | undefined;
  for (let i = 0; i + 1 < raw.length; i += 2) {
    if (!isNamed(raw[i], lowerName)) continue;
    value = value === undefined ? (raw[i + 1] ?? '') : `${value}, ${raw[i + 1] ?? ''}`;
  }
  return value;
}

/** The field's first line, or undefined when there is no such line. */
export function first(raw: RawHeaders, lowerName: string): string | undefined {
  for (let i = 0; i + 1 < raw.length; i += 2) {
    if (isNamed(raw[i], lowerName)) return raw[i + 1];
  }
  return undefined;
}

/** A copy without the lines whose lower-case name is in the set. */
export function withoutFields(raw: RawHeaders, lowerNames: ReadonlySet<string>): string[] {
  const kept: string[] = [];
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = raw[i] ?? '';
    if (!lowerNames.has(name.toLowerCase())) kept.push(name, raw[i + 1] ?? '');
  }
  return kept;
}

/** A copy in which the field occurs exactly once, at the place of its first line, else at the end. */
export function setField(raw: RawHeaders, name: string, value: string): string[] {
  const lowerName = name.toLowerCase();
  const result: string[] = [];
  let isPlaced = false;
  for (let i = 0; i + 1 < raw.length; i += 2) {
    if (!isNamed(raw[i], lowerName)) {
      result.push(raw[i] ?? '', raw[i + 1] ?? '');
    } else if (!isPlaced) {
      result.push(name, value);
      isPlaced = true;
    }
  }
  if (!isPlaced) result.push(name, value);
  return result;
}

/** A copy with one more line at the end; lines of the same name stay. */
export function appendField(raw: RawHeaders, name: string, value: string): string[] {
  return [...raw, name, value];
}

/**
 * The members of a comma list (RFC 9110 §5.6.1): trimmed, empty ones dropped, quoted strings opaque.
 * A quote that is never closed is an ordinary character, so that it cannot hide the members that
 * follow it. Linear in the length of the text.
 */
export function splitList(value: string): string[] {
  const members: string[] = [];
  let start = 0;
  let mayQuote = true;
  for (let i = 0; i < value.length; i++) {
    const code = value.charCodeAt(i);
    if (code === COMMA) {
      pushTrimmed(members, value.slice(start, i));
      start = i + 1;
    } else if (code === QUOTE && mayQuote) {
      const end = endOfQuotedString(value, i);
      if (end === -1) mayQuote = false;
      else i = end;
    }
  }
  pushTrimmed(members, value.slice(start));
  return members;
}

/**
 * The lower-case names of the fields that concern one connection only and are dropped in both
 * directions.
 *
 * The fixed ones: what RFC 9110 §7.6.1 lists; Trailer, because trailers are not relayed by default;
 * and the Proxy-* fields, which RFC 9111 §3.1 forbids to store and which speak to a forward proxy,
 * never to a CDN. To them come the names that Connection lists, except the fields of
 * `neverConnectionBound`: RFC 9110 §7.6.1 forbids a sender to list those, and obeying such a list
 * would let a peer strip what caching, framing and routing stand on.
 */
export function hopByHop(raw: RawHeaders): ReadonlySet<string> {
  let named: Set<string> | undefined;
  for (let i = 0; i + 1 < raw.length; i += 2) {
    if (!isNamed(raw[i], 'connection')) continue;
    for (const member of splitList(raw[i + 1] ?? '')) {
      const name = member.toLowerCase();
      if (alwaysHopByHop.has(name) || neverConnectionBound.has(name)) continue;
      // The usual options are no field names, so they cost no set of their own.
      if (name === 'close') continue;
      named ??= new Set(alwaysHopByHop);
      named.add(name);
    }
  }
  return named ?? alwaysHopByHop;
}

/** A copy without the hop-by-hop fields: what may be stored and what may be sent on. */
export function endToEnd(raw: RawHeaders): string[] {
  return withoutFields(raw, hopByHop(raw));
}

/** Whether a received field name is this lower-case one; allocates nothing for most names. */
export function isNamed(name: string | undefined, lowerName: string): boolean {
  if (name === undefined || name.length !== lowerName.length) return false;
  return name === lowerName || name.toLowerCase() === lowerName;
}

/** The index of the quote that closes the quoted string opened at `open`, or -1 (RFC 9110 §5.6.4). */
export function endOfQuotedString(text: string, open: number): number {
  for (let i = open + 1; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === BACKSLASH) i++;
    else if (code === QUOTE) return i;
  }
  return -1;
}

const COMMA = 0x2c;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;

const alwaysHopByHop: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'proxy-authenticate',
  'proxy-authentication-info',
  'proxy-authorization',
]);

/** Fields that a Connection field cannot take away: without them the message means another thing. */
const neverConnectionBound: ReadonlySet<string> = new Set([
  // Caching: losing one would make a response live longer, or be shared more widely.
  'age',
  'cache-control',
  'cdn-cache-control',
  'surrogate-control',
  'date',
  'etag',
  'expires',
  'last-modified',
  'pragma',
  'vary',
  'cache-status',
  'cache-tag',
  'surrogate-key',
  'cache-groups',
  'cache-group-invalidation',
  // Content: losing one would make the same bytes mean something else.
  'content-disposition',
  'content-encoding',
  'content-language',
  'content-length',
  'content-location',
  'content-range',
  'content-security-policy',
  'content-type',
  'accept-ranges',
  'location',
  // Requests: losing one would change who asks, for what, or where a loop is seen.
  'accept',
  'accept-encoding',
  'accept-language',
  'authorization',
  'cdn-loop',
  'cookie',
  'expect',
  'forwarded',
  'host',
  'if-match',
  'if-modified-since',
  'if-none-match',
  'if-range',
  'if-unmodified-since',
  'origin',
  'range',
  'via',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-proto',
  // State and access.
  'set-cookie',
  'strict-transport-security',
  'www-authenticate',
  'retry-after',
]);

function pushTrimmed(members: string[], text: string): void {
  const member = trimWhitespace(text);
  if (member !== '') members.push(member);
}

/** Without optional whitespace (SP, HTAB: RFC 9110 §5.6.3) at both ends; `trim` would take more. */
export function trimWhitespace(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && isWhitespace(text.charCodeAt(start))) start++;
  while (end > start && isWhitespace(text.charCodeAt(end - 1))) end--;
  return start === 0 && end === text.length ? text : text.slice(start, end);
}

function isWhitespace(code: number): boolean {
  return code === 0x20 || code === 0x09;
}
