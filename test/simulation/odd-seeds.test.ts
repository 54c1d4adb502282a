/** The other half of the simulated histories, and that a seed gives the same one each time. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { testHistories } from './histories.ts';
import { play } from './run.ts';

testHistories((seed) => seed % 2 === 1);

/** One with disk tiers, one that loses its journal, and another. */
const repeated = [3, 7, 9];

test('the same seed gives the same history', async () => {
  for (const seed of repeated) {
    const [one, other] = [await play(seed), await play(seed)];
    assert.equal(one.digest, other.digest, `seed ${seed}`);
  }
});
