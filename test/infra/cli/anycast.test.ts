import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseTopology } from '../../../core/topology/load.ts';
import { describeRoutes, routesOf, sharedLines } from '../../../infra/cli/anycast.ts';
import { anycastCatchmentsOf } from '../../../infra/cli/catchments.ts';
import type { Steering } from '../../../infra/cli/steering.ts';
import { dnsNetwork, standings } from '../../support/dns-network.ts';
import { smallNetwork } from '../support/small-network.ts';

const pop = (id: string, latitude: number, longitude: number, more = {}) => ({
  id,
  location: { latitude, longitude },
  listen: '127.0.0.1:0',
  admin: '127.0.0.1:0',
  advertise: ['192.0.2.1', `198.51.100.${latitude < 40 ? 3 : 1}`],
  ...more,
});
const topologyWith = (par = {}, nyc = {}) =>
  parseTopology(
    JSON.stringify(
      smallNetwork({
        pops: [
          pop('par', 48.86, 2.35, { shield: 'eu', ...par }),
          pop('nyc', 40.71, -74.01, nyc),
          pop('tyo', 35.68, 139.69, { advertise: ['198.51.100.3'] }),
        ],
      }),
    ),
    '/nowhere/breakwater.yaml',
    {},
  );

/** What the DNS says to a client in London. */
const steering = (why: Record<string, string> = {}, others = ['nyc in', 'tyo in']): Steering => ({
  server: 'ns1',
  addresses: ['192.0.2.1'],
  ttlSeconds: 30,
  scope: 'everybody',
  transport: 'UDP',
  tookMs: 1,
  why: { pop: 'par', reason: 'nearest', at: '51.51,-0.13', within: '24', ...why },
  others,
});
const routesFrom = (topology = topologyWith(), told = steering()) =>
  routesOf(topology, told)?.routes.map(
    ({ pop: id, announces }) => `${id}${announces ? '' : ' withdrawn'}`,
  );

test('of the PoPs that share an address routing takes the nearest, and knows only them', () => {
  assert.deepEqual(routesFrom(), ['par', 'nyc']);
});

test('a cost of its own makes a PoP farther away', () => {
  assert.deepEqual(routesFrom(topologyWith({ routeCost: 6000 })), ['nyc', 'par']);
});

test('load moves nobody, and a PoP that is not well has withdrawn', () => {
  assert.deepEqual(routesFrom(topologyWith(), steering({ load: '1.5', 'load-km': '8000' })), [
    'par',
    'nyc',
  ]);
  const out = steering({ pop: 'nyc' }, ['par unhealthy', 'tyo in']);
  assert.deepEqual(routesFrom(topologyWith(), out), ['nyc', 'par withdrawn']);
});

test('an address of one PoP is no anycast, and loopback, which is this machine, never is', () => {
  assert.equal(routesOf(topologyWith(), { ...steering(), addresses: ['198.51.100.3'] }), undefined);
  const loopback = topologyWith({ advertise: ['127.0.0.1'] }, { advertise: ['127.0.0.1'] });
  assert.equal(routesOf(loopback, { ...steering(), addresses: ['127.0.0.1'] }), undefined);
  assert.deepEqual(sharedLines(loopback), []);
});

test('it is told in a line, and a shared address is pointed out', () => {
  const routes = routesOf(topologyWith(), steering()) ?? assert.fail();
  assert.equal(
    describeRoutes(routes),
    '192.0.2.1 is par, nyc: routing takes par (343 km), next nyc (5570 km)',
  );
  assert.deepEqual(sharedLines(topologyWith()).slice(0, 1), [
    '192.0.2.1 is shared by par, nyc (anycast): routing, not DNS, chooses among them',
  ]);
});

test('the catchments of anycast follow distance and cost alone', () => {
  const pops = standings(dnsNetwork().pops, { par: { load: 3, share: 0.1 } });
  const firstOf = (costs: [string, number][]) =>
    anycastCatchmentsOf(pops, new Map(costs)).find(({ country }) => country === 'DE')?.shares[0]
      ?.pop;
  assert.equal(firstOf([]), 'par');
  assert.equal(firstOf([['par', 20_000]]), 'nyc');
});
