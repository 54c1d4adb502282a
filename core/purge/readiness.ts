/**
 * Has the node caught up? It has once its position reached the head that purge-api announced when it was welcomed. A short
 * break of the stream changes nothing; after one that is longer than a lease, or a reset, the head must be reached again.
 */
import type { Clock } from '../runtime/deps.ts';
import type { Position } from './command.ts';
import { hasReached } from './intake.ts';

export interface Readiness {
  welcomed(head: Position, isReset: boolean, position: Position | null): void;
  /** The node has applied everything up to `position`. */
  moved(position: Position): void;
  disconnected(): void;
  isReached(): boolean;
  /** Calls `listener` whenever the head has been reached; at once when it is. */
  onReached(listener: () => void): void;
}

/** Creates the state of a node that has not been welcomed yet. */
export function createReadiness(clock: Clock, leaseMs: number): Readiness {
  let target: Position | undefined;
  let isReached = false;
  let lostAtMs: number | undefined;
  const listeners: (() => void)[] = [];
  const moved = (position: Position | null) => {
    if (isReached || !target || !hasReached(position, target)) return;
    isReached = true;
    for (const listener of listeners) listener();
  };
  return {
    welcomed(head, isReset, position) {
      const hasLapsed = lostAtMs !== undefined && clock.monotonicMs() - lostAtMs > leaseMs;
      lostAtMs = undefined;
      if (isReset || hasLapsed) isReached = false;
      target = head;
      if (!isReset) moved(position);
    },
    moved,
    disconnected() {
      lostAtMs ??= clock.monotonicMs();
    },
    isReached: () => isReached,
    onReached(listener) {
      listeners.push(listener);
      if (isReached) listener();
    },
  };
}
