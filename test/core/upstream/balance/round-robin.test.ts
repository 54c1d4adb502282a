import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  type Candidate,
  pickRoundRobin,
  roundRobinStart,
} from '../../../../core/upstream/balance/round-robin.ts';

function picks(candidates: readonly [Candidate, ...Candidate[]], count: number): string[] {
  let state = roundRobinStart;
  return Array.from({ length: count }, () => {
    const { choice, next } = pickRoundRobin(state, candidates);
    state = next;
    return choice.name;
  });
}

test('spreads heavy candidates over the round instead of choosing them in bursts', () => {
  const candidates = [
    { name: 'a', weight: 5 },
    { name: 'b', weight: 1 },
    { name: 'c', weight: 1 },
  ] as const;
  assert.equal(picks([...candidates], 7).join(''), 'aabacaa');
});

test('takes equal candidates in turn', () => {
  const candidates = ['a', 'b', 'c'].map((name) => ({ name, weight: 1 }));
  const [first, ...others] = candidates;
  assert.ok(first);
  assert.equal(picks([first, ...others], 6).join(''), 'abcabc');
});

test('over a round everybody is chosen as often as its weight says', () => {
  const weights = fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 6 });
  fc.assert(
    fc.property(weights, (given) => {
      const candidates = given.map((weight, index) => ({ name: `o${index}`, weight }));
      const [first, ...others] = candidates;
      assert.ok(first);
      const total = given.reduce((sum, weight) => sum + weight, 0);
      const chosen = picks([first, ...others], total);
      for (const { name, weight } of candidates) {
        assert.equal(chosen.filter((choice) => choice === name).length, weight);
      }
    }),
  );
});

test('a candidate that was away is not flooded to make up for it', () => {
  const a = { name: 'a', weight: 1 };
  const b = { name: 'b', weight: 1 };
  let state = roundRobinStart;
  for (let i = 0; i < 100; i++) state = pickRoundRobin(state, [a]).next;
  const after: string[] = [];
  for (let i = 0; i < 4; i++) {
    const { choice, next } = pickRoundRobin(state, [a, b]);
    state = next;
    after.push(choice.name);
  }
  assert.deepEqual([...after].sort(), ['a', 'a', 'b', 'b']);
});

test('leaves the state that it was given as it was', () => {
  const candidates = [{ name: 'a', weight: 2 }] as const;
  const { next } = pickRoundRobin(roundRobinStart, [...candidates]);
  pickRoundRobin(next, [...candidates]);
  assert.deepEqual([...roundRobinStart], []);
  assert.deepEqual([...next], [['a', 0]]);
});
