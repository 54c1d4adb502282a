import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createStartGate } from '../../purge-api/start-gate.ts';
import { createFakeClock } from '../support/fake-clock.ts';

describe('start gate', () => {
  test('opens when every node has said its position', () => {
    const gate = createStartGate(createFakeClock(), ['par', 'eu'], 10_000);
    assert.deepEqual(gate.waitingFor(), ['par', 'eu']);
    gate.heard('eu');
    gate.heard('ns1');
    assert.deepEqual(gate.waitingFor(), ['par']);
    gate.heard('par');
    assert.deepEqual([gate.waitingFor(), gate.remainingMs()], [[], 0]);
  });

  test('opens without them after the longest lease that one can hold: lease · 1.05 / 0.95', async () => {
    const clock = createFakeClock();
    const gate = createStartGate(clock, ['par'], 9500);
    await clock.advance(10_499);
    assert.deepEqual(gate.waitingFor(), ['par']);
    await clock.advance(1);
    assert.deepEqual(gate.waitingFor(), []);
  });

  test('a wall clock that jumps does not open it', () => {
    const clock = createFakeClock();
    const gate = createStartGate(clock, ['par'], 9500);
    clock.stepWall(60_000);
    assert.deepEqual(gate.waitingFor(), ['par']);
  });
});
