/**
 * The node's side of its lease (DESIGN section 4): for how long it may serve what it has stored without asking. Purge-api
 * renews it with every renewal; where the way there is cut, it runs out by itself, and purge-api knows by when for certain.
 *
 * Invariants: counted from the moment at which the renewal was sent, by whichever clock has gone further (the monotonic one
 * stands still while the machine is suspended); a grant that comes while none is held counts only once the node has applied
 * everything up to the head that it names; a process starts without one.
 */
import type { Clock } from '../runtime/deps.ts';
import type { Position } from './command.ts';
import { hasReached } from './intake.ts';

/** Where the deadline is kept: a node's workers read it at each request. */
export interface LeaseCells {
  /** Until when by each clock, milliseconds; both must be ahead. */
  set(untilMonotonicMs: number, untilWallMs: number): void;
  clear(): void;
  isHeld(nowMonotonicMs: number, nowWallMs: number): boolean;
}

export interface NodeLease {
  /** The renewal `version` (0: the hello) is about to be sent. */
  sent(version: number): void;
  /** A new connection: what was asked for on the old one is not answered any more. */
  reconnected(): void;
  /**
   * Purge-api has granted what the renewal asked for. `position`: what the node has applied. `lengthMs`: for how long purge-api
   * waits for this node; where its configuration is another one, the shorter of both counts.
   */
  granted(version: number, head: Position, position: Position | null, lengthMs?: number): void;
  /** The node has applied everything up to `position`. */
  moved(position: Position): void;
  /** Gives it up: before a goodbye, or because the journal is another one. What has been asked for may still be granted. */
  drop(): void;
  isHeld(): boolean;
}

/** Renewals that may be unanswered; older ones are forgotten. */
const maxUnanswered = 32;

interface Moment {
  monotonicMs: number;
  wallMs: number;
}

/** Creates the lease of a process that holds none yet. `onGained`: it was not held, and now is. */
export function createNodeLease(
  clock: Clock,
  { leaseMs, cells, onGained }: { leaseMs: number; cells: LeaseCells; onGained: () => void },
): NodeLease {
  const unanswered = new Map<number, Moment>();
  /** Granted, and waiting for the node to reach the head. */
  let waiting: { sentAt: Moment; head: Position; lengthMs: number } | undefined;

  const isHeld = () => {
    const isAhead = cells.isHeld(clock.monotonicMs(), clock.nowMs());
    // What has run out is over, also when the wall clock is set back afterwards.
    if (!isAhead) cells.clear();
    return isAhead;
  };
  const hold = ({ monotonicMs, wallMs }: Moment, lengthMs: number) => {
    const wasHeld = isHeld();
    waiting = undefined;
    cells.set(monotonicMs + lengthMs, wallMs + lengthMs);
    if (!wasHeld && isHeld()) onGained();
  };
  return {
    sent(version) {
      unanswered.set(version, { monotonicMs: clock.monotonicMs(), wallMs: clock.nowMs() });
      for (const oldest of unanswered.keys()) {
        if (unanswered.size <= maxUnanswered) break;
        unanswered.delete(oldest);
      }
    },
    reconnected() {
      unanswered.clear();
      waiting = undefined;
    },
    granted(version, head, position, grantedMs = leaseMs) {
      const sentAt = unanswered.get(version);
      if (!sentAt) return;
      for (const older of unanswered.keys()) if (older <= version) unanswered.delete(older);
      const lengthMs = Math.min(leaseMs, grantedMs);
      if (isHeld() || hasReached(position, head)) hold(sentAt, lengthMs);
      else waiting = { sentAt, head, lengthMs };
    },
    moved(position) {
      if (waiting && hasReached(position, waiting.head)) {
        hold(waiting.sentAt, waiting.lengthMs);
      }
    },
    drop() {
      waiting = undefined;
      cells.clear();
    },
    isHeld,
  };
}

/** Cells of one thread. */
export function createLeaseCells(): LeaseCells {
  let untilMonotonicMs = Number.NEGATIVE_INFINITY;
  let untilWallMs = Number.NEGATIVE_INFINITY;
  return {
    set(monotonicMs, wallMs) {
      untilMonotonicMs = monotonicMs;
      untilWallMs = wallMs;
    },
    clear() {
      untilMonotonicMs = Number.NEGATIVE_INFINITY;
    },
    isHeld: (nowMonotonicMs, nowWallMs) =>
      nowMonotonicMs < untilMonotonicMs && nowWallMs < untilWallMs,
  };
}
