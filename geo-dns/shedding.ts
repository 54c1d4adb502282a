/**
 * How much of its clients a PoP near its capacity gives away. Not all at once, which would only move the overload to the next PoP
 * and back: a PoP keeps a share of its client networks, and the share follows its load slowly.
 *
 * The share moves by a factor, so that it comes to rest as fast at twice the capacity as at ten times. Clients notice only when
 * their answers run out, about a `window` later; a change of at most e^½ in each window keeps such a late control loop
 * from swinging (its gain times its delay is ½; from π/2 on it would swing for ever). Between `below` and `above` nothing moves:
 * the hysteresis. The share that is kept never falls below a twentieth, so that the PoP's recovery can be seen.
 */

export interface SheddingRules {
  /** Load above which a PoP gives networks away; load below which it takes them back. */
  above: number;
  below: number;
  /** About how long clients keep an answer. */
  windowMs: number;
}

const smallestShare = 1 / 20;
const gain = 0.5;
/** A pause, such as that of a suspended machine, is no overload that lasted. */
const longestStepMs = 5000;

/**
 * The rules while the PoPs that are in have these loads. When all are full, clients who are sent away are no better off: the
 * limits rise with the mean load, so that PoPs even out and then keep their own clients. Pure.
 */
export function rulesAmong(rules: SheddingRules, loads: readonly number[]): SheddingRules {
  const mean = loads.reduce((sum, load) => sum + load, 0) / Math.max(1, loads.length);
  const factor = Math.max(1, mean / rules.above);
  return { ...rules, above: rules.above * factor, below: rules.below * factor };
}

/** The share of its networks that a PoP keeps after `elapsedMs` at `load`, when it kept `share` before. Pure. */
export function nextShare(
  share: number,
  load: number,
  elapsedMs: number,
  { above, below, windowMs }: SheddingRules,
): number {
  const error =
    load > above
      ? -Math.min(1, (load - above) / above)
      : load < below
        ? Math.min(1, (below - load) / below)
        : 0;
  const windows = Math.min(elapsedMs, longestStepMs) / windowMs;
  return Math.min(1, Math.max(smallestShare, share * Math.exp(gain * error * windows)));
}
