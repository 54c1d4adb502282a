/**
 * Passive health of one peer, as a state machine without a clock: several failures in a row put it out for a back-off that
 * doubles; then one request is let through as a trial, and its outcome decides. Any answer brings the peer back at once.
 *
 * Failures of requests that were under way when the peer went out change nothing, so that a burst of them counts as one
 * outage and not as many.
 */

export type Health =
  /** Takes requests; `failures` in a row so far. */
  | { kind: 'in'; failures: number }
  /** Takes none until `untilMs` (monotonic). */
  | { kind: 'out'; untilMs: number; backoffMs: number }
  /** One request is under way that decides. */
  | { kind: 'trial'; backoffMs: number };

/** What a request told about the peer. */
export type Outcome =
  /** It answered, whatever the status. */
  | 'answered'
  /** No connection, no head in time, or the connection ended before the head. */
  | 'failed'
  /** It said that it takes no requests: out at once. */
  | 'refused'
  /** Nothing was learned: the caller aborted, or a limit of ours was hit. */
  | 'unknown';

export interface HealthPolicy {
  /** Failures in a row that put a peer out. */
  failuresToOut: number;
  firstBackoffMs: number;
  maxBackoffMs: number;
}

export const defaultHealthPolicy: HealthPolicy = {
  failuresToOut: 3,
  firstBackoffMs: 1000,
  maxBackoffMs: 10_000,
};

export const healthy: Health = { kind: 'in', failures: 0 };

/** Whether a request may be sent to the peer now. */
export function isUsable(health: Health, nowMs: number): boolean {
  return health.kind === 'in' || (health.kind === 'out' && nowMs >= health.untilMs);
}

/** The state while a request is under way. A request to a peer that is out, early or not, is its trial. */
export function whenSent(health: Health): Health {
  return health.kind === 'out' ? { kind: 'trial', backoffMs: health.backoffMs } : health;
}

/** The state after a request. */
export function whenDone(
  health: Health,
  outcome: Outcome,
  nowMs: number,
  policy: HealthPolicy = defaultHealthPolicy,
): Health {
  if (outcome === 'answered') return healthy;
  switch (health.kind) {
    case 'in': {
      if (outcome === 'unknown') return health;
      const failures = health.failures + 1;
      const goesOut = outcome === 'refused' || failures >= policy.failuresToOut;
      return goesOut ? out(nowMs, policy.firstBackoffMs) : { kind: 'in', failures };
    }
    case 'trial':
      // A trial that told nothing leaves the next request to be one.
      if (outcome === 'unknown') {
        return { kind: 'out', untilMs: nowMs, backoffMs: health.backoffMs };
      }
      return out(nowMs, Math.min(policy.maxBackoffMs, health.backoffMs * 2));
    case 'out':
      return health;
  }
}

function out(nowMs: number, backoffMs: number): Health {
  return { kind: 'out', untilMs: nowMs + backoffMs, backoffMs };
}
