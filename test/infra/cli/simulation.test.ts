import assert from 'node:assert/strict';
import { test } from 'node:test';
import { plainSteering } from '../../../core/topology/steering-schema.ts';
import { populationOf } from '../../../infra/cli/population.ts';
import { type SimulationInput, simulate } from '../../../infra/cli/simulation.ts';
import { dnsNetwork, standings } from '../../support/dns-network.ts';

const { pops } = dnsNetwork();
const inputOf = (changes: Partial<SimulationInput> = {}): SimulationInput => ({
  population: populationOf(3000, 1),
  pops: standings(pops).map((standing, index) => ({
    ...standing,
    pop: { ...standing.pop, capacity: pops[index]?.capacity ?? 1 },
  })),
  rules: plainSteering,
  shedding: { above: 0.8, below: 0.7, windowMs: 10_000 },
  ttlMs: 10_000,
  probeIntervalMs: 2000,
  inProgress: 0.05,
  without: [],
  ...changes,
});
const clientsOf = ({ pops: loads }: { pops: { clients: number }[] }) =>
  loads.map(({ clients }) => clients);

test('a population follows the users of the countries, and is the same for the same seed', () => {
  const population = populationOf(20_000, 7);
  const counts = new Map<string, number>();
  for (const index of population.countryOf) {
    const code = population.countries[index]?.code ?? '';
    counts.set(code, (counts.get(code) ?? 0) + 1);
  }
  const users = population.countries.reduce((sum, country) => sum + country.users, 0);
  const india = population.countries.find(({ code }) => code === 'IN')?.users ?? assert.fail();
  assert.ok(Math.abs((counts.get('IN') ?? 0) / 20_000 - india / users) < 0.01);
  assert.deepEqual(populationOf(100, 7).countryOf, population.countryOf.slice(0, 100));
  assert.notDeepEqual(populationOf(100, 8).countryOf, population.countryOf.slice(0, 100));
  assert.notEqual(population.networkOf(1), population.networkOf(2));
});

test('every client is sent somewhere, each country’s to its PoP while all have room', () => {
  const { before, after } = simulate(inputOf());
  assert.equal(
    clientsOf(before).reduce((sum, count) => sum + count, 0),
    3000,
  );
  assert.ok(before.routes.every((row) => row.filter((count) => count > 0).length <= 1));
  assert.equal(after, undefined);
});

test('after a death its clients are with the others, all of them, and nobody else has moved', () => {
  const { before, after, strandedMs } = simulate(inputOf({ without: ['par'] }));
  assert.ok(after);
  assert.equal(clientsOf(after)[0], 0);
  assert.equal(
    clientsOf(after).reduce((sum, count) => sum + count, 0),
    3000,
  );
  assert.deepEqual(
    after.routes.filter((row) => row[0] === 0 && row.some((count) => count > 0)).length,
    before.routes.filter((row) => row.some((count) => count > 0)).length,
  );
  for (const [index, row] of before.routes.entries()) {
    if (row[0] === 0) assert.deepEqual(after.routes[index], row);
  }
  assert.equal(strandedMs, 16_000);
});

test('a full PoP sheds until it is near the limit, and the clients that it keeps are not moved about', () => {
  const small = inputOf().pops.map((standing) =>
    standing.pop.id === 'tyo' ? { ...standing, pop: { ...standing.pop, capacity: 50 } } : standing,
  );
  const rules = { ...plainSteering, fullLoadKm: 0 };
  const { before } = simulate(inputOf({ pops: small, rules }));
  const tokyo = before.pops.find(({ pop }) => pop === 'tyo') ?? assert.fail();
  assert.ok(tokyo.load > 0.65 && tokyo.load < 0.9, `${tokyo.load}`);
  assert.ok(tokyo.share < 1);
});

test('the same input gives the same result', () => {
  const input = inputOf({ without: ['nyc'], rules: { ...plainSteering, policy: 'hash' } });
  assert.deepEqual(simulate(input), simulate(input));
});
