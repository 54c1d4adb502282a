/**
 * Whether a response may be stored (RFC 9111 §3 and §3.5), and if not, why, in one word that goes to
 * metrics, log and explain. Decided by response headers and the request's own, never by a suffix of
 * the URL.
 *
 * Invariant: a refusal wins over every permission; what is useless to store is refused too.
 */
import { type CacheControl, requestCacheControl } from './cache-control.ts';
import { type Freshness, indispensable } from './freshness.ts';
import { first, type RawHeaders } from './headers.ts';
import { isClientProvokable, isHeuristicallyCacheable, isUnderstood } from './status.ts';
import { varyFields } from './vary.ts';

export { isHeuristicallyCacheable } from './status.ts';

/** Why a response is not stored. */
export type NoStoreReason =
  /** Its method is not GET (RFC 9111 §3; HEAD is answered from stored GETs). */
  | 'method'
  /** Not a final status, a 304, or one that needs explicit freshness and has none. */
  | 'status'
  /** 206 that was not asked for, or does not say exactly which bytes it holds (RFC 9111 §3.3); 416 to a range. */
  | 'partial'
  /** An error that a client can provoke, without explicit freshness. */
  | 'error-status'
  /** The request said no-store (§5.2.1.5). */
  | 'request-no-store'
  /** The response said no-store (§5.2.2.5). */
  | 'no-store'
  /** must-understand, and the status is unknown here (§5.2.2.3). */
  | 'must-understand-unknown-status'
  /** private, for the whole or for a field that cannot be left out (§5.2.2.7). */
  | 'private'
  /** The request had Authorization and nothing of §3.5 allows sharing. */
  | 'authorization'
  /** It sets a cookie and the site does not say that such responses may be stored. */
  | 'set-cookie'
  /** Vary has a member `*`: no request ever selects it (§4.1). */
  | 'vary-star'
  /** Neither fresh, nor usable stale, nor possible to validate. */
  | 'no-freshness-nor-validator';

/** What a site does with responses that set cookies. `strip` stores them without Set-Cookie. */
export type SetCookiePolicy = 'refuse' | 'strip' | 'store';

/** The decision. */
export type Storability =
  | { readonly storable: true }
  | { readonly storable: false; readonly why: NoStoreReason };

/** The exchange to be judged, in the words of the other modules here. */
export type StorabilityInput = {
  readonly method: string;
  readonly requestHeaders: RawHeaders;
  readonly status: number;
  readonly responseHeaders: RawHeaders;
  readonly setCookie: SetCookiePolicy;
  readonly freshness: Freshness;
  /** The effective directives of the response (targeted.ts). */
  readonly cacheControl: CacheControl;
  /** Of a 206: it was asked for, and says exactly which bytes it holds (RFC 9111 §3.3). */
  readonly isKnownPart?: boolean;
};

/** Whether this response may be stored by a shared cache. */
export function storability(input: StorabilityInput): Storability {
  const why = refusal(input);
  return why === undefined ? { storable: true } : { storable: false, why };
}

function refusal(input: StorabilityInput): NoStoreReason | undefined {
  if (input.method !== 'GET') return 'method';
  return (
    refusedByDirective(input) ??
    refusedByStatus(input) ??
    refusedByContent(input) ??
    (isUseful(input) ? undefined : 'no-freshness-nor-validator')
  );
}

function refusedByDirective(input: StorabilityInput): NoStoreReason | undefined {
  const { cacheControl, requestHeaders, status } = input;
  if (requestCacheControl(requestHeaders).noStore) return 'request-no-store';
  if (cacheControl.mustUnderstand) {
    // §5.2.2.3: must-understand overrides no-store where the status is understood.
    if (!isUnderstood(status)) return 'must-understand-unknown-status';
  } else if (cacheControl.noStore) {
    return 'no-store';
  }
  if (cacheControl.private === true) return 'private';
  if (cacheControl.private?.some((field) => indispensable.has(field))) return 'private';
  if (first(requestHeaders, 'authorization') !== undefined && !allowsSharing(cacheControl)) {
    return 'authorization';
  }
  return undefined;
}

/** RFC 9111 §3.5: what lets a shared cache store an answer to a request with Authorization. */
function allowsSharing(cacheControl: CacheControl): boolean {
  return cacheControl.public || cacheControl.mustRevalidate || cacheControl.sMaxage !== undefined;
}

function refusedByStatus(input: StorabilityInput): NoStoreReason | undefined {
  const { cacheControl, freshness, status } = input;
  if (status < 200 || status > 599 || status === 304) return 'status';
  if (status === 206 && input.isKnownPart !== true) return 'partial';
  if (freshness.explicit) return undefined;
  if (isClientProvokable(status)) return 'error-status';
  return isHeuristicallyCacheable(status) || cacheControl.public ? undefined : 'status';
}

function refusedByContent(input: StorabilityInput): NoStoreReason | undefined {
  const { freshness, responseHeaders, setCookie } = input;
  if (varyFields(responseHeaders) === '*') return 'vary-star';
  if (setCookie !== 'refuse' || first(responseHeaders, 'set-cookie') === undefined) {
    return undefined;
  }
  // The origin said itself that the copy goes without the cookie (§5.2.2.4, 5.2.2.7).
  return freshness.excludedFields.includes('set-cookie') ? undefined : 'set-cookie';
}

/** Whether any later request could use it: fresh, stale in one way or another, or after validation. */
function isUseful({ freshness, responseHeaders }: StorabilityInput): boolean {
  if (first(responseHeaders, 'etag') !== undefined) return true;
  if (first(responseHeaders, 'last-modified') !== undefined) return true;
  if (freshness.noCache) return false;
  const staleSeconds = Math.max(
    freshness.staleWhileRevalidateSeconds,
    freshness.staleIfErrorSeconds,
  );
  if (freshness.lifetimeSeconds + staleSeconds > freshness.initialAgeSeconds) return true;
  // What has come too old is still there when nobody can be reached (§4.2.4).
  return freshness.lifetimeSeconds > 0 && !freshness.mustRevalidate;
}
