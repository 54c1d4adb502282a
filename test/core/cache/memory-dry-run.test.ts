/** Rules of core/cache/memory-dry-run.ts. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { StoredResponse } from '../../../core/cache/entry.ts';
import { dryRunInMemory } from '../../../core/cache/memory-dry-run.ts';
import { createMemoryTier } from '../../../core/cache/memory-tier.ts';
import { chainHash, type Selector } from '../../../core/purge/command.ts';
import { imaginedEntry } from '../../../core/purge/dry-run.ts';
import { createPurgeIndex } from '../../../core/purge/index.ts';
import { createFakeClock } from '../../support/fake-clock.ts';
import { journal, responseWith } from '../../support/responses.ts';
import { normalise } from './disk-fixture.ts';

const host = 'www.demo.test';
const page = (path: string, tags: string[] = []) =>
  responseWith({ key: `http://${host}${path}`, url: `${host}${path}`, host, tags }, 'body');

function setUp(entries: StoredResponse[], onDisk: StoredResponse[] = []) {
  const clock = createFakeClock();
  const memory = createMemoryTier({ budgetBytes: 10_000_000 });
  for (const entry of entries) memory.put(entry, 8);
  const index = createPurgeIndex({ identity: journal, maxEntries: 100 }, normalise);
  const disk = { lookup: (key: string) => onDisk.filter((row) => row.key === key) };
  const ask = async (selectors: Selector[], limitMs = 1000, scope = ['*']) => {
    const finding = dryRunInMemory(
      { clock, memory, disk, index, normalise },
      { soft: false, scope, selectors },
      limitMs,
    );
    let isDone = false;
    void finding.finally(() => {
      isDone = true;
    });
    for (let turn = 0; turn < 1000 && !isDone; turn += 1) await clock.advance(1);
    return finding;
  };
  return { memory, index, ask };
}

test('names what the purge would match, by the judgement of the purge itself', async () => {
  const { ask, memory } = setUp([page('/a', ['news']), page('/b')]);
  const found = await ask([{ kind: 'tag', tag: 'news' }]);
  assert.deepEqual(found, { names: [`http://${host}/a\n`], isComplete: true });
  assert.equal(memory.count, 2);
  assert.deepEqual((await ask([{ kind: 'everything' }], 1000, ['other.test'])).names, []);
});

test('leaves out what is on disk too, and what a purge has killed already', async () => {
  const dead = page('/dead');
  const { ask, index } = setUp([page('/both'), page('/here'), dead], [page('/both')]);
  const entry = imaginedEntry(
    { soft: false, scope: ['*'], selectors: [{ kind: 'url', url: dead.key }] },
    1,
  );
  index.apply({ ...entry, hash: chainHash('', entry) });
  assert.deepEqual((await ask([{ kind: 'everything' }])).names, [`http://${host}/here\n`]);
});

test('gives turns away between its steps, and ends when its time is over', async () => {
  const { ask } = setUp(Array.from({ length: 1200 }, (_, n) => page(`/${n}`)));
  const found = await ask([{ kind: 'everything' }], 0);
  assert.deepEqual([found.names.length, found.isComplete], [500, false]);
  assert.equal((await ask([{ kind: 'everything' }])).names.length, 1200);
});
