/**
 * RFC 7871 §7.2.1 as a property: whoever lies within the scope of an answer gets that answer, with that scope. So a resolver that
 * keeps it never gives a client what another was meant to have, and no two scopes overlap without being the same.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatAddress, maskBytes } from '../../../core/runtime/addresses.ts';
import type { Place } from '../../../core/topology/schema.ts';
import { plainSteering, type SteeringRules } from '../../../core/topology/steering-schema.ts';
import { answer } from '../../../geo-dns/answer.ts';
import { createLocate } from '../../../geo-dns/locate/locate.ts';
import { createMeasured } from '../../../geo-dns/measured/measured.ts';
import type { PopStanding, Standing } from '../../../geo-dns/select.ts';
import { decodeQuery } from '../../../geo-dns/wire/query.ts';
import { buildZones } from '../../../geo-dns/zone-build.ts';
import { buildQuery } from '../../support/dns-messages.ts';
import { dnsNetwork, standings } from '../../support/dns-network.ts';

const topology = dnsNetwork();
const zones = buildZones(topology, topology.dns[0] ?? assert.fail());
const ids = fc.constantFrom('par', 'nyc', 'tyo');
const order = fc.uniqueArray(ids, { minLength: 1 });
const country = fc.constantFrom('FR', 'JP', 'US');
const continent = fc.constantFrom('EU', 'AS', 'NA');

const rules: fc.Arbitrary<SteeringRules> = fc
  .oneof(
    fc.record({ policy: fc.constant('latency' as const) }),
    fc.record({ policy: fc.constant('hash' as const), order }),
    fc.record({ policy: fc.constant('failover' as const), order }),
    fc.record({ policy: fc.constant('round-robin' as const), order }),
    fc.record({
      policy: fc.constant('weighted' as const),
      weights: fc.dictionary(ids, fc.integer({ min: 0, max: 3 })),
    }),
    fc.record({
      policy: fc.constant('geo' as const),
      countries: fc.dictionary(country, order),
      continents: fc.dictionary(continent, order),
    }),
  )
  .chain((some) =>
    fc.integer({ min: 1, max: 3 }).map((answers) => ({ ...plainSteering, ...some, answers })),
  );

/** Networks that nest and touch, all below 9.0.0.0/8 so that they meet each other and the clients. */
const place = fc
  .record({
    bytes: fc.tuple(fc.constant(9), fc.constantFrom(0, 1), fc.nat(3), fc.nat(255)),
    length: fc.integer({ min: 8, max: 32 }),
    latitude: fc.integer({ min: -80, max: 80 }),
    longitude: fc.integer({ min: -170, max: 170 }),
    country,
    continent,
  })
  .map(
    ({ bytes, length, ...where }): Place => ({
      name: `${bytes}/${length}`,
      networks: [`${formatAddress(maskBytes(bytes, length))}/${length}`],
      ...where,
    }),
  );
const measuredNetwork = fc
  .record({
    bytes: fc.tuple(fc.constant(9), fc.constantFrom(0, 1), fc.nat(3), fc.constant(0)),
    rtts: fc.dictionary(ids, fc.integer({ min: 1, max: 200 })),
  })
  .map(({ bytes, rtts }) => ({ bytes, prefixLength: 24, rtts: new Map(Object.entries(rtts)) }));
const world = fc.record({
  rules,
  measured: fc.array(measuredNetwork, { maxLength: 4 }),
  places: fc.uniqueArray(place, { maxLength: 12, selector: ({ networks }) => networks[0] }),
  changed: fc.dictionary(
    ids,
    fc.record({
      standing: fc.constantFrom<Standing>('in', 'in', 'draining', 'unhealthy'),
      load: fc.constantFrom(0, 0.9, 1.5),
      share: fc.constantFrom(undefined, 0.2, 0.7),
    }),
  ),
});
type Changed = Record<string, { standing: Standing; load: number; share: number | undefined }>;
const standingsOf = (changed: Changed) =>
  standings(topology.pops).map((plain): PopStanding => {
    const { share, ...rest } = changed[plain.pop.id] ?? {};
    return { ...plain, ...rest, ...(share === undefined ? {} : { share }) };
  });
const client = fc.tuple(fc.constant(9), fc.constantFrom(0, 1), fc.nat(3), fc.nat(255));

test('whoever lies within the scope of an answer gets that answer, with that scope (RFC 7871 §7.2.1)', () => {
  fc.assert(
    fc.property(
      world,
      client,
      fc.array(fc.nat(0xffffffff), { maxLength: 8 }),
      (given, bytes, others) => {
        const context = {
          zones,
          pops: standingsOf(given.changed),
          locate: createLocate({ places: given.places }),
          measured: createMeasured(given.measured),
          steering: new Map([['www.demo.test', given.rules]]),
        };
        const ask = (address: readonly number[]) => {
          const incoming = decodeQuery(buildQuery({ subnet: `${formatAddress(address)}/32` }));
          if (incoming.kind !== 'query') return assert.fail();
          const { message } = answer(incoming.query, [127, 0, 0, 1], context);
          const scope = message.edns?.clientSubnet?.scopePrefixLength ?? assert.fail();
          return { answers: message.answers.map(({ data }) => data), scope };
        };
        const first = ask(bytes);
        for (const noise of others) {
          const random = [24, 16, 8, 0].map((shift) => (noise >>> shift) & 0xff);
          const inside = maskBytes(bytes, first.scope).map(
            (byte, i) =>
              byte | ((random[i] ?? 0) & ~(maskBytes([255, 255, 255, 255], first.scope)[i] ?? 0)),
          );
          // Half of the space is elsewhere when the scope is everybody: the property holds there too.
          assert.deepEqual(ask(inside), first);
        }
      },
    ),
    { numRuns: 400 },
  );
});
