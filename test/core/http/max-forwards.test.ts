import assert from 'node:assert/strict';
import { it } from 'node:test';
import { maxForwards, withOneHopLess } from '../../../core/http/max-forwards.ts';

it('limits OPTIONS only, and only by a number (RFC 9110 §7.6.2)', () => {
  assert.equal(maxForwards('OPTIONS', ['Max-Forwards', '0']), 0);
  assert.equal(maxForwards('OPTIONS', ['MAX-FORWARDS', '10']), 10);
  assert.equal(maxForwards('GET', ['Max-Forwards', '0']), undefined);
  for (const value of ['', '-1', '1.5', 'x', '9'.repeat(20)]) {
    assert.equal(maxForwards('OPTIONS', ['Max-Forwards', value]), undefined, value);
  }
});

it('is one less at each hop', () => {
  const headers = ['A', 'max-forwards', 'Max-Forwards', '5'];
  assert.deepEqual(withOneHopLess('OPTIONS', headers), ['A', 'max-forwards', 'Max-Forwards', '4']);
  assert.equal(withOneHopLess('POST', headers), headers);
});
