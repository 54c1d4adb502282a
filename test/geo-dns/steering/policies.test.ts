import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { plainSteering, type SteeringRules } from '../../../core/topology/steering-schema.ts';
import type { Located } from '../../../geo-dns/locate/locate.ts';
import { type SelectOptions, type Standing, select } from '../../../geo-dns/select.ts';
import { dnsNetwork, standings } from '../../support/dns-network.ts';

const { pops } = dnsNetwork();
const rulesOf = (changes: Partial<SteeringRules>): SteeringRules => ({
  ...plainSteering,
  ...changes,
});
const from = (country?: string, continent?: 'EU' | 'AS' | 'SA'): Located => ({
  source: 'places',
  latitude: 35.68,
  longitude: 139.69,
  ...(country === undefined ? {} : { country }),
  ...(continent === undefined ? {} : { continent }),
  prefixLength: 24,
});
const nowhere: Located = { source: 'none', prefixLength: 8 };

interface Asked extends SelectOptions {
  located?: Located;
  out?: Record<string, Standing>;
}

function choose({ located = from(), out = {}, ...options }: Asked) {
  const changed = Object.fromEntries(
    Object.entries(out).map(([id, standing]) => [id, { standing }]),
  );
  const selection = select(located, standings(pops, changed), options);
  return { ...selection, order: selection.candidates.map(({ pop }) => pop.id).join(' ') };
}

/** How many of `count` networks each PoP is first for. */
function sharesOf(rules: SteeringRules, count: number, out: Record<string, Standing> = {}) {
  const shares: Record<string, number> = {};
  for (let i = 0; i < count; i += 1) {
    const { candidates } = choose({ rules, out, network: `10.${i >> 8}.${i & 255}` });
    const id = candidates[0]?.pop.id ?? assert.fail();
    shares[id] = (shares[id] ?? 0) + 1;
  }
  return shares;
}

describe('geo', () => {
  const rules = rulesOf({
    policy: 'geo',
    countries: { JP: ['nyc'] },
    continents: { AS: ['par', 'nyc'], EU: ['par'] },
    default: ['tyo', 'nyc'],
  });
  const cases: [title: string, asked: Asked, order: string, reason: string][] = [
    [
      'the country’s PoP comes first, however far',
      { located: from('JP', 'AS') },
      'nyc par tyo',
      'country',
    ],
    [
      'a country without an entry has its continent’s',
      { located: from('KR', 'AS') },
      'par nyc tyo',
      'continent',
    ],
    [
      'a continent without an entry has the default',
      { located: from('BR', 'SA') },
      'tyo nyc par',
      'default',
    ],
    ['a client whose country is not known too', { located: from() }, 'tyo nyc par', 'default'],
    ['and one that is nowhere', { located: nowhere }, 'nyc tyo par', 'default'],
    [
      'none of the country is well: the continent’s',
      { located: from('JP', 'AS'), out: { nyc: 'unhealthy' } },
      'par tyo nyc',
      'continent',
    ],
    [
      'none of either nor of the default: the nearest of all',
      {
        located: from('FR', 'EU'),
        out: { par: 'draining' },
        rules: rulesOf({ policy: 'geo', continents: { EU: ['par'] } }),
      },
      'tyo nyc par',
      'nearest',
    ],
  ];
  for (const [title, asked, order, reason] of cases) {
    test(title, () => {
      const chosen = choose({ rules, ...asked });
      assert.equal(chosen.order, order);
      assert.equal(chosen.reason, reason);
      assert.equal(chosen.dependsOnPlace, true);
    });
  }
});

describe('failover', () => {
  const rules = rulesOf({ policy: 'failover', order: ['nyc', 'par'] });

  test('the first of the order has everybody, and the answer is the same for all', () => {
    const { order, reason, dependsOnPlace, dependsOnNetwork } = choose({ rules });
    assert.deepEqual(
      [order, reason, dependsOnPlace, dependsOnNetwork],
      ['nyc par tyo', 'failover', false, false],
    );
  });

  test('the next takes over when it is out; a PoP that is not named when none is well', () => {
    assert.equal(choose({ rules, out: { nyc: 'draining' } }).order, 'par tyo nyc');
    const last = choose({ rules, out: { nyc: 'unhealthy', par: 'unhealthy' } });
    assert.deepEqual([last.order, last.reason], ['tyo nyc par', 'nearest']);
  });
});

describe('round-robin', () => {
  const rules = rulesOf({ policy: 'round-robin' });
  const firsts = (asked: Asked) =>
    [0, 1, 2, 3, 4, 5].map((turn) => choose({ ...asked, turn }).candidates[0]?.pop.id).join(' ');

  test('each answer begins with the next PoP, and is the same for all', () => {
    assert.equal(firsts({ rules }), 'par nyc tyo par nyc tyo');
    const { dependsOnPlace, dependsOnNetwork } = choose({ rules });
    assert.deepEqual([dependsOnPlace, dependsOnNetwork], [false, false]);
  });

  test('a PoP that is out leaves no gap that the next would fill alone', () => {
    assert.equal(firsts({ rules, out: { nyc: 'unhealthy' } }), 'par tyo par tyo par tyo');
  });

  test('only those that are named take turns', () => {
    const some = rulesOf({ policy: 'round-robin', order: ['tyo', 'par'] });
    assert.equal(firsts({ rules: some }), 'tyo par tyo par tyo par');
  });
});

