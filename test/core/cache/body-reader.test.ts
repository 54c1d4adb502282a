/** Rules of core/cache/body-reader.ts. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type BodyReader, readBuffer, readChunks } from '../../../core/cache/body-reader.ts';

function drain(reader: BodyReader): string {
  let text = '';
  for (let piece = reader.take(); piece; piece = reader.take()) text += piece.toString();
  return text;
}

/** Chunk rows of 4 bytes over a text. */
const rowsOf = (body: string) => (n: number) => {
  const chunk = Buffer.from(body.slice(n * 4, n * 4 + 4));
  return chunk.length > 0 ? chunk : undefined;
};

describe('a body in memory', () => {
  it('is one piece, and has ended with it', () => {
    const reader = readBuffer(Buffer.from('abc'));
    assert.equal(reader.state, 'open');
    assert.equal(reader.take()?.toString(), 'abc');
    assert.equal(reader.state, 'ended');
    assert.equal(reader.take(), undefined);
  });

  it('that is empty has ended at once', () => {
    assert.equal(readBuffer(Buffer.alloc(0)).state, 'ended');
  });

  it('gives a range, and nothing once closed', () => {
    const body = Buffer.from('abcdef');
    assert.equal(drain(readBuffer(body, 1, 4)), 'bcd');
    const reader = readBuffer(body);
    reader.close();
    assert.equal(reader.take(), undefined);
    assert.equal(reader.state, 'ended');
  });
});

describe('a body of chunk rows', () => {
  it('gives any range, byte for byte', () => {
    const body = 'abcdefghijklmnopq';
    fc.assert(
      fc.property(fc.nat(17), fc.nat(17), (a, b) => {
        const [start, end] = [Math.min(a, b), Math.max(a, b)];
        const reader = readChunks(rowsOf(body), 4, start, end);
        assert.equal(drain(reader), body.slice(start, end));
        assert.equal(reader.state, 'ended');
      }),
    );
  });

  it('fails at a chunk that is missing, after what came before it', () => {
    const read = rowsOf('abcdefghijkl');
    const reader = readChunks((n) => (n === 1 ? undefined : read(n)), 4, 0, 12);
    assert.equal(drain(reader), 'abcd');
    assert.equal(reader.state, 'failed');
  });

  it('fails at a chunk that is shorter than it should be', () => {
    const read = rowsOf('abcdefghijkl');
    const reader = readChunks((n) => (n === 1 ? Buffer.from('ef') : read(n)), 4, 0, 12);
    assert.equal(drain(reader), 'abcdef');
    assert.equal(reader.state, 'failed');
  });

  it('reads no chunk before it is asked for, and none once closed', () => {
    const asked: number[] = [];
    const read = rowsOf('abcdefgh');
    const recorded = (n: number) => {
      asked.push(n);
      return read(n);
    };
    const reader = readChunks(recorded, 4, 0, 8);
    reader.take();
    reader.close();
    assert.equal(reader.take(), undefined);
    assert.deepEqual(asked, [0]);
  });
});
