import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createWatchdog } from '../../../core/upstream/watchdog.ts';
import { createFakeClock } from '../../support/fake-clock.ts';

function setUp() {
  const clock = createFakeClock();
  const watchdog = createWatchdog(clock);
  let barks = 0;
  watchdog.watch(100, () => {
    barks += 1;
  });
  return { clock, watchdog, barks: () => barks };
}

test('calls once after the limit has passed in silence, not before', async () => {
  const { clock, barks } = setUp();
  await clock.advance(99);
  assert.equal(barks(), 0);
  await clock.advance(1);
  assert.equal(barks(), 1);
  await clock.advance(1000);
  assert.equal(barks(), 1);
});

test('a sign of life puts the limit off to its full length', async () => {
  const { clock, watchdog, barks } = setUp();
  await clock.advance(90);
  watchdog.touch();
  await clock.advance(99);
  assert.equal(barks(), 0);
  await clock.advance(1);
  assert.equal(barks(), 1);
});

test('does not watch while suspended, and anew when resumed', async () => {
  const { clock, watchdog, barks } = setUp();
  watchdog.suspend();
  await clock.advance(1000);
  watchdog.resume();
  await clock.advance(99);
  assert.equal(barks(), 0);
  await clock.advance(1);
  assert.equal(barks(), 1);
});

test('a short suspension leaves one timer', async () => {
  const { clock, watchdog, barks } = setUp();
  watchdog.suspend();
  watchdog.resume();
  assert.equal(clock.pending, 1);
  await clock.advance(100);
  assert.equal(barks(), 1);
});

test('a new limit replaces the one before; stopping leaves nothing', async () => {
  const { clock, watchdog, barks } = setUp();
  let others = 0;
  watchdog.watch(500, () => {
    others += 1;
  });
  await clock.advance(499);
  assert.deepEqual([barks(), others, clock.pending], [0, 0, 1]);
  watchdog.stop();
  watchdog.resume();
  await clock.advance(1000);
  assert.deepEqual([barks(), others, clock.pending], [0, 0, 0]);
});
