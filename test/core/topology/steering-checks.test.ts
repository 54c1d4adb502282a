import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseTopology, TopologyError } from '../../../core/topology/load.ts';
import { steeringByHost } from '../../../core/topology/steering-schema.ts';
import { networkText } from './steering-network.ts';

function problemsOf(steering: string): string {
  try {
    parseTopology(networkText(steering), '/tmp/breakwater.yaml', {});
    return '';
  } catch (error) {
    if (error instanceof TopologyError) return error.message;
    throw error;
  }
}

const right = [
  '{ policy: geo, countries: { FR: par, US: [nyc, par] }, continents: { EU: [par] }, default: nyc }',
  '{ policy: weighted, weights: { par: 3, nyc: 0.5 }, answers: 2 }',
  '{ policy: failover, order: [nyc, par] }',
  '{ policy: round-robin }',
  '{ policy: hash, order: [nyc] }',
  '{ policy: latency, freeLoad: 0, fullLoadKm: 0 }',
  '{ names: [{ hosts: [api.demo.test], policy: failover, order: [par] }] }',
];
for (const steering of right) {
  test(`steering may be ${steering}`, () => assert.equal(problemsOf(steering), ''));
}

const wrong: [string, RegExp][] = [
  ['{ policy: nearest }', /steering\.policy/],
  ['{ answers: 0 }', /steering\.answers/],
  ['{ policy: geo }', /geo needs "countries" or "continents"/],
  ['{ policy: geo, countries: { France: [par] } }', /two-letter country code/],
  ['{ policy: geo, continents: { XX: [par] } }', /steering\.continents/],
  ['{ policy: geo, countries: { FR: [ber] } }', /countries\.FR.*no PoP "ber" \(known: par, nyc\)/],
  ['{ policy: weighted }', /weighted needs "weights"/],
  ['{ policy: weighted, weights: { par: 0 } }', /at least one above 0/],
  ['{ policy: weighted, weights: { ber: 1 } }', /no PoP "ber"/],
  ['{ policy: failover }', /failover needs "order"/],
  ['{ policy: failover, order: [] }', /at least one PoP/],
  [
    '{ order: [par] }',
    /"order" goes with the policy failover, round-robin, hash, not with latency/,
  ],
  ['{ names: [{ hosts: [x.demo.test] }] }', /the site has no host "x\.demo\.test"/],
  [
    '{ names: [{ hosts: [api.demo.test] }, { hosts: [api.demo.test] }] }',
    /the host "api\.demo\.test" is named twice/,
  ],
];
for (const [steering, problem] of wrong) {
  test(`steering may not be ${steering}`, () => assert.match(problemsOf(steering), problem));
}

test('a host has the rules that are given for it, else those of its site', () => {
  const text = networkText(
    '{ policy: round-robin, names: [{ hosts: [api.demo.test], policy: failover, order: [par] }] }',
  );
  const byHost = steeringByHost(parseTopology(text, '/tmp/breakwater.yaml', {}).sites);
  assert.equal(byHost.get('www.demo.test')?.policy, 'round-robin');
  assert.equal(byHost.get('api.demo.test')?.policy, 'failover');
});
