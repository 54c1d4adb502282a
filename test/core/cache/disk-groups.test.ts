/** Rules of the disk tier for groups that were invalidated (RFC 9875 §3): core/cache/disk-batch.ts, disk-queue.ts, disk-store.ts. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { groupRowsAtOnce } from '../../../core/cache/disk-queue.ts';
import { openDatabase } from '../../../core/runtime/sqlite.ts';
import { bodyOf, type Disk, openDisk, response } from './disk-fixture.ts';

const news = { host: 'www.demo.test', groups: ['news', 'sport'] };

/** Removes the groups; resolves when that is committed. */
async function remove(disk: Disk, keys: string[] = []): Promise<void> {
  const removed = new Promise<void>((resolve) => disk.tier.remove(keys, resolve, news));
  await disk.settle();
  await removed;
}

const isVisible = (disk: Disk, name: string) =>
  disk.tier.lookup(response(name).key).some(({ variant }) => variant === '');

test('what is in a group goes, with the keys of the same order, and nothing else', async (t) => {
  const disk = await openDisk(t);
  await disk.store(response('member', { tags: ['x', 'sport'] }));
  await disk.store(response('both', { tags: ['news', 'sport'] }));
  await disk.store(response('similar', { tags: ['News', 'news '] }));
  await disk.store(response('elsewhere', { host: 'other.test', tags: ['news'] }));
  await disk.store(response('named'));
  await remove(disk, [response('named').key]);
  const left = ['member', 'both', 'similar', 'elsewhere', 'named'].filter((name) =>
    isVisible(disk, name),
  );
  assert.deepEqual(left, ['similar', 'elsewhere']);
  assert.equal(await disk.counter('breakwater_disk_removals_total'), 3);
});

test('a variant goes by its own groups only', async (t) => {
  const disk = await openDisk(t);
  await disk.store(response('page', { varyFields: ['x'], variant: 'a', tags: ['news'] }));
  await disk.store(response('page', { varyFields: ['x'], variant: 'b', tags: ['other'] }));
  await remove(disk);
  const left = disk.tier.lookup(response('page').key).map(({ variant }) => variant);
  assert.deepEqual(left, ['b']);
});

test('many of them go in portions, between which the writer does other things; then it is confirmed', async (t) => {
  const disk = await openDisk(t);
  const count = 2 * groupRowsAtOnce + 1;
  for (let n = 0; n < count; n += 1) {
    const write = disk.tier.begin(response(`p${n}`).key);
    write.append(bodyOf(10, 'x'));
    write.finish(response(`p${n}`, { bodyBytes: 10, tags: ['news'] }), 8);
  }
  await disk.settle();
  let isRemoved = false;
  disk.tier.remove(
    [],
    () => {
      isRemoved = true;
    },
    news,
  );
  const steps: number[] = [];
  const look = () => {
    steps.push(disk.writer.stats().responses);
    if (!isRemoved) disk.clock.after(0, look);
  };
  disk.clock.after(0, look);
  await disk.clock.advance(0);
  assert.deepEqual(steps, [count - groupRowsAtOnce, 1, 0]);
});

test('a row whose head is damaged goes as well, by what is listed of it', async (t) => {
  const disk = await openDisk(t);
  await disk.store(response('damaged', { tags: ['news'] }));
  await disk.store(response('good', { tags: ['news'] }));
  const other = openDatabase(disk.file, {});
  other.prepare(`update responses set head = '{}' where key like '%damaged'`).run();
  other.close();
  await remove(disk);
  await remove(disk);
  assert.equal(disk.writer.stats().responses, 0);
});

test('a URL goes with all its slices, in portions, and nothing beside it', async (t) => {
  const disk = await openDisk(t);
  const { key } = response('film');
  const count = groupRowsAtOnce + 1;
  const keys = Array.from({ length: count }, (_, n) => `${key} slice=${n}`);
  for (const name of [...keys, key, `${key}!`, `${key}2`, `${key}2 slice=0`]) {
    const write = disk.tier.begin(name);
    write.append(bodyOf(10, 'x'));
    write.finish({ ...response('film', { bodyBytes: 10 }), key: name }, 8);
  }
  await disk.settle();
  assert.equal(disk.writer.stats().responses, count + 4);
  const steps: number[] = [];
  let isRemoved = false;
  disk.tier.remove([key], () => {
    isRemoved = true;
  });
  const look = () => {
    steps.push(disk.writer.stats().responses);
    if (!isRemoved) disk.clock.after(0, look);
  };
  disk.clock.after(0, look);
  await disk.clock.advance(0);
  assert.deepEqual(steps, [count + 4 - groupRowsAtOnce, 3]);
});

test('a slice that is being written when its URL is dropped does not become visible (RFC 9111 §4.4)', async (t) => {
  const disk = await openDisk(t);
  const { key } = response('film');
  const write = disk.tier.begin(`${key} slice=3`);
  write.append(bodyOf(300_000, 'x'));
  await disk.settle();
  disk.tier.remove([key]);
  await disk.settle();
  write.finish({ ...response('film', { bodyBytes: 300_000 }), key: `${key} slice=3` }, 8);
  await disk.settle();
  assert.equal(disk.writer.stats().responses, 0);
});
