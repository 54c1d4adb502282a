import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createLeases, longestLeaseMs } from '../../purge-api/leases.ts';
import { createFakeClock } from '../support/fake-clock.ts';

const leaseMs = 10_000;
/** L·(1+ρ)/(1−ρ) with ρ = 5 %, rounded up. */
const longestMs = 11_053;

function setUp() {
  const clock = createFakeClock();
  const leases = createLeases(clock, leaseMs);
  /** A process that says hello and is granted what it asks for. */
  const start = (instance: string, succeeds: string[] = []) => {
    leases.hello('par', instance, succeeds);
    leases.asked('par', instance, 0);
    if (leases.askedBy('par') === 0) leases.granted('par');
  };
  const mayHold = (...instances: string[]) =>
    instances.map((instance) => leases.mayHold('par', instance));
  return { clock, leases, start, mayHold };
}

describe('leases as purge-api counts them', () => {
  test('for longer than the node does, by what two clocks may drift apart', async () => {
    assert.equal(Math.ceil(longestLeaseMs(leaseMs)), longestMs);
    const { clock, start, mayHold } = setUp();
    start('a');
    await clock.advance(longestMs - 1);
    assert.deepEqual(mayHold('a'), [true]);
    await clock.advance(1);
    assert.deepEqual(mayHold('a'), [false]);
  });

  test('from the receipt of the renewal that is granted, not from the grant', async () => {
    const { clock, leases, start, mayHold } = setUp();
    start('a');
    leases.asked('par', 'a', 1);
    await clock.advance(5000);
    leases.granted('par');
    await clock.advance(longestMs - 5000);
    assert.deepEqual(mayHold('a'), [false]);
  });

  test('what is asked for and not granted gives none', async () => {
    const { clock, leases, start, mayHold } = setUp();
    start('a');
    await clock.advance(longestMs - 10);
    leases.asked('par', 'a', 1);
    await clock.advance(10);
    assert.deepEqual(mayHold('a'), [false]);
  });

  test('by the clock that has gone less far: a machine that was suspended, or whose wall clock was set on, waits', async () => {
    const { clock, start, mayHold } = setUp();
    start('a');
    clock.stepWall(3_600_000);
    assert.deepEqual(mayHold('a'), [true]);
    await clock.advance(longestMs);
    assert.deepEqual(mayHold('a'), [false]);
  });

  test('a wall clock that was set back does not make it wait for ever', async () => {
    const { clock, start, mayHold } = setUp();
    start('a');
    clock.stepWall(-3_600_000);
    await clock.advance(longestMs);
    assert.deepEqual(mayHold('a'), [false]);
  });

  test('a purge-api that has just started cannot know who holds one, until the node says hello or the longest has passed', async () => {
    const { clock, leases } = setUp();
    assert.equal(leases.mayOtherHold('par', null), true);
    leases.hello('par', 'a', []);
    assert.deepEqual([leases.mayHold('par', 'a'), leases.mayOtherHold('par', 'a')], [true, false]);
    await clock.advance(longestMs);
    assert.equal(leases.mayOtherHold('par', null), false);
  });

  test('no second instance gets one while another may hold it, and gets it then', async () => {
    const { clock, leases, start, mayHold } = setUp();
    start('a');
    start('b');
    assert.deepEqual(mayHold('a', 'b'), [true, false]);
    assert.equal(leases.mayOtherHold('par', 'b'), true);
    await clock.advance(longestMs);
    assert.equal(leases.askedBy('par'), 0);
  });

  test('one that succeeds another, whose death it proves, gets it at once', () => {
    const { start, mayHold } = setUp();
    start('a');
    start('b', ['a']);
    assert.deepEqual(mayHold('a', 'b'), [false, true]);
  });

  test('a goodbye ends it', () => {
    const { leases, start, mayHold } = setUp();
    start('a');
    leases.ended('par', 'a');
    assert.deepEqual(mayHold('a'), [false]);
  });
});

describe('a purge-api that starts anew', () => {
  const restart = (holder: string | undefined) => {
    const clock = createFakeClock();
    const told: string[] = [];
    const holders = {
      holder: () => told.at(-1) ?? holder,
      holds: (_id: string, instance: string) => void told.push(instance),
    };
    return { clock, told, leases: createLeases(clock, leaseMs, holders) };
  };

  test('does not take another process for the one that was granted a lease last', async () => {
    const { clock, leases } = restart('a');
    leases.hello('par', 'b', []);
    leases.asked('par', 'b', 0);
    assert.equal(leases.mayOtherHold('par', 'b'), true);
    assert.equal(leases.askedBy('par'), undefined);
    await clock.advance(longestMs);
    assert.equal(leases.askedBy('par'), 0);
  });

  test('need not wait where the process says that the one before it is dead', () => {
    const { leases } = restart('a');
    leases.hello('par', 'b', ['a']);
    leases.asked('par', 'b', 0);
    assert.equal(leases.askedBy('par'), 0);
  });

  test('remembers whom it grants a lease before it is granted, once for each process', () => {
    const { leases, told } = restart(undefined);
    for (const version of [0, 1]) {
      leases.hello('par', 'b', []);
      leases.asked('par', 'b', version);
      leases.granted('par');
    }
    assert.deepEqual(told, ['b']);
  });
});
