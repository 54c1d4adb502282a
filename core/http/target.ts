/**
 * The request target in one normal form (RFC 3986 §6.2.2): what the cache key, routing, purge and the
 * forwarded request all use, so that two spellings of a resource are one entry and a purge hits
 * it, and so that the origin is asked exactly for what the key says.
 *
 * Invariants: normalising twice changes nothing; a reserved character is never decoded (%2F stays), as
 * that would change the meaning; what cannot be read without a doubt is refused with undefined.
 */
import { isHexDigit, parseHost } from './host.ts';

/** What a site does with the query; names in normal form, a `*` at the end stands for anything. */
export type QueryRules = {
  /** Order the parameters by name; those of one name keep their order. */
  readonly sort?: boolean;
  /** Keep these parameters only. */
  readonly keep?: readonly string[];
  /** Leave these parameters out; after `keep`. */
  readonly drop?: readonly string[];
};

/** Rules of a site for its targets. */
export type TargetRules = { readonly query: QueryRules };

/** A URL in normal form. The port is not part of it (DESIGN section 2: a purge ignores it). */
export type NormalUrl = {
  readonly scheme: 'http' | 'https';
  readonly host: string;
  readonly pathAndQuery: string;
};

/** A request target by its form (RFC 9112 §3.2); not yet normalised but for scheme and host. */
export type ParsedTarget =
  | { readonly form: 'origin'; readonly pathAndQuery: string }
  | {
      readonly form: 'absolute';
      readonly scheme: 'http' | 'https';
      readonly host: string;
      readonly port?: number;
      readonly pathAndQuery: string;
    }
  | { readonly form: 'asterisk' };

/** No rules: the query stays as it is, normalised. */
export const noTargetRules: TargetRules = { query: {} };

/**
 * Path and query in normal form, or undefined: a fragment, a control character, a raw space or
 * non-ASCII character, or a '%' without two hex digits. Takes the origin-form; '' is '/'.
 */
export function normaliseTarget(
  text: string,
  rules: TargetRules = noTargetRules,
): string | undefined {
  // Nearly every target is in normal form already and costs one walk.
  const normal = isPlain(text) ? text : normaliseSlowly(text);
  if (normal === undefined || normal.charCodeAt(0) !== SLASH) return undefined;
  return applyQueryRules(normal, rules.query);
}

/** The form of a target (RFC 9112 §3.2.1 to 3.2.4); authority-form (CONNECT) is refused. */
export function parseTarget(text: string): ParsedTarget | undefined {
  if (text.charCodeAt(0) === SLASH) return { form: 'origin', pathAndQuery: text };
  if (text === '*') return { form: 'asterisk' };
  const url = splitUrl(text);
  return url === undefined ? undefined : { form: 'absolute', ...url };
}

/**
 * An absolute http(s) URL in normal form, as operators write it for a purge: non-ASCII characters are
 * encoded as UTF-8; the port is dropped, a fragment refused.
 */
export function normaliseUrl(
  text: string,
  rules: TargetRules = noTargetRules,
): NormalUrl | undefined {
  const url = splitUrl(encodeNonAscii(text));
  if (url === undefined) return undefined;
  const pathAndQuery = normaliseTarget(url.pathAndQuery, rules);
  return pathAndQuery === undefined
    ? undefined
    : { scheme: url.scheme, host: url.host, pathAndQuery };
}

/**
 * A URL prefix: every URL whose normal form begins with these bytes is meant. So nothing is completed
 * or taken away at the end (a last '.' or '..' may become a longer name), no query rule applies, and a
 * cut percent triplet is refused.
 */
export function normalisePrefix(text: string): NormalUrl | undefined {
  const url = splitUrl(encodeNonAscii(text));
  if (url === undefined) return undefined;
  const encoded = normaliseEncoding(url.pathAndQuery);
  if (encoded === undefined) return undefined;
  const { path, query } = splitQuery(encoded);
  const pathAndQuery = removeDotSegments(path, query === '') + query;
  return { scheme: url.scheme, host: url.host, pathAndQuery };
}

const SLASH = 0x2f;
const DOT = 0x2e;
const PERCENT = 0x25;
const QUESTION = 0x3f;

/** Whether a target is surely in normal form: begins with '/', only plain characters, no segment with a leading dot. */
function isPlain(text: string): boolean {
  if (text.charCodeAt(0) !== SLASH) return false;
  let isQuery = false;
  for (let i = 1; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code > 0x7e || plainCharacters[code] !== 1) return false;
    if (code === QUESTION) isQuery = true;
    else if (code === DOT && !isQuery && text.charCodeAt(i - 1) === SLASH) return false;
  }
  return true;
}

function normaliseSlowly(text: string): string | undefined {
  const encoded = normaliseEncoding(text);
  if (encoded === undefined) return undefined;
  const { path, query } = splitQuery(encoded);
  return removeDotSegments(path === '' ? '/' : path, false) + query;
}

/**
 * Percent-encoding in its normal form (RFC 3986 §6.2.2.1, 6.2.2.2): triplets in upper case, unreserved
 * characters decoded, characters that no URI may hold but browsers send (`"<>\^{|}` and the backtick)
 * encoded.
 */
