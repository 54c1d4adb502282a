import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chunkBytes } from '../../../core/cache/disk-messages.ts';
import { initOf } from '../../../core/cache/entry.ts';
import { bodyOf, openDisk, response } from './disk-fixture.ts';

const sizes = [0, 1, chunkBytes - 1, chunkBytes, chunkBytes + 1, 3 * 2 ** 20];

for (const size of sizes) {
  test(`gives back a body of ${size} bytes, whole and by chunks`, async (t) => {
    const disk = await openDisk(t);
    const body = bodyOf(size, `size-${size}`);
    const init = response('page', { bodyBytes: size, tags: ['a', 'b'] });
    const rowId = await disk.store(init, body);
    const [found, ...others] = disk.tier.lookup(init.key);
    assert.ok(found && others.length === 0);
    assert.deepEqual(initOf(found), init);
    assert.equal(found.rowId, rowId);
    assert.equal(found.body, null);
    assert.ok(disk.tier.body(found.rowId ?? 0, size)?.equals(body));
    const chunks = Array.from({ length: Math.ceil(size / chunkBytes) }, (_, n) =>
      disk.tier.chunk(found.rowId ?? 0, n),
    );
    assert.ok(Buffer.concat(chunks.map((chunk) => chunk ?? Buffer.alloc(0))).equals(body));
    assert.equal(disk.tier.chunk(found.rowId ?? 0, chunks.length), undefined);
  });
}

test('assembles pieces of any size into the same body', async (t) => {
  const disk = await openDisk(t);
  const body = bodyOf(2 * chunkBytes + 12345, 'pieces');
  const write = disk.tier.begin(response('page').key);
  for (let at = 0, length = 1; at < body.length; at += length, length = (length * 7) % 99991) {
    write.append(body.subarray(at, at + length));
  }
  write.finish(response('page', { bodyBytes: body.length }), 8);
  await disk.settle();
  assert.equal(write.state, 'stored');
  assert.ok(disk.tier.body(write.rowId ?? 0, body.length)?.equals(body));
});

test('keeps what is stored over a restart', async (t) => {
  const before = await openDisk(t);
  const init = response('page', { bodyBytes: chunkBytes + 1 });
  await before.store(init);
  before.close();
  const after = await openDisk(t, { file: before.file, isFresh: false });
  const [found] = after.tier.lookup(init.key);
  assert.ok(found);
  assert.deepEqual(initOf(found), init);
  assert.ok(
    after.tier.body(found.rowId ?? 0, init.bodyBytes)?.equals(bodyOf(init.bodyBytes, init.key)),
  );
  assert.equal(after.writer.stats().responses, 1);
  assert.deepEqual(after.writer.position(), before.writer.position());
});

test('shows nothing of a body before it is finished, but lets readers of the flight have its committed chunks', async (t) => {
  const disk = await openDisk(t);
  const body = bodyOf(3 * chunkBytes, 'page');
  const write = disk.tier.begin(response('page').key);
  let progress = 0;
  write.onProgress = () => {
    progress += 1;
  };
  write.append(body.subarray(0, 2 * chunkBytes + 10));
  assert.equal(write.pendingBytes, 2 * chunkBytes);
  await disk.settle();
  assert.deepEqual([write.committedBytes, write.pendingBytes], [2 * chunkBytes, 0]);
  assert.ok(progress > 0);
  assert.deepEqual(disk.tier.lookup(response('page').key), []);
  const second = disk.tier.chunk(write.rowId ?? 0, 1);
  assert.ok(second?.equals(body.subarray(chunkBytes, 2 * chunkBytes)));
  assert.equal(disk.tier.chunk(write.rowId ?? 0, 2), undefined);
});

test('never shows a body that was aborted, and removes its chunks', async (t) => {
  const disk = await openDisk(t, { graceMs: 0 });
  const write = disk.tier.begin(response('page').key);
  write.append(bodyOf(chunkBytes, 'page'));
  await disk.settle();
  write.abort();
  await disk.settle();
  assert.equal(write.state, 'dropped');
  await disk.clock.advance(3000);
  assert.deepEqual(disk.tier.lookup(response('page').key), []);
  assert.equal(disk.tier.chunk(write.rowId ?? 0, 0), undefined);
  assert.equal(disk.writer.stats().liveBytes, 0);
  assert.equal(disk.writer.stats().doomedBytes, 0);
});

test('never stores a body whose length is not what its head says', async (t) => {
  const disk = await openDisk(t);
  const write = disk.tier.begin(response('page').key);
  write.append(bodyOf(999, 'page'));
  write.finish(response('page', { bodyBytes: 1000 }), 8);
  await disk.settle();
  assert.deepEqual([write.state, write.dropReason], ['dropped', 'error']);
  assert.deepEqual(disk.tier.lookup(response('page').key), []);
});

test('replaces the same variant and keeps the others', async (t) => {
  const disk = await openDisk(t);
  const of = (variant: string, etag: string) =>
    response('page', { varyFields: ['accept-language'], variant, etag });
  await disk.store(of('fr', '"1"'));
  await disk.store(of('de', '"2"'));
  await disk.store(of('fr', '"3"'));
  const etags = disk.tier.lookup(response('page').key).map((found) => found.etag);
  assert.deepEqual(etags.sort(), ['"2"', '"3"']);
});

