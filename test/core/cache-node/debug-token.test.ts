/** Rules of core/cache-node/debug-token.ts. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createDebugAuth } from '../../../core/cache-node/debug-token.ts';

test('only the token itself is one, of whatever length the other is', () => {
  const isToken = createDebugAuth('right');
  const given = ['right', 'wrong', '', 'right ', 'RIGHT', 'r'.repeat(10_000)];
  assert.deepEqual(
    given.map((value) => isToken?.(value)),
    [true, false, false, false, false, false],
  );
});

test('without a token in the configuration nobody has one, not even an empty one', () => {
  assert.equal(createDebugAuth(undefined), undefined);
});
