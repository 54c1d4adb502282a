/** Rules of core/cache/memory-hottest.ts. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hottestInMemory } from '../../../core/cache/memory-hottest.ts';
import { createMemoryTier } from '../../../core/cache/memory-tier.ts';
import { createPurgeIndex } from '../../../core/purge/index.ts';
import { createFakeClock } from '../../support/fake-clock.ts';
import { journal, responseWith } from '../../support/responses.ts';
import { normalise } from './disk-fixture.ts';

const host = 'www.demo.test';
const keyOf = (path: string) => `http://${host}${path}`;
const page = (path: string, tags: string[]) =>
  responseWith({ key: keyOf(path), url: `${host}${path}`, host, tags }, 'body');

async function find(paths: string[], onDisk: string[], limit: number, limitMs = 1000) {
  const clock = createFakeClock();
  const memory = createMemoryTier({ budgetBytes: 10_000_000 });
  for (const path of paths) memory.put(page(path, path.startsWith('/n') ? ['news'] : []), 8);
  const index = createPurgeIndex({ identity: journal, maxEntries: 100 }, normalise);
  // Asked for as often as its path is long.
  const heat = { of: (key: string) => key.length };
  const found = hottestInMemory(
    { clock, memory, index, normalise, heat },
    {
      question: { soft: false, scope: ['*'], selectors: [{ kind: 'tag', tag: 'news' }] },
      onDisk: onDisk.map((path) => ({ key: keyOf(path), variant: '' })),
      limit,
      limitMs,
    },
  );
  let isDone = false;
  void found.finally(() => {
    isDone = true;
  });
  for (let turn = 0; turn < 1000 && !isDone; turn += 1) await clock.advance(1);
  const { responses, isComplete } = await found;
  return { paths: responses.map(({ key }) => key.slice(keyOf('').length)), isComplete };
}

test('the hottest of memory and disk come first, each once, and nothing that the purge spares', async () => {
  const found = await find(['/n', '/nnn', '/other'], ['/nnn', '/disk-only'], 10);
  assert.deepEqual(found, { paths: ['/disk-only', '/nnn', '/n'], isComplete: true });
  assert.deepEqual((await find(['/n', '/nn'], [], 1)).paths, ['/nn']);
});

test('it ends when its time is over, and says so', async () => {
  const many = Array.from({ length: 1200 }, (_, n) => `/n${n}`);
  assert.equal((await find(many, [], 10, 0)).isComplete, false);
});
