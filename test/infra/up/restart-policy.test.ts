import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  afterDeath,
  firstDelayMs,
  longestDelayMs,
  noRestarts,
  steadyMs,
} from '../../../infra/up/restart-policy.ts';

/** The waits of a node that lives for each of `lives` in turn. */
function delays(lives: readonly number[]): number[] {
  let history = noRestarts;
  return lives.map((livedMs) => {
    const next = afterDeath(history, livedMs);
    history = next.history;
    return next.delayMs;
  });
}

test('the first restart comes soon, and each further one waits twice as long', () => {
  assert.deepEqual(delays([0, 0, 0, 0]), [250, 500, 1000, 2000]);
});

test('the wait has a limit, however often a node dies', () => {
  const all = delays(new Array(2000).fill(0));
  assert.equal(all.at(-1), longestDelayMs);
  assert.equal(Math.max(...all), longestDelayMs);
});

test('who lived long enough begins anew; one millisecond less is not long enough', () => {
  assert.deepEqual(delays([0, 0, steadyMs]), [250, 500, firstDelayMs]);
  assert.deepEqual(delays([0, 0, steadyMs - 1]), [250, 500, 1000]);
});

test('restarts are counted over the whole run, also across a steady life', () => {
  const once = afterDeath(noRestarts, 0).history;
  const twice = afterDeath(once, steadyMs).history;
  assert.deepEqual(twice, { inARow: 1, total: 2 });
});
