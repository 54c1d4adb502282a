import assert from 'node:assert/strict';
import {
  closeSync,
  openSync,
  readdirSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { test } from 'node:test';
import { chunkBytes } from '../../../core/cache/disk-messages.ts';
import { chunkId } from '../../../core/cache/disk-schema.ts';
import { openDatabase } from '../../../core/runtime/sqlite.ts';
import { createFakeClock } from '../../support/fake-clock.ts';
import { bodyOf, type Disk, openDisk, response, temporaryFile } from './disk-fixture.ts';

const damagedFiles = (file: string) =>
  readdirSync(dirname(file)).filter((name) => /damaged-\d+$/.test(name));

/** Runs SQL on the file behind the tier's back. */
function tamper(file: string, sql: string, ...values: unknown[]): void {
  const database = openDatabase(file);
  database.prepare(sql).run(...values);
  database.close();
}

/** Overwrites everything behind the first page with garbage. */
function garble(file: string): void {
  const descriptor = openSync(file, 'r+');
  const { size } = statSync(file);
  for (let at = 16384; at < size; at += 16384) {
    writeSync(descriptor, bodyOf(16384, `${at}`), 0, 16384, at);
  }
  closeSync(descriptor);
}

/** Moves everything out of the write-ahead log, so that the pages are read from the file itself. */
function checkpoint(file: string): void {
  const database = openDatabase(file);
  database.pragma('wal_checkpoint(TRUNCATE)');
  database.close();
}

async function stored(disk: Disk, bodyBytes = 3 * chunkBytes): Promise<number> {
  const rowId = await disk.store(response('page', { bodyBytes }));
  assert.ok(rowId !== null);
  return rowId;
}

test('a flipped byte in a chunk is a counted miss, and the row is removed', async (t) => {
  const disk = await openDisk(t);
  const rowId = await stored(disk);
  const bytes = bodyOf(3 * chunkBytes, response('page').key).subarray(chunkBytes, 2 * chunkBytes);
  bytes[1000] = (bytes[1000] ?? 0) ^ 1;
  tamper(disk.file, 'update chunks set bytes = ? where id = ?', bytes, chunkId(rowId, 1));
  assert.ok(disk.tier.chunk(rowId, 0));
  assert.equal(disk.tier.chunk(rowId, 1), undefined);
  assert.equal(disk.tier.body(rowId, 3 * chunkBytes), undefined);
  assert.equal(await disk.counter('breakwater_disk_damaged_rows_total'), 2);
  await disk.settle();
  assert.deepEqual(disk.tier.lookup(response('page').key), []);
});

test('the right bytes in the place of another chunk are a counted miss', async (t) => {
  const disk = await openDisk(t);
  const rowId = await stored(disk);
  const copy = `update chunks set (crc, bytes) = (select crc, bytes from chunks where id = ?) where id = ?`;
  tamper(disk.file, copy, chunkId(rowId, 0), chunkId(rowId, 1));
  assert.equal(disk.tier.chunk(rowId, 1), undefined);
  assert.equal(await disk.counter('breakwater_disk_damaged_rows_total'), 1);
});

test('a body with a missing chunk is no body', async (t) => {
  const disk = await openDisk(t);
  const rowId = await stored(disk);
  tamper(disk.file, 'delete from chunks where id = ?', chunkId(rowId, 1));
  assert.equal(disk.tier.body(rowId, 3 * chunkBytes), undefined);
  const other = await disk.store(response('other', { bodyBytes: 2 * chunkBytes }));
  tamper(disk.file, 'delete from chunks where id = ?', chunkId(other ?? 0, 1));
  assert.equal(disk.tier.body(other ?? 0, 2 * chunkBytes), undefined);
});

const headChanges: [string, string][] = [
  ['the head', `update responses set head = replace(head, 'OK', 'KO')`],
  ['the label', 'update responses set label_seq = label_seq + 1'],
  ['the stale mark', 'update responses set stale_since_ms = 1'],
  ['the length', 'update responses set body_bytes = 5'],
  ['the variant', `update responses set variant = 'x'`],
  ['the identity', `update responses set identity = 'journal-b'`],
];
for (const [what, sql] of headChanges) {
  test(`a change of ${what} that did not come from the writer is a counted miss`, async (t) => {
    const disk = await openDisk(t);
    await stored(disk);
    tamper(disk.file, sql);
    assert.deepEqual(disk.tier.lookup(response('page').key), []);
    assert.equal(await disk.counter('breakwater_disk_damaged_rows_total'), 1);
    await disk.settle();
    assert.equal(disk.writer.stats().responses, 0);
  });
}

test('a row that an index gives for another key is a counted miss', async (t) => {
  const disk = await openDisk(t);
  await stored(disk);
  tamper(disk.file, 'update responses set key = ?', response('other').key);
  assert.deepEqual(disk.tier.lookup(response('other').key), []);
  assert.equal(await disk.counter('breakwater_disk_damaged_rows_total'), 1);
});

for (const [what, content] of [
  ['garbage', bodyOf(100_000, 'garbage')],
  ['a few bytes', Buffer.from('not a database')],
] as const) {
  test(`${what} in place of the file is set aside and counted, and the node begins empty`, async (t) => {
    const file = temporaryFile(t);
    writeFileSync(file, content);
    const disk = await openDisk(t, { file });
    assert.equal(damagedFiles(file).length, 1);
    assert.equal(await disk.counter('breakwater_disk_damaged_files_total'), 1);
    assert.notEqual(await disk.store(response('page')), null);
  });
}

test('an empty file is no damage', async (t) => {
  const file = temporaryFile(t);
  writeFileSync(file, '');
  const disk = await openDisk(t, { file, isFresh: false });
  assert.deepEqual([damagedFiles(file).length, disk.writer.position()], [0, null]);
});

test('a file that was cut short is set aside', async (t) => {
  const disk = await openDisk(t);
  await stored(disk);
  disk.close();
  truncateSync(disk.file, Math.floor(statSync(disk.file).size / 2));
  const again = await openDisk(t, { file: disk.file, isFresh: false });
  assert.equal(damagedFiles(disk.file).length, 1);
  assert.equal(again.writer.position(), null);
  assert.deepEqual(again.tier.lookup(response('page').key), []);
});

for (const [what, sql] of [
  [
    'position',
    `update state set value = replace(value, '"seq":1', '"seq":2') where name = 'position'`,
  ],
  ['journal', `update journal set entry = replace(entry, 'news', 'olds')`],
  ['journal (an entry is missing)', 'delete from journal where seq = 1'],
] as const) {
  test(`a damaged ${what} is never believed`, async (t) => {
    const disk = await openDisk(t);
    await disk.purge([{ kind: 'tag', tag: 'news' }]);
    disk.close();
    tamper(disk.file, sql);
    const again = await openDisk(t, { file: disk.file, isFresh: false });
    assert.equal(again.writer.position(), null);
    assert.equal(await again.counter('breakwater_disk_damaged_files_total'), 1);
  });
}

test('keeps the two newest damaged files', async (t) => {
  const file = temporaryFile(t);
  const clock = createFakeClock();
  for (let n = 0; n < 4; n += 1) {
    writeFileSync(file, bodyOf(50_000, `garbage ${n}`));
    const disk = await openDisk(t, { file, clock });
    disk.close();
    clock.stepWall(1000);
  }
  const expected = [2000, 3000].map((ms) => `cache.db.damaged-${Date.UTC(2026, 0, 1) + ms}`);
  assert.deepEqual(damagedFiles(file).sort(), expected);
});

test('a file of another layout is discarded', async (t) => {
  const disk = await openDisk(t);
  await stored(disk);
  disk.close();
  const database = openDatabase(disk.file);
  database.pragma('user_version = 99');
  database.close();
  const again = await openDisk(t, { file: disk.file, isFresh: false });
  assert.equal(again.writer.position(), null);
  assert.equal(damagedFiles(disk.file).length, 0);
});

test('damage that a reader meets replaces the file while the node runs; the cursor is kept', async (t) => {
  const disk = await openDisk(t);
  const oldRow = await stored(disk);
  await disk.purge([{ kind: 'tag', tag: 'a' }]);
  const position = disk.writer.position();
  checkpoint(disk.file);
  garble(disk.file);
  disk.reader.reopen(1);
  assert.deepEqual(disk.tier.lookup(response('page').key), []);
  assert.equal(damagedFiles(disk.file).length, 1);
  assert.deepEqual(disk.writer.position(), position);
  assert.ok(disk.told.some((message) => message.type === 'reopen'));
  assert.equal(disk.tier.chunk(oldRow, 0), undefined);
  const newRow = await disk.store(response('page', { labelSeq: 1 }));
  assert.ok(newRow !== null && newRow > oldRow);
  assert.equal(disk.tier.lookup(response('page').key).length, 1);
});

test('damage that the writer meets replaces the file; open writes are dropped', async (t) => {
  const disk = await openDisk(t);
  for (let n = 0; n < 40; n += 1) await disk.store(response(`p${n}`, { bodyBytes: chunkBytes }));
  disk.close();
  const again = await openDisk(t, { file: disk.file, isFresh: false });
  const position = again.writer.position();
  garble(disk.file);
  const write = again.tier.begin(response('p3').key);
  write.append(bodyOf(chunkBytes, 'new'));
  await assert.rejects(again.settle());
  assert.deepEqual([write.state, write.dropReason], ['dropped', 'error']);
  assert.equal(damagedFiles(disk.file).length, 1);
  assert.deepEqual(again.writer.position(), position);
  assert.notEqual(await again.store(response('p3')), null);
});

test('damage that the background work meets replaces the file, and the work goes on', async (t) => {
  const disk = await openDisk(t);
  for (let n = 0; n < 300; n += 1) await disk.store(response(`p${n}`));
  await disk.purge([{ kind: 'everything' }]);
  const position = disk.writer.position();
  disk.close();
  const again = await openDisk(t, { file: disk.file, isFresh: false });
  garble(disk.file);
  await again.clock.advance(5000);
  assert.equal(damagedFiles(disk.file).length, 1);
  assert.deepEqual(again.writer.position(), position);
  assert.notEqual(await again.store(response('page', { labelSeq: 1 })), null);
});

test('a reader without a file finds nothing, and finds the file once it is there', async (t) => {
  const disk = await openDisk(t, { isFresh: false });
  const { createDiskReader } = await import('../../../core/cache/disk-reader.ts');
  const { silentLog } = await import('../../../core/runtime/log.ts');
  const file = temporaryFile(t);
  const reader = createDiskReader({ ...disk, log: silentLog }, { file });
  assert.deepEqual(reader.lookup('http://www.demo.test/page'), []);
  assert.equal(reader.chunk(1, 0), undefined);
  assert.equal(reader.body(1, 10), undefined);
  const late = await openDisk(t, { file, clock: disk.clock });
  await late.store(response('page'));
  assert.deepEqual(reader.lookup(response('page').key), []);
  await disk.clock.advance(1000);
  assert.equal(reader.lookup(response('page').key).length, 1);
  reader.close();
});

test('a commit that fails drops its writes and tries its removals again', async (t) => {
  const disk = await openDisk(t);
  await disk.store(response('old'));
  const refuse = `create trigger refuse before insert on chunks begin select raise(abort, 'no'); end`;
  tamper(disk.file, refuse);
  const { liveBytes, responses } = disk.writer.stats();
  disk.tier.remove([response('old').key]);
  const write = disk.tier.begin(response('page').key);
  write.append(bodyOf(1000, 'page'));
  write.finish(response('page'), 8);
  await disk.clock.advance(20);
  assert.equal(disk.writer.stats().liveBytes, liveBytes);
  assert.equal(disk.writer.stats().responses, responses);
  assert.deepEqual([write.state, write.dropReason], ['dropped', 'error']);
  assert.equal(disk.tier.lookup(response('old').key).length, 1);
  assert.equal(await disk.counter('breakwater_disk_errors_total'), 1);
  await disk.clock.advance(1000);
  assert.deepEqual(disk.tier.lookup(response('old').key), []);
  tamper(disk.file, 'drop trigger refuse');
  assert.notEqual(await disk.store(response('page')), null);
  assert.equal(disk.writer.stats().responses, 1);
});
