/** Rules of purge-api/token-limits.ts. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PurgeToken } from '../../core/topology/schema.ts';
import { createTokenLimits, limitHeaders } from '../../purge-api/token-limits.ts';
import { createFakeClock } from '../support/fake-clock.ts';

const token = (name: string, purges?: number): PurgeToken => ({
  name,
  secret: `secret of ${name}`,
  hosts: ['*'],
  ...(purges === undefined ? {} : { limit: { purges, perMs: 60_000 } }),
});

function setUp(...tokens: PurgeToken[]) {
  const clock = createFakeClock();
  const limits = createTokenLimits({ clock }, tokens);
  const isAllowed = (name: string) => limits.take(name)?.isAllowed;
  return { clock, limits, isAllowed };
}

test('a burst of the whole quota is taken, and one more is not', () => {
  const { isAllowed } = setUp(token('a', 3));
  assert.deepEqual(
    [1, 2, 3, 4].map(() => isAllowed('a')),
    [true, true, true, false],
  );
});

test('a bucket fills evenly, and never over its quota', async () => {
  const { clock, isAllowed, limits } = setUp(token('a', 3));
  for (let n = 0; n < 3; n += 1) isAllowed('a');
  assert.equal(limits.take('a')?.nextMs, 20_000);
  await clock.advance(19_999);
  assert.equal(isAllowed('a'), false);
  await clock.advance(1);
  assert.deepEqual([isAllowed('a'), isAllowed('a')], [true, false]);
  await clock.advance(3_600_000);
  assert.deepEqual(
    [1, 2, 3, 4].map(() => isAllowed('a')),
    [true, true, true, false],
  );
});

test('tokens do not count for each other; one without a limit has none', () => {
  const { isAllowed, limits } = setUp(token('a', 1), token('b', 1), token('free'));
  assert.deepEqual([isAllowed('a'), isAllowed('b'), isAllowed('a')], [true, true, false]);
  assert.equal(limits.take('free'), undefined);
  assert.equal(limits.take('nobody'), undefined);
});

test('what came to nothing is given back', () => {
  const { isAllowed, limits } = setUp(token('a', 1));
  isAllowed('a');
  limits.giveBack('a');
  assert.deepEqual([isAllowed('a'), isAllowed('a')], [true, false]);
});

test('a reload keeps the bucket of a limit that stays, and fills that of a new one', () => {
  const { isAllowed, limits } = setUp(token('a', 1), token('b', 1));
  for (const name of ['a', 'b']) isAllowed(name);
  limits.update([token('a', 1), token('b', 2)]);
  assert.deepEqual([isAllowed('a'), isAllowed('b')], [false, true]);
  limits.update([token('a')]);
  assert.deepEqual([isAllowed('a'), isAllowed('b')], [undefined, undefined]);
});

test('the fields tell quota, what is left, and when to come again', () => {
  const allowance = { isAllowed: true, remaining: 2, nextMs: 20_000, quota: 3, perMs: 60_000 };
  assert.deepEqual(limitHeaders(allowance), {
    'ratelimit-policy': '"purges";q=3;w=60',
    ratelimit: '"purges";r=2;t=20',
  });
  const over = { ...allowance, isAllowed: false, remaining: 0, nextMs: 100 };
  assert.equal(limitHeaders(over)['retry-after'], '1');
});
