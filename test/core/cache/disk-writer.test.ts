import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chunkBytes } from '../../../core/cache/disk-messages.ts';
import { startOf } from '../../../core/purge/command.ts';
import { bodyOf, entryAfter, identity, openDisk, response } from './disk-fixture.ts';

const tagged = response('page', { tags: ['news'] });

test('stores a response under the writer’s cursor as its label', async (t) => {
  const disk = await openDisk(t);
  await disk.purge([{ kind: 'tag', tag: 'other' }]);
  await disk.store(tagged);
  assert.equal(disk.tier.lookup(tagged.key)[0]?.labelSeq, 1);
});

test('keeps a label above the cursor: the worker is ahead of the writer', async (t) => {
  const disk = await openDisk(t);
  await disk.store({ ...tagged, labelSeq: 3 });
  assert.equal(disk.tier.lookup(tagged.key)[0]?.labelSeq, 3);
});

test('drops a response that a hard purge matched while it was on its way', async (t) => {
  const disk = await openDisk(t);
  const write = disk.tier.begin(tagged.key);
  write.append(bodyOf(1000, 'page'));
  write.finish(tagged, 8);
  await disk.purge([{ kind: 'tag', tag: 'news' }]);
  await disk.settle();
  assert.deepEqual([write.state, write.dropReason], ['dropped', 'purged']);
  assert.deepEqual(disk.tier.lookup(tagged.key), []);
});

test('stores as stale, from the time of the purge, what a soft purge matched on its way', async (t) => {
  const disk = await openDisk(t);
  const write = disk.tier.begin(tagged.key);
  write.append(bodyOf(1000, 'page'));
  write.finish(tagged, 8);
  const { atMs } = await disk.purge([{ kind: 'tag', tag: 'news' }], { soft: true });
  await disk.settle();
  const [found] = disk.tier.lookup(tagged.key);
  assert.deepEqual([found?.staleSinceMs, found?.labelSeq], [atMs, 1]);
});

test('stores what was fetched after the purge', async (t) => {
  const disk = await openDisk(t);
  await disk.purge([{ kind: 'everything' }]);
  await disk.store({ ...tagged, labelSeq: 1 });
  assert.equal(disk.tier.lookup(tagged.key)[0]?.staleSinceMs, null);
});

test('judges a 304 by the purges since its own request', async (t) => {
  const disk = await openDisk(t);
  const rowId = (await disk.store(tagged)) ?? 0;
  await disk.purge([{ kind: 'tag', tag: 'news' }], { soft: true });
  disk.tier.update(rowId, { ...tagged, labelSeq: 1, etag: '"2"' });
  await disk.settle();
  const [renewed] = disk.tier.lookup(tagged.key);
  assert.deepEqual([renewed?.etag, renewed?.staleSinceMs], ['"2"', null]);
  disk.tier.update(rowId, { ...tagged, labelSeq: 0, etag: '"3"' });
  await disk.settle();
  assert.notEqual(disk.tier.lookup(tagged.key)[0]?.staleSinceMs, null);
  await disk.purge([{ kind: 'tag', tag: 'news' }]);
  disk.tier.update(rowId, { ...tagged, labelSeq: 1, etag: '"4"' });
  await disk.settle();
  assert.deepEqual(disk.tier.lookup(tagged.key), []);
});

test('stores nothing of another journal, and nothing before there is one', async (t) => {
  const disk = await openDisk(t);
  assert.equal(await disk.store({ ...tagged, identity: 'journal-b' }), null);
  const empty = await openDisk(t, { isFresh: false });
  assert.equal(empty.writer.position(), null);
  assert.equal(await empty.store(tagged), null);
});

test('commits entries and position together, and has both after a restart', async (t) => {
  const disk = await openDisk(t);
  const first = await disk.purge([{ kind: 'tag', tag: 'a' }]);
  const second = await disk.purge([{ kind: 'everything' }], { soft: true });
  disk.close();
  const again = await openDisk(t, { file: disk.file, isFresh: false });
  const position = { identity, seq: 2, hash: second.hash };
  assert.deepEqual(again.writer.position(), position);
  assert.deepEqual(again.writer.entriesFrom(1), {
    position,
    start: startOf(identity),
    entries: [first, second],
  });
  assert.deepEqual(again.writer.entriesFrom(2).entries, [second]);
});

test('rebuilds the index after a restart: an old epoch is still judged by old purges', async (t) => {
  const disk = await openDisk(t);
  await disk.purge([{ kind: 'tag', tag: 'news' }]);
  disk.close();
  const again = await openDisk(t, { file: disk.file, isFresh: false });
  assert.equal(await again.store(tagged), null);
  assert.notEqual(await again.store({ ...tagged, labelSeq: 1 }), null);
});

