/** Chance of a simulated world: everything that is drawn comes from one seed, in one order. */
import type { Random } from '../../core/runtime/deps.ts';
import { createSeededRandom } from '../support/fake-clock.ts';

export interface Chance extends Random {
  /** Uniform in [least, most). */
  between(least: number, most: number): number;
  /** Uniform in whole numbers from 0 below `count`. */
  below(count: number): number;
  isLikely(probability: number): boolean;
  pick<T>(from: readonly [T, ...T[]]): T;
  shuffle<T>(list: T[]): T[];
  /** Another chance that is drawn from this one: what it decides does not move what this one will. */
  fork(): Chance;
}

/** Creates the chance of a seed. */
export function createChance(seed: number): Chance {
  const random = createSeededRandom(seed);
  const between = (least: number, most: number) => least + random.unit() * (most - least);
  const below = (count: number) => Math.floor(random.unit() * count);
  return {
    ...random,
    between,
    below,
    isLikely: (probability) => random.unit() < probability,
    pick: (from) => from[below(from.length)] ?? from[0],
    shuffle(list) {
      for (let left = list.length; left > 1; left -= 1) {
        const at = below(left);
        const moved = list[left - 1] as (typeof list)[number];
        list[left - 1] = list[at] as (typeof list)[number];
        list[at] = moved;
      }
      return list;
    },
    fork: () => createChance(below(2 ** 31)),
  };
}
