/** Many histories, one after the other, each from a seed of its own; `HISTORY_SEED` is the first, `HISTORIES` how many. */
import { randomInt } from 'node:crypto';
import { test } from 'node:test';
import { checkHistory } from './check.ts';

const first = Number(process.env.HISTORY_SEED ?? randomInt(1_000_000));
const count = Number(process.env.HISTORIES ?? 30);
const forMs = 60_000;

for (let seed = first; seed < first + count; seed += 1) {
  test(`no read, purge or node breaks a promise while the network is broken (seed ${seed})`, async (t) => {
    t.diagnostic(await checkHistory(seed, forMs, t));
  });
}
