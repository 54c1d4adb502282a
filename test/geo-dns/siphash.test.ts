import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createSipHash } from '../../geo-dns/siphash.ts';

const counting = (length: number) => Uint8Array.from({ length }, (_, n) => n);

test('SipHash-2-4 gives the values of its reference implementation', () => {
  const hash = createSipHash(counting(16));
  for (const [length, high, low] of [
    [0, 0x726fdb47, 0xdd0e0e31],
    [15, 0xa129ca61, 0x49be45e5],
    [63, 0x958a324c, 0xeb064572],
  ] as const) {
    assert.deepEqual(hash(counting(length)), { low, high }, `${length} bytes`);
  }
});

test('one hash leaves nothing behind for the next', () => {
  const hash = createSipHash(counting(16));
  const first = hash(counting(15));
  hash(counting(63));
  assert.deepEqual(hash(counting(15)), first);
});

test('a key that does not have 16 bytes is refused', () => {
  assert.throws(() => createSipHash(counting(15)), /16 bytes/);
});
