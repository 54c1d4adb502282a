import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type Health,
  healthy,
  isUsable,
  type Outcome,
  whenDone,
  whenSent,
} from '../../../core/upstream/health.ts';

function after(outcomes: readonly Outcome[], atMs = 0): Health {
  return outcomes.reduce<Health>((health, outcome) => whenDone(health, outcome, atMs), healthy);
}

test('three failures in a row put a peer out for a second; two do not', () => {
  assert.equal(isUsable(after(['failed', 'failed']), 0), true);
  const health = after(['failed', 'failed', 'failed'], 5000);
  assert.deepEqual(health, { kind: 'out', untilMs: 6000, backoffMs: 1000 });
  assert.equal(isUsable(health, 5999), false);
  assert.equal(isUsable(health, 6000), true);
});

test('an answer between failures starts the count again', () => {
  assert.equal(after(['failed', 'failed', 'answered', 'failed', 'failed']).kind, 'in');
});

test('what tells nothing neither counts nor forgives', () => {
  assert.deepEqual(after(['failed', 'unknown', 'failed']), { kind: 'in', failures: 2 });
});

test('a refusal puts a peer out at once', () => {
  assert.deepEqual(after(['refused'], 7), { kind: 'out', untilMs: 1007, backoffMs: 1000 });
});

test('after the back-off one request is a trial, and no other is sent meanwhile', () => {
  const trial = whenSent(after(['refused']));
  assert.deepEqual(trial, { kind: 'trial', backoffMs: 1000 });
  assert.equal(isUsable(trial, 1e9), false);
  assert.equal(whenSent(trial), trial);
});

test('a trial that is answered brings the peer back', () => {
  assert.equal(whenDone(whenSent(after(['refused'])), 'answered', 1000), healthy);
});

test('a trial that fails doubles the back-off, up to ten seconds', () => {
  let health = after(['refused']);
  const seen: number[] = [];
  for (let round = 0; round < 6; round++) {
    health = whenDone(whenSent(health), 'failed', 0);
    if (health.kind === 'out') seen.push(health.backoffMs);
  }
  assert.deepEqual(seen, [2000, 4000, 8000, 10_000, 10_000, 10_000]);
});

test('a trial that told nothing lets the next request be one, with the same back-off', () => {
  const health = whenDone(whenSent(after(['refused'])), 'unknown', 1234);
  assert.deepEqual(health, { kind: 'out', untilMs: 1234, backoffMs: 1000 });
});

test('failures of requests that were under way when the peer went out do not lengthen its back-off', () => {
  const health = after(['failed', 'failed', 'failed']);
  assert.equal(whenDone(health, 'failed', 900), health);
  assert.equal(whenDone(health, 'refused', 900), health);
});

test('a late answer of a request from before brings the peer back', () => {
  assert.equal(whenDone(after(['failed', 'failed', 'failed']), 'answered', 10), healthy);
});
