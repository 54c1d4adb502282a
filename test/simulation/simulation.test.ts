/**
 * The purge protocol in simulated networks: 500 histories, one a seed, in which machines are cut off, stopped, killed, suspended and
 * robbed of what they had not synced. `SEED=n` plays one of them and prints its end; `npm run soak` plays many more.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { play } from './run.ts';
import { describeFailed, playSeeds, seedsBetween } from './seeds.ts';

const wanted = process.env.SEED;

test('whatever happens to a network, what purges promise is kept', async (t) => {
  if (wanted === undefined) {
    const failed = await playSeeds(seedsBetween(1, 500));
    assert.ok(failed.length === 0, describeFailed(failed));
    return;
  }
  const { seed, problems, tail } = await play(Number(wanted));
  for (const line of tail) t.diagnostic(line);
  assert.ok(problems.length === 0, describeFailed([{ seed, problems }]));
});

test('the same seed gives the same history', async () => {
  for (const seed of [4, 7, 9]) {
    const [one, other] = [await play(seed), await play(seed)];
    assert.equal(one.digest, other.digest, `seed ${seed}`);
  }
});
