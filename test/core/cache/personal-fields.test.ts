/** Rules of core/cache/personal-fields.ts: what only the client gets whose request it is (RFC 9111 §5.2.2.4, §5.2.2.7). */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { personalFields } from '../../../core/cache/personal-fields.ts';
import type { SetCookiePolicy } from '../../../core/http/storable.ts';

const received = ['X-User', 'a', 'Set-Cookie', 's=1', 'X-All', 'b', 'x-user', 'c', 'Age', '7'];

function personal(excludedFields: string[], setCookie: SetCookiePolicy = 'refuse') {
  return personalFields(received, { excludedFields }, new Set(['age']), setCookie);
}

describe('the fields that a response names', () => {
  it('all their lines, as they came', () => {
    assert.deepEqual(personal(['x-user']), ['X-User', 'a', 'x-user', 'c']);
  });

  it('none where none is named, or none has come', () => {
    assert.equal(personal([]), undefined);
    assert.equal(personal(['x-other']), undefined);
  });

  it('not those that a tier writes itself', () => {
    assert.equal(personal(['age']), undefined);
  });

  it('Set-Cookie too, unless the site strips it', () => {
    assert.deepEqual(personal(['set-cookie']), ['Set-Cookie', 's=1']);
    assert.deepEqual(personal(['set-cookie'], 'store'), ['Set-Cookie', 's=1']);
    assert.equal(personal(['set-cookie'], 'strip'), undefined);
  });
});
