import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { sharedState } from '../../../core/cache-node/shared-state.ts';
import { createWorkerPool, type WorkerPool } from '../../../core/cache-node/worker-pool.ts';
import { startOf } from '../../../core/purge/command.ts';
import { systemClock } from '../../../core/runtime/deps.ts';
import { silentLog } from '../../../core/runtime/log.ts';
import { createMetrics } from '../../../core/runtime/metrics.ts';
import { dnsNetwork } from '../../support/dns-network.ts';
import { createFakeClock, type FakeClock } from '../../support/fake-clock.ts';

interface Pooled {
  pool: WorkerPool;
  clock: FakeClock;
  /** What each worker tells of itself, by index. */
  states(): Promise<WorkerTold[]>;
  replaced(reason: string): Promise<number>;
}

interface WorkerTold {
  threadId: number;
  index: number;
  port: number;
  seen: number[];
  generation: number;
}

/** A pool of `test/fixtures/pool-worker.ts`, which do as `order` says. */
function pooled(t: TestContext, order: string, count = 3): Pooled {
  const clock = createFakeClock();
  const metrics = createMetrics();
  const shared = sharedState({ workers: count });
  const topology = { ...dnsNetwork(), network: order };
  const pool = createWorkerPool({
    clock,
    log: silentLog,
    metrics,
    shared,
    count,
    file: new URL('../../fixtures/pool-worker.ts', import.meta.url),
    startOf: (index, port = 0) => ({
      role: 'edge',
      nodeId: 'par',
      topology,
      index,
      count,
      shared: shared.buffer,
      listen: { host: '127.0.0.1', port },
      reusePort: count > 1,
      hostPorts: [],
      memoryBytes: 0,
      diskFile: null,
      maxObjectBytes: 0,
      capacity: 1,
      instance: 'i',
    }),
    purges: () => ({ start: startOf('journal-a'), entries: [] }),
    connectWriter: () => null,
    onPurge: () => {},
  });
  t.after(() => pool.drain(0));
  return {
    pool,
    clock,
    async states() {
      const snapshots = await pool.snapshots();
      return snapshots.map(({ metrics: told }) => told as WorkerTold);
    },
    async replaced(reason) {
      const line = (await metrics.text()).split('\n').find((l) => l.includes(`reason="${reason}"`));
      return Number(line?.split(' ').at(-1) ?? 0);
    },
  };
}

const change = (seq: number) => ({ type: 'forget', seq }) as const;

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await systemClock.sleep(2);
}

/** Lets time pass until `done`; the workers' heartbeats come by the real clock meanwhile. */
async function passing<T>(clock: FakeClock, stepMs: number, done: Promise<T>): Promise<T> {
  let isDone = false;
  const stop = () => {
    isDone = true;
  };
  done.then(stop, stop);
  while (!isDone) {
    await systemClock.sleep(15);
    await clock.advance(stepMs);
  }
  return done;
}

test('the first worker binds, the others get its port; a change is told to all, and applied when all say so', async (t) => {
  const { pool, states } = pooled(t, 'obey');
  assert.equal(await pool.start(), 4000);
  assert.equal(pool.running, 3);
  await pool.publish(change(1));
  await Promise.all([pool.publish(change(2)), pool.publish(change(3))]);
  const told = await states();
  assert.deepEqual(
    told.map(({ index, port, seen }) => [index, port, seen]),
    [
      [0, 0, [1, 2, 3]],
      [1, 4000, [1, 2, 3]],
      [2, 4000, [1, 2, 3]],
    ],
  );
});

test('a change is not applied while one worker has not applied it', async (t) => {
  const { pool, clock } = pooled(t, 'ignore 1 1');
  await pool.start();
  let isPublished = false;
  void pool.publish(change(1)).then(() => {
    isPublished = true;
  });
  for (let step = 0; step < 5; step += 1) {
    await systemClock.sleep(15);
    await clock.advance(500);
  }
  assert.equal(isPublished, false);
});

test('what the first worker cannot bind is what start fails with', async (t) => {
  const { pool } = pooled(t, 'refuse');
  await assert.rejects(pool.start(), (error: NodeJS.ErrnoException & { port?: number }) => {
    assert.deepEqual([error.code, error.port], ['EADDRINUSE', 0]);
    return true;
  });
  await until(() => pool.running === 0);
});

