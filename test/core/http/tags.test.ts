/** Rules of core/http/tags.ts: the names by which purges find responses. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  invalidatedGroups,
  MAX_INVALIDATED_GROUPS,
  MAX_TAG_BYTES,
  MAX_TAGS,
  surrogateTags,
  tagFieldNames,
} from '../../../core/http/tags.ts';

describe('where tags come from', () => {
  const cases: [string[], string[]][] = [
    [[], []],
    [
      ['Surrogate-Key', 'a b'],
      ['a', 'b'],
    ],
    [
      ['Cache-Tag', 'a,b , c'],
      ['a', 'b', 'c'],
    ],
    [
      ['surrogate-key', ' a,,b \t a ', 'CACHE-TAG', 'b c'],
      ['a', 'b', 'c'],
    ],
    [
      ['Surrogate-Key', 'a', 'Surrogate-Key', 'b'],
      ['a', 'b'],
    ],
    [
      ['Surrogate-Key', 'a A'],
      ['a', 'A'],
    ],
    [
      ['Cache-Groups', '"a", "two words", "x,y";p=1'],
      ['a', 'two words', 'x,y'],
    ],
    [
      ['Cache-Groups', '"a"', 'Cache-Groups', '"b"'],
      ['a', 'b'],
    ],
    [['Cache-Groups', '"a\\"b"'], ['a"b']],
    [['Surrogate-Key', '', 'Cache-Groups', '""'], []],
    // RFC 9875 §2: anything but Strings, or broken syntax, and the field is ignored.
    [['Cache-Groups', 'a'], []],
    [['Cache-Groups', '"a", b'], []],
    [['Cache-Groups', '"a", 1'], []],
    [['Cache-Groups', '("a" "b")'], []],
    [['Cache-Groups', '"a'], []],
    [['Cache-Groups', '"a",', 'Cache-Tag', 'b'], ['b']],
  ];
  for (const [headers, tags] of cases) {
    it(`${JSON.stringify(headers)}: ${JSON.stringify(tags)}`, () => {
      assert.deepEqual(surrogateTags(headers), { tags, dropped: 0 });
    });
  }

  it('names its fields, so that they are stripped towards clients', () => {
    assert.deepEqual([...tagFieldNames].sort(), ['cache-groups', 'cache-tag', 'surrogate-key']);
  });
});

describe('bounds', () => {
  const numbered = (count: number) => Array.from({ length: count }, (_, i) => `t${i}`).join(' ');

  it('keeps a thousand tags and says how many more there were', () => {
    assert.equal(surrogateTags(['Cache-Tag', numbered(MAX_TAGS)]).dropped, 0);
    const over = surrogateTags(['Cache-Tag', numbered(MAX_TAGS + 2)]);
    assert.equal(over.tags.length, MAX_TAGS);
    assert.equal(over.dropped, 2);
  });

  it('keeps tags of 1,024 bytes and says how many were longer', () => {
    const longest = 'a'.repeat(MAX_TAG_BYTES);
    assert.deepEqual(surrogateTags(['Cache-Tag', longest]), { tags: [longest], dropped: 0 });
    assert.deepEqual(surrogateTags(['Cache-Tag', `${longest}a b`]), { tags: ['b'], dropped: 1 });
  });

  it('does not count a tag that is repeated', () => {
    const repeated = `${numbered(MAX_TAGS)} t0 t1`;
    assert.equal(surrogateTags(['Cache-Tag', repeated]).dropped, 0);
  });
});

it('never throws, and gives no empty tag', () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), (tag, groups) => {
      const { tags } = surrogateTags(['Cache-Tag', tag, 'Cache-Groups', groups]);
      assert.equal(tags.includes(''), false);
    }),
  );
});

describe('the groups that a response invalidates (RFC 9875 §3)', () => {
  const field = 'Cache-Group-Invalidation';
  const cases: [string[], string[]][] = [
    [[], []],
    [
      [field, '"a", "two words";p=1, "a"'],
      ['a', 'two words'],
    ],
    [
      [field, '"a"', field.toLowerCase(), '"b"'],
      ['a', 'b'],
    ],
    [[field, ''], []],
    [[field, 'a'], []],
    [[field, '"a", b'], []],
    [[field, '"a", 1'], []],
    [[field, '"a'], []],
    [['Cache-Groups', '"a"'], []],
  ];
  for (const [headers, groups] of cases) {
    it(`${JSON.stringify(headers)}: ${JSON.stringify(groups)}`, () => {
      assert.deepEqual(invalidatedGroups(headers), { groups, dropped: 0 });
    });
  }

  it('are no tags of the response itself', () => {
    assert.deepEqual(surrogateTags([field, '"a"']).tags, []);
  });

  it('are bounded, well above the 32 that every cache has to take', () => {
    const groups = Array.from({ length: MAX_INVALIDATED_GROUPS + 2 }, (_, n) => `group ${n}`);
    const value = groups.map((group) => `"${group}"`).join(', ');
    assert.deepEqual(invalidatedGroups([field, value]), {
      groups: groups.slice(0, MAX_INVALIDATED_GROUPS),
      dropped: 2,
    });
    assert.ok(MAX_INVALIDATED_GROUPS >= 32);
  });
});
