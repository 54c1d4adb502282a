import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { cleanThrough, type Labelled } from '../../../core/cache/clean-through.ts';
import { createPurgeIndex } from '../../../core/purge/index.ts';
import { chain, host, type PlainEntry, plainNormaliser, tag } from '../purge/builders.ts';

const stored: Labelled = {
  identity: 'journal-a',
  labelSeq: 0,
  host: 'a.test',
  url: 'a.test/page',
  tags: ['news'],
};
const hard: PlainEntry = { selectors: [tag('news')] };
const soft: PlainEntry = { selectors: [host('a.test')], soft: true };
const other: PlainEntry = { selectors: [tag('sport')] };

function judge(plain: readonly PlainEntry[], labelled: Partial<Labelled> = {}, maxEntries = 100) {
  const index = createPurgeIndex({ identity: 'journal-a', maxEntries }, plainNormaliser);
  for (const entry of chain(plain)) index.apply(entry);
  return cleanThrough({ ...stored, ...labelled }, index);
}

describe('cleanThrough', () => {
  test('a response labelled at the cursor or later is clean', () => {
    assert.deepEqual(judge([hard], { labelSeq: 1 }), { kind: 'clean' });
    assert.deepEqual(judge([hard], { labelSeq: 9 }), { kind: 'clean' });
  });

  test('a match at the label is older than the response; one above it is not', () => {
    assert.deepEqual(judge([other, hard, other], { labelSeq: 2 }), { kind: 'clean' });
    assert.deepEqual(judge([other, hard, other], { labelSeq: 1 }), { kind: 'hard', seq: 2 });
  });

  test('a response of another journal counts as hard-purged, whatever its number', () => {
    assert.deepEqual(judge([], { identity: 'journal-b' }), { kind: 'hard', seq: 0 });
    assert.deepEqual(judge([other], { identity: 'journal-b', labelSeq: 99 }).kind, 'hard');
  });

  test('hard wins over soft, in both orders', () => {
    assert.deepEqual(judge([hard, soft]), { kind: 'hard', seq: 1 });
    assert.deepEqual(judge([soft, hard]), { kind: 'hard', seq: 2 });
  });

  test('after a soft match it is stale since the first one above its label', () => {
    assert.deepEqual(judge([soft, soft]), { kind: 'soft', seq: 2, sinceMs: 1000 });
    assert.deepEqual(judge([soft, soft], { labelSeq: 1 }), { kind: 'soft', seq: 2, sinceMs: 2000 });
  });

  test('a hard purge below the label leaves a soft one above it soft', () => {
    assert.deepEqual(judge([hard, soft], { labelSeq: 1 }), { kind: 'soft', seq: 2, sinceMs: 2000 });
  });

  test('below the floor it counts as hard-purged; at the floor it does not', () => {
    const many = [other, other, { selectors: [tag('x')] }, { selectors: [tag('y')] }];
    assert.deepEqual(judge(many, { labelSeq: 1 }, 2), { kind: 'hard', seq: 2 });
    assert.deepEqual(judge(many, { labelSeq: 2 }, 2), { kind: 'clean' });
  });
});
