/**
 * What to do with a request, given what is stored: hit, stale, revalidate, miss, pass. Pure: no clock, no I/O; the one
 * function that acts on the answer is `handle`. RFC 9111 §4 and §5.2.1, RFC 5861.
 *
 * Invariant: nothing is reused that a purge matched hard, and nothing stale where a directive forbids it.
 */
import type { CacheControl } from '../http/cache-control.ts';
import { currentAgeSeconds } from '../http/freshness.ts';
import type { Cleanliness } from './clean-through.ts';
import type { StoredResponse } from './entry.ts';
import type { MissReason } from './store.ts';
import { type Unleased, withoutLease } from './unleased.ts';

export type Disposition =
  | { kind: 'hit' }
  /** Served although stale; `revalidating` refreshes it in the background. */
  | { kind: 'stale'; why: 'revalidating' | 'max-stale' }
  /** Served because the upstream, asked for the reason `fwd`, has failed: what is decided after that. */
  | { kind: 'stale'; why: 'upstream-error'; fwd: 'stale' | 'request' }
  /** Served, marked, although the node holds no lease; `fwd`: the upstream was asked to validate it, and failed. */
  | { kind: 'stale'; why: 'no-lease'; fwd?: 'stale' }
  /** `no-lease`: it is fresh, but the node cannot know of all purges. */
  | { kind: 'revalidate'; fwd: 'stale' | 'request'; detail?: 'no-lease' }
  | { kind: 'miss'; fwd: MissReason; detail?: MissDetail }
  | { kind: 'pass'; fwd: 'bypass' | 'method' | 'request'; detail?: string }
  /** `only-if-cached` and nothing usable (RFC 9111 §5.2.1.7). */
  | { kind: 'only-if-cached' };

export type MissDetail = 'purged' | 'hit-for-miss';

export interface Situation {
  method: string;
  /** Directives of the request; empty when the site does not honour them. */
  requestDirectives: CacheControl;
  /** A condition of the request that only the origin may evaluate; undefined: there is none. */
  originCondition: string | undefined;
  stored: StoredResponse | undefined;
  missReason: MissReason;
  cleanliness: Cleanliness;
  /** The response of this key was not storable a moment ago: do not wait for each other. */
  isHitForMiss: boolean;
  /** A background refresh: what may be served stale is fetched all the same. */
  isRefresh: boolean;
  /** The node holds no lease; undefined: it does. */
  unleased?: Unleased | undefined;
  nowMs: number;
}

/** Decides how the request is answered. */
export function decide(situation: Situation): Disposition {
  const { method, requestDirectives, originCondition, stored, cleanliness } = situation;
  if (method !== 'GET' && method !== 'HEAD') return { kind: 'pass', fwd: 'method' };
  if (requestDirectives.noStore) return { kind: 'pass', fwd: 'request', detail: 'no-store' };
  if (originCondition !== undefined) {
    // RFC 9111 §4.3.2: not for a cache to evaluate, and so not for what is stored to answer.
    if (requestDirectives.onlyIfCached) return { kind: 'only-if-cached' };
    return { kind: 'pass', fwd: 'request', detail: originCondition };
  }
  const found = stored && cleanliness.kind !== 'hard' ? decideUse(situation, stored) : undefined;
  if (found && !(found.kind === 'revalidate' && requestDirectives.onlyIfCached)) return found;
  if (requestDirectives.onlyIfCached) return { kind: 'only-if-cached' };
  if (stored) return { kind: 'miss', fwd: 'uri-miss', detail: 'purged' };
  const { missReason: fwd, isHitForMiss } = situation;
  // RFC 9211 §2.2: the most specific reason.
  return { kind: 'miss', fwd, ...(isHitForMiss ? { detail: 'hit-for-miss' } : {}) };
}

function decideUse(situation: Situation, stored: StoredResponse): Disposition {
  const decided = decideStored(situation, stored);
  const { unleased, nowMs } = situation;
  return unleased ? withoutLease(decided, stored, unleased, nowMs) : decided;
}