test('ignores entries that it has, and refuses a gap, a wrong hash and another journal', async (t) => {
  const disk = await openDisk(t);
  const first = await disk.purge([{ kind: 'tag', tag: 'a' }]);
  const at = { identity, seq: 1, hash: first.hash };
  const second = entryAfter(at, [{ kind: 'everything' }]);
  const third = entryAfter({ ...at, seq: 2, hash: second.hash }, [{ kind: 'everything' }]);
  const to = ({ seq, hash }: typeof first) => ({ identity, seq, hash });
  const apply = (entries: (typeof first)[], position = to(entries.at(-1) ?? first)) =>
    disk.writer.control({ type: 'apply', call: 0, entries, position });
  await assert.rejects(apply([third]));
  await assert.rejects(apply([{ ...second, hash: 'wrong' }]));
  await assert.rejects(apply([second], { ...to(second), identity: 'journal-b' }));
  assert.deepEqual(disk.writer.position(), at);
  await apply([first]);
  await apply([first, second, third]);
  assert.deepEqual(disk.writer.position(), to(third));
});

test('a reset replaces the position: rows of the other journal are dead at once and removed by and by', async (t) => {
  const disk = await openDisk(t, { graceMs: 0 });
  await disk.store(tagged);
  const position = { identity: 'journal-b', seq: 7, hash: 'h' };
  await disk.writer.control({ type: 'reset', call: 0, position });
  assert.deepEqual(disk.writer.position(), position);
  assert.equal(disk.tier.lookup(tagged.key)[0]?.identity, identity);
  assert.equal(await disk.store({ ...tagged, identity: 'journal-b', labelSeq: 6 }), null);
  await disk.store(response('new', { identity: 'journal-b', labelSeq: 7 }));
  await disk.clock.advance(65_000);
  assert.deepEqual(disk.tier.lookup(tagged.key), []);
  assert.equal(disk.tier.lookup(response('new').key).length, 1);
});

test('a reset within the same journal kills what is labelled below it', async (t) => {
  const disk = await openDisk(t, { graceMs: 0 });
  await disk.store(tagged);
  await disk.writer.control({ type: 'reset', call: 0, position: { identity, seq: 9, hash: 'h' } });
  await disk.store(response('new', { labelSeq: 9 }));
  await disk.clock.advance(65_000);
  assert.deepEqual(disk.tier.lookup(tagged.key), []);
  assert.equal(disk.tier.lookup(response('new').key)[0]?.labelSeq, 9);
});

test('commits a batch after its time, and at once when it is large', async (t) => {
  const disk = await openDisk(t, { batchMs: 20, batchBytes: 2 * chunkBytes });
  const small = disk.tier.begin(tagged.key);
  small.append(bodyOf(10, 'small'));
  small.finish({ ...tagged, bodyBytes: 10 }, 8);
  await disk.clock.advance(19);
  assert.equal(small.state, 'open');
  await disk.clock.advance(1);
  assert.equal(small.state, 'stored');
  const large = disk.tier.begin(tagged.key);
  large.append(bodyOf(2 * chunkBytes, 'large'));
  assert.ok(large.committedBytes > 0);
});

test('drops writes beyond the bound of the queue, and counts them', async (t) => {
  const disk = await openDisk(t, { maxQueueBytes: 2 * chunkBytes, batchBytes: 64 * chunkBytes });
  const write = disk.tier.begin(tagged.key);
  write.append(bodyOf(3 * chunkBytes, 'page'));
  assert.deepEqual([write.state, write.dropReason], ['dropped', 'queue-full']);
  assert.equal(await disk.counter('breakwater_disk_writes_total'), 1);
  disk.tier.remove([tagged.key]);
  await disk.settle();
  assert.equal(disk.writer.stats().queueBytes, 0);
});

test('refuses a body that is too large before it has all arrived', async (t) => {
  const disk = await openDisk(t, { maxObjectBytes: 2 * chunkBytes });
  const write = disk.tier.begin(tagged.key);
  write.append(bodyOf(2 * chunkBytes, 'page'));
  assert.equal(write.state, 'open');
  write.append(bodyOf(chunkBytes, 'more'));
  assert.deepEqual([write.state, write.dropReason], ['dropped', 'too-large']);
});

test('gives up the writes of a worker that is gone', async (t) => {
  const disk = await openDisk(t, { graceMs: 0 });
  const connection = disk.writer.connect({ post: () => {} });
  connection.receive({ type: 'begin', write: 1, key: tagged.key });
  connection.receive({ type: 'chunk', write: 1, bytes: bodyOf(chunkBytes, 'page') });
  await disk.settle();
  assert.equal(disk.writer.stats().openWrites, 1);
  connection.disconnect();
  await disk.clock.advance(3000);
  assert.equal(disk.writer.stats().openWrites, 0);
  assert.equal(disk.writer.stats().liveBytes + disk.writer.stats().doomedBytes, 0);
});

test('forgets the oldest entries beyond the bound, and counts what they may have matched as purged', async (t) => {
  const disk = await openDisk(t, { maxEntries: 3 });
  for (const tag of ['a', 'b', 'c', 'd', 'e']) await disk.purge([{ kind: 'tag', tag }]);
  const { start, entries } = disk.writer.entriesFrom(0);
  assert.equal(start?.seq, 2);
  assert.deepEqual(
    entries.map(({ seq }) => seq),
    [3, 4, 5],
  );
  assert.equal(await disk.store(response('page', { labelSeq: 1 })), null);
  assert.notEqual(await disk.store(response('page', { labelSeq: 2 })), null);
  disk.close();
  const again = await openDisk(t, { file: disk.file, isFresh: false, maxEntries: 3 });
  assert.equal(again.writer.entriesFrom(0).start?.seq, 2);
});
