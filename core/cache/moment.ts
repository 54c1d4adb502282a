/**
 * A moment by both clocks. Elapsed time is what either of them says at least: the monotonic clock stands still while the machine is
 * suspended, and the wall clock may be set back.
 */
import type { Clock } from '../runtime/deps.ts';

export interface Moment {
  monotonicMs: number;
  wallMs: number;
}

export function momentOf(clock: Clock): Moment {
  return { monotonicMs: clock.monotonicMs(), wallMs: clock.nowMs() };
}

/** So much before. */
export function earlier({ monotonicMs, wallMs }: Moment, ms: number): Moment {
  return { monotonicMs: monotonicMs - ms, wallMs: wallMs - ms };
}

/** Whether `moment` lies before `since` by either clock. */
export function isBefore(moment: Moment, since: Moment): boolean {
  return moment.monotonicMs < since.monotonicMs || moment.wallMs < since.wallMs;
}
