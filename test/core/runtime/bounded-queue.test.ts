import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createBoundedQueue } from '../../../core/runtime/bounded-queue.ts';

test('first in, first out, whatever is added and taken in between', () => {
  fc.assert(
    fc.property(fc.array(fc.option(fc.nat(50)), { maxLength: 600 }), (steps) => {
      const queue = createBoundedQueue<number>({ maxItems: 300, maxBytes: 4000 });
      const model: number[] = [];
      const bytes = () => model.reduce((sum, item) => sum + item, 0);
      for (const step of steps) {
        if (step === null) assert.equal(queue.shift(), model.shift());
        else {
          const hasRoom = model.length < 300 && bytes() + step <= 4000;
          assert.equal(queue.push(step, step), hasRoom);
          if (hasRoom) model.push(step);
        }
        assert.deepEqual([queue.length, queue.bytes], [model.length, bytes()]);
      }
    }),
  );
});

test('what exceeds the count or the bytes is refused and counted, and does not count itself', () => {
  let refused = 0;
  const queue = createBoundedQueue<string>({
    maxItems: 2,
    maxBytes: 10,
    onFull: () => {
      refused += 1;
    },
  });
  assert.equal(queue.push('a', 10), true);
  assert.equal(queue.push('b', 1), false);
  assert.equal(queue.push('c'), true);
  assert.equal(queue.push('d'), false);
  assert.deepEqual([queue.length, queue.bytes, refused], [2, 10, 2]);
  assert.equal(queue.shift(), 'a');
  assert.equal(queue.push('e', 10), true);
});

test('a thousand items that pass through leave nothing behind', () => {
  const queue = createBoundedQueue<number>({ maxItems: 3 });
  for (let item = 0; item < 1000; item += 1) {
    queue.push(item, 1);
    assert.equal(queue.shift(), item);
  }
  assert.deepEqual([queue.shift(), queue.length, queue.bytes], [undefined, 0, 0]);
});
