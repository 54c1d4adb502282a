/**
 * Smooth weighted round-robin (nginx's): each candidate gains its weight, the richest is chosen and pays the sum of all. Over
 * a full round everybody is chosen as often as its weight says, and the heavy ones are spread over the round instead of
 * coming in bursts (5, 1, 1 gives a a b a c a a).
 *
 * Invariant: pure; the state holds the credit of the candidates of the last choice, and nobody else's: a peer that was out
 * comes back with none, so it is not flooded to make up for what it missed.
 */

/** Credit by name; the empty map is the start. */
export type RoundRobinState = ReadonlyMap<string, number>;

export const roundRobinStart: RoundRobinState = new Map();

export interface Candidate {
  name: string;
  /** At least 1. */
  weight: number;
}

/** Chooses one of the candidates, of which there is at least one; on equal credit the first. */
export function pickRoundRobin<T extends Candidate>(
  state: RoundRobinState,
  candidates: readonly [T, ...T[]],
): { choice: T; next: RoundRobinState } {
  let choice: T = candidates[0];
  let richest = Number.NEGATIVE_INFINITY;
  let total = 0;
  const next = new Map<string, number>();
  for (const candidate of candidates) {
    const credit = (state.get(candidate.name) ?? 0) + candidate.weight;
    next.set(candidate.name, credit);
    total += candidate.weight;
    if (credit > richest) {
      richest = credit;
      choice = candidate;
    }
  }
  next.set(choice.name, richest - total);
  return { choice, next };
}
