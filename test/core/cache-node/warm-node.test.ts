/** Rules of core/cache-node/warm-node.ts. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createWarmer } from '../../../core/cache-node/warm-node.ts';
import type { WorkerReply } from '../../../core/cache-node/worker-calls.ts';
import type { ToWorker } from '../../../core/cache-node/worker-messages.ts';
import type { HotResponse, ResponseName } from '../../../core/purge/warm.ts';
import { ownerOf } from '../../../core/upstream/ring.ts';

const question = { soft: false, scope: ['*'], selectors: [{ kind: 'everything' }] };
const named = (name: string, variant = ''): ResponseName => ({
  key: `http://a.test/${name}`,
  variant,
});
const hot = (name: string, heat: number): HotResponse => ({ ...named(name), heat });

type Worker = (message: ToWorker) => WorkerReply | undefined;

function warmer(workers: Worker[], onDisk: ResponseName[] = []) {
  const asked: { index: number; message: ToWorker }[] = [];
  const warm = createWarmer({
    pool: {
      async ask(index, order) {
        const message = order(1);
        asked.push({ index, message });
        return workers[index]?.(message);
      },
    },
    writer: { hottest: async () => ({ responses: onDisk, isComplete: true }) },
    workers: workers.length,
  });
  return { warm, asked };
}

const saying =
  (...responses: HotResponse[]): Worker =>
  () => ({ type: 'hottest', call: 1, found: { responses, isComplete: true } });

test('the heat of workers is added up; of the same heat the recently used lead', async () => {
  const { warm } = warmer(
    [saying(hot('a', 2), hot('b', 3)), saying(hot('a', 2), hot('c', 3))],
    [named('c'), named('d')],
  );
  const found = await warm({ step: 'find', question, limit: 3 });
  assert.deepEqual(found, {
    responses: [hot('a', 4), hot('c', 3), hot('b', 3)],
    isComplete: true,
  });
});

test('what was made for a cookie is not named, and a silent worker makes the list incomplete', async () => {
  const { warm } = warmer([() => undefined], [named('a', 'cookie:x=y\n'), named('b')]);
  const found = await warm({ step: 'find', question, limit: 3 });
  assert.deepEqual(found, { responses: [hot('b', 0)], isComplete: false });
});

test('each response is refilled by the worker that owns its key, and what a silent one had has failed', async () => {
  const responses = Array.from({ length: 20 }, (_, n) => named(String(n)));
  const first: Worker = (message) => {
    const done = message.type === 'refill' ? message.order.responses.length : 0;
    return { type: 'refilled', call: 1, report: { done, failed: 0, stopped: false } };
  };
  const { warm, asked } = warmer([first, () => undefined]);
  const position = { identity: 'j', seq: 1, hash: 'x' };
  const report = await warm({ step: 'refill', position, responses, limitMs: 1000 });
  for (const { index, message } of asked) {
    assert.ok(message.type === 'refill' && message.lanes === 2);
    for (const { key } of message.order.responses) assert.equal(ownerOf(key, 2), index);
  }
  const own = responses.filter(({ key }) => ownerOf(key, 2) === 0).length;
  assert.deepEqual(report, { done: own, failed: 20 - own, stopped: true });
});

test('an order that is not understood is refused', async () => {
  const { warm } = warmer([]);
  await assert.rejects(warm({}));
  await assert.rejects(warm({ step: 'find', question, limit: 10_001 }));
});
