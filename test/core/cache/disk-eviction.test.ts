import assert from 'node:assert/strict';
import { statSync } from 'node:fs';
import { test } from 'node:test';
import { chunkBytes } from '../../../core/cache/disk-messages.ts';
import { openDatabase } from '../../../core/runtime/sqlite.ts';
import { bodyOf, type Disk, openDisk, response } from './disk-fixture.ts';

const MiB = 2 ** 20;

async function fill(disk: Disk, count: number, bodyBytes: number): Promise<void> {
  for (let n = 0; n < count; n += 1) await disk.store(response(`p${n}`, { bodyBytes }));
}

const visible = (disk: Disk, count: number) =>
  Array.from({ length: count }, (_, n) => n).filter(
    (n) => disk.tier.lookup(response(`p${n}`).key).length > 0,
  );

test('evicts the least recently used first; a touch makes a row young', async (t) => {
  const disk = await openDisk(t, { budgetBytes: 4 * MiB });
  await fill(disk, 3, MiB);
  const [first] = disk.tier.lookup(response('p0').key);
  disk.tier.touch(first?.rowId ?? 0);
  await disk.clock.advance(1000);
  await disk.settle();
  await disk.store(response('p3', { bodyBytes: MiB }));
  assert.deepEqual(visible(disk, 4), [0, 2, 3]);
  assert.equal(await disk.counter('breakwater_disk_evictions_total'), 1);
});

test('keeps visible bytes within the budget, and the file near it, under many writes', async (t) => {
  const budgetBytes = 4 * MiB;
  const disk = await openDisk(t, { budgetBytes });
  for (let n = 0; n < 60; n += 1) {
    await disk.store(response(`p${n}`, { bodyBytes: 300_000 }));
    const { liveBytes, doomedBytes } = disk.writer.stats();
    assert.ok(liveBytes <= budgetBytes, `${liveBytes} live`);
    assert.ok(liveBytes + doomedBytes <= budgetBytes * 1.1, `${liveBytes + doomedBytes} in all`);
  }
  assert.ok(statSync(disk.file).size < budgetBytes * 1.5);
  assert.ok(visible(disk, 60).length >= 12);
});

test('many small rows make room for a large one', async (t) => {
  const disk = await openDisk(t, { budgetBytes: 2 * MiB });
  for (let n = 0; n < 1500; n += 1) {
    const write = disk.tier.begin(response(`s${n}`).key);
    write.append(bodyOf(400, 's'));
    write.finish(response(`s${n}`, { bodyBytes: 400 }), 8);
  }
  await disk.settle();
  assert.ok(disk.writer.stats().liveBytes <= 2 * MiB);
  const before = disk.writer.stats().responses;
  await disk.store(response('large', { bodyBytes: MiB / 2 }));
  assert.equal(disk.tier.lookup(response('large').key).length, 1);
  assert.ok(disk.writer.stats().responses < before);
  assert.ok(disk.writer.stats().liveBytes <= 2 * MiB);
});

test('a doomed body can be read until its grace is over', async (t) => {
  const disk = await openDisk(t, { graceMs: 30_000 });
  const rowId = (await disk.store(response('page', { bodyBytes: 2 * chunkBytes }))) ?? 0;
  disk.tier.remove([response('page').key]);
  await disk.settle();
  assert.deepEqual(disk.tier.lookup(response('page').key), []);
  await disk.clock.advance(29_000);
  assert.ok(disk.tier.chunk(rowId, 1));
  await disk.clock.advance(3000);
  assert.equal(disk.tier.chunk(rowId, 1), undefined);
  assert.deepEqual([disk.writer.stats().liveBytes, disk.writer.stats().doomedBytes], [0, 0]);
});

test('without room for a grace the oldest doomed bodies go at once', async (t) => {
  const disk = await openDisk(t, { budgetBytes: 4 * MiB, graceMs: 30_000 });
  const ids: number[] = [];
  for (let n = 0; n < 8; n += 1) {
    ids.push((await disk.store(response(`p${n}`, { bodyBytes: MiB }))) ?? 0);
  }
  assert.equal(disk.tier.chunk(ids[0] ?? 0, 0), undefined);
  assert.ok(disk.tier.chunk(ids[7] ?? 0, 0));
});