function decideStored(situation: Situation, stored: StoredResponse): Disposition {
  const { requestDirectives: asked, nowMs } = situation;
  if (stored.freshness.noCache) return expired;
  const staleness = stalenessSeconds(stored, situation.cleanliness, nowMs);
  // RFC 9211 §2.2: `request` is for what is fresh; what is stale would not have been used anyway.
  if (asked.noCache && !isProtected(stored, staleness)) return staleness < 0 ? forced : expired;
  const fits = isYoungEnough(asked, stored, staleness, nowMs);
  if (staleness < 0) return fits && isFreshEnough(asked, staleness) ? hit : forced;
  if (!situation.isRefresh && fits && acceptsStale(asked, staleness)) {
    if (staleness < stored.freshness.staleWhileRevalidateSeconds) {
      return { kind: 'stale', why: 'revalidating' };
    }
    if (asked.maxStale !== undefined && !stored.freshness.mustRevalidate) {
      return { kind: 'stale', why: 'max-stale' };
    }
  }
  return expired;
}

const hit: Disposition = { kind: 'hit' };
const expired: Disposition = { kind: 'revalidate', fwd: 'stale' };
/** Fresh, but the client wants more. */
const forced: Disposition = { kind: 'revalidate', fwd: 'request' };

/**
 * Seconds since the response became stale; negative while it is fresh. A soft purge makes it stale from the time of the
 * purge, however long its lifetime.
 */
export function stalenessSeconds(
  stored: StoredResponse,
  cleanliness: Cleanliness,
  nowMs: number,
): number {
  const age = currentAgeSeconds(stored.freshness, stored.responseTimeMs, nowMs);
  const byAge = age - stored.freshness.lifetimeSeconds;
  const sinceMs = Math.min(
    stored.staleSinceMs ?? Number.POSITIVE_INFINITY,
    cleanliness.kind === 'soft' ? cleanliness.sinceMs : Number.POSITIVE_INFINITY,
  );
  if (sinceMs === Number.POSITIVE_INFINITY) return byAge;
  return Math.max(byAge, Math.max(0, (nowMs - sinceMs) / 1000));
}

/**
 * Whether a stored response may answer because the upstream failed in whatever way, with 500, 502, 503 or 504 as well (RFC 5861
 * §4): where the response, the site or the client names a window for it, or it is not stale at all.
 */
export function mayServeOnError(
  stored: StoredResponse,
  cleanliness: Cleanliness,
  asked: CacheControl,
  nowMs: number,
): boolean {
  if (cleanliness.kind === 'hard' || stored.freshness.noCache) return false;
  const staleness = stalenessSeconds(stored, cleanliness, nowMs);
  if (staleness < 0) return true;
  const own = stored.freshness.staleIfErrorSeconds;
  const askedFor = stored.freshness.mustRevalidate ? 0 : secondsOf(asked.staleIfError);
  return staleness < Math.max(own, askedFor);
}

/** RFC 8246: a reload does not reach past an immutable response that is fresh. */
function isProtected(stored: StoredResponse, staleness: number): boolean {
  return stored.freshness.immutable && staleness < 0;
}

/** RFC 9111 §5.2.1.1: the client's max-age. */
function isYoungEnough(
  asked: CacheControl,
  stored: StoredResponse,
  staleness: number,
  nowMs: number,
): boolean {
  if (asked.maxAge === undefined || isProtected(stored, staleness)) return true;
  const age = currentAgeSeconds(stored.freshness, stored.responseTimeMs, nowMs);
  return age <= secondsOf(asked.maxAge);
}

/** RFC 9111 §5.2.1.3: the client's min-fresh. */
function isFreshEnough(asked: CacheControl, staleness: number): boolean {
  return asked.minFresh === undefined || -staleness >= asked.minFresh;
}

/** RFC 9111 §5.2.1.1 to 5.2.1.3: who names an age or a freshness takes nothing stale but what max-stale allows. */
function acceptsStale({ maxAge, maxStale, minFresh }: CacheControl, staleness: number): boolean {
  if (maxStale === undefined) return maxAge === undefined && minFresh === undefined;
  return maxStale === true || staleness <= maxStale;
}

function secondsOf(value: number | 'invalid' | undefined): number {
  return typeof value === 'number' ? value : 0;
}
