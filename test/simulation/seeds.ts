/** Many histories, one after the other, and what to do with one that failed. */
import { type Outcome, play } from './run.ts';
import type { Wiring } from './wiring.ts';

export interface Failed {
  seed: number;
  problems: readonly string[];
}

export interface PlayOptions {
  wiring?: Wiring;
  onPlayed?: (outcome: Outcome) => void;
  /** After so many histories that failed it is enough. */
  enough?: number;
}

/** Plays the seeds in their order, and returns those whose history broke a promise. */
export async function playSeeds(
  seeds: Iterable<number>,
  { wiring, onPlayed, enough = 3 }: PlayOptions = {},
): Promise<Failed[]> {
  const failed: Failed[] = [];
  for (const seed of seeds) {
    const outcome = await play(seed, wiring);
    onPlayed?.(outcome);
    const { problems } = outcome;
    if (problems.length > 0) failed.push({ seed, problems });
    if (failed.length >= enough) break;
  }
  return failed;
}

/** The numbers from `first` to `last`. */
export function* seedsBetween(first: number, last: number): Iterable<number> {
  for (let seed = first; seed <= last; seed += 1) yield seed;
}

/** For whoever reads of it: how to play it again. */
export function describeFailed(failed: readonly Failed[]): string {
  return failed
    .map(({ seed, problems }) =>
      [`SEED=${seed} npm test -- test/simulation`, ...problems].join('\n  '),
    )
    .join('\n');
}
