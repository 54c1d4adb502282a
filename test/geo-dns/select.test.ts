import assert from 'node:assert/strict';
import { test } from 'node:test';
import { plainSteering } from '../../core/topology/steering-schema.ts';
import { distanceKm, loadTermKm } from '../../geo-dns/latency.ts';
import type { Located } from '../../geo-dns/locate/locate.ts';
import { type PopStanding, select } from '../../geo-dns/select.ts';
import { dnsNetwork, standings } from '../support/dns-network.ts';

const { pops } = dnsNetwork();
const at = (latitude: number, longitude: number): Located => ({
  source: 'places',
  latitude,
  longitude,
  prefixLength: 24,
});
const london = at(51.51, -0.13);
const tokyo = at(35.68, 139.69);
const nowhere: Located = { source: 'none', prefixLength: 8 };
type Changes = Record<string, Partial<PopStanding>>;

const cases: [title: string, Located, Changes, order: string, reason: string, depends: boolean][] =
  [
    ['the nearest PoP comes first', london, {}, 'par nyc tyo', 'nearest', true],
    ['the same from elsewhere', tokyo, {}, 'tyo par nyc', 'nearest', true],
    [
      'an unhealthy PoP comes last, however near',
      london,
      { par: { standing: 'unhealthy' } },
      'nyc tyo par',
      'nearest',
      true,
    ],
    [
      'a draining one too',
      london,
      { par: { standing: 'draining' } },
      'nyc tyo par',
      'nearest',
      true,
    ],
    [
      'load up to half of capacity moves nobody',
      london,
      { par: { load: 0.5 } },
      'par nyc tyo',
      'nearest',
      true,
    ],
    [
      'a full PoP is 2,000 km farther, which is not across the Atlantic',
      london,
      { par: { load: 1 } },
      'par nyc tyo',
      'nearest',
      true,
    ],
    [
      'an overloaded one sheds to the next',
      london,
      { par: { load: 1.5 } },
      'nyc par tyo',
      'nearest',
      true,
    ],
    [
      'one PoP left: the answer is the same for all',
      london,
      { par: { standing: 'unhealthy' }, tyo: { standing: 'draining' } },
      'nyc tyo par',
      'nearest',
      false,
    ],
    [
      'without a place the least loaded comes first',
      nowhere,
      { par: { load: 0.9 }, nyc: { load: 0.7 } },
      'tyo nyc par',
      'least-loaded',
      true,
    ],
    [
      'and all alike keep the order of the configuration',
      nowhere,
      {},
      'par nyc tyo',
      'least-loaded',
      true,
    ],
    [
      'every PoP out: all are candidates again',
      tokyo,
      {
        par: { standing: 'unhealthy' },
        nyc: { standing: 'unhealthy' },
        tyo: { standing: 'unhealthy' },
      },
      'tyo par nyc',
      'fail-open',
      true,
    ],
    [
      'then one that drains is better than one that is dead',
      tokyo,
      {
        par: { standing: 'draining' },
        nyc: { standing: 'unhealthy' },
        tyo: { standing: 'unhealthy' },
      },
      'par tyo nyc',
      'fail-open',
      false,
    ],
    [
      'one that was reached, and says that it is not ready, is better than one that was not',
      tokyo,
      {
        par: { standing: 'unhealthy', isReached: true },
        nyc: { standing: 'quarantined', isReached: true },
        tyo: { standing: 'unhealthy', isReached: false },
      },
      'par nyc tyo',
      'fail-open',
      true,
    ],
    [
      'one that flaps is out, and comes before those that are not ready',
      london,
      { par: { standing: 'flapping' }, tyo: { standing: 'unhealthy', isReached: true } },
      'nyc par tyo',
      'nearest',
      false,
    ],
  ];

for (const [title, located, changes, order, reason, depends] of cases) {
  test(`select: ${title}`, () => {
    const selection = select(located, standings(pops, changes));
    assert.equal(selection.candidates.map(({ pop }) => pop.id).join(' '), order);
    assert.equal(selection.reason, reason);
    assert.equal(selection.dependsOnPlace, depends);
  });
}

