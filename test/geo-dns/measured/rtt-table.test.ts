import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { MeasuredNetworks } from '../../../geo-dns/measured/measured.ts';
import { createRttTable, rttLimits } from '../../../geo-dns/measured/rtt-table.ts';
import { createFakeClock } from '../../support/fake-clock.ts';

function setUp(limits = rttLimits) {
  const clock = createFakeClock();
  let told: MeasuredNetworks | undefined;
  const counts = { taken: 0, ignored: 0, evicted: 0, told: 0 };
  const table = createRttTable(
    {
      clock,
      isPop: (id) => id === 'par' || id === 'nyc',
      onReport: (outcome) => {
        counts[outcome] += 1;
      },
      onEvict: () => {
        counts.evicted += 1;
      },
      onChange: (networks) => {
        counts.told += 1;
        told = networks;
      },
    },
    limits,
  );
  const report = (client: string, rttMs: number, times = 1, pop = 'par') =>
    table.take(Array.from({ length: times }, () => ({ client, pop, rttMs })));
  const shown = () =>
    (told ?? []).map(({ bytes, prefixLength, rtts }) => [bytes.join('.'), prefixLength, ...rtts]);
  return { clock, table, report, shown, counts };
}

test('a time is used once five reports stand behind it, for the /24 or the /48 of those who reported', () => {
  const { report, shown } = setUp();
  report('9.1.2.3', 20, 2);
  report('9.1.2.77', 20, 2);
  assert.deepEqual(shown(), []);
  report('9.1.2.200', 20);
  assert.deepEqual(shown(), [['9.1.2.0', 24, ['par', 20]]]);
  const six = setUp();
  six.report('2001:db8:1:2::1', 7, 5);
  assert.equal(six.shown()[0]?.[1], 48);
});

test('the first reports are averaged, later ones move the average by a fifth', async () => {
  const { clock, report, shown } = setUp();
  for (const rttMs of [10, 20, 30, 40, 50]) report('9.1.2.3', rttMs);
  assert.deepEqual(shown()[0]?.[2], ['par', 30]);
  report('9.1.2.3', 130);
  await clock.advance(rttLimits.publishMs);
  assert.deepEqual(shown()[0]?.[2], ['par', 50]);
});

test('old reports fade: a time is no longer used, then forgotten', async () => {
  const { clock, report, shown } = setUp();
  report('9.1.2.3', 20, 8);
  assert.equal(shown().length, 1);
  await clock.advance(2 * rttLimits.halfLifeMs);
  assert.equal(shown().length, 0);
});

test('changes are told every 30 seconds at most, and nothing when nothing has changed', async () => {
  const { clock, report, counts } = setUp();
  report('9.1.2.3', 20, 100);
  report('9.1.3.3', 20, 100);
  assert.equal(counts.told, 1);
  await clock.advance(rttLimits.publishMs);
  assert.equal(counts.told, 2);
  await clock.advance(3 * rttLimits.publishMs);
  assert.equal(counts.told, 2);
});

test('networks are bounded: the one reported for longest ago gives way, counted', () => {
  const { report, shown, counts } = setUp({ ...rttLimits, networks: 2 });
  report('9.0.0.1', 10, 5);
  report('9.0.1.1', 10, 1);
  report('9.0.0.1', 10, 1);
  report('9.0.2.1', 10, 1);
  assert.equal(counts.evicted, 1);
  assert.deepEqual(shown(), [['9.0.0.0', 24, ['par', 10]]]);
});

test('reports for PoPs that are not there are ignored, counted', () => {
  const { report, counts } = setUp();
  assert.equal(report('9.1.2.3', 20, 3, 'ber'), 0);
  assert.equal(report('9.1.2.3', 20, 2), 2);
  assert.deepEqual([counts.taken, counts.ignored], [2, 3]);
});

test('nothing moves after stop', () => {
  const { clock, table } = setUp();
  table.stop();
  assert.equal(clock.pending, 0);
});
