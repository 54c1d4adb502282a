/**
 * Holds back a PoP that comes and goes, as routers do with routes (RFC 2439): each time that it goes out it gets a penalty, which decays
 * by half in a half-life; above one limit it is held out even while it seems well, until the penalty has decayed below
 * another. A PoP that dies once, or twice, is not held: only what happens again and again is.
 */

export interface DampingRules {
  /** 0: nothing is damped. */
  halfLifeMs: number;
  /** Penalty from which a PoP is held out, and below which it is back; one each time that it goes out. */
  suppress: number;
  reuse: number;
}

export interface Penalty {
  value: number;
  atMs: number;
  isHeld: boolean;
}

/** The longest that a PoP is held, in half-lives: penalties have a limit. */
const longestHoldHalfLives = 4;

export const noPenalty: Penalty = { value: 0, atMs: 0, isHeld: false };

/** The penalty at `nowMs`, after the PoP has gone out (`wentOut`) or not. Pure. */
export function nextPenalty(
  before: Penalty,
  wentOut: boolean,
  nowMs: number,
  { halfLifeMs, suppress, reuse }: DampingRules,
): Penalty {
  if (halfLifeMs === 0) return noPenalty;
  const decayed = before.value * 2 ** (-(nowMs - before.atMs) / halfLifeMs);
  const value = Math.min(decayed + (wentOut ? 1 : 0), reuse * 2 ** longestHoldHalfLives);
  const isHeld = value >= suppress || (before.isHeld && value >= reuse);
  return { value, atMs: nowMs, isHeld };
}

/** Until it is no longer held, should it stay well. */
export function holdLeftMs({ value }: Penalty, { halfLifeMs, reuse }: DampingRules): number {
  return Math.max(0, halfLifeMs * Math.log2(value / reuse));
}
