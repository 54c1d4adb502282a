import assert from 'node:assert/strict';
import { test } from 'node:test';
import { upstreamFailure } from '../../../core/upstream/failures.ts';
import { createPeerHealth, outcomeOf } from '../../../core/upstream/peer-health.ts';
import { createFakeClock } from '../../support/fake-clock.ts';

function setUp() {
  const clock = createFakeClock();
  const changes: string[] = [];
  const health = createPeerHealth({
    clock,
    onChange: (name, isOut) => changes.push(`${name} ${isOut ? 'out' : 'back'}`),
  });
  const fail = (name: string, times = 3) => {
    for (let i = 0; i < times; i++) {
      health.sent(name);
      health.done(name, 'failed');
    }
  };
  return { clock, changes, health, fail };
}

test('peers have their own health, and changes are told once', () => {
  const { health, changes, fail } = setUp();
  fail('a', 5);
  assert.deepEqual([health.isUsable('a'), health.isUsable('b')], [false, true]);
  health.done('a', 'answered');
  assert.equal(health.isUsable('a'), true);
  assert.deepEqual(changes, ['a out', 'a back']);
});

test('a trial is one request at a time', async () => {
  const { health, clock, fail } = setUp();
  fail('a');
  await clock.advance(1000);
  assert.equal(health.isUsable('a'), true);
  health.sent('a');
  assert.equal(health.isUsable('a'), false);
});

test('the last resort is the peer whose back-off ends first, and nobody while its trial runs', async () => {
  const { health, clock, fail } = setUp();
  fail('a');
  await clock.advance(500);
  fail('b');
  assert.equal(health.lastResort(['b', 'a']), 'a');
  health.sent('a');
  assert.equal(health.lastResort(['a', 'b']), 'b');
  health.sent('b');
  assert.equal(health.lastResort(['a', 'b']), undefined);
});

test('a healthy peer is no last resort: it is a first choice', () => {
  assert.equal(setUp().health.lastResort(['a']), undefined);
});

test('only what the peer did speaks against it', () => {
  const kinds = [
    'connect',
    'timeout',
    'cut',
    'framing',
    'aborted',
    'unavailable',
    'overload',
  ] as const;
  const outcomes = kinds.map((kind) => outcomeOf(upstreamFailure(kind, '')));
  assert.deepEqual(outcomes.slice(0, 3), ['failed', 'failed', 'failed']);
  assert.deepEqual(new Set(outcomes.slice(3)), new Set(['unknown']));
  const byClient = { ...upstreamFailure('timeout', ''), source: 'downstream' as const };
  assert.equal(outcomeOf(byClient), 'unknown');
});
