/** A clock that moves only when the test says so. Timers run in the order of their time. */
import type { Clock, Random, Timer } from '../../core/runtime/deps.ts';

export interface FakeClock extends Clock {
  /** Moves both clocks forward and runs what has come due, letting promises settle in between. */
  advance(ms: number): Promise<void>;
  /** Moves the wall clock only, as a suspended machine or a clock step does. */
  stepWall(ms: number): void;
  /** Moves both clocks forward and runs nothing: the process is stopped meanwhile, and what has come due runs with the next step. */
  standStill(ms: number): void;
  readonly pending: number;
}

export function createFakeClock(startMs = Date.UTC(2026, 0, 1)): FakeClock {
  let wallMs = startMs;
  let monoMs = 0;
  let nextId = 0;
  const timers = new Map<number, { atMs: number; run: () => void }>();
  const after = (delayMs: number, run: () => void): Timer => {
    const id = nextId;
    nextId += 1;
    timers.set(id, { atMs: monoMs + Math.max(0, delayMs), run });
    return { cancel: () => void timers.delete(id) };
  };
  const due = (untilMs: number) =>
    [...timers]
      .filter(([, t]) => t.atMs <= untilMs)
      .sort(([a, x], [b, y]) => x.atMs - y.atMs || a - b)[0];
  return {
    nowMs: () => wallMs,
    monotonicMs: () => monoMs,
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
    async advance(ms) {
      const untilMs = monoMs + ms;
      for (let next = due(untilMs); next; next = due(untilMs)) {
        const [id, timer] = next;
        timers.delete(id);
        const laterMs = Math.max(0, timer.atMs - monoMs);
        wallMs += laterMs;
        monoMs += laterMs;
        timer.run();
        await new Promise((resolve) => setImmediate(resolve));
      }
      wallMs += untilMs - monoMs;
      monoMs = untilMs;
      await new Promise((resolve) => setImmediate(resolve));
    },
    stepWall(ms) {
      wallMs += ms;
    },
    standStill(ms) {
      wallMs += ms;
      monoMs += ms;
    },
    get pending() {
      return timers.size;
    },
  };
}

/** A seeded generator (mulberry32): the same seed gives the same run. */
export function createSeededRandom(seed: number): Random {
  let state = seed >>> 0;
  const unit = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  return {
    unit,
    hex: (byteLength) =>
      Array.from({ length: byteLength }, () =>
        Math.floor(unit() * 256)
          .toString(16)
          .padStart(2, '0'),
      ).join(''),
  };
}
