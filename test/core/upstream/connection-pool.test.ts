import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type ConnectionEvents,
  createConnectionPool,
  type PooledConnection,
} from '../../../core/upstream/connection-pool.ts';
import { createFakeClock } from '../../support/fake-clock.ts';

interface FakeConnection extends PooledConnection {
  id: number;
  events: ConnectionEvents;
  isClosed: boolean;
}

function setUp(limits = { maxConcurrent: 2, maxQueued: 2 }) {
  const clock = createFakeClock();
  const opened: FakeConnection[] = [];
  let left = 0;
  const pool = createConnectionPool<FakeConnection>(
    {
      clock,
      open(events) {
        const connection: FakeConnection = {
          id: opened.length + 1,
          events,
          isClosed: false,
          destroy: () => events.gone(),
          async close() {
            connection.isClosed = true;
            events.gone();
          },
        };
        opened.push(connection);
        return connection;
      },
      onLeft: () => {
        left += 1;
      },
    },
    limits,
  );
  const enter = (signal = new AbortController().signal) => pool.enter(1000, signal);
  return { clock, pool, opened, enter, left: () => left };
}

test('lets in what the limit allows, and the others in the order in which they came', async () => {
  const { pool, enter } = setUp();
  assert.deepEqual(await Promise.all([enter(), enter()]), ['entered', 'entered']);
  const order: string[] = [];
  const third = enter().then((entry) => order.push(`third ${entry}`));
  const fourth = enter().then((entry) => order.push(`fourth ${entry}`));
  pool.leave();
  await third;
  assert.deepEqual(order, ['third entered']);
  pool.leave();
  await fourth;
  assert.deepEqual(order, ['third entered', 'fourth entered']);
});

test('refuses at once when the queue is full', async () => {
  const { enter } = setUp({ maxConcurrent: 1, maxQueued: 1 });
  await enter();
  void enter();
  assert.equal(await enter(), 'full');
});

test('a wait ends after its limit, and its place in the queue is free again', async () => {
  const { enter, clock, pool } = setUp({ maxConcurrent: 1, maxQueued: 1 });
  await enter();
  const late = enter();
  await clock.advance(1000);
  assert.equal(await late, 'late');
  const next = enter();
  pool.leave();
  assert.equal(await next, 'entered');
  assert.equal(clock.pending, 0);
});

test('who aborts leaves the queue and takes no turn', async () => {
  const { enter, pool, clock } = setUp({ maxConcurrent: 1, maxQueued: 2 });
  await enter();
  const abort = new AbortController();
  const given = enter(abort.signal);
  const other = enter();
  abort.abort();
  assert.equal(await given, 'aborted');
  pool.leave();
  assert.equal(await other, 'entered');
  assert.equal(clock.pending, 0);
  assert.equal(await enter(AbortSignal.abort()), 'aborted');
});

test('reuses the connection that became idle last, and never one that is gone', () => {
  const { pool, opened } = setUp();
  const [first, second] = [pool.take(), pool.take()];
  first.events.idle();
  second.events.idle();
  assert.equal(pool.take(), second);
  second.events.gone();
  first.events.gone();
  assert.equal(pool.take().id, 3);
  assert.equal(opened.length, 3);
});

test('opens a new connection on demand although one is idle', () => {
  const { pool } = setUp();
  const first = pool.take();
  first.events.idle();
  assert.notEqual(pool.open(), first);
  assert.equal(pool.take(), first);
});

test('is empty when nothing is under way and nothing is connected', async () => {
  const { pool, enter, left } = setUp();
  assert.equal(pool.isEmpty, true);
  await enter();
  const connection = pool.take();
  connection.events.idle();
  pool.leave();
  assert.equal(pool.isEmpty, false);
  connection.events.gone();
  assert.equal(pool.isEmpty, true);
  assert.equal(left(), 2);
});

test('closing ends idle connections now and busy ones when they become idle', async () => {
  const { pool } = setUp();
  const [idle, busy] = [pool.take(), pool.take()];
  idle.events.idle();
  await pool.close();
  assert.deepEqual([idle.isClosed, busy.isClosed], [true, false]);
  busy.events.idle();
  assert.equal(busy.isClosed, true);
});
