import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createMetrics, type Metrics } from '../../../core/runtime/metrics.ts';

/** The lines of the exposition that are no comments. */
async function lines(metrics: Metrics, others: Metrics[] = []): Promise<string[]> {
  // As it travels between threads.
  const snapshots = await Promise.all(others.map(async (o) => structuredClone(await o.snapshot())));
  return (await metrics.text(snapshots)).split('\n').filter((l) => l !== '' && !l.startsWith('#'));
}

test('counters of several threads are added up by label', async () => {
  const [main, worker, other] = [createMetrics(), createMetrics(), createMetrics()];
  main.counter('a_total', 'A', ['kind'])({ kind: 'x' });
  worker.counter('a_total', 'A', ['kind'])({ kind: 'x' }, 2);
  other.counter('a_total', 'A', ['kind'])({ kind: 'y' }, 4);
  other.counter('b_total', 'B')({}, 8);
  assert.deepEqual(await lines(main, [worker, other]), [
    'a_total{kind="x"} 3',
    'a_total{kind="y"} 4',
    'b_total 8',
  ]);
  // Asking adds nothing to what is held.
  assert.deepEqual(await lines(main), ['a_total{kind="x"} 1']);
});

test('histograms are added up bucket by bucket', async () => {
  const make = (values: number[]) => {
    const metrics = createMetrics();
    const observe = metrics.histogram('a_seconds', 'A', ['tier'], [0.1, 1]);
    for (const value of values) observe({ tier: 'origin' }, value);
    return metrics;
  };
  assert.deepEqual((await lines(make([0.05, 2]), [make([0.5]), make([0.1])])).sort(), [
    'a_seconds_bucket{le="+Inf",tier="origin"} 4',
    'a_seconds_bucket{le="0.1",tier="origin"} 2',
    'a_seconds_bucket{le="1",tier="origin"} 3',
    'a_seconds_count{tier="origin"} 4',
    'a_seconds_sum{tier="origin"} 2.65',
  ]);
});

test('amounts of several threads are added up, and read when they are printed', async () => {
  let entries = 1;
  const main = createMetrics();
  main.gauge('a_entries', 'A', () => entries);
  const worker = createMetrics();
  worker.gauge('a_entries', 'A', () => 10);
  assert.deepEqual(await lines(main, [worker]), ['a_entries 11']);
  entries = 5;
  assert.deepEqual(await lines(main, [worker]), ['a_entries 15']);
});

test('a state is 1 only when all threads that know it say so', async () => {
  const make = (isReady: boolean) => {
    const metrics = createMetrics();
    metrics.labelledGauge('a_ready', 'A', ['peer'])({ peer: 'eu' }, isReady ? 1 : 0);
    return metrics;
  };
  const main = createMetrics();
  assert.deepEqual(await lines(main, [make(true), make(true)]), ['a_ready{peer="eu"} 1']);
  assert.deepEqual(await lines(main, [make(true), make(false)]), ['a_ready{peer="eu"} 0']);
});

test('asking twice for a name gives the same metric', async () => {
  const metrics = createMetrics();
  metrics.counter('a_total', 'A')();
  metrics.counter('a_total', 'A')();
  assert.deepEqual(await lines(metrics), ['a_total 2']);
});
