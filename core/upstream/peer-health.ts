/**
 * The passive health of many peers by name: what `health.ts` decides, kept, with a clock. One book for the origins of a
 * worker, one for its shields.
 *
 * Only peers with trouble have a row, and names come from the configuration, so the book needs no other limit.
 */
import type { Clock } from '../runtime/deps.ts';
import {
  defaultHealthPolicy,
  type Health,
  type HealthPolicy,
  healthy,
  isUsable,
  type Outcome,
  whenDone,
  whenSent,
} from './health.ts';
import type { Failure } from './upstream.ts';

export interface PeerHealth {
  isUsable(name: string): boolean;
  /**
   * Of the names that are out and have no trial under way, the one whose back-off ends first: what may be asked when nobody
   * is usable, so that an only peer is found alive by the next request and not after its back-off, one request at a time.
   */
  lastResort(names: readonly string[]): string | undefined;
  /** A request is about to be sent; `done` must follow. */
  sent(name: string): void;
  done(name: string, outcome: Outcome): void;
}

export interface PeerHealthDeps {
  clock: Clock;
  /** Told when a peer goes out or comes back. */
  onChange?: (name: string, isOut: boolean) => void;
}

/** Creates a book in which everybody is healthy. */
export function createPeerHealth(
  { clock, onChange }: PeerHealthDeps,
  policy: HealthPolicy = defaultHealthPolicy,
): PeerHealth {
  const rows = new Map<string, Health>();
  const healthOf = (name: string) => rows.get(name) ?? healthy;
  const set = (name: string, next: Health) => {
    const wasOut = healthOf(name).kind !== 'in';
    if (next.kind === 'in' && next.failures === 0) rows.delete(name);
    else rows.set(name, next);
    const isOut = next.kind !== 'in';
    if (wasOut !== isOut) onChange?.(name, isOut);
  };
  return {
    isUsable: (name) => isUsable(healthOf(name), clock.monotonicMs()),
    lastResort(names) {
      let best: string | undefined;
      let bestUntilMs = Number.POSITIVE_INFINITY;
      for (const name of names) {
        const health = healthOf(name);
        if (health.kind === 'out' && health.untilMs < bestUntilMs) {
          best = name;
          bestUntilMs = health.untilMs;
        }
      }
      return best;
    },
    sent(name) {
      if (rows.has(name)) set(name, whenSent(healthOf(name)));
    },
    done(name, outcome) {
      if (outcome === 'answered' && !rows.has(name)) return;
      set(name, whenDone(healthOf(name), outcome, clock.monotonicMs(), policy));
    },
  };
}

/** What a failed request tells about the peer that it was sent to. */
export function outcomeOf(failure: Failure): Outcome {
  if (failure.source !== 'upstream') return 'unknown';
  switch (failure.kind) {
    case 'connect':
    case 'timeout':
    case 'cut':
      return 'failed';
    case 'framing':
    case 'aborted':
    case 'unavailable':
    case 'overload':
      return 'unknown';
  }
}
