/** Rules of core/cache/entry.ts. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { initOf, StoredResponse } from '../../../core/cache/entry.ts';
import { initWith, responseWith } from '../../support/responses.ts';

it('gives back the plain data that it was made of, without body and row', () => {
  const init = initWith({ tags: ['a'], etag: '"1"' });
  assert.deepEqual(initOf(new StoredResponse(init, Buffer.from('x'), 7)), init);
  assert.deepEqual(structuredClone(initOf(new StoredResponse(init, null, null))), init);
});

it('takes of a memory budget at least its body, fields, key and tags', () => {
  const empty = responseWith({}, null).memoryBytes;
  assert.equal(responseWith({}, 'x'.repeat(1000)).memoryBytes - empty, 1000);
  assert.ok(responseWith({ tags: ['a'.repeat(500)] }, null).memoryBytes - empty >= 500);
  assert.ok(responseWith({ headers: ['X', 'a'.repeat(500)] }, null).memoryBytes - empty >= 400);
});
