import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chunkBytes } from '../../../core/cache/disk-messages.ts';
import type { Selector } from '../../../core/purge/command.ts';
import { bodyOf, type Disk, openDisk, response } from './disk-fixture.ts';

const found = (disk: Disk, name: string) => disk.tier.lookup(response(name).key)[0];
const matched = (disk: Disk) =>
  disk.reports.flatMap((report) => (report.type === 'matched' ? [report.responses] : []));
const swept = (disk: Disk) =>
  disk.reports.flatMap((report) => (report.type === 'swept' ? [report.seq] : []));
/** Long enough for a pass, and for its entries to be forgotten. */
const passMs = 130_000;

test('a pass removes hard matches, marks soft ones, and lifts the label of the rest', async (t) => {
  const disk = await openDisk(t, { graceMs: 0 });
  await disk.store(response('hard', { tags: ['h'] }));
  await disk.store(response('soft', { tags: ['s'] }));
  await disk.store(response('clean', { tags: ['c'] }));
  await disk.purge([{ kind: 'tag', tag: 'h' }]);
  const { atMs } = await disk.purge([{ kind: 'tag', tag: 's' }], { soft: true });
  await disk.clock.advance(passMs);
  assert.equal(found(disk, 'hard'), undefined);
  assert.deepEqual([found(disk, 'soft')?.staleSinceMs, found(disk, 'soft')?.labelSeq], [atMs, 2]);
  assert.deepEqual([found(disk, 'clean')?.staleSinceMs, found(disk, 'clean')?.labelSeq], [null, 2]);
  assert.equal(disk.writer.stats().sweptSeq, 2);
});

test('a row stays stale since the first soft purge that matched it', async (t) => {
  const disk = await openDisk(t);
  await disk.store(response('page', { tags: ['s'] }));
  const first = await disk.purge([{ kind: 'tag', tag: 's' }], { soft: true });
  await disk.clock.advance(passMs);
  await disk.purge([{ kind: 'tag', tag: 's' }], { soft: true });
  await disk.clock.advance(passMs);
  assert.equal(found(disk, 'page')?.staleSinceMs, first.atMs);
  assert.equal(found(disk, 'page')?.labelSeq, 2);
});

test('after a pass the journal forgets what it swept, says so, and begins there after a restart', async (t) => {
  const disk = await openDisk(t);
  await disk.store(response('page'));
  await disk.purge([{ kind: 'tag', tag: 'a' }]);
  const last = await disk.purge([{ kind: 'tag', tag: 'b' }]);
  await disk.clock.advance(30_000);
  assert.equal(disk.writer.entriesFrom(0).entries.length, 2);
  await disk.clock.advance(passMs);
  assert.deepEqual(swept(disk), [2]);
  assert.deepEqual(disk.writer.entriesFrom(0).entries, []);
  disk.close();
  const again = await openDisk(t, { file: disk.file, isFresh: false });
  assert.deepEqual(again.writer.entriesFrom(0).start, again.writer.position());
  assert.equal(again.writer.position()?.hash, last.hash);
  assert.equal(found(again, 'page')?.labelSeq, 2);
  assert.equal(await again.store(response('late', { labelSeq: 1 })), null);
});

test('an entry that a write in progress may need is not forgotten', async (t) => {
  const disk = await openDisk(t);
  const write = disk.tier.begin(response('slow').key);
  write.append(bodyOf(chunkBytes, 'slow'));
  await disk.purge([{ kind: 'tag', tag: 'a' }]);
  await disk.clock.advance(passMs);
  assert.deepEqual(swept(disk), []);
  write.finish(response('slow', { bodyBytes: chunkBytes }), 8);
  await disk.clock.advance(passMs);
  assert.equal(write.state, 'stored');
  assert.deepEqual(swept(disk), [1]);
});

test('a pass covers any number of rows, and purges that come meanwhile wait for the next', async (t) => {
  const disk = await openDisk(t, { graceMs: 0 });
  for (let n = 0; n < 450; n += 1) {
    const write = disk.tier.begin(response(`p${n}`).key);
    write.finish(response(`p${n}`, { bodyBytes: 0, tags: [n % 2 ? 'odd' : 'even'] }), 8);
  }
  await disk.settle();
  await disk.purge([{ kind: 'tag', tag: 'odd' }]);
  await disk.clock.advance(61_000);
  assert.equal(disk.writer.stats().responses, 225);
  await disk.purge([{ kind: 'tag', tag: 'even' }]);
  await disk.clock.advance(passMs);
  assert.equal(disk.writer.stats().responses, 0);
  assert.deepEqual(matched(disk), [225, 225]);
});

