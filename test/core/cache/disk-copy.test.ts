/** Rules of core/cache/disk-copy.ts: a body that is stored once more, for another variant. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createDiskCopies } from '../../../core/cache/disk-copy.ts';
import { chunkBytes } from '../../../core/cache/disk-messages.ts';
import { initOf, StoredResponse } from '../../../core/cache/entry.ts';
import { createFakeDisk } from '../../support/fake-disk.ts';
import { initWith, responseWith } from '../../support/responses.ts';

const body = Buffer.alloc(10 * chunkBytes + 5, 'abcdefg');

/** A row 100 with the body, and the entry of another variant over it. */
function start() {
  const disk = createFakeDisk();
  const source = initWith({ bodyBytes: body.length });
  disk.rows.set(100, { init: source, body });
  const entry = new StoredResponse(initOf({ ...source, variant: 'other' }), null, 100);
  const copies = createDiskCopies(disk);
  return { disk, entry, copies };
}

test('the body is read as the writer takes it, and the row is whole', () => {
  const { disk, entry, copies } = start();
  copies.start(entry, 100, 10);
  const [write] = disk.writes;
  assert.ok(write);
  assert.equal(write.pendingBytes, 4 * chunkBytes);
  for (let turns = 0; write.state === 'open' && turns < 10; turns += 1) write.commit();
  const [rowId, row] = [...disk.rows].at(-1) ?? [];
  assert.notEqual(rowId, 100);
  assert.equal(row?.init.variant, 'other');
  assert.ok(row?.body.equals(body));
  assert.equal(entry.rowId, 100, 'what is being read goes on where it began');
});

test('what is in memory is written from there, and knows its row afterwards', () => {
  const { disk, copies } = start();
  disk.isEager = true;
  const entry = responseWith({ variant: 'small' }, 'hello');
  copies.start(entry, null, 10);
  assert.ok(entry.rowId !== null);
  assert.equal(disk.rows.get(entry.rowId)?.body.toString(), 'hello');
});

test('a body without bytes has a row as well', () => {
  const { disk, copies } = start();
  disk.isEager = true;
  copies.start(responseWith({ variant: 'empty' }, ''), null, 10);
  assert.equal([...disk.rows.values()].at(-1)?.init.variant, 'empty');
});

test('one variant is copied once at a time, and again when that is over', () => {
  const { disk, entry, copies } = start();
  copies.start(entry, 100, 10);
  copies.start(entry, 100, 10);
  assert.equal(disk.writes.length, 1);
  disk.writes[0]?.drop();
  copies.start(entry, 100, 10);
  assert.equal(disk.writes.length, 2);
});

test('a body that is gone meanwhile leaves no row', () => {
  const { disk, entry, copies } = start();
  copies.start(entry, 100, 10);
  disk.rows.delete(100);
  disk.writes[0]?.commit();
  assert.equal(disk.writes[0]?.state, 'dropped');
  assert.equal(disk.rows.size, 0);
});

test('a copy of what was invalidated is given up, by key and by group', () => {
  const { disk, copies } = start();
  const copy = (variant: string, tags: string[]) => {
    const init = initWith({ variant, tags, bodyBytes: body.length });
    copies.start(new StoredResponse(init, null, 100), 100, 10);
  };
  copy('a', ['news']);
  copy('b', []);
  copies.forbid(['http://www.demo.test/other'], { host: 'www.demo.test', groups: ['news'] });
  assert.deepEqual(
    disk.writes.map(({ state }) => state),
    ['dropped', 'open'],
  );
  copies.forbid(['http://www.demo.test/']);
  assert.equal(disk.writes[1]?.state, 'dropped');
});
