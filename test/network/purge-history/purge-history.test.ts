/**
 * A network that is read, purged and broken at the same time keeps every promise of DESIGN section 4. Real processes; which faults
 * come, and when, follows from a seed: `HISTORY_SEED=7 npm test -- test/network/purge-history` plays one again.
 */
import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import * as file from 'node:test';
import { judge } from './judge.ts';
import { play, quarantineRevalidateMs } from './play.ts';
import { summaryOf } from './summary.ts';

const seed = Number(process.env.HISTORY_SEED ?? randomInt(1_000_000));
const forMs = 20_000;

file.test(
  `no read, purge or node breaks a promise while the network is broken (seed ${seed})`,
  async (t) => {
    const played = await play(seed, forMs, file);
    const summary = summaryOf(played);
    t.diagnostic(`seed ${seed}: ${summary.text}`);
    const violations = judge(played.history, { quarantineRevalidateMs });
    const texts = violations.slice(0, 10).map(({ rule, text }) => `${rule}: ${text}`);
    assert.equal(violations.length, 0, `seed ${seed}: ${violations.length}\n${texts.join('\n')}`);
    // Nothing is proved by a history in which nothing happened.
    assert.deepEqual(summary.missing, [], summary.text);
  },
);
