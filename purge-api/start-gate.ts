/**
 * A starting purge-api takes no purge until every caching node of the topology has said its position, or the longest lease
 * that one can hold has passed (DESIGN section 4, "Starts and losses"): if the journal has lost entries, a node that has
 * seen them says so before new entries are given their numbers. Until then it grants no lease and declares nothing converged.
 */
import type { Clock } from '../core/runtime/deps.ts';
import { longestLeaseMs } from './leases.ts';

export interface StartGate {
  /** The node has said its position. */
  heard(id: string): void;
  /** Ids that purge-api still waits for; empty: open, and open it stays. */
  waitingFor(): string[];
  /** Until the gate opens whoever is missing; 0 when it is open. */
  remainingMs(): number;
}

/** Creates a closed gate that waits for `ids`. */
export function createStartGate(clock: Clock, ids: readonly string[], leaseMs: number): StartGate {
  const missing = new Set(ids);
  const opensAtMs = clock.monotonicMs() + longestLeaseMs(leaseMs);
  const remainingMs = () => (missing.size === 0 ? 0 : Math.max(0, opensAtMs - clock.monotonicMs()));
  return {
    heard: (id) => void missing.delete(id),
    waitingFor: () => (remainingMs() === 0 ? [] : [...missing]),
    remainingMs,
  };
}
