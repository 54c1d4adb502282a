/** Rules of core/cache/disk-hottest.ts. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DiskHottest } from '../../../core/cache/disk-hottest.ts';
import { initWith } from '../../support/responses.ts';
import { type Disk, openDisk } from './disk-fixture.ts';

const host = 'www.demo.test';
const page = (path: string, more: Parameters<typeof initWith>[0] = {}) =>
  initWith({ key: `http://${host}${path}`, url: `${host}${path}`, host, bodyBytes: 3, ...more });

async function ask(disk: Disk, limit: number, limitMs = 1500): Promise<DiskHottest> {
  const question = { soft: false, scope: ['*'], selectors: [{ kind: 'everything' as const }] };
  const found = disk.writer.hottest(question, limit, limitMs);
  let isDone = false;
  void found.finally(() => {
    isDone = true;
  });
  for (let turn = 0; turn < 10_000 && !isDone; turn += 1) await disk.clock.advance(1);
  return found;
}

test('names what a purge will match, the most recently used first, and no part of a body', async (t) => {
  const disk = await openDisk(t);
  t.after(() => disk.close());
  for (const path of ['/a', '/b', '/c']) await disk.store(page(path));
  await disk.store(page('/b', { variant: 'accept-language:fr\n' }));
  const part = { start: 0, end: 2, totalBytes: 9 };
  await disk.store(page('/d', { key: `http://${host}/d parts`, part }));
  await disk.purge([{ kind: 'url', url: `http://${host}/c` }]);
  const found = await ask(disk, 10);
  assert.deepEqual(found, {
    responses: [
      { key: `http://${host}/b`, variant: 'accept-language:fr\n' },
      { key: `http://${host}/b`, variant: '' },
      { key: `http://${host}/a`, variant: '' },
    ],
    isComplete: true,
  });
  assert.equal((await ask(disk, 1)).responses.length, 1);
});
