/** Rules of core/cache-node/dry-run-node.ts. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { MemoryFinding } from '../../../core/cache/memory-dry-run.ts';
import { createDryRun } from '../../../core/cache-node/dry-run-node.ts';
import type { DryRunFinding } from '../../../core/purge/dry-run.ts';

const question = { soft: false, scope: ['*'], selectors: [{ kind: 'everything' }] };
const inMemory = (...names: string[]): MemoryFinding => ({ names, isComplete: true });

function dryRun(workers: (MemoryFinding | undefined)[], disk?: DryRunFinding) {
  const writer = disk && { dryRun: async () => disk };
  return createDryRun({ dryRun: async () => workers }, writer);
}

test('what several workers hold in memory counts once, beside what is on disk', async () => {
  const disk = { matched: 5, isComplete: true, examples: ['http://a.test/disk'] };
  const ask = dryRun([inMemory('http://a.test/1\n'), inMemory('http://a.test/1\n')], disk);
  assert.deepEqual(await ask(question), {
    matched: 6,
    isComplete: true,
    examples: ['http://a.test/disk', 'http://a.test/1'],
  });
});

test('a worker that does not answer makes it "at least so many"', async () => {
  const found = await dryRun([inMemory('http://a.test/1\n'), undefined])(question);
  assert.deepEqual([found.matched, found.isComplete], [1, false]);
});

test('a question that is not understood is refused', async () => {
  await assert.rejects(dryRun([])({ ...question, selectors: [] }));
  await assert.rejects(dryRun([])({}));
});

test('of many at once some are refused, and later ones are not', async () => {
  const gate = Promise.withResolvers<MemoryFinding[]>();
  const ask = createDryRun({ dryRun: () => gate.promise }, undefined);
  const all = Promise.allSettled([ask(question), ask(question), ask(question)]);
  gate.resolve([inMemory()]);
  const outcomes = (await all).map(({ status }) => status);
  assert.deepEqual(outcomes, ['fulfilled', 'fulfilled', 'rejected']);
  assert.equal((await ask(question)).matched, 0);
});
