import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createReadiness } from '../../../core/purge/readiness.ts';
import { createFakeClock } from '../../support/fake-clock.ts';

const at = (seq: number, identity = 'journal-a') => ({ identity, seq, hash: `h${seq}` });

function setUp() {
  const clock = createFakeClock();
  const readiness = createReadiness(clock, 10_000);
  let times = 0;
  readiness.onReached(() => {
    times += 1;
  });
  return { clock, readiness, times: () => times };
}

describe('caught up', () => {
  test('not before the first welcome, and not before the head that it announced', () => {
    const { readiness, times } = setUp();
    assert.equal(readiness.isReached(), false);
    readiness.welcomed(at(3), false, at(1));
    readiness.moved(at(2));
    assert.deepEqual([readiness.isReached(), times()], [false, 0]);
    readiness.moved(at(3));
    assert.deepEqual([readiness.isReached(), times()], [true, 1]);
  });

  test('at once when the node is at the head already', () => {
    const { readiness, times } = setUp();
    readiness.welcomed(at(3), false, at(3));
    assert.deepEqual([readiness.isReached(), times()], [true, 1]);
  });

  test('a break that is not longer than a lease changes nothing', async () => {
    const { clock, readiness } = setUp();
    readiness.welcomed(at(0), false, at(0));
    readiness.disconnected();
    await clock.advance(10_000);
    readiness.welcomed(at(9), false, at(0));
    assert.equal(readiness.isReached(), true);
  });

  test('after a break longer than a lease the new head must be reached', async () => {
    const { clock, readiness } = setUp();
    readiness.welcomed(at(0), false, at(0));
    readiness.disconnected();
    await clock.advance(10_001);
    readiness.welcomed(at(9), false, at(0));
    assert.equal(readiness.isReached(), false);
    readiness.moved(at(9));
    assert.equal(readiness.isReached(), true);
  });

  test('a reset ends it until the node is at the new head, even at once after the welcome', () => {
    const { readiness, times } = setUp();
    readiness.welcomed(at(3), false, at(3));
    readiness.welcomed(at(5, 'journal-b'), true, at(9));
    assert.equal(readiness.isReached(), false);
    readiness.moved(at(9));
    assert.equal(readiness.isReached(), false);
    readiness.moved(at(5, 'journal-b'));
    assert.deepEqual([readiness.isReached(), times()], [true, 2]);
  });

  test('who listens late is told at once', () => {
    const { readiness } = setUp();
    readiness.welcomed(at(0), false, at(0));
    let isTold = false;
    readiness.onReached(() => {
      isTold = true;
    });
    assert.ok(isTold);
  });
});
