/** What the command line says would happen is what the server answers when it has happened. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseAddress } from '../../../core/runtime/addresses.ts';
import { plainSteering, type SteeringRules } from '../../../core/topology/steering-schema.ts';
import { type AnswerContext, answer } from '../../../geo-dns/answer.ts';
import { createLocate } from '../../../geo-dns/locate/locate.ts';
import { createMeasured } from '../../../geo-dns/measured/measured.ts';
import type { PopStanding, Standing } from '../../../geo-dns/select.ts';
import type { Message } from '../../../geo-dns/wire/message.ts';
import { decodeQuery } from '../../../geo-dns/wire/query.ts';
import { buildZones } from '../../../geo-dns/zone-build.ts';
import { findClient } from '../../../infra/cli/place.ts';
import { steeringOf } from '../../../infra/cli/steering.ts';
import { whatIf } from '../../../infra/cli/what-if.ts';
import { buildQuery, type QueryBuilder } from '../../support/dns-messages.ts';
import { dnsNetwork, standings } from '../../support/dns-network.ts';

const host = 'www.demo.test';

function messageOf(query: QueryBuilder, context: AnswerContext): Message {
  const incoming = decodeQuery(buildQuery(query));
  if (incoming.kind !== 'query') return assert.fail();
  return answer(incoming.query, [127, 0, 0, 1], context).message;
}

const networkOf = (subnet: string) => ({
  bytes: parseAddress(subnet.split('/')[0] ?? '')?.bytes ?? assert.fail(subnet),
});
const ids = fc.constantFrom('par', 'nyc', 'tyo');
const world = fc.record({
  rules: fc.oneof<fc.Arbitrary<Partial<SteeringRules>>[]>(
    fc.constant({}),
    fc.constant({ policy: 'hash' as const }),
    fc.constant({ policy: 'weighted' as const, weights: { par: 2, nyc: 1, tyo: 1 } }),
    fc.constant({ policy: 'failover' as const, order: ['nyc', 'tyo'] }),
    fc.constant({ policy: 'geo' as const, countries: { JP: ['nyc'] }, default: ['par'] }),
  ),
  changed: fc.dictionary(
    ids,
    fc.record({
      standing: fc.constantFrom<Standing>('in', 'in', 'in', 'draining', 'quarantined'),
      load: fc.constantFrom(0, 0.75, 1),
      share: fc.constantFrom(1, 0.5),
    }),
  ),
  subnet: fc.constantFrom(
    '198.18.3.0/24',
    '198.18.1.0/24',
    '41.1.2.0/24',
    '9.9.9.0/24',
    '77.1.2.0/24',
  ),
  dead: ids,
  rtts: fc.dictionary(ids, fc.integer({ min: 1, max: 200 })),
});

test('explain-dns --without says what the server answers once that PoP is dead', () => {
  const topology = dnsNetwork();
  const node = topology.dns[0] ?? assert.fail();
  fc.assert(
    fc.property(world, ({ rules, changed, subnet, dead, rtts }) => {
      const full = { ...plainSteering, ...rules };
      for (const site of topology.sites) Object.assign(site, { steering: { ...full, names: [] } });
      const pops = standings(topology.pops, changed).map(
        ({ share, ...pop }): PopStanding => ({
          ...pop,
          isReached: true,
          ...(share === undefined || share === 1 ? {} : { share }),
        }),
      );
      const context = (now: readonly PopStanding[]): AnswerContext => ({
        zones: buildZones(topology, node),
        pops: now,
        locate: createLocate({ places: node.geoip.places }),
        steering: new Map([[host, full]]),
        measured: createMeasured([
          { ...networkOf(subnet), prefixLength: 24, rtts: new Map(Object.entries(rtts)) },
        ]),
      });
      const client = findClient(subnet, topology);
      const why = messageOf({ name: `_why.${host}`, type: 'TXT', subnet }, context(pops));
      const reply = {
        message: messageOf({ subnet }, context(pops)),
        transport: 'UDP' as const,
        tookMs: 1,
      };
      const told = whatIf(topology, host, client, steeringOf('ns1', reply, why), [dead]);
      const after = pops.map(
        (pop): PopStanding =>
          pop.pop.id === dead ? { ...pop, standing: 'unhealthy', isReached: false } : pop,
      );
      const message = messageOf({ subnet }, context(after));
      const ipv4 = told.addresses.filter((address) => !address.includes(':'));
      assert.deepEqual(
        message.answers.flatMap(({ data }) => (data.type === 'A' ? [data.address] : [])),
        ipv4,
      );
      const { scopePrefixLength } = message.edns?.clientSubnet ?? assert.fail();
      assert.equal(Number(told.scope.split('/')[1] ?? 0), scopePrefixLength);
    }),
    { numRuns: 300 },
  );
});

test('a PoP that is not there is refused, with those that are', () => {
  const topology = dnsNetwork();
  const client = findClient('198.18.3.0/24', topology);
  const steering = {
    server: 'ns1',
    addresses: [],
    ttlSeconds: 30,
    scope: undefined,
    transport: 'UDP' as const,
    tookMs: 1,
    why: { pop: 'par', reason: 'nearest', within: '24' },
    others: [],
  };
  assert.throws(
    () => whatIf(topology, host, client, steering, ['ber']),
    /there is no PoP "ber"; the PoPs are: par, nyc, tyo/,
  );
});
