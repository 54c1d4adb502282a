import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createApplyPump } from '../../../core/purge/apply-pump.ts';
import type { JournalEntry, Position } from '../../../core/purge/command.ts';
import { silentLog } from '../../../core/runtime/log.ts';
import { createFakeClock } from '../../support/fake-clock.ts';
import { chain, entries, positionAfter, tag } from './builders.ts';

const turn = () => new Promise((resolve) => setImmediate(resolve));

/** A node whose `apply` and `reset` wait until the test lets them go, or fail as often as told. */
function setUp({ failures = 0, isHeld = false } = {}) {
  const clock = createFakeClock();
  const log: string[] = [];
  const counts = { failures: 0, idle: 0 };
  let position: Position | null = { identity: 'journal-a', seq: 0, hash: '' };
  let release = () => {};
  const gate = async () => {
    if (isHeld) await new Promise<void>((resolve) => (release = resolve));
    if (failures > 0) {
      failures -= 1;
      throw new Error('the disk is full');
    }
  };
  const pump = createApplyPump(
    { clock, log: silentLog },
    {
      position: () => position,
      async apply(batch) {
        await gate();
        log.push(`apply ${batch.map(({ seq }) => seq).join(',')}`);
        const last = batch.at(-1);
        if (last) position = positionAfter(last);
      },
      async reset(to, reason) {
        await gate();
        log.push(`reset to ${to.seq}: ${reason}`);
        position = to;
      },
      onMoved: (applied) => log.push(`moved ${applied}`),
      onFailure: () => {
        counts.failures += 1;
      },
      onIdle: () => {
        counts.idle += 1;
      },
    },
  );
  return { clock, pump, log, counts, release: () => release(), position: () => position };
}

describe('apply pump', () => {
  test('applies in order, in batches, and tells after each', async () => {
    const { pump, log, release, counts } = setUp({ isHeld: true });
    for (const entry of entries(3)) pump.push(entry);
    for (let step = 0; step < 2; step += 1) {
      await turn();
      release();
      await turn();
    }
    assert.deepEqual(log, ['apply 1', 'moved 1', 'apply 2,3', 'moved 2']);
    assert.equal(counts.idle, 1);
  });

  test('what fails is counted and tried again, and nothing overtakes it', async () => {
    const { clock, pump, log, counts } = setUp({ failures: 2 });
    for (const entry of entries(2)) pump.push(entry);
    await turn();
    assert.deepEqual([log, counts.failures], [[], 1]);
    await clock.advance(1000);
    await clock.advance(1000);
    assert.deepEqual(log, ['apply 1', 'moved 1', 'apply 2', 'moved 1']);
    assert.equal(counts.failures, 2);
  });

  test('entries at or below the position are not applied again', async () => {
    const { pump, log } = setUp();
    const [first, second] = entries(2);
    if (first) pump.push(first);
    await turn();
    if (first) pump.push(first);
    if (second) pump.push(second);
    await turn();
    assert.deepEqual(log, ['apply 1', 'moved 1', 'moved 0', 'apply 2', 'moved 1']);
  });

  test('a reset waits for the batch in progress, overtakes what waits, and drops it', async () => {
    const { pump, log, release } = setUp({ isHeld: true });
    for (const entry of entries(3)) pump.push(entry);
    await turn();
    const head = { identity: 'journal-b', seq: 7, hash: 'x' };
    pump.reset(head, 'lost');
    for (const entry of entries(1, head)) pump.push(entry);
    for (let step = 0; step < 3; step += 1) {
      release();
      await turn();
    }
    assert.deepEqual(log, [
      'apply 1',
      'moved 1',
      'reset to 7: lost',
      'moved 0',
      'apply 8',
      'moved 1',
    ]);
  });

  test('a reset ends the retries of a batch, and a later reset those of an earlier one', async () => {
    const { clock, pump, log } = setUp({ failures: 2 });
    for (const entry of entries(1)) pump.push(entry);
    await turn();
    pump.reset({ identity: 'journal-b', seq: 1, hash: 'x' }, 'first');
    await clock.advance(1000);
    pump.reset({ identity: 'journal-c', seq: 2, hash: 'y' }, 'second');
    await clock.advance(1000);
    assert.deepEqual(log, ['reset to 2: second', 'moved 0']);
  });

  test('what does not fit into the queue is refused, and taken when there is room again', async () => {
    const { pump, release, position } = setUp({ isHeld: true });
    const big = chain(
      Array.from({ length: 12 }, () => ({
        selectors: Array.from({ length: 1000 }, (_, index) => tag(String(index).padEnd(4000, 'x'))),
      })),
    );
    const refused = big.filter((entry) => !pump.push(entry));
    assert.ok(refused.length >= 3 && refused.length <= 5, `${refused.length}`);
    for (let step = 0; step < 3; step += 1) {
      release();
      await turn();
    }
    assert.equal(position()?.seq, 12 - refused.length);
    assert.ok(pump.push(refused[0] as JournalEntry));
  });

  test('stop ends the wait between two tries, and takes no further batch', async () => {
    const { pump, log } = setUp({ failures: 9 });
    for (const entry of entries(2)) pump.push(entry);
    await turn();
    await pump.stop();
    assert.deepEqual(log, []);
  });
});
