/** core/cache/spool.ts against a naive model: whatever happens in whatever order, each reader gets its bytes or fails. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { BodyReader } from '../../../core/cache/body-reader.ts';
import { createSpool } from '../../../core/cache/spool.ts';
import { createFakeClock } from '../../support/fake-clock.ts';

const windowBytes = 16;
const maxPieceBytes = 6;
const chunkBytes = 8;

/** The body of the model: byte i is i. */
function bytesOf(from: number, to: number): Buffer {
  return Buffer.from(Array.from({ length: Math.max(0, to - from) }, (_, i) => from + i));
}

interface ModelReader {
  reader: BodyReader;
  /** The offset that it must be given next. */
  next: number;
  end: number;
  isClosed: boolean;
}

function createModel(withDisk: boolean) {
  let isPaused = false;
  let isComplete = false;
  const readers: ModelReader[] = [];
  const spool = createSpool({
    clock: createFakeClock(),
    windowBytes,
    stallLimitMs: 1000,
    onPause: () => {
      isPaused = true;
    },
    onResume: () => {
      isPaused = false;
    },
  });
  const rows = {
    chunkBytes,
    committedBytes: 0,
    usable: true,
    readChunk: (n: number) =>
      bytesOf(n * chunkBytes, Math.min((n + 1) * chunkBytes, rows.committedBytes)),
  };
  if (withDisk) spool.back(rows);
  return {
    spool,
    readers,
    append(bytes: number) {
      if (isPaused || spool.state !== 'open') return;
      spool.append(bytesOf(spool.receivedBytes, spool.receivedBytes + bytes));
    },
    join(start: number, end: number) {
      const reader = spool.reader(start, end);
      if (withDisk && rows.usable) assert.ok(reader, 'what memory has let go of is on disk');
      if (reader) readers.push({ reader, next: start, end, isClosed: false });
    },
    take(index: number) {
      const one = readers[index];
      const piece = one?.reader.take();
      if (!one || !piece) return;
      assert.ok(!one.isClosed && piece.length > 0);
      assert.deepEqual(piece, bytesOf(one.next, one.next + piece.length));
      one.next += piece.length;
      assert.ok(one.next <= one.end, 'never beyond the range');
    },
    takeAll() {
      for (const [index, { reader }] of readers.entries()) {
        for (let before = -1; reader.state === 'open' && before !== readers[index]?.next; ) {
          before = readers[index]?.next ?? 0;
          this.take(index);
        }
      }
    },
    close(index: number) {
      const one = readers[index];
      one?.reader.close();
      if (one) one.isClosed = true;
    },
    commit() {
      if (rows.usable)
        rows.committedBytes = spool.receivedBytes - (spool.receivedBytes % chunkBytes);
      spool.backingProgress();
    },
    loseDisk() {
      rows.usable = false;
      spool.backingProgress();
    },
    finish(how: 'end' | 'fail') {
      if (spool.state === 'open') isComplete = how === 'end';
      spool[how]();
    },
    check() {
      assert.ok(spool.retainedBytes <= windowBytes + maxPieceBytes, 'the window is kept');
      const startOffset = spool.receivedBytes - spool.retainedBytes;
      const open = readers.filter(({ reader }) => reader.state === 'open');
      if (isPaused && !(withDisk && rows.usable)) {
        const isNeeded = open.some(({ next }) => next < startOffset + maxPieceBytes);
        assert.ok(isNeeded, 'the writer waits for nobody');
      }
      if (!withDisk)
        for (const { next } of open) assert.ok(next >= startOffset, 'dropped too early');
      for (const { reader, next, end, isClosed } of readers) {
        if (reader.state === 'failed') {
          // Nobody is slow here, so nothing else can take bytes from a reader.
          assert.ok(spool.state === 'failed' || (withDisk && !rows.usable), 'failed for no reason');
        }
        if (isClosed || reader.state !== 'ended') continue;
        // Who is told that this was all has all: of its range, or of a body that is complete.
        const hasAll = next >= end || (isComplete && next >= spool.receivedBytes);
        assert.ok(hasAll, `ended at ${next} of ${end}`);
      }
    },
  };
}

type Model = ReturnType<typeof createModel>;
type Step = { what: string; run: (model: Model) => void };

const named = (what: string, run: Step['run']): Step => ({ what, run });

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc
      .integer({ min: 1, max: maxPieceBytes })
      .map((bytes) => named(`append ${bytes}`, (model) => model.append(bytes))),
  },
  { weight: 8, arbitrary: fc.nat(5).map((i) => named(`take ${i}`, (model) => model.take(i))) },
  { weight: 3, arbitrary: fc.constant(named('take all', (model) => model.takeAll())) },
  {
    weight: 2,
    arbitrary: fc
      .tuple(fc.nat(40), fc.integer({ min: 1, max: 60 }))
      .map(([start, length]) =>
        named(`join ${start}+${length}`, (model) => model.join(start, start + length)),
      ),
  },
  {
    weight: 2,
    arbitrary: fc.constant(named('join', (model) => model.join(0, Number.POSITIVE_INFINITY))),
  },
  { weight: 1, arbitrary: fc.nat(5).map((i) => named(`close ${i}`, (model) => model.close(i))) },
  { weight: 4, arbitrary: fc.constant(named('commit', (model) => model.commit())) },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      named('lose the disk', (model) => model.loseDisk()),
      named('end', (model) => model.finish('end')),
      named('fail', (model) => model.finish('fail')),
    ),
  },
);

function play(steps: readonly Step[], withDisk: boolean): void {
  const model = createModel(withDisk);
  for (const { run } of steps) {
    run(model);
    model.check();
  }
  // Whoever is left is told how it ends, once it has taken what there is.
  model.finish('end');
  model.takeAll();
  for (const { reader } of model.readers) assert.notEqual(reader.state, 'open');
  model.check();
}

describe('any interleaving of append, take, commit, loss of the disk, and close', () => {
  for (const [title, withDisk] of [
    ['with a disk', true],
    ['without a disk', false],
  ] as const) {
    it(`gives each reader exactly its bytes in order, or a failure, within the window (${title})`, () => {
      const steps = fc.array(step, { maxLength: 120, size: 'max' });
      fc.assert(
        fc.property(steps, (all) => play(all, withDisk)),
        { numRuns: 300 },
      );
    });
  }
});
