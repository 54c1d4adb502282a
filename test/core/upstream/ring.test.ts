import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { hash32, orderByRendezvous, ownerOf } from '../../../core/upstream/ring.ts';

const keys = Array.from({ length: 20_000 }, (_, i) => `https://www.test/page/${i}?v=${i % 7}`);
const peers = ['eu', 'eu2', 'us', 'us2', 'ap'];

/** How many standard deviations a count is from its expectation, as a fair die would give it. */
function deviations(count: number, trials: number, chance: number): number {
  return Math.abs(count - trials * chance) / Math.sqrt(trials * chance * (1 - chance));
}

describe('rendezvous order', () => {
  test('names every peer once, whatever order they are given in', () => {
    fc.assert(
      fc.property(fc.string(), fc.uniqueArray(fc.string(), { maxLength: 8 }), (key, names) => {
        const order = orderByRendezvous(key, names);
        assert.deepEqual([...order].sort(), [...names].sort());
        assert.deepEqual(orderByRendezvous(key, [...names].reverse()), order);
      }),
    );
  });

  test('gives every peer its share of the keys, at the first place and at the second', () => {
    for (const place of [0, 1]) {
      const counts = new Map<string, number>();
      for (const key of keys) {
        const peer = orderByRendezvous(key, peers)[place] ?? '';
        counts.set(peer, (counts.get(peer) ?? 0) + 1);
      }
      for (const peer of peers) {
        const off = deviations(counts.get(peer) ?? 0, keys.length, 1 / peers.length);
        assert.ok(off < 5, `${peer} has ${counts.get(peer)} of ${keys.length} at place ${place}`);
      }
    }
  });

  test('a peer that goes moves its own keys only, each to the next of its order', () => {
    for (const key of keys) {
      const before = orderByRendezvous(key, peers);
      const after = orderByRendezvous(
        key,
        peers.filter((peer) => peer !== 'us'),
      );
      assert.deepEqual(
        after,
        before.filter((peer) => peer !== 'us'),
      );
    }
  });

  test('the keys of a peer that goes are spread evenly over the others', () => {
    const moved = keys
      .map((key) => orderByRendezvous(key, peers))
      .filter(([first]) => first === 'eu');
    for (const heir of peers.slice(1)) {
      const count = moved.filter(([, second]) => second === heir).length;
      assert.ok(deviations(count, moved.length, 1 / 4) < 5, `${heir} inherits ${count}`);
    }
  });

  test('one peer or none need no hash', () => {
    assert.deepEqual(orderByRendezvous('key', []), []);
    assert.deepEqual(orderByRendezvous('key', ['eu']), ['eu']);
  });
});

describe('owner among numbered members', () => {
  test('gives every member its share, for any count', () => {
    for (const count of [2, 3, 8]) {
      const owned = new Array<number>(count).fill(0);
      for (const key of keys) owned[ownerOf(key, count)] = (owned[ownerOf(key, count)] ?? 0) + 1;
      for (const number of owned) {
        assert.ok(deviations(number, keys.length, 1 / count) < 5, `${owned} of ${keys.length}`);
      }
    }
  });

  test('a further member takes its share and moves no other key', () => {
    const movedBetweenOld = keys.filter((key) => {
      const next = ownerOf(key, 5);
      return next !== 4 && next !== ownerOf(key, 4);
    });
    assert.deepEqual(movedBetweenOld, []);
  });

  test('a single member owns everything', () => {
    assert.equal(ownerOf('any key', 1), 0);
  });

  test('does not follow the order of the shields: workers share the keys of one shield', () => {
    const ofOne = keys.filter((key) => orderByRendezvous(key, ['eu', 'us'])[0] === 'eu');
    const first = ofOne.filter((key) => ownerOf(key, 2) === 0).length;
    assert.ok(deviations(first, ofOne.length, 1 / 2) < 5, `${first} of ${ofOne.length}`);
  });
});

describe('hash', () => {
  test('is a 32-bit number, the same everywhere', () => {
    // Nodes of different versions must agree, or a key would have two owners: the values are part of the contract.
    const hashes = ['', 'a', 'é€'].map((text) => hash32(text).toString(16));
    assert.deepEqual(hashes, ['ab3e7c0b', '1a80b1b3', '703a50fb']);
  });

  test('flips about half of its bits when one character changes', () => {
    let flipped = 0;
    for (let i = 0; i < 1000; i++) {
      const difference = (hash32(`/page/${i}`) ^ hash32(`/page/${i + 1}`)) >>> 0;
      flipped += difference.toString(2).split('1').length - 1;
    }
    assert.ok(flipped / 1000 > 15 && flipped / 1000 < 17, `${flipped / 1000} bits of 32`);
  });
});
