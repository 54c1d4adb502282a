/**
 * A network that is read, purged and broken at the same time keeps every promise of DESIGN section 4. Real processes; which faults
 * come, and when, follows from a seed: `HISTORY_SEED=7 npm test -- test/network/purge-history` plays one again.
 */
import { randomInt } from 'node:crypto';
import * as file from 'node:test';
import { checkHistory } from './check.ts';

const seed = Number(process.env.HISTORY_SEED ?? randomInt(1_000_000));
const forMs = 14_000;

file.test(
  `no read, purge or node breaks a promise while the network is broken (seed ${seed})`,
  async (t) => {
    t.diagnostic(await checkHistory(seed, forMs, file));
  },
);
