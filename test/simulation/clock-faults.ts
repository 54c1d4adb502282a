/** Faults of the clocks of machines: never of both of a machine at the same time, for nothing there could tell how late it is. */
import type { History } from './history.ts';
import type { Machine } from './simulated-process.ts';
import type { VirtualTime } from './virtual-time.ts';

export interface ClockFaults {
  /** When the wall clock of a machine was last set back. */
  setBackAtMs(id: string): number;
  /** Sets it; not back while the monotonic clock has lost time as well. */
  stepWall(id: string, ms: number): void;
  /** Stops the machine's monotonic clock, unless its wall clock has just been set back, until the returned call. */
  suspend(id: string): () => void;
  /** Ends a suspension, if there is one. */
  wake(id: string): void;
}

/** So long after one clock of a machine was wrong the other one must be right: several leases. */
const clockPauseMs = 10_000;

/** Nothing is wrong with any clock yet. */
export function createClockFaults(
  { nowMs }: VirtualTime,
  history: History,
  machine: (id: string) => Machine,
): ClockFaults {
  const setBack = new Map<string, number>();
  const suspended = new Map<string, number>();
  const wakes = new Map<string, () => void>();
  const isRecent = (moments: ReadonlyMap<string, number>, id: string) =>
    nowMs() - (moments.get(id) ?? Number.NEGATIVE_INFINITY) < clockPauseMs;
  return {
    setBackAtMs: (id) => setBack.get(id) ?? Number.NEGATIVE_INFINITY,
    stepWall(id, ms) {
      const stepMs = isRecent(suspended, id) ? Math.abs(ms) : ms;
      history.note(`step ${id} ${stepMs.toFixed(0)}`);
      machine(id).stepWall(stepMs);
      if (stepMs < 0) setBack.set(id, nowMs());
    },
    suspend(id) {
      if (isRecent(setBack, id) || wakes.has(id)) return () => {};
      suspended.set(id, Number.POSITIVE_INFINITY);
      const wake = machine(id).suspend();
      const wakeOnce = () => {
        if (wakes.get(id) !== wakeOnce) return;
        wakes.delete(id);
        wake();
        suspended.set(id, nowMs());
      };
      wakes.set(id, wakeOnce);
      return wakeOnce;
    },
    wake: (id) => wakes.get(id)?.(),
  };
}
