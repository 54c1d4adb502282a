import assert from 'node:assert/strict';
import { test } from 'node:test';
import { defaultHeadLimits } from '../../../core/http/framing.ts';
import { fateOf, interimFields, maxInterimResponses } from '../../../core/upstream/interim.ts';

const head = { status: 103, headers: ['Link', '</a>'], before: 0, isWanted: true };
const fate = (changes: Partial<typeof head> = {}) =>
  fateOf({ ...head, ...changes }, defaultHeadLimits);

test('what is legal and wanted is forwarded, an unknown 1xx too (RFC 9110 §15.2)', () => {
  for (const status of [102, 103, 104, 199]) assert.equal(fate({ status }), 'forwarded');
  assert.equal(fate({ isWanted: false }), 'unwanted');
});

test('what breaks the rules of a head, or claims a body, is malformed (RFC 9110 §8.6, RFC 9112 §6.1)', () => {
  for (const headers of [
    ['A b', 'c'],
    ['A', 'b\r\n c'],
    ['Content-Length', '5'],
    ['Content-Length', '0', 'Content-Length', '0'],
    ['Transfer-Encoding', 'chunked'],
    ['A', 'b'.repeat(defaultHeadLimits.maxHeadBytes)],
  ]) {
    assert.equal(fate({ headers }), 'malformed');
  }
});

test('no more than the bound is forwarded before one response', () => {
  assert.equal(fate({ before: maxInterimResponses - 1 }), 'forwarded');
  assert.equal(fate({ before: maxInterimResponses }), 'too-many');
});

test('fields go on with order, case and repeats, without those of the connection and between tiers', () => {
  const headers = ['LINK', '</a>', 'Connection', 'X-Hop', 'X-Hop', '1', 'Link', '</b>'];
  const dropped = ['Breakwater-Label', 'x 1 y', 'Content-Length', '0', 'Keep-Alive', 'a'];
  assert.deepEqual(interimFields([...headers, ...dropped]), ['LINK', '</a>', 'Link', '</b>']);
});
