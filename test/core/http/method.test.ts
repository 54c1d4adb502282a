/** Rules of core/http/method.ts. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { isSafeMethod } from '../../../core/http/method.ts';

it('the methods that IANA registers as safe are safe (RFC 9110 §9.2.1)', () => {
  const safe = 'GET HEAD OPTIONS PRI PROPFIND QUERY REPORT SEARCH TRACE'.split(' ');
  assert.deepEqual(
    safe.filter((method) => !isSafeMethod(method)),
    [],
  );
});

it('any other is not, those included that nobody knows (RFC 9111 §4.4)', () => {
  const others = 'POST PUT DELETE PATCH MKCOL LOCK PROPPATCH LINK UNKNOWN get'.split(' ');
  assert.deepEqual(others.filter(isSafeMethod), []);
});
