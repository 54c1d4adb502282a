import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isWarming, warmLines, warmProgressText } from '../../../infra/cli/warm-words.ts';

const done = {
  state: 'done',
  responses: 3,
  asked: 6,
  done: 6,
  failed: 0,
  silent: [],
  problem: null,
};

test('a warming says how many responses, at how many places, and what failed', () => {
  assert.deepEqual(warmLines(undefined), []);
  assert.deepEqual(warmLines(done), ['warmed 3 responses: 6 of 6 refills']);
  const stopped = {
    ...done,
    state: 'stopped',
    done: 2,
    failed: 4,
    silent: ['tyo'],
    problem: 'eu: x',
  };
  assert.deepEqual(warmLines(stopped), [
    'warmed 3 responses: 2 of 6 refills, 4 failed',
    '  ended early: eu: x',
    '  did not say what they hold: tyo',
  ]);
});

test('while it runs it is told how far it is, and one that was refused why', () => {
  const running = { ...done, state: 'running', done: 2 };
  assert.deepEqual([isWarming(running), isWarming(done)], [true, false]);
  assert.equal(warmProgressText(running), '2 of 6 refills');
  assert.deepEqual(warmLines(running), ['warmed 3 responses: 2 of 6 refills so far']);
  const refused = { ...done, state: 'refused', problem: 'too many warmings at once' };
  assert.deepEqual(warmLines(refused), ['not warmed: too many warmings at once']);
});
