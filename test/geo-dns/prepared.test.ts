/** Answers that are sent again for the same bytes: that they are right for whoever asks, and gone when the world has changed. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { silentLog } from '../../core/runtime/log.ts';
import { createMetrics } from '../../core/runtime/metrics.ts';
import { createDnsMetrics } from '../../geo-dns/dns-metrics.ts';
import { createLocate } from '../../geo-dns/locate/locate.ts';
import { createPreparedAnswers } from '../../geo-dns/prepared.ts';
import { createRateLimiter } from '../../geo-dns/rate-limit.ts';
import { createRespond } from '../../geo-dns/respond.ts';
import { decodeMessage } from '../../geo-dns/wire/message.ts';
import { buildZones } from '../../geo-dns/zone-build.ts';
import { buildQuery } from '../support/dns-messages.ts';
import { dnsNetwork, standings } from '../support/dns-network.ts';
import { createFakeClock, createSeededRandom } from '../support/fake-clock.ts';

const paris = [198, 18, 1, 7];
const tokyo = [198, 18, 3, 7];

function setUp({ responsesPerSecond = 0 } = {}) {
  const topology = dnsNetwork();
  const node = topology.dns[0] ?? assert.fail();
  const clock = createFakeClock();
  const registry = createMetrics();
  const metrics = createDnsMetrics(registry);
  const world = {
    zones: buildZones(topology, node),
    pops: standings(topology.pops),
    locate: createLocate({ places: node.geoip.places }),
  };
  const prepared = createPreparedAnswers(clock, [
    () => world.zones,
    () => world.pops,
    () => world.locate,
  ]);
  let made = 0;
  const limiter = createRateLimiter(
    { clock, random: createSeededRandom(1), onEvict: () => {} },
    { rules: () => ({ responsesPerSecond, slip: 2 }), exempt: [] },
  );
  const respond = createRespond({ clock, log: silentLog, metrics, prepared, limiter }, () => {
    made += 1;
    return world;
  });
  const ask = (
    options: Parameters<typeof buildQuery>[0] = {},
    resolver: readonly number[] = paris,
  ) => {
    const bytes = respond(buildQuery({ name: 'www.demo.test', ...options }), resolver, 'udp');
    if (!bytes) return undefined;
    const message = decodeMessage(bytes);
    const addresses = message.answers.flatMap(({ data }) =>
      'address' in data ? [data.address] : [],
    );
    return { ...message, addresses };
  };
  return { topology, world, clock, registry, prepared, ask, made: () => made };
}

describe('a prepared answer', () => {
  test('is sent again for the same question, with the id of the query', () => {
    const { ask, made } = setUp();
    const first = ask({ id: 1 });
    const second = ask({ id: 2 });
    assert.equal(made(), 1);
    assert.deepEqual([first?.header.id, second?.header.id], [1, 2]);
    assert.deepEqual(second?.answers, first?.answers);
  });

  test('keeps the case of the question, which is another question each time (0x20)', () => {
    const { ask, made } = setUp();
    assert.equal(ask({ name: 'wWw.dEmo.test' })?.questions[0]?.name, 'wWw.dEmo.test');
    assert.equal(ask({ name: 'WWW.demo.TEST' })?.questions[0]?.name, 'WWW.demo.TEST');
    assert.equal(made(), 2);
  });

  test('that was made for one resolver is not given to another one', () => {
    const { ask } = setUp();
    assert.notDeepEqual(ask({}, paris)?.addresses, ask({}, tokyo)?.addresses);
    assert.deepEqual(ask({}, paris)?.addresses, setUp().ask({}, paris)?.addresses);
    assert.deepEqual(ask({}, tokyo)?.addresses, setUp().ask({}, tokyo)?.addresses);
  });

  test('that was made for a client subnet is for that subnet, whoever asks', () => {
    const { ask, made } = setUp();
    const subnet = '198.18.3.0/24';
    const first = ask({ subnet }, paris);
    const second = ask({ subnet }, tokyo);
    assert.equal(made(), 1);
    assert.deepEqual(second?.addresses, first?.addresses);
  });

  test('is forgotten when a PoP stands otherwise, or zones or places have changed', () => {
    const { topology, world, ask } = setUp();
    const before = ask();
    world.pops = standings(topology.pops, { par: { standing: 'unhealthy' } });
    assert.notDeepEqual(ask()?.addresses, before?.addresses);
    world.pops = standings(topology.pops);
    assert.deepEqual(ask()?.addresses, before?.addresses);
    world.zones = new Map();
    assert.equal(ask()?.header.rcode, 5);
  });

  test('is forgotten after a while, for there are times in answers', async () => {
    const { ask, clock, made } = setUp();
    ask();
    await clock.advance(30_000);
    ask();
    assert.equal(made(), 2);
  });

  test('is not kept of names that do not exist, nor of what explains how a client was steered', () => {
    const { ask, made } = setUp();
    for (let n = 0; n < 3; n += 1) ask({ name: 'nobody.demo.test' });
    for (let n = 0; n < 3; n += 1) ask({ name: '_why.www.demo.test', type: 'TXT' });
    assert.equal(made(), 6);
  });

  test('is counted as if it had been made', async () => {
    const { ask, prepared, registry } = setUp();
    for (let n = 0; n < 5; n += 1) ask();
    prepared.flush();
    assert.match(await registry.text(), /breakwater_dns_queries_total\{.*type="A".*\} 5/);
    assert.match(await registry.text(), /breakwater_dns_answers_total\{pop="par".*\} 5/);
  });

  test('falls under the rate limit as any other does, and slips truncated', () => {
    const { ask, made } = setUp({ responsesPerSecond: 3 });
    const got = Array.from({ length: 7 }, () => ask());
    assert.equal(made(), 1);
    assert.deepEqual(
      got.map((message) => message && [message.header.truncated, message.answers.length]),
      [[false, 1], [false, 1], [false, 1], undefined, [true, 0], undefined, [true, 0]],
    );
  });
});
