import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type DampingRules, holdLeftMs, nextPenalty, noPenalty } from '../../geo-dns/damping.ts';

const rules: DampingRules = { halfLifeMs: 60_000, suppress: 2.5, reuse: 1 };
/** The penalty after going out at each of these seconds. */
const outAt = (...seconds: number[]) =>
  seconds.reduce((penalty, second) => nextPenalty(penalty, true, second * 1000, rules), noPenalty);

test('once or twice is no flapping, three times in half a minute is', () => {
  assert.equal(outAt(0).isHeld, false);
  assert.equal(outAt(0, 10).isHeld, false);
  assert.equal(outAt(0, 15, 30).isHeld, true);
  assert.equal(outAt(0, 20, 40).isHeld, false);
  assert.equal(outAt(0, 20, 40, 60).isHeld, true);
});

test('once every five minutes is never too often', () => {
  assert.equal(outAt(...Array.from({ length: 100 }, (_, n) => n * 300)).isHeld, false);
});

test('it is held until the penalty has decayed below the lower limit, not before', () => {
  const held = outAt(0, 10, 20);
  const backMs = 20_000 + holdLeftMs(held, rules);
  assert.equal(nextPenalty(held, false, backMs - 1, rules).isHeld, true);
  assert.equal(nextPenalty(held, false, backMs + 1, rules).isHeld, false);
});

test('however often it goes out, it is held for four half-lives at most', () => {
  const often = outAt(...Array.from({ length: 1000 }, (_, n) => n / 10));
  assert.equal(holdLeftMs(often, rules), 4 * 60_000);
});

test('a half-life of 0 damps nothing', () => {
  const off = { ...rules, halfLifeMs: 0 };
  let penalty = noPenalty;
  for (let i = 0; i < 10; i += 1) penalty = nextPenalty(penalty, true, i, off);
  assert.equal(penalty.isHeld, false);
});
