/** Rules of core/cache/heat.ts. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createHeat } from '../../../core/cache/heat.ts';

const noteTimes = (heat: ReturnType<typeof createHeat>, key: string, times: number) => {
  for (let time = 0; time < times; time += 1) heat.note(key);
};

test('counts how often each URL was asked for; one that nobody asked for is cold', () => {
  const heat = createHeat();
  noteTimes(heat, 'a', 3);
  heat.note('b');
  assert.deepEqual([heat.of('a'), heat.of('b'), heat.of('c')], [3, 1, 0]);
});

test('a scan over many URLs is bounded, counted, and does not push out what is hot', () => {
  let full = 0;
  const heat = createHeat({
    maxKeys: 10,
    onFull() {
      full += 1;
    },
  });
  noteTimes(heat, 'hot', 50);
  for (let n = 0; n < 25; n += 1) {
    heat.note(`scan ${n}`);
    assert.ok(heat.size <= 10);
  }
  assert.ok(full > 0);
  assert.ok(heat.of('hot') > 1);
  assert.equal(heat.of('scan 0'), 0);
});

test('where all are hot a newcomer finds no room the first time, and does the second', () => {
  const heat = createHeat({ maxKeys: 2 });
  noteTimes(heat, 'a', 3);
  noteTimes(heat, 'b', 3);
  heat.note('new');
  assert.deepEqual([heat.of('a'), heat.of('b'), heat.of('new')], [1, 1, 0]);
  heat.note('new');
  assert.equal(heat.of('new'), 1);
});

test('old fame fades with the number of requests', () => {
  const heat = createHeat({ maxKeys: 2 });
  noteTimes(heat, 'old', 8);
  noteTimes(heat, 'now', 12);
  assert.deepEqual([heat.of('old'), heat.of('now')], [4, 6]);
});
