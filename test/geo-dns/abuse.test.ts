/** The server as those see it who abuse it: floods, forged senders, options that are none. On real sockets. */
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { type TestContext, test } from 'node:test';
import { parseHostPort } from '../../core/runtime/addresses.ts';
import { silentLog } from '../../core/runtime/log.ts';
import { createMetrics } from '../../core/runtime/metrics.ts';
import { createDnsMetrics } from '../../geo-dns/dns-metrics.ts';
import { createLocate } from '../../geo-dns/locate/locate.ts';
import { createRateLimiter } from '../../geo-dns/rate-limit.ts';
import { createRespond } from '../../geo-dns/respond.ts';
import { startServer } from '../../geo-dns/server.ts';
import { decodeMessage, type Message } from '../../geo-dns/wire/message.ts';
import { buildZones } from '../../geo-dns/zone-build.ts';
import { connectTcp } from '../support/dns-client.ts';
import { buildQuery } from '../support/dns-messages.ts';
import { dnsNetwork, standings } from '../support/dns-network.ts';
import { createFakeClock, createSeededRandom } from '../support/fake-clock.ts';

interface Setting {
  exempt?: string[];
}

/** A server that gives a network ten answers of a class a second, by a clock that stands still. */
async function setUp(t: TestContext, { exempt = [] }: Setting = {}) {
  const topology = dnsNetwork();
  const clock = createFakeClock();
  const registry = createMetrics();
  const metrics = createDnsMetrics(registry);
  const limiter = createRateLimiter(
    { clock, random: createSeededRandom(7), onEvict: metrics.rateLimitEviction },
    { rules: () => ({ responsesPerSecond: 10, slip: 2 }), exempt },
  );
  const zones = buildZones(topology, topology.dns[0] ?? assert.fail());
  const context = { zones, pops: standings(topology.pops), locate: createLocate({ places: [] }) };
  const respond = createRespond({ clock, log: silentLog, metrics, limiter }, () => context);
  const server = await startServer(
    { clock, log: silentLog, metrics },
    { listen: { host: '127.0.0.1', port: 0 }, respond },
  );
  t.after(() => server.close());
  return { port: parseHostPort(server.bound)?.port ?? assert.fail(), clock, registry };
}

/** Sends `queries` one after another, and a last one of TCP's kind to know that all have been judged. */
async function flood(port: number, queries: readonly Buffer[]): Promise<Message[]> {
  const socket = createSocket('udp4');
  const answers: Message[] = [];
  socket.on('message', (bytes) => answers.push(decodeMessage(bytes)));
  await new Promise<void>((resolve) => socket.connect(port, '127.0.0.1', () => resolve()));
  const tcp = await connectTcp(port);
  for (const [n, query] of queries.entries()) {
    socket.send(query);
    if (n % 16 !== 15 && n !== queries.length - 1) continue;
    // Two rounds over TCP: what was sent before them has come and been answered.
    for (let round = 0; round < 2; round += 1) {
      tcp.send(buildQuery());
      await tcp.next();
    }
  }
  await new Promise((resolve) => setImmediate(resolve));
  tcp.end();
  await new Promise<void>((resolve) => socket.close(resolve));
  return answers;
}

const many = (count: number, name = 'www.demo.test') =>
  Array.from({ length: count }, (_, id) => buildQuery({ id, name }));

test('of a flood over UDP few are answered, half of the rest empty and truncated, and TCP is not limited', async (t) => {
  const { port, registry } = await setUp(t);
  const answers = await flood(port, many(50));
  const truncated = answers.filter(({ header }) => header.truncated);
  assert.equal(answers.length - truncated.length, 10);
  assert.equal(truncated.length, 20);
  assert.ok(truncated.every((one) => one.answers.length === 0 && one.questions.length === 1));
  const text = await registry.text();
  assert.match(text, /rate_limited_total\{class="answer",outcome="dropped"\} 20/);
  assert.match(text, /rate_limited_total\{class="answer",outcome="slipped"\} 20/);
});

test('a flood outside the zones or of garbage leaves what is asked in them untouched', async (t) => {
  const { port, registry } = await setUp(t);
  const garbage = Array.from({ length: 30 }, () => Buffer.concat([buildQuery(), Buffer.alloc(3)]));
  const errors = await flood(port, [...garbage, ...many(30, 'www.example.org')]);
  assert.equal(errors.filter(({ header }) => !header.truncated).length, 10);
  assert.match(await registry.text(), /rate_limited_total\{class="error",outcome="dropped"\}/);
  const answers = await flood(port, many(5));
  assert.deepEqual(new Set(answers.map(({ answers: records }) => records.length)), new Set([1]));
});

test('exempt clients are answered however much they ask', async (t) => {
  const { port } = await setUp(t, { exempt: ['127.0.0.0/8'] });
  assert.equal((await flood(port, many(60))).length, 60);
});
