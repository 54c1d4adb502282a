/**
 * Networks to values by longest prefix, as a binary trie. Besides the value, a lookup tells the widest network around the
 * address in which every address gives the same value: that is what an answer's scope prefix is made of (RFC 7871 §7.2.1),
 * and because it follows the trie's own branches, two such networks never overlap.
 */
import type { Network } from '../../core/runtime/addresses.ts';

export interface PrefixMatch<T> {
  /** Of the longest network that contains the address; undefined when none does. */
  value: T | undefined;
  /** Every address that shares this many leading bits has the same value. */
  prefixLength: number;
}

export interface PrefixTrie<T> {
  /** Adds a network; the same network again replaces its value. */
  insert(network: Pick<Network, 'bytes' | 'prefixLength'>, value: T): void;
  /** `bytes` are the address, 4 or 16 as in the networks that were inserted. */
  lookup(bytes: readonly number[]): PrefixMatch<T>;
}

interface TrieNode<T> {
  zero?: TrieNode<T>;
  one?: TrieNode<T>;
  value?: T;
}

/** Creates an empty trie. One trie holds one address family. */
export function createPrefixTrie<T>(): PrefixTrie<T> {
  const root: TrieNode<T> = {};
  return {
    insert({ bytes, prefixLength }, value) {
      let node = root;
      for (let depth = 0; depth < prefixLength; depth += 1) {
        const side = bitAt(bytes, depth) ? 'one' : 'zero';
        const next: TrieNode<T> = node[side] ?? {};
        node[side] = next;
        node = next;
      }
      node.value = value;
    },
    lookup(bytes) {
      let node = root;
      let value = root.value;
      for (let depth = 0; ; depth += 1) {
        if (node.value !== undefined) value = node.value;
        if (!node.zero && !node.one) return { value, prefixLength: depth };
        const next = bitAt(bytes, depth) ? node.one : node.zero;
        // The half of this node's network that the address lies in holds nothing of its own.
        if (!next) return { value, prefixLength: depth + 1 };
        node = next;
      }
    },
  };
}

function bitAt(bytes: readonly number[], index: number): boolean {
  return (((bytes[index >> 3] ?? 0) >> (7 - (index & 7))) & 1) === 1;
}
