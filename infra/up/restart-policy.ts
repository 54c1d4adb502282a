/**
 * When a node that died is started again: soon after its first death, later after each further one, so that a node which
 * cannot live does not eat the machine. Pure.
 */

export interface RestartHistory {
  /** Deaths in a row; a life of `steadyMs` ends the row. */
  inARow: number;
  /** All restarts since `up` began; for people and for tests. */
  total: number;
}

export const noRestarts: RestartHistory = { inARow: 0, total: 0 };

/** The wait after the first death; it doubles with each further one. */
export const firstDelayMs = 250;
export const longestDelayMs = 10_000;
/** Who has lived for this long is healthy again. */
export const steadyMs = 30_000;

/** The wait before the next start, and the history with that start in it. */
export function afterDeath(
  history: RestartHistory,
  livedMs: number,
): { delayMs: number; history: RestartHistory } {
  const before = livedMs >= steadyMs ? 0 : history.inARow;
  return {
    // Beyond 2^16 the longest delay holds anyway; the exponent is bounded so that the power stays finite.
    delayMs: Math.min(longestDelayMs, firstDelayMs * 2 ** Math.min(before, 16)),
    history: { inARow: before + 1, total: history.total + 1 },
  };
}
