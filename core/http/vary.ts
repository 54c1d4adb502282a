/**
 * Which request fields select a stored response (RFC 9111 §4.1), and a text that is equal exactly for
 * the requests that select the same one. Values are normalised only where the syntax says that nothing
 * is lost: whitespace and lines of lists everywhere, codings and languages by their own rules.
 *
 * Invariants: an absent field and an empty one give different keys; whatever of the request could
 * choose the answer is in the key. Of Accept-Encoding that is its canonical form, because nothing
 * else of it is forwarded: a coding that is left out of the key cannot have been answered with, and
 * one that a client invents makes no variant.
 */
import { combined, headerValues, type RawHeaders, splitList, trimWhitespace } from './headers.ts';

/**
 * Lower-case names, sorted, each once; '*' when any member is '*', or a field that is another one for
 * each client: no later request can be shown to match.
 */
export function varyFields(responseHeaders: RawHeaders): string[] | '*' {
  const values = headerValues(responseHeaders, 'vary');
  if (values.length === 0) return [];
  const names = new Set<string>();
  for (const value of values) {
    for (const member of splitList(value)) {
      const name = member.toLowerCase();
      if (name === '*' || writtenForEachClient.has(name)) return '*';
      names.add(name);
    }
  }
  return [...names].sort();
}

/**
 * What the origin sees in these does not stand in the request as it came: a tier writes them from the
 * client's address, or makes them up. The scheme and the host that X-Forwarded-* tell are in the key.
 */
const writtenForEachClient: ReadonlySet<string> = new Set([
  'forwarded',
  'x-forwarded-for',
  'x-request-id',
]);

/** The secondary key of a request for these fields (lower case, in the order of `varyFields`). */
export function variantKey(fields: readonly string[], requestHeaders: RawHeaders): string {
  let key = '';
  for (const field of fields) {
    // A field value holds no line feed and a name no colon, so this is unambiguous.
    const value = normalisedField(field, requestHeaders);
    key += value === undefined ? `${field}\n` : `${field}:${value}\n`;
  }
  return key;
}

/**
 * Accept-Encoding as one of few texts, for the key and for the forwarded request alike: the supported
 * codings that the client accepts, sorted, with 'identity;q=0' when it refuses the plain form. Absent
 * stays undefined; '' accepts only identity.
 */
export function canonicalAcceptEncoding(requestHeaders: RawHeaders): string | undefined {
  const value = combined(requestHeaders, 'accept-encoding');
  return value === undefined ? undefined : canonicalCodings(value);
}

/**
 * The language that the request likes best: the one range of Accept-Language with the highest weight
 * (RFC 9110 §12.5.4), in lower case. Undefined when there is none, or several, or it is any (`*`).
 */
export function preferredLanguage(requestHeaders: RawHeaders): string | undefined {
  const value = combined(requestHeaders, 'accept-language');
  return value === undefined ? undefined : bestLanguage(value) || undefined;
}

/** The codings that are asked for upstream. `deflate` is left out: clients read it in two ways. */
export const supportedCodings: readonly string[] = ['br', 'gzip', 'zstd'];

function normalisedField(field: string, requestHeaders: RawHeaders): string | undefined {
  const value = combined(requestHeaders, field);
  if (value === undefined) return undefined;
  if (field === 'accept-encoding') return canonicalCodings(value);
  if (field === 'accept-language') return languages(value);
  if (notLists.has(field)) return trimWhitespace(value);
  return value.includes(',') ? splitList(value).join(',') : trimWhitespace(value);
}

/** Fields in which a comma separates nothing. */
const notLists: ReadonlySet<string> = new Set([
  'authorization',
  'cookie',
  'host',
  'origin',
  'referer',
  'user-agent',
]);

/** What is said of each coding of Accept-Encoding (RFC 9110 §12.5.3): the first word counts. */
function codingsOf(value: string): Map<string, boolean> {
  const accepted = new Map<string, boolean>();
  for (const member of splitList(value)) {
    const { token, weight } = weighted(member);
    const coding = token === 'x-gzip' ? 'gzip' : token;
    if (!accepted.has(coding)) accepted.set(coding, weight > 0);
  }
  return accepted;
}

function refusesIdentity(accepted: ReadonlyMap<string, boolean>): boolean {
  return (accepted.get('identity') ?? accepted.get('*') ?? true) === false;
}

/** Weights above zero are dropped: the origin chooses among what is acceptable. */
function computeCanonicalCodings(value: string): string {
  const accepted = codingsOf(value);
  const others = accepted.get('*') ?? false;
  const kept = supportedCodings.filter((coding) => accepted.get(coding) ?? others);
  if (refusesIdentity(accepted)) kept.push(NO_IDENTITY);
  return kept.join(', ');
}

const NO_IDENTITY = 'identity;q=0';

/** RFC 9110 §12.5.4: lower case, highest weight first, and at the same weight by name. */
function computeLanguages(value: string): string {
  const ranges = splitList(value).map(weighted);
  ranges.sort((a, b) => b.weight - a.weight || (a.token < b.token ? -1 : 1));
  return ranges
    .map(({ token, weight }) => (weight === 1 ? token : `${token};q=${weight}`))
    .join(',');
}

/** The range with the highest weight above zero, or '' when it is not one. */
function computeBestLanguage(value: string): string {
  let best = '';
  let highest = 0;
  for (const { token, weight } of splitList(value).map(weighted)) {
    if (weight > highest) {
      best = token;
      highest = weight;
    } else if (weight === highest && token !== best) {
      best = '';
    }
  }
  return best === '*' ? '' : best;
}

/** A list member with its weight (RFC 9110 §12.4.2); a weight that is none counts as 1. */
function weighted(member: string): { token: string; weight: number } {
  const semicolon = member.indexOf(';');
  if (semicolon === -1) return { token: member.toLowerCase(), weight: 1 };
  const token = trimWhitespace(member.slice(0, semicolon)).toLowerCase();
  const parameter = trimWhitespace(member.slice(semicolon + 1)).toLowerCase();
  if (!parameter.startsWith('q=')) return { token: `${token};${parameter}`, weight: 1 };
  return { token, weight: parseWeight(parameter.slice(2)) ?? 1 };
}

/** qvalue: 0 or 1 with at most three digits after the dot, from 0 to 1. */
export function parseWeight(text: string): number | undefined {
  if (text.length === 0 || text.length > 5) return undefined;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (i === 1 ? code !== 0x2e : code < 0x30 || code > 0x39) return undefined;
  }
  const weight = Number(text);
  return weight <= 1 ? weight : undefined;
}

const canonicalCodings = memoised(computeCanonicalCodings);
const languages = memoised(computeLanguages);
const bestLanguage = memoised(computeBestLanguage);

/**
 * The same function with its recent answers remembered: clients send a handful of different values,
 * and a hit should not parse them again. Forgets everything when full, which keeps it bounded and
 * without bookkeeping; long values are computed each time, so that nobody fills it with megabytes.
 */
function memoised(compute: (value: string) => string): (value: string) => string {
  const MAX_ENTRIES = 512;
  const MAX_LENGTH = 256;
  const known = new Map<string, string>();
  return (value) => {
    const remembered = known.get(value);
    if (remembered !== undefined) return remembered;
    const result = compute(value);
    if (value.length <= MAX_LENGTH) {
      if (known.size >= MAX_ENTRIES) known.clear();
      known.set(value, result);
    }
    return result;
  };
}
