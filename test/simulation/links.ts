/** The lines between the machines of a simulated network: how long a message takes, and which lines are cut at the moment. */
import type { Chance } from './chance.ts';

export interface Links {
  /** How long a message takes from one machine to another. */
  delayMs(from: string, to: string): number;
  isCut(from: string, to: string): boolean;
  /** Cuts one direction until the returned call. */
  cut(from: string, to: string): () => void;
  /** Multiplies the delay of one direction until the returned call. */
  slow(from: string, to: string, factor: number): () => void;
  /** Calls `run` when a direction has been healed. */
  onHealed(run: (from: string, to: string) => void): void;
}

/** Creates lines that all work. */
export function createLinks(chance: Chance): Links {
  const cuts = new Map<string, number>();
  const factors = new Map<string, number>();
  const healed: ((from: string, to: string) => void)[] = [];
  const nameOf = (from: string, to: string) => `${from} ${to}`;
  return {
    delayMs(from, to) {
      const usual = chance.between(0.5, 6);
      const rare = chance.isLikely(0.02) ? chance.between(20, 250) : 0;
      return usual * (factors.get(nameOf(from, to)) ?? 1) + rare;
    },
    isCut: (from, to) => (cuts.get(nameOf(from, to)) ?? 0) > 0,
    cut(from, to) {
      const name = nameOf(from, to);
      cuts.set(name, (cuts.get(name) ?? 0) + 1);
      return () => {
        const left = (cuts.get(name) ?? 1) - 1;
        cuts.set(name, left);
        if (left === 0) for (const run of healed) run(from, to);
      };
    },
    slow(from, to, factor) {
      const name = nameOf(from, to);
      factors.set(name, factor);
      return () => void factors.delete(name);
    },
    onHealed: (run) => void healed.push(run),
  };
}
