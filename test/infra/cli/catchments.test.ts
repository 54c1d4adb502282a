import assert from 'node:assert/strict';
import { test } from 'node:test';
import { plainSteering } from '../../../core/topology/steering-schema.ts';
import { catchmentsOf, movesBetween, userShares } from '../../../infra/cli/catchments.ts';
import { describeCatchments } from '../../../infra/cli/verbs/catchments.ts';
import { without } from '../../../infra/cli/world.ts';
import { dnsNetwork, standings } from '../../support/dns-network.ts';

const pops = standings(dnsNetwork().pops);
const firstOf = (catchments: ReturnType<typeof catchmentsOf>, code: string) =>
  catchments.find(({ country }) => country === code)?.shares[0];

test('by latency a country goes to the PoP nearest to its middle', () => {
  const catchments = catchmentsOf(plainSteering, pops);
  assert.ok(catchments.length > 200);
  for (const [country, pop] of [
    ['DE', 'par'],
    ['US', 'nyc'],
    ['JP', 'tyo'],
    ['BR', 'nyc'],
  ] as const) {
    assert.deepEqual(firstOf(catchments, country), { pop, share: 1 });
  }
});

test('by geo the map of the configuration is what comes out', () => {
  const rules = {
    ...plainSteering,
    policy: 'geo' as const,
    countries: { JP: ['par'] },
    continents: { AS: ['nyc'] },
    default: ['tyo'],
  };
  const catchments = catchmentsOf(rules, pops);
  assert.equal(firstOf(catchments, 'JP')?.pop, 'par');
  assert.equal(firstOf(catchments, 'KR')?.pop, 'nyc');
  assert.equal(firstOf(catchments, 'FR')?.pop, 'tyo');
  assert.equal(catchments.find(({ country }) => country === 'KR')?.reason, 'continent');
});

test('where networks or turns decide, a country is shared', () => {
  const weighted = { ...plainSteering, policy: 'weighted' as const, weights: { par: 1, nyc: 1 } };
  const shares = catchmentsOf(weighted, pops).find(({ country }) => country === 'FR')?.shares ?? [];
  assert.deepEqual(shares.map(({ pop }) => pop).sort(), ['nyc', 'par']);
  assert.equal(
    shares.reduce((sum, { share }) => sum + share, 0),
    1,
  );
  const turns = catchmentsOf({ ...plainSteering, policy: 'round-robin' }, pops)[0]?.shares ?? [];
  assert.deepEqual(
    turns.map(({ share }) => share),
    [1 / 3, 1 / 3, 1 / 3],
  );
});

test('all users go somewhere, and without a PoP only its countries move', () => {
  const before = catchmentsOf(plainSteering, pops);
  const left = without(pops, ['par']);
  const after = catchmentsOf(plainSteering, left);
  const sum = (shares: { share: number }[]) => shares.reduce((all, { share }) => all + share, 0);
  assert.ok(Math.abs(sum(userShares(before, pops)) - 1) < 1e-9);
  assert.equal(userShares(after, left)[0]?.share, 0);
  const moves = movesBetween(before, after);
  assert.ok(moves.length > 0 && moves.every(({ from }) => from === 'par'));
});

test('a map is told by PoP and continent, with what moves', () => {
  const rest = { continent: 'EU', users: 1, reason: 'nearest' } as const;
  const lines = describeCatchments({
    name: 'www.demo.test',
    policy: 'latency',
    source: 'as ns1 sees the PoPs',
    without: ['nyc'],
    pops: [
      { pop: 'par', standing: 'in', share: 0.75, shareBefore: 0.5 },
      { pop: 'nyc', standing: 'unhealthy', share: 0, shareBefore: 0.25 },
    ],
    countries: [
      { ...rest, country: 'DE', shares: [{ pop: 'par', share: 1 }] },
      { ...rest, country: 'FR', shares: [{ pop: 'par', share: 1 }] },
      { ...rest, continent: 'AS', country: 'JP', shares: [{ pop: 'par', share: 0.5 }] },
    ],
    moves: [{ country: 'FR', from: 'nyc', to: 'par' }],
  });
  assert.deepEqual(lines, [
    'www.demo.test (latency), as ns1 sees the PoPs, without nyc',
    '',
    'POP  USERS BEFORE  USERS   FROM  COUNTRIES    STATE',
    'par  50.0 %        75.0 %  EU    all 2        in',
    '                           AS    JP (50.0 %)',
    'nyc  25.0 %        0.0 %                      left out',
    '',
    'moves nyc → par: FR',
  ]);
});
