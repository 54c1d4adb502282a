/**
 * What may be served from a store while the node holds no lease (DESIGN section 4): purges may have taken effect that it has
 * not heard of, so what is stored is validated first, at most once in a while for a URL. Pure.
 */
import type { Disposition } from './decide.ts';
import type { StoredResponse } from './entry.ts';

/** What the engine asks about the node's lease. */
export interface LeaseRules {
  /** At this moment: a few comparisons, made at every request. */
  isHeld(): boolean;
  /** How old a validation may be for the stored response to be served without one, milliseconds; 0: none may. */
  readonly revalidateMs: number;
  /** Whether what is stored is served, marked, instead of being validated. */
  readonly servesMarked: boolean;
}

/** How a request is to be judged; undefined: under a lease. */
export interface Unleased {
  revalidateMs: number;
  servesMarked: boolean;
}

/** How responses are counted that were stored and given without a lease. */
export type UnleasedUse =
  /** Validated a moment ago. */
  | 'recent'
  /** It is being validated now. */
  | 'revalidate'
  /** `onLeaseExpired: serve-marked`. */
  | 'marked'
  /** The upstream failed as well. */
  | 'unvalidated';

/**
 * The rules for a request at a node without a lease. What a tier asks for that holds none either must come from the origin: what
 * was validated here a moment ago would be twice as old there.
 */
export function unleased(rules: LeaseRules, isFromUnleased: boolean): Unleased | undefined {
  if (rules.isHeld()) return undefined;
  if (isFromUnleased) return { revalidateMs: 0, servesMarked: false };
  return { revalidateMs: rules.revalidateMs, servesMarked: rules.servesMarked };
}

/** What becomes of a decision to reuse `stored`, made as if under a lease. */
export function withoutLease(
  decided: Disposition,
  stored: StoredResponse,
  { revalidateMs, servesMarked }: Unleased,
  nowMs: number,
): Disposition {
  if (decided.kind !== 'hit' && decided.kind !== 'stale') return decided;
  if (isRecent(stored, revalidateMs, nowMs)) return decided;
  if (!servesMarked) return { kind: 'revalidate', fwd: 'stale', detail: 'no-lease' };
  return decided.kind === 'hit' ? { kind: 'stale', why: 'no-lease' } : decided;
}

/** Whether a response that could not be validated is more than the node may vouch for without a lease. */
export function lacksLease(
  stored: StoredResponse,
  rules: Unleased | undefined,
  nowMs: number,
): boolean {
  return rules !== undefined && !isRecent(stored, rules.revalidateMs, nowMs);
}

function isRecent(
  { requestTimeMs, staleSinceMs }: StoredResponse,
  revalidateMs: number,
  nowMs: number,
): boolean {
  const sinceMs = nowMs - requestTimeMs;
  // A wall clock that was set back says nothing of how long ago it was, and what a tier gave as stale has not been validated there.
  return sinceMs >= 0 && sinceMs < revalidateMs && staleSinceMs === null;
}

/** How the use is counted; undefined: nothing stored was used, or under a lease. */
export function useOf(
  disposition: Disposition,
  rules: Unleased | undefined,
): UnleasedUse | undefined {
  if (!rules) return undefined;
  if (disposition.kind === 'revalidate') {
    return disposition.detail === 'no-lease' ? 'revalidate' : undefined;
  }
  if (disposition.kind === 'hit') return 'recent';
  if (disposition.kind !== 'stale') return undefined;
  return disposition.why === 'no-lease' ? 'marked' : 'recent';
}