test('writes in progress take no more than half of the budget', async (t) => {
  const disk = await openDisk(t, { budgetBytes: 4 * MiB, maxObjectBytes: 4 * MiB });
  const first = disk.tier.begin(response('a').key);
  const second = disk.tier.begin(response('b').key);
  first.append(bodyOf(1.5 * MiB, 'a'));
  second.append(bodyOf(0.5 * MiB, 'b'));
  await disk.settle();
  first.append(bodyOf(chunkBytes, 'c'));
  assert.deepEqual([first.state, first.dropReason], ['dropped', 'queue-full']);
  second.append(bodyOf(chunkBytes, 'd'));
  assert.equal(second.state, 'open');
});

test('bodies that a crash left unfinished are removed after the start, in the background', async (t) => {
  const disk = await openDisk(t);
  const write = disk.tier.begin(response('page').key);
  write.append(bodyOf(8 * chunkBytes, 'page'));
  await disk.settle();
  disk.close();
  const again = await openDisk(t, { file: disk.file, isFresh: false });
  assert.deepEqual(again.tier.lookup(response('page').key), []);
  assert.equal(again.writer.stats().liveBytes, 8 * chunkBytes);
  await again.clock.advance(3000);
  assert.equal(again.writer.stats().liveBytes, 0);
  assert.equal(again.tier.chunk(write.rowId ?? 0, 0), undefined);
});

test('a body that was finished in a later batch than it was begun in is no leftover', async (t) => {
  const disk = await openDisk(t);
  const body = bodyOf(3 * chunkBytes, 'page');
  const write = disk.tier.begin(response('page').key);
  write.append(body);
  await disk.settle();
  write.finish(response('page', { bodyBytes: body.length }), 8);
  await disk.settle();
  disk.close();
  const again = await openDisk(t, { file: disk.file, isFresh: false });
  await again.clock.advance(60_000);
  assert.ok(again.tier.body(write.rowId ?? 0, body.length)?.equals(body));
});

test('what a crash left behind goes before anything that is visible', async (t) => {
  const disk = await openDisk(t, { budgetBytes: 8 * MiB, maxObjectBytes: 4 * MiB });
  await fill(disk, 3, MiB);
  disk.tier.begin(response('lost').key).append(bodyOf(3 * MiB, 'lost'));
  await disk.settle();
  disk.close();
  const again = await openDisk(t, { file: disk.file, isFresh: false, budgetBytes: 4 * MiB });
  await again.store(response('new'));
  await again.clock.advance(3000);
  assert.deepEqual(visible(again, 3), [0, 1, 2]);
});

test('gives the file’s pages back when far less is stored than before', async (t) => {
  const disk = await openDisk(t, { budgetBytes: 16 * MiB, graceMs: 0 });
  await fill(disk, 12, MiB);
  disk.tier.remove(Array.from({ length: 12 }, (_, n) => response(`p${n}`).key));
  await disk.settle();
  await disk.clock.advance(10_000);
  disk.close();
  assert.ok(statSync(disk.file).size < 4 * MiB, `${statSync(disk.file).size}`);
});

test('a tier without a budget stores nothing, and still keeps the cursor', async (t) => {
  const disk = await openDisk(t, { budgetBytes: 0 });
  assert.equal(await disk.store(response('page')), null);
  await disk.store(response('empty', { bodyBytes: 0 }));
  await disk.clock.advance(2000);
  assert.equal(disk.writer.stats().responses, 0);
  await disk.purge([{ kind: 'everything' }]);
  assert.equal(disk.writer.position()?.seq, 1);
});

test('a write-ahead log that readers have kept from being emptied is emptied once they are gone', async (t) => {
  const disk = await openDisk(t, { walLimitBytes: 2 * MiB });
  const reader = openDatabase(disk.file, { readonly: true });
  reader.exec('begin; select * from state');
  await fill(disk, 20, MiB);
  const wal = `${disk.file}-wal`;
  assert.ok(statSync(wal).size > 2 * MiB);
  reader.close();
  await disk.clock.advance(2000);
  assert.ok(statSync(wal).size <= 2 * MiB);
});
