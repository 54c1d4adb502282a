/**
 * A limit on silence. Signs of life are frequent (every piece of a body) and expiry is rare, so a sign only notes the time;
 * the timer, when it fires, looks whether there was one and sleeps for the rest.
 */
import type { Clock, Timer } from '../runtime/deps.ts';

export interface Watchdog {
  /** Begins to watch: `expired` is called after `limitMs` without a sign of life. Replaces the limit before. */
  watch(limitMs: number, expired: () => void): void;
  touch(): void;
  /** While suspended silence is right: the reader asked for it. */
  suspend(): void;
  resume(): void;
  /** For good. */
  stop(): void;
}

export function createWatchdog(clock: Clock): Watchdog {
  let timer: Timer | undefined;
  let limitMs = 0;
  let lastMs = 0;
  let isSuspended = false;
  let onExpired: (() => void) | undefined;
  const sleep = (delayMs: number) => {
    timer = clock.after(delayMs, () => {
      timer = undefined;
      if (isSuspended || !onExpired) return;
      const restMs = limitMs - (clock.monotonicMs() - lastMs);
      if (restMs > 0) return sleep(restMs);
      onExpired();
    });
  };
  return {
    watch(nextLimitMs, expired) {
      timer?.cancel();
      limitMs = nextLimitMs;
      onExpired = expired;
      lastMs = clock.monotonicMs();
      sleep(limitMs);
    },
    touch() {
      lastMs = clock.monotonicMs();
    },
    suspend() {
      isSuspended = true;
    },
    resume() {
      isSuspended = false;
      lastMs = clock.monotonicMs();
      if (!timer && onExpired) sleep(limitMs);
    },
    stop() {
      timer?.cancel();
      timer = undefined;
      onExpired = undefined;
    },
  };
}
