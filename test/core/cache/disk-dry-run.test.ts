/** Rules of core/cache/disk-dry-run.ts. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { Selector } from '../../../core/purge/command.ts';
import type { DryRunFinding } from '../../../core/purge/dry-run.ts';
import { initWith } from '../../support/responses.ts';
import { type Disk, openDisk } from './disk-fixture.ts';

const host = 'www.demo.test';
const page = (path: string, more: Parameters<typeof initWith>[0] = {}) =>
  initWith({ key: `http://${host}${path}`, url: `${host}${path}`, host, bodyBytes: 3, ...more });

/** Asks, and lets the steps of it be due. */
async function ask(
  disk: Disk,
  selectors: Selector[],
  more: { soft?: boolean; scope?: string[]; limitMs?: number } = {},
): Promise<DryRunFinding> {
  const { soft = false, scope = ['*'], limitMs = 1500 } = more;
  const finding = disk.writer.dryRun({ soft, scope, selectors }, limitMs);
  let isDone = false;
  void finding.finally(() => {
    isDone = true;
  });
  for (let turn = 0; turn < 10_000 && !isDone; turn += 1) {
    await disk.clock.advance(1);
    await Promise.resolve();
  }
  return finding;
}

async function filled(t: TestContext): Promise<Disk> {
  const disk = await openDisk(t);
  t.after(() => disk.close());
  await disk.store(page('/a/1', { tags: ['news'] }));
  await disk.store(page('/a/2', { tags: ['news', 'sport'] }));
  await disk.store(page('/b'));
  return disk;
}

test('each stored response counts once, however many selectors match it, and none is touched', async (t) => {
  const disk = await filled(t);
  const found = await ask(disk, [
    { kind: 'tag', tag: 'news' },
    { kind: 'tag', tag: 'sport' },
    { kind: 'prefix', prefix: `http://${host}/a/` },
  ]);
  assert.equal(found.matched, 2);
  assert.equal(found.isComplete, true);
  assert.deepEqual(found.examples.sort(), [`http://${host}/a/1`, `http://${host}/a/2`]);
  assert.equal(disk.writer.position()?.seq, 0);
  assert.equal(disk.reader.lookup(`http://${host}/a/1`).length, 1);
  assert.deepEqual(disk.reports, [], 'no count of a purge');
});

test('what a purge has killed already, and the sweeper has not removed yet, does not count', async (t) => {
  const disk = await filled(t);
  await disk.purge([{ kind: 'url', url: `http://${host}/a/1` }]);
  assert.equal((await ask(disk, [{ kind: 'tag', tag: 'news' }])).matched, 1);
  assert.equal((await ask(disk, [{ kind: 'everything' }])).matched, 2);
});

test('a soft one counts the same, and outside the scope of the token nothing does', async (t) => {
  const disk = await filled(t);
  const everything: Selector[] = [{ kind: 'everything' }];
  assert.equal((await ask(disk, everything, { soft: true })).matched, 3);
  assert.equal((await ask(disk, everything, { scope: ['other.test'] })).matched, 0);
  assert.equal((await ask(disk, [{ kind: 'tag', tag: 'news' }], { scope: [host] })).matched, 2);
});

test('the parts of a URL count with it, and so they do when it is purged', async (t) => {
  const disk = await filled(t);
  await disk.store(page('/b', { key: `http://${host}/b parts`, variant: 'x' }));
  const url: Selector[] = [{ kind: 'url', url: `http://${host}/b` }];
  assert.equal((await ask(disk, url)).matched, 2);
  await disk.purge(url);
  await disk.clock.advance(2000);
  assert.deepEqual(disk.reports.at(0), { type: 'matched', seq: 1, responses: 2 });
});

test('when the time is over it says at least how many, and a few examples only', async (t) => {
  const disk = await openDisk(t);
  t.after(() => disk.close());
  for (let n = 0; n < 700; n += 1) await disk.store(page(`/${n}`));
  const found = await ask(disk, [{ kind: 'everything' }], { limitMs: 0 });
  assert.deepEqual([found.matched, found.isComplete], [300, false]);
  assert.equal(found.examples.length, 10);
});
