/** Rules of core/cache/held-end.ts: a body whose end waits for a word. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { holdEnd } from '../../../core/cache/held-end.ts';
import { createSpool } from '../../../core/cache/spool.ts';
import { createFakeClock } from '../../support/fake-clock.ts';

/** A body of this length (undefined: not known), and what its reader has got so far. */
function start(lengthBytes: number | undefined) {
  const spool = createSpool({
    clock: createFakeClock(),
    windowBytes: 1000,
    stallLimitMs: 1000,
    onPause: () => {},
    onResume: () => {},
  });
  const inner = spool.reader(0, Number.POSITIVE_INFINITY);
  assert.ok(inner);
  const got = { text: '', heldTimes: 0 };
  const { reader, release } = holdEnd(inner, lengthBytes, () => {
    got.heldTimes += 1;
  });
  const pump = () => {
    for (let piece = reader.take(); piece; piece = reader.take()) got.text += piece.toString();
    if (reader.state === 'open') reader.onReadable = pump;
  };
  pump();
  return { spool, reader, release, got };
}

test('of known length: the last piece waits', () => {
  const { spool, reader, release, got } = start(4);
  spool.append(Buffer.from('ab'));
  spool.append(Buffer.from('cd'));
  spool.end();
  assert.deepEqual([got, reader.state], [{ text: 'ab', heldTimes: 1 }, 'open']);
  release();
  release();
  assert.deepEqual([got, reader.state], [{ text: 'abcd', heldTimes: 1 }, 'ended']);
});

test('of unknown length: the end waits', () => {
  const { spool, reader, release, got } = start(undefined);
  spool.append(Buffer.from('ab'));
  spool.end();
  assert.deepEqual([got, reader.state], [{ text: 'ab', heldTimes: 1 }, 'open']);
  release();
  assert.deepEqual([got.text, reader.state], ['ab', 'ended']);
});

test('of no bytes: the end waits', () => {
  const { spool, reader, release, got } = start(0);
  spool.end();
  assert.deepEqual([got.text, reader.state], ['', 'open']);
  release();
  assert.equal(reader.state, 'ended');
});

test('what is released before is not held', () => {
  const { spool, reader, release, got } = start(2);
  release();
  spool.append(Buffer.from('ab'));
  spool.end();
  assert.deepEqual([got, reader.state], [{ text: 'ab', heldTimes: 0 }, 'ended']);
});

test('a cut shows at once', () => {
  const { spool, reader } = start(4);
  spool.append(Buffer.from('ab'));
  spool.fail();
  assert.equal(reader.state, 'failed');
});

test('what is closed while it waits gives nothing more', () => {
  const { spool, reader, release, got } = start(2);
  spool.append(Buffer.from('ab'));
  reader.close();
  release();
  assert.deepEqual([got.text, reader.take()], ['', undefined]);
});
