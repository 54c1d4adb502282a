/**
 * The background work of the writer thread: one bounded step at a time, with a pause between two, so that batches of writes
 * and purges never wait for more than a step. The first task that has work takes the turn; the order of the tasks is their
 * order of precedence.
 */
import type { Clock, Timer } from '../runtime/deps.ts';

/** `more`: the task has more to do at once; `idle`: it has nothing to do for now. */
export type StepResult = 'more' | 'idle';

export interface Maintenance {
  /** There may be work: does not wait for the next look. */
  wake(): void;
  stop(): void;
}

export interface MaintenanceOptions {
  /** Between two steps; with steps of a few milliseconds it leaves most of the thread to writes. */
  pauseMs: number;
  /** Between two looks for work. */
  idleMs: number;
}

/** Starts looking for work. `tasks` must not throw. */
export function createMaintenance(
  clock: Clock,
  options: MaintenanceOptions,
  tasks: readonly (() => StepResult)[],
): Maintenance {
  let timer: Timer | undefined;
  let isIdle = true;
  let isStopped = false;
  const schedule = () => {
    if (isStopped) return;
    timer = clock.after(isIdle ? options.idleMs : options.pauseMs, run);
  };
  const run = () => {
    // A step that finds damage stops everything here: the tasks after it have no file any more.
    isIdle = !tasks.some((step) => !isStopped && step() === 'more');
    schedule();
  };
  schedule();
  return {
    wake() {
      if (!isIdle) return;
      isIdle = false;
      timer?.cancel();
      schedule();
    },
    stop() {
      isStopped = true;
      timer?.cancel();
    },
  };
}
