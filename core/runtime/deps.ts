/**
 * The outside world as values: time and chance. Everything that decides takes a `Clock` and a `Random`,
 * so that a test or a simulation can replace both; the real ones exist only here.
 *
 * Invariant: no other file calls `Date.now`, `performance.now`, `Math.random` or the timer functions.
 */
import { randomBytes } from 'node:crypto';

/** A pending call; `cancel` is idempotent and does nothing once the call has run. */
export interface Timer {
  cancel(): void;
}

export interface Clock {
  /** Wall clock, milliseconds since 1970. May jump in both directions. */
  nowMs(): number;
  /** Monotonic clock, milliseconds; the same in all threads. Never goes back; stands still while the machine is suspended. */
  monotonicMs(): number;
  /** Calls `run` once after `delayMs`. The timer does not keep the process alive. */
  after(delayMs: number, run: () => void): Timer;
  /** Resolves after `delayMs`, or at once when `signal` aborts (then to `false`). */
  sleep(delayMs: number, signal?: AbortSignal): Promise<boolean>;
}

export interface Random {
  /** Uniform in [0, 1). */
  unit(): number;
  /** `byteLength` random bytes as lower-case hexadecimal. */
  hex(byteLength: number): string;
}

/** Beyond 2³¹−1 ms the timers of Node run at once. A longer delay ends early instead, after 24 days. */
const longestDelayMs = 2 ** 31 - 1;

/** `performance.now` counts from the start of its thread, and is the cheaper one to read. */
const threadStartMs = Number(process.hrtime.bigint()) / 1e6 - performance.now();

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => threadStartMs + performance.now(),
  after(delayMs, run) {
    const handle = setTimeout(run, Math.min(delayMs, longestDelayMs));
    handle.unref();
    return { cancel: () => clearTimeout(handle) };
  },
  sleep(delayMs, signal) {
    return new Promise((resolve) => {
      if (signal?.aborted) return resolve(false);
      const handle = setTimeout(
        () => {
          signal?.removeEventListener('abort', onAbort);
          resolve(true);
        },
        Math.min(delayMs, longestDelayMs),
      );
      const onAbort = () => {
        clearTimeout(handle);
        resolve(false);
      };
      signal?.addEventListener('abort', onAbort, { once: true });
    });
  },
};

export const systemRandom: Random = {
  unit: () => Math.random(),
  hex: (byteLength) => randomBytes(byteLength).toString('hex'),
};

/** Ends a `switch` over a union: a new member that is not handled becomes a type error. */
export function assertNever(value: never): never {
  throw new Error(`unhandled case: ${JSON.stringify(value)}`);
}

/** Repeats `run` every `intervalMs` until the returned timer is cancelled; never overlaps itself. */
export function every(clock: Clock, intervalMs: number, run: () => void): Timer {
  let current: Timer;
  const next = () => {
    current = clock.after(intervalMs, () => {
      next();
      run();
    });
  };
  next();
  return { cancel: () => current.cancel() };
}