test('a purge in the middle of a pass is not hidden by the end of that pass', async (t) => {
  const disk = await openDisk(t, { graceMs: 0 });
  for (let n = 0; n < 450; n += 1) {
    const write = disk.tier.begin(response(`p${n}`).key);
    write.finish(response(`p${n}`, { bodyBytes: 0, tags: [n === 0 ? 'first' : 'other'] }), 8);
  }
  await disk.settle();
  await disk.purge([{ kind: 'url', url: 'http://www.demo.test/p1' }]);
  while (disk.writer.stats().responses === 450) await disk.clock.advance(1);
  assert.equal(disk.writer.stats().sweptSeq, null);
  await disk.purge([{ kind: 'tag', tag: 'first' }]);
  await disk.clock.advance(2000);
  assert.deepEqual([disk.writer.stats().sweptSeq, found(disk, 'p0')?.labelSeq], [1, 1]);
  await disk.clock.advance(passMs);
  assert.equal(found(disk, 'p0'), undefined);
});

const pages: [string, string[]][] = [
  ['a/1', ['x', 'y']],
  ['a/2', ['x']],
  ['b/1', ['y']],
  ['b', []],
];
const url = (path: string) => `https://www.demo.test/${path}`;
const counts: [string, Selector[], number][] = [
  ['a URL, in both schemes', [{ kind: 'url', url: url('a/1') }], 1],
  ['a URL that nothing is stored under', [{ kind: 'url', url: url('a') }], 0],
  ['a prefix', [{ kind: 'prefix', prefix: url('b') }], 2],
  ['a tag', [{ kind: 'tag', tag: 'y' }], 2],
  ['a host', [{ kind: 'host', host: 'www.demo.test' }], 4],
  ['another host', [{ kind: 'host', host: 'demo.test' }], 0],
  ['everything', [{ kind: 'everything' }], 5],
  [
    'several tags, each response once',
    [
      { kind: 'tag', tag: 'x' },
      { kind: 'tag', tag: 'y' },
    ],
    3,
  ],
  [
    'overlapping prefixes, URLs and tags, each response once',
    [
      { kind: 'prefix', prefix: url('a') },
      { kind: 'prefix', prefix: url('a/1') },
      { kind: 'url', url: url('a/2') },
      { kind: 'tag', tag: 'y' },
    ],
    3,
  ],
];

for (const [what, selectors, expected] of counts) {
  test(`counts what a purge matches: ${what}`, async (t) => {
    const disk = await openDisk(t);
    for (const [name, tags] of pages) await disk.store(response(name, { tags }));
    const other = { key: 'http://other.test/a/1', host: 'other.test', url: 'other.test/a/1' };
    await disk.store(response('', other));
    await disk.purge(selectors);
    await disk.clock.advance(2000);
    assert.deepEqual(matched(disk), [expected]);
  });
}

test('counts only within the hosts of the purge’s token', async (t) => {
  const disk = await openDisk(t);
  const other = { key: 'http://other.test/a', host: 'other.test', url: 'other.test/a' };
  await disk.store(response('a', { tags: ['x'] }));
  await disk.store(response('', { ...other, tags: ['x'] }));
  const scope = ['other.test'];
  await disk.purge([{ kind: 'tag', tag: 'x' }], { scope });
  await disk.purge([{ kind: 'everything' }], { scope });
  await disk.purge([{ kind: 'url', url: url('a') }], { scope });
  await disk.clock.advance(2000);
  assert.deepEqual(matched(disk), [1, 1, 0]);
});

test('counts variants, and nothing that was stored after the purge or removed before it', async (t) => {
  const disk = await openDisk(t);
  for (const variant of ['a', 'b']) {
    await disk.store(response('page', { varyFields: ['x'], variant, tags: ['x'] }));
  }
  await disk.store(response('gone', { tags: ['x'] }));
  disk.tier.remove([response('gone').key]);
  await disk.settle();
  await disk.purge([{ kind: 'tag', tag: 'x' }]);
  await disk.store(response('late', { tags: ['x'], labelSeq: 1 }));
  await disk.clock.advance(2000);
  assert.deepEqual(matched(disk), [2]);
});

test('counts more rows than one step reads', async (t) => {
  const disk = await openDisk(t);
  for (let n = 0; n < 2500; n += 1) {
    const write = disk.tier.begin(response(`p${n}`).key);
    write.finish(response(`p${n}`, { bodyBytes: 0, tags: ['x', 'y'] }), 8);
  }
  await disk.settle();
  await disk.purge([{ kind: 'everything' }, { kind: 'tag', tag: 'x' }]);
  await disk.purge([
    { kind: 'tag', tag: 'x' },
    { kind: 'tag', tag: 'y' },
  ]);
  await disk.clock.advance(2000);
  assert.deepEqual(matched(disk), [2500, 2500]);
});

test('a new head lists the response under its new tags only', async (t) => {
  const disk = await openDisk(t);
  const rowId = (await disk.store(response('page', { tags: ['old', 'both'] }))) ?? 0;
  disk.tier.update(rowId, response('page', { tags: ['new', 'both'] }));
  await disk.settle();
  for (const tag of ['old', 'both', 'new'])
    await disk.purge([{ kind: 'tag', tag }], { soft: true });
  await disk.clock.advance(500);
  await disk.clock.advance(2000);
  assert.deepEqual(matched(disk), [0, 1, 1]);
});
