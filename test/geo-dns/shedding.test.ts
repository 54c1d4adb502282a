import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nextShare, rulesAmong, type SheddingRules } from '../../geo-dns/shedding.ts';

const rules: SheddingRules = { above: 0.8, below: 0.7, windowMs: 30_000 };
const second = 1000;

test('above the limit a share is given away, below the lower one it comes back, between them nothing moves', () => {
  assert.ok(nextShare(1, 0.9, second, rules) < 1);
  assert.ok(nextShare(0.5, 0.6, second, rules) > 0.5);
  for (const load of [0.7, 0.75, 0.8]) assert.equal(nextShare(0.5, load, second, rules), 0.5);
  assert.equal(nextShare(1, 0, second, rules), 1);
});

test('the share changes by e^½ in a window at most, however high the load', () => {
  let share = 1;
  for (let i = 0; i < 30; i += 1) share = nextShare(share, 50, second, rules);
  assert.ok(Math.abs(share - Math.exp(-0.5)) < 1e-9, `${share}`);
});

test('a twentieth is always kept, and a pause is no overload that lasted', () => {
  let share = 1;
  for (let i = 0; i < 1000; i += 1) share = nextShare(share, 50, second, rules);
  assert.equal(share, 0.05);
  assert.equal(nextShare(1, 2, 3_600_000, rules), nextShare(1, 2, 5000, rules));
});

/** A PoP wanted by `wanted` times its capacity, whose clients follow a share when their answers run out: within `ttl` seconds. */
function play(wanted: number, ttl: number, seconds: number): number[] {
  const shares = [1];
  const loads: number[] = [];
  for (let now = 0; now < seconds; now += 1) {
    const held = shares.slice(-ttl);
    const load = (wanted * held.reduce((sum, share) => sum + share, 0)) / held.length;
    loads.push(load);
    shares.push(nextShare(shares.at(-1) ?? 1, load, second, rules));
  }
  return loads;
}

for (const wanted of [0.9, 1.2, 2, 5, 15]) {
  test(`wanted by ${wanted} times its capacity, a PoP comes to rest near the limits and does not swing`, () => {
    const loads = play(wanted, 30, 1800);
    const late = loads.slice(-600);
    const [lowest, highest] = [Math.min(...late), Math.max(...late)];
    assert.ok(lowest > 0.65 && highest < 0.85, `${lowest} to ${highest}`);
    const least = Math.min(...loads);
    assert.ok(least > 0.45, `clients of a PoP with room were sent away: ${least}`);
  });
}

test('where all PoPs are full the limits rise with their mean load; one full PoP among idle ones does not move them', () => {
  assert.deepEqual(rulesAmong(rules, [1.6, 1.6]), { above: 1.6, below: 1.4, windowMs: 30_000 });
  assert.deepEqual(rulesAmong(rules, [1.5, 0, 0]), rules);
  assert.deepEqual(rulesAmong(rules, []), rules);
});
