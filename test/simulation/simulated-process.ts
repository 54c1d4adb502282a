/**
 * A machine with its two clocks, and the processes that run on it. A process can stand still (SIGSTOP, or the whole machine
 * suspended), and can die: then nothing that it had planned happens any more.
 */
import type { Clock, Timer } from '../../core/runtime/deps.ts';
import type { VirtualTime } from './virtual-time.ts';

export interface Machine {
  /** Clock milliseconds for each millisecond of the world. */
  readonly rate: number;
  nowMs(): number;
  monotonicMs(): number;
  /** Sets the wall clock. */
  stepWall(ms: number): void;
  /** The monotonic clock stands still until the returned call. */
  suspend(): () => void;
}

export interface SimulatedProcess {
  readonly clock: Clock;
  readonly isAlive: boolean;
  readonly isPaused: boolean;
  /** Has the process do something: now, when it goes on, or never. What has the same `line` stays in order. */
  run(work: () => void, line?: unknown): void;
  /** The same after a delay of the world's clock. */
  later(delayMs: number, work: () => void, line?: unknown): void;
  pause(): void;
  /** Goes on. What has come meanwhile is taken in the order of `shuffle`. */
  resume(shuffle: <T>(lines: T[]) => T[]): void;
  kill(): void;
  /** Calls `run` when it dies. */
  onKilled(run: () => void): void;
}

/** Wall clocks begin here. */
const epochMs = Date.UTC(2026, 0, 1);

/** Creates a machine whose clocks run `rate` times as fast as the world. */
export function createMachine(time: VirtualTime, rate: number): Machine {
  let offsetMs = 0;
  let suspendedMs = 0;
  let sinceMs: number | undefined;
  const elapsedMs = () => time.nowMs() * rate;
  return {
    rate,
    nowMs: () => epochMs + elapsedMs() + offsetMs,
    monotonicMs: () => (sinceMs ?? elapsedMs()) - suspendedMs,
    stepWall(ms) {
      offsetMs += ms;
    },
    suspend() {
      sinceMs = elapsedMs();
      return () => {
        suspendedMs += elapsedMs() - (sinceMs ?? elapsedMs());
        sinceMs = undefined;
      };
    },
  };
}

interface Deferred {
  line: unknown;
  work: () => void;
}

/** Starts a process on a machine. */
export function startProcess(time: VirtualTime, machine: Machine): SimulatedProcess {
  let isAlive = true;
  let isPaused = false;
  let deferred: Deferred[] = [];
  const mourners: (() => void)[] = [];
  const run = (work: () => void, line: unknown = {}) => {
    if (!isAlive) return;
    if (isPaused) deferred.push({ line, work });
    else work();
  };
  const timers = {};
  const after = (delayMs: number, work: () => void): Timer => {
    const dueMs = machine.monotonicMs() + Math.max(0, delayMs);
    let isCancelled = false;
    const wait = () => {
      const leftMs = (dueMs - machine.monotonicMs()) / machine.rate;
      time.after(leftMs, () => run(fire, timers));
    };
    const fire = () => {
      if (isCancelled) return;
      // The clock has stood still meanwhile.
      if (dueMs - machine.monotonicMs() > 0.001) return wait();
      work();
    };
    wait();
    return {
      cancel() {
        isCancelled = true;
      },
    };
  };
  return {
    clock: clockOf(machine, after),
    get isAlive() {
      return isAlive;
    },
    get isPaused() {
      return isPaused;
    },
    run,
    later: (delayMs, work, line) => void time.after(delayMs, () => run(work, line)),
    pause() {
      isPaused = true;
    },
    resume(shuffle) {
      isPaused = false;
      const waiting = deferred;
      deferred = [];
      for (const line of shuffle([...new Set(waiting.map((one) => one.line))])) {
        for (const one of waiting) {
          if (one.line === line) time.after(0, () => run(one.work, line));
        }
      }
    },
    kill() {
      isAlive = false;
      deferred = [];
      for (const mourn of mourners) mourn();
    },
    onKilled: (mourn) => void mourners.push(mourn),
  };
}

function clockOf(machine: Machine, after: Clock['after']): Clock {
  return {
    nowMs: machine.nowMs,
    monotonicMs: machine.monotonicMs,
    after,
    sleep: (delayMs, signal) =>
      new Promise((resolve) => {
        if (signal?.aborted) return resolve(false);
        const timer = after(delayMs, () => resolve(true));
        signal?.addEventListener('abort', () => {
          timer.cancel();
          resolve(false);
        });
      }),
  };
}