const networks = Array.from({ length: 1000 }, (_, i) => `10.${i >> 8}.${i & 255}`);
const firstOf = (network: string, changes: Changes) =>
  select(london, standings(pops, changes), { network }).candidates[0]?.pop.id;

test('a PoP that sheds keeps its share of the networks, and gives the others to the PoPs that come next', () => {
  const kept = networks.filter((network) => firstOf(network, { par: { share: 0.75 } }) === 'par');
  assert.ok(Math.abs(kept.length - 750) < 50, `${kept.length}`);
  assert.ok(
    networks.every((n) => kept.includes(n) || firstOf(n, { par: { share: 0.75 } }) === 'nyc'),
  );
});

test('as the share falls more networks go, and none comes back', () => {
  const before = networks.filter((network) => firstOf(network, { par: { share: 0.75 } }) === 'par');
  const after = networks.filter((network) => firstOf(network, { par: { share: 0.5 } }) === 'par');
  assert.ok(after.every((network) => before.includes(network)));
});

test('when all that are in shed a client, it is still given the best of them, and that is counted', () => {
  const all = {
    par: { share: 0.05 },
    nyc: { share: 0.05 },
    tyo: { standing: 'unhealthy' },
  } as const;
  const selections = networks.map((network) => select(london, standings(pops, all), { network }));
  const over = selections.filter(({ reason }) => reason === 'over-capacity');
  assert.ok(over.length > 800 && over.every(({ candidates }) => candidates[0]?.pop.id === 'par'));
  assert.ok(selections.every(({ dependsOnNetwork }) => dependsOnNetwork));
});

test('where it sheds, one PoP alone still has everybody', () => {
  const alone = {
    par: { share: 0.5 },
    nyc: { standing: 'draining' },
    tyo: { standing: 'unhealthy' },
  } as const;
  for (const network of networks) {
    const { candidates, dependsOnNetwork } = select(london, standings(pops, alone), { network });
    assert.deepEqual([candidates[0]?.pop.id, dependsOnNetwork], ['par', false]);
  }
});

test('select leaves the standings that it was given in their order', () => {
  const given = standings(pops);
  select(tokyo, given);
  assert.deepEqual(
    given.map(({ pop }) => pop.id),
    ['par', 'nyc', 'tyo'],
  );
});

test('great-circle distances are those of the globe', () => {
  const point = (latitude: number, longitude: number) => ({ latitude, longitude });
  const near = (value: number, km: number) =>
    assert.ok(Math.abs(value - km) < km / 200, `${value}`);
  near(distanceKm(point(48.86, 2.35), point(40.71, -74.01)), 5837);
  near(distanceKm(point(35.68, 139.69), point(48.86, 2.35)), 9712);
  near(distanceKm(point(0, 179), point(0, -179)), 222.4);
  near(distanceKm(point(90, 0), point(-90, 0)), 20015);
  near(distanceKm(point(0, 0), point(0, 180)), 20015);
  assert.equal(distanceKm(point(12, 34), point(12, 34)), 0);
});

test('the load term begins above half of capacity and grows with the square', () => {
  const term = (load: number) => loadTermKm({ freeLoad: 0.5, fullLoadKm: 2000 }, load);
  assert.deepEqual([0, 0.5, 0.75, 1, 1.5].map(term), [0, 0, 500, 2000, 8000]);
});

test('PoPs with one address (anycast) give everybody the same answer; one with another makes a difference', () => {
  const sharing = standings(pops).map((one) => ({
    ...one,
    pop: { ...one.pop, advertise: ['192.0.2.9'] },
  }));
  const rules = { ...plainSteering, policy: 'hash' as const };
  for (const options of [{}, { rules, network: '10.0.0' }]) {
    const { dependsOnPlace, dependsOnNetwork } = select(tokyo, sharing, options);
    assert.deepEqual([dependsOnPlace, dependsOnNetwork], [false, false]);
  }
  const mixed = [...sharing.slice(1), ...standings(pops).slice(0, 1)];
  assert.equal(select(tokyo, mixed).dependsOnPlace, true);
});