function normaliseEncoding(text: string): string | undefined {
  let result = '';
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code > 0x7e || code <= 0x20 || code === 0x23) return undefined;
    if (code !== PERCENT) {
      result += plainCharacters[code] === 1 ? text[i] : encodeByte(code);
      continue;
    }
    // NaN past the end is no hex digit.
    if (!isHexDigit(text.charCodeAt(i + 1)) || !isHexDigit(text.charCodeAt(i + 2))) {
      return undefined;
    }
    const byte = Number.parseInt(text.slice(i + 1, i + 3), 16);
    result += isUnreserved(byte) ? String.fromCharCode(byte) : encodeByte(byte);
    i += 2;
  }
  return result;
}

function encodeByte(byte: number): string {
  return `%${byte < 16 ? '0' : ''}${byte.toString(16).toUpperCase()}`;
}

/** RFC 3986 §5.2.4. With `isPrefix` the last segment stays, since it may not have ended yet. */
function removeDotSegments(path: string, isPrefix: boolean): string {
  if (!path.includes('/.')) return path;
  const segments = path.split('/');
  const last = segments.length - 1;
  const kept: string[] = [];
  for (const [index, segment] of segments.entries()) {
    const isDot = segment === '.' || segment === '..';
    if (!isDot || (isPrefix && index === last)) {
      kept.push(segment);
      continue;
    }
    // The first element is the emptiness before the leading slash and is never taken away.
    if (segment === '..' && kept.length > 1) kept.pop();
    // "/a/." and "/a/.." end in a slash.
    if (index === last) kept.push('');
  }
  return kept.length === 1 ? '/' : kept.join('/');
}

function applyQueryRules(target: string, rules: QueryRules): string {
  if (!rules.sort && rules.keep === undefined && rules.drop === undefined) return target;
  const { path, query } = splitQuery(target);
  if (query === '') return target;
  const { keep, drop } = rules;
  let parameters = query.slice(1).split('&');
  if (keep !== undefined) parameters = parameters.filter((p) => isListed(nameOf(p), keep));
  if (drop !== undefined) parameters = parameters.filter((p) => !isListed(nameOf(p), drop));
  if (rules.sort) parameters.sort(byName);
  return parameters.length === 0 ? path : `${path}?${parameters.join('&')}`;
}

function isListed(name: string, list: readonly string[]): boolean {
  return list.some((entry) =>
    entry.endsWith('*') ? name.startsWith(entry.slice(0, -1)) : name === entry,
  );
}

/** Bytewise, so that every machine sorts alike; the sort is stable, so equal names keep their order. */
function byName(a: string, b: string): number {
  const nameA = nameOf(a);
  const nameB = nameOf(b);
  return nameA === nameB ? 0 : nameA < nameB ? -1 : 1;
}

function nameOf(parameter: string): string {
  const equals = parameter.indexOf('=');
  return equals === -1 ? parameter : parameter.slice(0, equals);
}

function splitQuery(target: string): { path: string; query: string } {
  const question = target.indexOf('?');
  if (question === -1) return { path: target, query: '' };
  return { path: target.slice(0, question), query: target.slice(question) };
}

type SplitUrl = {
  readonly scheme: 'http' | 'https';
  readonly host: string;
  readonly port?: number;
  readonly pathAndQuery: string;
};

/** Scheme, authority and the rest of an absolute http(s) URL; an empty path becomes '/'. */
function splitUrl(text: string): SplitUrl | undefined {
  const colon = text.indexOf('://');
  if (colon !== 4 && colon !== 5) return undefined;
  const scheme = text.slice(0, colon).toLowerCase();
  if (scheme !== 'http' && scheme !== 'https') return undefined;
  const start = colon + 3;
  let end = start;
  while (end < text.length && !authorityEnds.has(text.charCodeAt(end))) end++;
  const hostPort = parseHost(text.slice(start, end));
  if (hostPort === undefined) return undefined;
  const rest = text.slice(end);
  const pathAndQuery = rest.charCodeAt(0) === SLASH ? rest : `/${rest}`;
  return { scheme, ...hostPort, pathAndQuery };
}

/** '/', '?' and '#' */
const authorityEnds: ReadonlySet<number> = new Set([SLASH, QUESTION, 0x23]);

/** Each character beyond ASCII as the triplets of its UTF-8 bytes (RFC 3987 §3.1). */
function encodeNonAscii(text: string): string {
  let result = '';
  for (const char of text) {
    const code = char.codePointAt(0) ?? 0;
    // encodeURIComponent throws on half of a surrogate pair; left as it is, it is refused later.
    const isLoneSurrogate = code >= 0xd800 && code <= 0xdfff;
    result += code > 0x7e && !isLoneSurrogate ? encodeURIComponent(char) : char;
  }
  return result;
}

function isUnreserved(code: number): boolean {
  return (
    (code >= 0x61 && code <= 0x7a) ||
    (code >= 0x41 && code <= 0x5a) ||
    (code >= 0x30 && code <= 0x39) ||
    code === 0x2d ||
    code === DOT ||
    code === 0x5f ||
    code === 0x7e
  );
}

/** Characters that stand for themselves in a path or query: RFC 3986 §2.2 and 2.3 without '#' and '%'. */
const plainCharacters = new Uint8Array(128);
for (let code = 0; code < 128; code++) {
  if (isUnreserved(code) || ":/?[]@!$&'()*+,;=".includes(String.fromCharCode(code))) {
    plainCharacters[code] = 1;
  }
}
