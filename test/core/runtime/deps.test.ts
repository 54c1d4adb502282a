import assert from 'node:assert/strict';
import { test } from 'node:test';
import { every, systemClock, systemRandom } from '../../../core/runtime/deps.ts';
import { createFakeClock } from '../../support/fake-clock.ts';

test('a delay that is longer than a timer can hold does not run at once', async () => {
  let hasRun = false;
  const timer = systemClock.after(40 * 86400e3, () => {
    hasRun = true;
  });
  await systemClock.sleep(5);
  timer.cancel();
  assert.equal(hasRun, false);
});

test('a cancelled call does not run; to cancel again, or after it ran, does nothing', async () => {
  const ran: string[] = [];
  const cancelled = systemClock.after(1, () => ran.push('cancelled'));
  const kept = systemClock.after(1, () => ran.push('kept'));
  cancelled.cancel();
  cancelled.cancel();
  await systemClock.sleep(5);
  kept.cancel();
  assert.deepEqual(ran, ['kept']);
});

test('a sleep tells whether it was slept to its end or aborted', async () => {
  const early = new AbortController();
  const sleeping = systemClock.sleep(60_000, early.signal);
  early.abort();
  assert.equal(await sleeping, false);
  assert.equal(await systemClock.sleep(60_000, early.signal), false);
  assert.equal(await systemClock.sleep(1, new AbortController().signal), true);
});

test('a repeated call comes once an interval until it is cancelled, from within itself as well', async () => {
  const clock = createFakeClock();
  const atMs: number[] = [];
  const timer = every(clock, 100, () => {
    atMs.push(clock.monotonicMs());
    if (atMs.length === 3) timer.cancel();
  });
  await clock.advance(99);
  assert.deepEqual(atMs, []);
  await clock.advance(1000);
  assert.deepEqual(atMs, [100, 200, 300]);
  assert.equal(clock.pending, 0);
});

test('random texts have the length that was asked for and do not repeat', () => {
  assert.match(systemRandom.hex(8), /^[0-9a-f]{16}$/);
  assert.notEqual(systemRandom.hex(8), systemRandom.hex(8));
  const unit = systemRandom.unit();
  assert.ok(unit >= 0 && unit < 1);
});
