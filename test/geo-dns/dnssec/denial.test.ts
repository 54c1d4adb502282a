import assert from 'node:assert/strict';
import { test } from 'node:test';
import { labelsOf, nameOfLabels } from '../../../core/dns/name.ts';
import { nextName, nsecOf, typeBitmap } from '../../../geo-dns/dnssec/denial.ts';

test('the bitmap of RFC 4034 §4.3', () => {
  const bitmap = typeBitmap([1, 15, 46, 47, 1234]);
  assert.equal(bitmap.toString('hex'), `0006400100000003041b${'00'.repeat(26)}20`);
});

test('a name is followed by itself below a zero byte, one too long for that by a sibling (RFC 4471 §3.1.1)', () => {
  assert.equal(nextName('a.test'), '\\000.a.test');
  assert.equal(nextName(''), '\\000');
  const long = (first: string) =>
    `${first}.${Array.from({ length: 3 }, () => 'x'.repeat(62)).join('.')}`;
  assert.equal(nextName(long('a'.repeat(61))), `\\000.${long('a'.repeat(61))}`);
  assert.equal(nextName(long('a'.repeat(62))), `\\000.${long('a'.repeat(62))}`);
  assert.equal(nextName(long('a'.repeat(63))), long(`${'a'.repeat(62)}b`));
  const labels = labelsOf(long('a'.repeat(63)));
  const highest = nameOfLabels([Buffer.alloc(63, 0xff), ...labels.slice(1)]);
  assert.ok(nextName(highest).startsWith('\\000.xxx'));
});

test('a name that does not exist has NXNAME, one that does only what it has (RFC 9824 §3)', () => {
  const hexOf = (types: number[] | undefined) => {
    const { data } = nsecOf('a.test', types, 30);
    return data.type === 'opaque' ? Buffer.from(data.bytes).toString('hex') : assert.fail();
  };
  const next = '010001610474657374' + '00';
  assert.equal(hexOf([]), `${next}0006000000000003`);
  assert.equal(hexOf([1]), `${next}0006400000000003`);
  assert.equal(hexOf(undefined), `${next}00110000000000030000000000000000000080`);
});
