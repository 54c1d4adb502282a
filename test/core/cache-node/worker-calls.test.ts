/** Questions to workers: each answered once, or given up after its limit. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Worker } from 'node:worker_threads';
import { createWorkerCalls } from '../../../core/cache-node/worker-calls.ts';
import type { ToWorker } from '../../../core/cache-node/worker-messages.ts';
import { createFakeClock } from '../../support/fake-clock.ts';

function setUp() {
  const clock = createFakeClock();
  const posted: ToWorker[] = [];
  const worker = { postMessage: (message: ToWorker) => void posted.push(message) } as Worker;
  const calls = createWorkerCalls(clock);
  const ask = () => calls.ask(worker, (call) => ({ type: 'snapshot', call }), 1000);
  const stats = { memoryBytes: 0, memoryEntries: 0, flights: 0, flightBytes: 0 };
  const replyTo = (call: number) =>
    calls.settle({ type: 'snapshot', call, metrics: [] as never, stats });
  return { clock, posted, ask, replyTo };
}

test('an answer goes to its own question, whatever the order', async () => {
  const { clock, posted, ask, replyTo } = setUp();
  const answers = [ask(), ask()];
  assert.deepEqual(
    posted.map((message) => 'call' in message && message.call),
    [1, 2],
  );
  replyTo(2);
  replyTo(1);
  const got = await Promise.all(answers);
  assert.deepEqual(
    got.map((reply) => reply?.call),
    [1, 2],
  );
  assert.equal(clock.pending, 0, 'no limit keeps running');
});

test('a worker that does not answer is waited for until the limit, and a late answer is dropped', async () => {
  const { clock, ask, replyTo } = setUp();
  const answer = ask();
  await clock.advance(1000);
  assert.equal(await answer, undefined);
  replyTo(1);
  assert.equal(clock.pending, 0);
});
