/** Plays a history and asserts that it keeps every promise, whatever its length: the tests play a short one, `npm run soak` many. */
import assert from 'node:assert/strict';
import type { Hooks } from '../../support/network/network.ts';
import { judge } from './judge.ts';
import { play, quarantineRevalidateMs } from './play.ts';
import { summaryOf } from './summary.ts';

const shown = 10;

/** Returns what happened, in a line. */
export async function checkHistory(seed: number, forMs: number, hooks: Hooks): Promise<string> {
  const played = await play(seed, forMs, hooks);
  const { text, missing } = summaryOf(played);
  const violations = judge(played.history, { quarantineRevalidateMs });
  const told = violations
    .slice(0, shown)
    .map((violation) => `${violation.rule}: ${violation.text}`);
  assert.equal(
    violations.length,
    0,
    `${violations.length} violations\n${told.join('\n')}\n${text}`,
  );
  // Nothing is proved by a history in which nothing happened.
  assert.deepEqual(missing, [], text);
  return text;
}
