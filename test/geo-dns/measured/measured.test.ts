import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createMeasured, measuredKm } from '../../../geo-dns/measured/measured.ts';
import { select } from '../../../geo-dns/select.ts';
import { dnsNetwork, standings } from '../../support/dns-network.ts';

const pops = (distances: Record<string, number | undefined>) =>
  Object.entries(distances).map(([id, distanceKm]) => ({ id, distanceKm }));
const kmOf = (rtts: [string, number][], distances: Record<string, number | undefined>) =>
  Object.fromEntries(measuredKm(new Map(rtts), pops(distances)));

test('a millisecond is 100 km, less what all times of the client have in common', () => {
  assert.deepEqual(
    kmOf(
      [
        ['par', 30],
        ['nyc', 90],
      ],
      { par: 1000, nyc: 6000 },
    ),
    { par: 1000, nyc: 7000 },
  );
});

test('times below what light allows are not made longer', () => {
  assert.deepEqual(kmOf([['par', 5]], { par: 1000 }), { par: 500 });
});

test('a PoP that nobody has measured keeps its distance, and without a place comes after all that were', () => {
  assert.deepEqual(kmOf([['par', 30]], { par: 1000, nyc: 6000 }), { par: 1000 });
  assert.deepEqual(
    kmOf(
      [
        ['par', 30],
        ['nyc', 90],
      ],
      { par: undefined, nyc: undefined, tyo: undefined },
    ),
    {
      par: 0,
      nyc: 6000,
      tyo: 6001,
    },
  );
  assert.deepEqual(kmOf([], { par: 1000 }), {});
});

test('networks that were measured are found, and how far around them nobody was', () => {
  const rtts = new Map([['par', 10]]);
  const { lookup } = createMeasured([{ bytes: [9, 1, 2, 0], prefixLength: 24, rtts }]);
  assert.deepEqual(lookup([9, 1, 2, 77]), { value: rtts, prefixLength: 24 });
  assert.deepEqual(lookup([9, 1, 3, 77]), { value: undefined, prefixLength: 24 });
  assert.deepEqual(lookup([200, 0, 0, 1]), { value: undefined, prefixLength: 1 });
  assert.deepEqual(lookup(new Array(16).fill(0)), { value: undefined, prefixLength: 0 });
});

test('what was measured comes before distance, and says so; load still counts', () => {
  const { pops: all } = dnsNetwork();
  const london = { source: 'places', latitude: 51.51, longitude: -0.13, prefixLength: 24 } as const;
  const rtts = new Map([
    ['par', 110],
    ['nyc', 80],
  ]);
  const first = (changed = {}) => select(london, standings(all, changed), { rtts });
  assert.equal(first().candidates[0]?.pop.id, 'nyc');
  assert.equal(first().reason, 'measured');
  assert.equal(first({ nyc: { load: 2 } }).candidates[0]?.pop.id, 'par');
  assert.equal(first({ nyc: { standing: 'unhealthy' } }).candidates[0]?.pop.id, 'par');
});
