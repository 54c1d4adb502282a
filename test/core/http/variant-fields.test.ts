/** Rules of core/http/variant-fields.ts. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fieldsOfVariant } from '../../../core/http/variant-fields.ts';
import { variantKey } from '../../../core/http/vary.ts';

const requests: string[][] = [
  [],
  ['Accept-Encoding', 'gzip, br'],
  ['Accept-Encoding', 'identity'],
  ['Accept-Encoding', 'br, identity;q=0'],
  ['Accept-Encoding', '', 'Accept-Language', 'fr;q=0.8, de'],
  ['Accept', 'text/html,  image/avif', 'X-Device', ' phone '],
];
const fields = ['accept', 'accept-encoding', 'accept-language', 'x-device'];

test('a request with the fields of a variant selects that variant (RFC 9111 §4.1)', () => {
  for (const request of requests) {
    const variant = variantKey(fields, request);
    const again = fieldsOfVariant(variant);
    assert.ok(again);
    assert.equal(variantKey(fields, again), variant, JSON.stringify(request));
  }
});

test('nobody’s credentials are repeated; a variant for those without any is no secret', () => {
  assert.equal(fieldsOfVariant(variantKey(['cookie'], ['Cookie', 'a=b'])), undefined);
  assert.equal(fieldsOfVariant(variantKey(['authorization'], ['Authorization', 'x'])), undefined);
  assert.deepEqual(fieldsOfVariant(variantKey(['cookie'], [])), []);
});
