/** Rules of core/cache/piece-window.ts. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import fc from 'fast-check';
import { createPieceWindow } from '../../../core/cache/piece-window.ts';

it('holds every byte from its start to its end, whatever is pushed and dropped', () => {
  const step = fc.oneof(
    fc.record({ push: fc.integer({ min: 1, max: 5 }) }),
    fc.record({ drop: fc.nat(400), keep: fc.nat(20) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300, size: 'max' }), (steps) => {
      const window = createPieceWindow();
      let body = Buffer.alloc(0);
      for (const one of steps) {
        if ('push' in one) {
          const bytes = Buffer.from(Array.from({ length: one.push }, (_, i) => body.length + i));
          body = Buffer.concat([body, bytes]);
          window.push(bytes);
        } else window.drop(one.drop, one.keep);
      }
      const { startOffset, endOffset } = window;
      assert.equal(endOffset, body.length);
      assert.equal(window.bytes, endOffset - startOffset);
      assert.deepEqual(window.joined(), body.subarray(startOffset));
      assert.equal(window.from(startOffset - 1), undefined);
      assert.equal(window.from(endOffset), undefined);
      for (let at = startOffset; at < endOffset; at += 1) {
        const found = window.from(at);
        assert.ok(found && found.length > 0);
        assert.deepEqual(found, body.subarray(at, at + found.length));
      }
    }),
  );
});

it('drops whole pieces only, and only while there is more than is to be kept', () => {
  const window = createPieceWindow();
  for (const text of ['abcd', 'efgh', 'ijkl']) window.push(Buffer.from(text));
  window.drop(7, 0);
  assert.equal(window.startOffset, 4);
  window.drop(12, 8);
  assert.equal(window.startOffset, 4);
  window.drop(12, 7);
  assert.equal(window.startOffset, 8);
});

it('of one piece that is all, gives the piece itself', () => {
  const window = createPieceWindow();
  const bytes = Buffer.from('abc');
  window.push(bytes);
  assert.equal(window.joined(), bytes);
});
