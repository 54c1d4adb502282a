import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createLeaseCells, createNodeLease } from '../../../core/purge/lease.ts';
import { createFakeClock } from '../../support/fake-clock.ts';

const leaseMs = 10_000;
const at = (seq: number, identity = 'journal-a') => ({ identity, seq, hash: `h${seq}` });

function setUp() {
  const clock = createFakeClock();
  let gained = 0;
  const lease = createNodeLease(clock, {
    leaseMs,
    cells: createLeaseCells(),
    onGained() {
      gained += 1;
    },
  });
  /** A process that was granted a lease at this moment. */
  const hold = () => {
    lease.sent(0);
    lease.granted(0, at(3), at(3));
  };
  return { clock, lease, hold, gained: () => gained };
}

describe('a node’s lease', () => {
  test('a process starts without one, and asking gives none', () => {
    const { lease } = setUp();
    lease.sent(0);
    assert.equal(lease.isHeld(), false);
  });

  test('is counted from sending the renewal, not from the answer', async () => {
    const { clock, lease } = setUp();
    lease.sent(0);
    await clock.advance(4000);
    lease.granted(0, at(3), at(3));
    await clock.advance(5999);
    assert.equal(lease.isHeld(), true);
    await clock.advance(1);
    assert.equal(lease.isHeld(), false);
  });

  test('the first grant counts only once the head that it names is applied', () => {
    const { lease, gained } = setUp();
    lease.sent(0);
    lease.granted(0, at(3), at(1));
    lease.moved(at(2));
    lease.moved(at(9, 'journal-b'));
    assert.deepEqual([lease.isHeld(), gained()], [false, 0]);
    lease.moved(at(3));
    assert.deepEqual([lease.isHeld(), gained()], [true, 1]);
  });

  test('while it is held a renewal extends it at any position; after a lapse the head must be reached again', async () => {
    const { clock, lease, hold } = setUp();
    hold();
    lease.sent(1);
    lease.granted(1, at(9), at(3));
    assert.equal(lease.isHeld(), true);
    await clock.advance(leaseMs);
    lease.sent(2);
    lease.granted(2, at(9), at(3));
    assert.equal(lease.isHeld(), false);
    lease.moved(at(9));
    assert.equal(lease.isHeld(), true);
  });

  test('is held no longer than purge-api waits for it, whatever the configuration of the node says', async () => {
    const { clock, lease, hold } = setUp();
    hold();
    lease.sent(1);
    lease.granted(1, at(3), at(3), 5000);
    await clock.advance(5000);
    assert.equal(lease.isHeld(), false);
    lease.sent(2);
    lease.granted(2, at(4), at(3), 5000);
    lease.moved(at(4));
    await clock.advance(5000);
    assert.equal(lease.isHeld(), false);
    lease.sent(3);
    lease.granted(3, at(4), at(4), 60_000);
    await clock.advance(leaseMs);
    assert.equal(lease.isHeld(), false);
  });

  test('a grant that comes after its own end gives nothing', async () => {
    const { clock, lease } = setUp();
    lease.sent(0);
    await clock.advance(leaseMs);
    lease.granted(0, at(3), at(3));
    assert.equal(lease.isHeld(), false);
  });

  test('an older answer that comes late does not shorten it', async () => {
    const { clock, lease, hold } = setUp();
    hold();
    lease.sent(1);
    await clock.advance(5000);
    lease.sent(2);
    lease.granted(2, at(3), at(3));
    lease.granted(1, at(3), at(3));
    await clock.advance(9999);
    assert.equal(lease.isHeld(), true);
  });

  test('a machine that was suspended finds it run out by the wall clock', async () => {
    const { clock, lease, hold } = setUp();
    hold();
    clock.stepWall(60_000);
    assert.equal(lease.isHeld(), false);
  });

  test('a wall clock that is set back does not lengthen it', async () => {
    const { clock, lease, hold } = setUp();
    hold();
    clock.stepWall(-3_600_000);
    await clock.advance(leaseMs);
    assert.equal(lease.isHeld(), false);
  });

  test('once it has run out it is over, though the wall clock that ended it is set back', () => {
    const { clock, lease, hold } = setUp();
    hold();
    clock.stepWall(3_600_000);
    assert.equal(lease.isHeld(), false);
    clock.stepWall(-3_600_000);
    assert.equal(lease.isHeld(), false);
  });

  test('a new connection keeps what is held, and forgets what was asked for on the old one', async () => {
    const { clock, lease, hold } = setUp();
    hold();
    lease.sent(1);
    lease.reconnected();
    assert.equal(lease.isHeld(), true);
    await clock.advance(leaseMs);
    lease.granted(1, at(3), at(3));
    assert.equal(lease.isHeld(), false);
  });

  test('dropped before a goodbye or a reset; what was asked for may still be granted', () => {
    const { lease, hold } = setUp();
    hold();
    lease.sent(1);
    lease.drop();
    assert.equal(lease.isHeld(), false);
    lease.granted(1, at(4, 'journal-b'), at(3));
    assert.equal(lease.isHeld(), false);
    lease.moved(at(4, 'journal-b'));
    assert.equal(lease.isHeld(), true);
  });
});
