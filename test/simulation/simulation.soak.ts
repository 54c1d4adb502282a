/** Ten thousand simulated histories; `SEEDS=20001-30000` plays others. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { describeFailed, playSeeds, seedsBetween } from './seeds.ts';

const [first = 1, last = 10_000] = process.env.SEEDS?.split('-').map(Number) ?? [];

/** Said now and then, so that it is seen to go on. */
const toldEach = 1000;

test(`whatever happens to a network, what purges promise is kept: seeds ${first} to ${last}`, async (t) => {
  let events = 0;
  const failed = await playSeeds(seedsBetween(first, last), {
    onPlayed(outcome) {
      events += outcome.events;
      if (outcome.seed % toldEach === 0) t.diagnostic(`seed ${outcome.seed}, ${events} events`);
    },
  });
  assert.ok(failed.length === 0, describeFailed(failed));
});
