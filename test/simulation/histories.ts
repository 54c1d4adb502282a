/** What the test files of the simulation declare: each a part of 500 seeds, so that the parts share the cores. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { play } from './run.ts';
import { describeFailed, playSeeds, seedsBetween } from './seeds.ts';

const lastSeed = 500;

/** `SEED=n` plays one alone, and prints the end of its history. */
const wanted = process.env.SEED;

/** Declares that no history of these seeds breaks a promise. */
export function testHistories(isOurs: (seed: number) => boolean): void {
  const title = 'whatever happens to a network, what purges promise is kept';
  if (wanted === undefined) {
    test(title, async () => {
      const failed = await playSeeds([...seedsBetween(1, lastSeed)].filter(isOurs));
      assert.ok(failed.length === 0, describeFailed(failed));
    });
    return;
  }
  const seed = Number(wanted);
  if (!isOurs(seed)) return;
  test(`${title}: seed ${seed}`, async (t) => {
    const { problems, tail } = await play(seed);
    for (const line of tail) t.diagnostic(line);
    assert.ok(problems.length === 0, describeFailed([{ seed, problems }]));
  });
}