test('a worker that hangs is ended after 2 s, counted and replaced; the change is then published', async (t) => {
  const { pool, clock, states, replaced } = pooled(t, 'hang 2 1');
  await pool.start();
  const before = await states();
  await pool.publish(change(1));
  await passing(clock, 250, pool.publish(change(2)));
  assert.ok(clock.monotonicMs() > 2000);
  assert.deepEqual([await replaced('silent'), await replaced('ended')], [1, 0]);
  await clock.advance(200);
  assert.equal(pool.running, 3);
  const after = (await states()).sort((a, b) => a.index - b.index);
  assert.notEqual(after[1]?.threadId, before[1]?.threadId);
  assert.equal(after[0]?.threadId, before[0]?.threadId);
  assert.deepEqual([after[1]?.generation, after[1]?.port, after[1]?.seen], [2, 4000, []]);
});

test('no worker is silent while the whole process stands still; one that hangs is noticed afterwards', async (t) => {
  const { pool, clock, replaced } = pooled(t, 'hang 1 1');
  await pool.start();
  const published = pool.publish(change(1));
  await clock.advance(1000);
  clock.standStill(60_000);
  await clock.advance(500);
  assert.equal(await replaced('silent'), 0);
  await passing(clock, 250, published);
  assert.equal(await replaced('silent'), 1);
});

test('a worker that crashes is replaced; a change that it had not applied does not wait for ever', async (t) => {
  const { pool, clock, states, replaced } = pooled(t, 'crash 1 2');
  await pool.start();
  await pool.publish(change(1));
  assert.deepEqual([await replaced('ended'), pool.running], [1, 2]);
  await clock.advance(199);
  assert.equal(pool.running, 2);
  await clock.advance(1);
  await pool.publish(change(2));
  const told = (await states()).find(({ index }) => index === 2);
  assert.deepEqual([told?.generation, told?.seen], [1, [2]]);
});

test('a change that is published while a worker is being replaced waits for the one that starts', async (t) => {
  const { pool, clock, states } = pooled(t, 'crash 1 0', 1);
  await pool.start();
  await pool.publish(change(1));
  await clock.advance(200);
  assert.equal(pool.running, 1);
  await pool.publish(change(2));
  assert.deepEqual(
    (await states()).map(({ seen }) => seen),
    [[2]],
  );
});

test('a worker that cannot start again is tried again, and holds up no change', async (t) => {
  const { pool, clock, replaced } = pooled(t, 'crash-again 1 0', 1);
  await pool.start();
  await pool.publish(change(1));
  for (let round = 2; round < 4; round += 1) {
    await clock.advance(200);
    assert.equal(pool.running, 1);
    await pool.publish(change(round));
    await until(() => pool.running === 0);
  }
  assert.equal(await replaced('ended'), 3);
});

test('a worker that does not come to listen is given up after 30 s', async (t) => {
  const { pool, clock, replaced } = pooled(t, 'mute-again 1 0', 1);
  await pool.start();
  await pool.publish(change(1));
  await clock.advance(200);
  await clock.advance(29_000);
  assert.equal(await replaced('silent'), 0);
  await passing(clock, 500, pool.publish(change(2)));
  assert.equal(await replaced('silent'), 1);
});

test('a worker that does not answer is left out of the snapshots after a second', async (t) => {
  const { pool, clock, states } = pooled(t, 'hang 1 1', 2);
  await pool.start();
  const published = pool.publish(change(1));
  const told = states();
  await systemClock.sleep(50);
  await clock.advance(1000);
  assert.deepEqual(
    (await told).map(({ index }) => index),
    [0],
  );
  await passing(clock, 500, published);
});

test('a drain waits for all workers and replaces none', async (t) => {
  const { pool, clock, replaced } = pooled(t, 'obey');
  await pool.start();
  await pool.drain(1000);
  await until(() => pool.running === 0);
  await clock.advance(10_000);
  assert.deepEqual([pool.running, await replaced('ended')], [0, 0]);
});