describe('weighted', () => {
  const rules = rulesOf({ policy: 'weighted', weights: { par: 6, nyc: 3, tyo: 1 } });

  test('each PoP has its share of the networks', () => {
    const { par = 0, nyc = 0, tyo = 0 } = sharesOf(rules, 10_000);
    assert.ok(
      Math.abs(par - 6000) < 250 && Math.abs(nyc - 3000) < 250 && Math.abs(tyo - 1000) < 250,
      `${par} ${nyc} ${tyo}`,
    );
  });

  test('when one goes, the others share its networks by their weights, and keep their own', () => {
    const { nyc = 0, tyo = 0, par } = sharesOf(rules, 10_000, { par: 'unhealthy' });
    assert.equal(par, undefined);
    assert.ok(Math.abs(nyc - 7500) < 250 && Math.abs(tyo - 2500) < 250, `${nyc} ${tyo}`);
    for (let i = 0; i < 500; i += 1) {
      const network = `10.0.${i}`;
      const before = choose({ rules, network }).candidates[0]?.pop.id;
      const after = choose({ rules, network, out: { par: 'unhealthy' } }).candidates[0]?.pop.id;
      if (before !== 'par') assert.equal(after, before);
    }
  });

  test('a weight of 0 is none; with one PoP left the answer is the same for all', () => {
    const one = rulesOf({ policy: 'weighted', weights: { nyc: 1, par: 0 } });
    const { order, dependsOnNetwork, dependsOnPlace } = choose({ rules: one, network: '10.0.0' });
    assert.deepEqual([order, dependsOnNetwork, dependsOnPlace], ['nyc tyo par', false, false]);
  });
});

describe('hash', () => {
  const rules = rulesOf({ policy: 'hash' });

  test('networks are spread evenly, and each keeps its PoP wherever its client is', () => {
    const shares = Object.values(sharesOf(rules, 9000));
    assert.ok(
      shares.every((share) => Math.abs(share - 3000) < 250),
      shares.join(' '),
    );
    const here = choose({ rules, network: '10.1.2', located: from('JP', 'AS') });
    const there = choose({ rules, network: '10.1.2', located: nowhere });
    assert.equal(here.order, there.order);
    assert.deepEqual(
      [here.reason, here.dependsOnNetwork, here.dependsOnPlace],
      ['hash', true, false],
    );
  });

  test('only those that are named take part', () => {
    const some = rulesOf({ policy: 'hash', order: ['tyo', 'par'] });
    assert.deepEqual(Object.keys(sharesOf(some, 100)).sort(), ['par', 'tyo']);
  });
});

describe('several answers', () => {
  const idsOf = (asked: Asked) =>
    choose(asked)
      .chosen.map(({ pop }) => pop.id)
      .join(' ');

  test('the first PoPs of the order, as many as are wanted and well', () => {
    assert.equal(idsOf({ rules: rulesOf({ answers: 2 }) }), 'tyo par');
    assert.equal(idsOf({ rules: rulesOf({ answers: 8 }) }), 'tyo par nyc');
    assert.equal(idsOf({ rules: rulesOf({ answers: 3 }), out: { par: 'draining' } }), 'tyo nyc');
    assert.equal(
      idsOf({ rules: rulesOf({ policy: 'failover', order: ['nyc', 'par'], answers: 2 }) }),
      'nyc par',
    );
  });

  test('a PoP that is only a way out is not mixed with those that are named', () => {
    const geo = rulesOf({ policy: 'geo', countries: { JP: ['nyc'] }, answers: 2 });
    assert.equal(idsOf({ rules: geo, located: from('JP', 'AS') }), 'nyc');
  });

  test('when every PoP is out, several are still handed out', () => {
    const out = { par: 'unhealthy', nyc: 'unhealthy', tyo: 'unhealthy' } as const;
    const { reason, chosen } = choose({ rules: rulesOf({ answers: 2 }), out });
    assert.deepEqual([reason, chosen.length], ['fail-open', 2]);
  });
});

test('the load term follows the rules: where it is switched off, load moves nobody', () => {
  const loaded = standings(pops, { tyo: { load: 5 } });
  const first = (rules: SteeringRules) => select(from(), loaded, { rules }).candidates[0]?.pop.id;
  assert.equal(first(rulesOf({})), 'par');
  assert.equal(first(rulesOf({ fullLoadKm: 0 })), 'tyo');
});
