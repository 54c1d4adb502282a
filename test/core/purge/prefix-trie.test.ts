import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { createPrefixTrie } from '../../../core/purge/prefix-trie.ts';

function valuesAt(trie: ReturnType<typeof createPrefixTrie<string>>, text: string): string[] {
  const found: string[] = [];
  trie.forEachPrefixOf(text, (value) => found.push(value));
  return found;
}

describe('prefix trie', () => {
  test('finds every prefix of a text, shortest first, the text itself included', () => {
    const trie = createPrefixTrie<string>();
    for (const prefix of ['a/bc', 'a/', 'a/bcd', 'b/', 'a/bx']) trie.set(prefix, prefix);
    assert.deepEqual(valuesAt(trie, 'a/bcd'), ['a/', 'a/bc', 'a/bcd']);
    assert.deepEqual(valuesAt(trie, 'a/b'), ['a/']);
  });

  test('a prefix that another one runs through is not found before it is set', () => {
    const trie = createPrefixTrie<string>();
    trie.set('host/abc', 'long');
    assert.deepEqual(valuesAt(trie, 'host/ab'), []);
    trie.set('host/a', 'short');
    assert.deepEqual(valuesAt(trie, 'host/abc'), ['short', 'long']);
  });

  test('deleting what is not there, or is a part of an edge, changes nothing', () => {
    const trie = createPrefixTrie<string>();
    trie.set('host/abc', 'x');
    for (const other of ['host/ab', 'host/abcd', 'other', '']) trie.delete(other);
    assert.deepEqual(valuesAt(trie, 'host/abc'), ['x']);
  });

  test('a prefix of 8,000 characters can be set, found and deleted', () => {
    const trie = createPrefixTrie<string>();
    const long = 'x/'.repeat(4000);
    for (let length = 1; length <= long.length; length += 1) trie.set(long.slice(0, length), 'p');
    assert.equal(valuesAt(trie, long).length, long.length);
    for (let length = 1; length <= long.length; length += 1) trie.delete(long.slice(0, length));
    assert.deepEqual(valuesAt(trie, long), []);
  });

  test('after any sets and deletes it finds what a plain list finds', () => {
    const word = fc.string({ unit: fc.constantFrom('a', 'b', '/'), maxLength: 6 });
    const step = fc.record({ word, isSet: fc.boolean() });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), word, (steps, text) => {
        const trie = createPrefixTrie<string>();
        const list = new Set<string>();
        for (const { word: prefix, isSet } of steps) {
          if (isSet) trie.set(prefix, prefix);
          else trie.delete(prefix);
          if (isSet) list.add(prefix);
          else list.delete(prefix);
        }
        const expected = [...list].filter((prefix) => text.startsWith(prefix)).sort();
        assert.deepEqual(valuesAt(trie, text), expected);
      }),
    );
  });
});
