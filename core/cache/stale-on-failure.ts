/**
 * What becomes of a stored response when the upstream has failed: it is served although it may be stale, or the failure is
 * passed on, or it is one that must be validated first and cannot be. Pure.
 *
 * Invariant: what a purge matched hard is not served, and nothing stale where a directive forbids it.
 */
import type { CacheControl } from '../http/cache-control.ts';
import type { Failure } from '../upstream/upstream.ts';
import type { Cleanliness } from './clean-through.ts';
import { mayServeOnError, stalenessSeconds } from './decide.ts';
import type { StoredResponse } from './entry.ts';

/** `unvalidated`: not to be used without validation, for which nobody could be reached (RFC 9111 §5.2.2.2). */
export type StaleVerdict = 'serve' | 'withhold' | 'unvalidated';

export interface FailedUse {
  stored: StoredResponse;
  cleanliness: Cleanliness;
  /** Directives of the request. */
  asked: CacheControl;
  /** Undefined: the upstream did answer, with 500, 502, 503 or 504. */
  failure: Failure | undefined;
  /** For how long after it became stale a response is served while nobody can be reached; undefined: without end. */
  limitMs: number | undefined;
  nowMs: number;
}

/** Judges the use of what is stored after a failure. */
export function staleOnFailure(use: FailedUse): StaleVerdict {
  const { stored, cleanliness, asked, failure, limitMs, nowMs } = use;
  if (mayServeOnError(stored, cleanliness, asked, nowMs)) return 'serve';
  if (cleanliness.kind === 'hard' || !failure || !isUnreachable(failure)) return 'withhold';
  // RFC 9111 §4.2.4: must-revalidate, proxy-revalidate, s-maxage or no-cache was said.
  if (stored.freshness.mustRevalidate || stored.freshness.noCache) return 'unvalidated';
  if (limitMs === undefined) return 'serve';
  return stalenessSeconds(stored, cleanliness, nowMs) < limitMs / 1000 ? 'serve' : 'withhold';
}

/**
 * RFC 9111 §4.2.4: whether there was no way to an answer. Not when what came was no HTTP, and not when a bound of ours was hit:
 * then nobody has found the origin away.
 */
export function isUnreachable({ source, kind }: Failure): boolean {
  return source === 'upstream' && unreachable.has(kind);
}

const unreachable: ReadonlySet<Failure['kind']> = new Set([
  'connect',
  'timeout',
  'cut',
  'unavailable',
]);

/** The errors that may stand for an upstream that is away (RFC 5861 §4). */
export function isErrorOfUpstream(status: number): boolean {
  return status === 500 || status === 502 || status === 503 || status === 504;
}