test('drops the oldest variant when there are too many, and counts it', async (t) => {
  const disk = await openDisk(t);
  for (const variant of ['a', 'b', 'c', 'd']) {
    await disk.store(response('page', { varyFields: ['x'], variant }), undefined, 3);
  }
  const variants = disk.tier.lookup(response('page').key).map((found) => found.variant);
  assert.deepEqual(variants.sort(), ['b', 'c', 'd']);
  assert.equal(await disk.counter('breakwater_disk_variant_cap_total'), 1);
});

test('parts lie below the key of their URL: found, replaced by what covers them, removed with it (RFC 9111 §3.3)', async (t) => {
  const disk = await openDisk(t);
  const { key } = response('page');
  const part = (place: string, start: number, bodyBytes: number, variant = '') =>
    disk.store(
      response('page', {
        key: `${key} ${place}`,
        variant,
        bodyBytes,
        part: { start, end: start + bodyBytes - 1, totalBytes: 100 },
      }),
    );
  const found = () => disk.tier.partsOf(key, 9).map(({ part: held }) => held?.start);
  await part('parts', 10, 5);
  await part('parts', 40, 5);
  await part('slice=1', 50, 9);
  const [first] = disk.tier.lookup(`${key} parts`);
  assert.deepEqual([first?.variant, first?.part], ['', { start: 10, end: 14, totalBytes: 100 }]);
  assert.deepEqual(found(), [10, 40, 50]);
  await part('parts', 8, 20);
  await part('parts', 0, 90, 'accept:x\n');
  assert.deepEqual(found(), [40, 50, 8, 0], 'what it covers is gone, but for another variant');
  assert.equal(disk.tier.partsOf(key, 2).length, 2);
  await disk.store(response('page-2'));
  disk.tier.remove([key]);
  await disk.settle();
  assert.deepEqual(found(), []);
  assert.equal(disk.tier.lookup(response('page-2').key).length, 1, 'a longer path is another URL');
});

test('removes all variants of a key, and what is being written under it (RFC 9111 §4.4)', async (t) => {
  const disk = await openDisk(t);
  await disk.store(response('page', { varyFields: ['x'], variant: 'a' }));
  await disk.store(response('page', { varyFields: ['x'], variant: 'b' }));
  await disk.store(response('other'));
  const write = disk.tier.begin(response('page').key);
  write.append(bodyOf(chunkBytes, 'late'));
  disk.tier.remove([response('page').key]);
  write.finish(response('page', { bodyBytes: chunkBytes }), 8);
  await disk.settle();
  assert.deepEqual([write.state, write.dropReason], ['dropped', 'purged']);
  assert.deepEqual(disk.tier.lookup(response('page').key), []);
  assert.equal(disk.tier.lookup(response('other').key).length, 1);
});

test('a 304 renews the head over the same body (RFC 9111 §4.3.4)', async (t) => {
  const disk = await openDisk(t);
  const rowId = (await disk.store(response('page', { tags: ['old'] }))) ?? 0;
  disk.tier.update(rowId, response('page', { etag: '"2"', tags: ['new'] }));
  await disk.settle();
  const [found] = disk.tier.lookup(response('page').key);
  assert.equal(found?.etag, '"2"');
  assert.equal(found?.rowId, rowId);
  assert.ok(disk.tier.body(rowId, 1000)?.equals(bodyOf(1000, response('page').key)));
});

test('ignores a 304 for a row that is gone, is another key’s, or has a body of another length', async (t) => {
  const disk = await openDisk(t);
  const rowId = (await disk.store(response('page'))) ?? 0;
  disk.tier.update(rowId + 1, response('page', { etag: '"2"' }));
  disk.tier.update(rowId, response('other', { etag: '"2"' }));
  disk.tier.update(rowId, response('page', { etag: '"2"', bodyBytes: 1001 }));
  await disk.settle();
  assert.equal(disk.tier.lookup(response('page').key)[0]?.etag, '"1"');
  assert.equal(disk.writer.stats().responses, 1);
});

test('gives up a write when too much of the worker waits for the disk, and says so', async (t) => {
  const disk = await openDisk(t);
  const posted: string[] = [];
  const { createDiskTier } = await import('../../../core/cache/disk-tier.ts');
  const toWriter = { post: (message: { type: string }) => void posted.push(message.type) };
  const tier = createDiskTier({ ...disk, toWriter }, { maxPendingBytes: 2 * chunkBytes });
  const write = tier.begin(response('page').key);
  write.append(bodyOf(3 * chunkBytes, 'page'));
  assert.deepEqual([write.state, write.dropReason], ['dropped', 'queue-full']);
  assert.deepEqual(posted, ['begin', 'chunk', 'chunk', 'abort']);
  assert.equal(await disk.counter('breakwater_disk_refused_writes_total'), 1);
  const next = tier.begin(response('page').key);
  next.append(bodyOf(chunkBytes, 'page'));
  assert.equal(next.state, 'open');
});

test('finishing a write that was dropped calls onProgress, so that nobody waits for ever', async (t) => {
  const disk = await openDisk(t, { maxObjectBytes: chunkBytes });
  const write = disk.tier.begin(response('page').key);
  write.append(bodyOf(2 * chunkBytes, 'page'));
  assert.deepEqual([write.state, write.dropReason], ['dropped', 'too-large']);
  let calls = 0;
  write.onProgress = () => {
    calls += 1;
  };
  write.finish(response('page', { bodyBytes: 2 * chunkBytes }), 8);
  assert.equal(calls, 1);
});
