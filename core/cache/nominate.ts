/**
 * Which stored responses a request asks the upstream to confirm (RFC 9111 §4.3.1), and which of them a 304 confirms (§4.3.4).
 * Beside the one that fits the request these are the other variants of its URL: what Vary tells apart is often the same
 * representation, and then nothing but a head has to travel. Pure.
 *
 * Invariants: the one that fits comes first and goes whatever its tag looks like; a 304 that could mean two of them, or none,
 * confirms none; what was made for one user is never confirmed for another one.
 */
import { parseEntityTag, strongMatch, validatorsOf, weakMatch } from '../http/conditional.ts';
import { combined, first, type RawHeaders, splitList } from '../http/headers.ts';
import { canonicalAcceptEncoding, variantKey } from '../http/vary.ts';
import type { StoredResponse } from './entry.ts';
import type { CacheRequest } from './exchange.ts';
import { mayConfirm } from './receive.ts';

/** What is stored under the key of a request and may be used once it is validated. */
export interface Candidates {
  /** The response that the request selects. */
  fitting: StoredResponse | undefined;
  /** Variants for other requests. */
  others: readonly StoredResponse[];
  /** The client's own conditions, for the upstream to judge where nothing is stored; flat. */
  conditions?: RawHeaders;
}

export interface Nomination {
  /** The conditional fields, flat; empty: nothing can be confirmed. */
  fields: readonly string[];
  /** Whom a 304 may confirm, in the order of preference. */
  nominated: readonly StoredResponse[];
  /** Variants whose tags would have been too many or too long together. */
  leftOut: number;
}

export const noCandidates: Candidates = { fitting: undefined, others: [] };

/** The candidates among all that is stored under a key and that no purge has matched: of each variant the newest copy. */
export function candidatesFrom(
  fitting: StoredResponse | undefined,
  live: readonly StoredResponse[],
): Candidates {
  const others = new Map<string, StoredResponse>();
  for (const entry of live) {
    const known = others.get(entry.variant);
    if (entry.variant === fitting?.variant) continue;
    if (!known || known.responseTimeMs < entry.responseTimeMs) others.set(entry.variant, entry);
  }
  return { fitting, others: [...others.values()] };
}

/** Tags of one request, and their bytes together: a field that servers and proxies on the way take. */
export const maxTags = 16;
export const maxTagBytes = 2048;

/** RFC 9111 §4.3.1: the conditions that a request is sent with. */
export function nominate(
  request: CacheRequest,
  { fitting, others, conditions = [] }: Candidates,
): Nomination {
  const own = fitting && mayConfirm(request, fitting) ? fitting : undefined;
  const ownFields = own ? validatorsOf(own.headers) : [];
  const nominated = own && ownFields.length > 0 ? [own] : [];
  // A list with a tag that is none could be read in two ways, and beside any list a date is not looked at (RFC 9110 §13.1.3).
  if (nominated.length > 0 && !parseEntityTag(own?.etag ?? '')) {
    return { fields: ownFields, nominated, leftOut: 0 };
  }
  const tags = new Set(own?.etag === undefined ? [] : [own.etag]);
  let bytes = own?.etag?.length ?? 0;
  let leftOut = 0;
  for (const other of newestFirst(others)) {
    const { etag } = other;
    if (etag === undefined || !mayBeChosen(request, other)) continue;
    if (!tags.has(etag)) {
      const more = etag.length + (tags.size > 0 ? 2 : 0);
      if (tags.size >= maxTags || bytes + more > maxTagBytes) {
        leftOut += 1;
        continue;
      }
      bytes += more;
      tags.add(etag);
    }
    nominated.push(other);
  }
  if (nominated.length === 0 && leftOut === 0) return { fields: conditions, nominated, leftOut };
  // No date is sent for the other variants: where the tags are not understood, it would confirm any of them.
  return { fields: validatorsOf(own?.headers ?? [], [...tags]), nominated, leftOut };
}

/**
 * RFC 9111 §4.3.4: the stored response that a 304 means. Undefined: none of them, or it cannot be told which.
 *
 * A strong tag in the 304 for a weak one that was stored is taken as well: who compresses on the fly (nginx) weakens the tag of
 * the 200 and not that of the 304. The stored tag then stays weak (`updateStoredHeaders`).
 */
export function confirmedBy(
  headers: RawHeaders,
  nominated: readonly StoredResponse[],
): StoredResponse | undefined {
  const etag = first(headers, 'etag');
  if (etag !== undefined) {
    const has = (matches: typeof strongMatch) => (stored: StoredResponse) =>
      stored.etag !== undefined && matches(etag, stored.etag);
    return nominated.find(has(strongMatch)) ?? nominated.find(has(weakMatch));
  }
  const date = first(headers, 'last-modified');
  const possible = nominated.filter(
    ({ lastModified }) => date === undefined || lastModified === undefined || lastModified === date,
  );
  return possible.length === 1 ? possible[0] : undefined;
}

/**
 * Whether what the 304 says of the content contradicts a variant that it does not mean by a strong tag: whose tag it shares may be
 * in another language or coding (RFC 9110 §8.8.1).
 */
export function contradicts(headers: RawHeaders, other: StoredResponse): boolean {
  if (strongMatch(first(headers, 'etag') ?? '', other.etag ?? '')) return false;
  return ['content-language', 'content-encoding'].some((name) => {
    const told = combined(headers, name);
    return (
      told !== undefined && told.toLowerCase() !== combined(other.headers, name)?.toLowerCase()
    );
  });
}

/** A whole 200 whose tag is one, that was for the same user, and whose body the client can read. */
function mayBeChosen(request: CacheRequest, other: StoredResponse): boolean {
  if (other.status !== 200 || !parseEntityTag(other.etag ?? '')) return false;
  if (!isForSameUser(other, request.headers)) return false;
  return hasRightCoding(other, request.headers) && mayConfirm(request, other);
}

/**
 * Many servers make a tag of the version of a page, whoever it was rendered for: good enough for the caches of browsers, and here one
 * user would be given the page of another one. So nothing is confirmed across these.
 */
function isForSameUser(other: StoredResponse, requestHeaders: RawHeaders): boolean {
  const lines = other.variant.split('\n');
  return tellsUsersApart.every((name) => {
    if (!other.varyFields.includes(name)) return true;
    return lines.includes(variantKey([name], requestHeaders).slice(0, -1));
  });
}

const tellsUsersApart = ['authorization', 'cookie'] as const;

/**
 * Tags do not always tell codings apart: a weak one need not (RFC 9110 §8.8.1), and who compresses on the fly confirms the tag
 * of the plain form to everybody. So a coding must be one that the client takes, and the plain form goes only to those who asked
 * for no other, or who asked in the same way.
 */
function hasRightCoding(other: StoredResponse, requestHeaders: RawHeaders): boolean {
  if (!other.varyFields.includes('accept-encoding')) return true;
  const asked = variantKey(['accept-encoding'], requestHeaders);
  if (other.variant.split('\n').includes(asked.slice(0, -1))) return true;
  const accepted = splitList(canonicalAcceptEncoding(requestHeaders) ?? '');
  const codings = splitList((combined(other.headers, 'content-encoding') ?? '').toLowerCase());
  if (codings.length === 0) return accepted.length === 0;
  return codings.every((coding) => accepted.includes(coding === 'x-gzip' ? 'gzip' : coding));
}

function newestFirst(entries: readonly StoredResponse[]): StoredResponse[] {
  return [...entries].sort((a, b) => b.responseTimeMs - a.responseTimeMs);
}
