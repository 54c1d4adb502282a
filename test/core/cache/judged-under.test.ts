/** Rules of core/cache/judged-under.ts. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { judgedUnder, withoutJudgedUnder } from '../../../core/cache/judged-under.ts';

const cursor = { identity: '0123456789abcdef', seq: 42, hash: 'h' };

test('the parameters name journal, cursor and label (RFC 9211 §2: extension parameters)', () => {
  assert.equal(judgedUnder(cursor, 40), '; breakwater-cursor="01234567:42"; breakwater-label=40');
  assert.equal(judgedUnder(cursor, undefined), '; breakwater-cursor="01234567:42"');
});

test('they can be taken out of the members of tiers behind, and nothing else is', () => {
  const eu = 'eu; fwd=uri-miss; fwd-status=200; stored';
  assert.equal(
    withoutJudgedUnder(`"origin; x"; hit, ${eu}${judgedUnder(cursor, 7)}`),
    `"origin; x"; hit, ${eu}`,
  );
  assert.equal(
    withoutJudgedUnder(`${eu}${judgedUnder(cursor, 1)}, us; hit${judgedUnder(cursor, 2)}`),
    `${eu}, us; hit`,
  );
  assert.equal(withoutJudgedUnder(eu), eu);
});
