/** Each rule of the protocol that is broken on purpose is found out by the same seeds that find nothing else wrong. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { mutations } from './mutations.ts';
import { playSeeds, seedsBetween } from './seeds.ts';

/** All of them are played without any mutation by the other tests of this folder. */
const lastSeed = 500;

describe('a simulated network in which', () => {
  for (const { name, wiring, isWorth = () => true, from = 1 } of mutations) {
    test(`${name} breaks a promise in one of the histories`, async (t) => {
      const all = [...seedsBetween(from, lastSeed), ...seedsBetween(1, from - 1)];
      const seeds = all.filter(isWorth);
      const [failed] = await playSeeds(seeds, { wiring, enough: 1 });
      assert.ok(failed, `none of ${seeds.length} histories has shown it`);
      t.diagnostic(`seed ${failed.seed}, ${failed.problems[0]}`);
    });
  }
});
