import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  contains,
  type Network,
  parseAddress,
  parseNetwork,
} from '../../../core/runtime/addresses.ts';
import { createPrefixTrie } from '../../../geo-dns/locate/prefix-trie.ts';

const trieOf = (...networks: string[]) => {
  const trie = createPrefixTrie<string>();
  for (const text of networks) trie.insert(parseNetwork(text) ?? assert.fail(text), text);
  return (address: string) => trie.lookup(parseAddress(address)?.bytes ?? assert.fail(address));
};

test('the longest network that contains the address wins', () => {
  const lookup = trieOf('10.0.0.0/8', '10.1.0.0/16', '10.1.2.0/24');
  assert.deepEqual(lookup('10.1.2.3'), { value: '10.1.2.0/24', prefixLength: 24 });
  assert.equal(lookup('10.1.3.3').value, '10.1.0.0/16');
  assert.equal(lookup('10.2.0.0').value, '10.0.0.0/8');
  assert.equal(lookup('11.0.0.0').value, undefined);
});

test('a network around a more specific one is only as wide as it stays clear of that (RFC 7871 §7.2.1)', () => {
  const lookup = trieOf('10.0.0.0/8', '10.1.2.0/24');
  assert.deepEqual(lookup('10.1.3.9'), { value: '10.0.0.0/8', prefixLength: 24 });
  assert.deepEqual(lookup('10.1.9.9'), { value: '10.0.0.0/8', prefixLength: 21 });
  assert.deepEqual(lookup('10.200.0.0'), { value: '10.0.0.0/8', prefixLength: 9 });
});

test('an empty trie, and a default for everybody, hold for every address alike', () => {
  assert.deepEqual(trieOf()('192.0.2.1'), { value: undefined, prefixLength: 0 });
  assert.deepEqual(trieOf('0.0.0.0/0')('192.0.2.1'), { value: '0.0.0.0/0', prefixLength: 0 });
});

test('single addresses and IPv6 are networks like others', () => {
  const lookup = trieOf('2001:db8::/32', '2001:db8::1');
  assert.deepEqual(lookup('2001:db8::1'), { value: '2001:db8::1', prefixLength: 128 });
  assert.deepEqual(lookup('2001:db8::2'), { value: '2001:db8::/32', prefixLength: 127 });
});

const networkIn16 = fc
  .tuple(fc.integer({ min: 0, max: 0xffff }), fc.integer({ min: 0, max: 16 }))
  .map(([bits, prefixLength]): Network => {
    const kept = prefixLength === 0 ? 0 : bits & (0xffff << (16 - prefixLength));
    return { bytes: [kept >> 8, kept & 0xff, 0, 0], prefixLength, family: 4 };
  });

test('whatever the networks: values are those of a linear search, and answers never overlap', () => {
  const cases = fc.tuple(
    fc.array(networkIn16, { maxLength: 8 }),
    fc.array(fc.integer({ min: 0, max: 0xffff }), { minLength: 1, maxLength: 8 }),
  );
  fc.assert(
    fc.property(cases, ([networks, addresses]) => {
      const trie = createPrefixTrie<Network>();
      for (const network of networks) trie.insert(network, network);
      const best = (bytes: number[]) =>
        networks
          .filter((network) => contains(network, bytes))
          .reduce((found, n) => Math.max(found, n.prefixLength), -1);
      for (const address of addresses) {
        const bytes = [address >> 8, address & 0xff, 0, 0];
        const { value, prefixLength } = trie.lookup(bytes);
        assert.equal(value?.prefixLength ?? -1, best(bytes));
        // Every address of the network that is announced has the same value and announces the same network.
        const first = prefixLength === 0 ? 0 : address & (0xffff << (16 - prefixLength));
        for (const other of [first, first + 2 ** Math.max(0, 16 - prefixLength) - 1]) {
          const again = trie.lookup([other >> 8, other & 0xff, 0, 0]);
          assert.deepEqual(again, { value, prefixLength });
        }
      }
    }),
  );
});
