/** The server as those see it who abuse it: floods, forged senders, options that are none. On real sockets. */
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { type TestContext, test } from 'node:test';
import { parseHostPort } from '../../core/runtime/addresses.ts';
import type { Random } from '../../core/runtime/deps.ts';
import { silentLog } from '../../core/runtime/log.ts';
import { createMetrics } from '../../core/runtime/metrics.ts';
import { createCookies } from '../../geo-dns/cookies.ts';
import { createDnsMetrics } from '../../geo-dns/dns-metrics.ts';
import { createLocate } from '../../geo-dns/locate/locate.ts';
import { createRateLimiter } from '../../geo-dns/rate-limit.ts';
import { createRespond } from '../../geo-dns/respond.ts';
import { startServer } from '../../geo-dns/server.ts';
import { decodeMessage, encodeMessage, type Message, rcodes } from '../../geo-dns/wire/message.ts';
import { buildZones } from '../../geo-dns/zone-build.ts';
import { askUdp, connectTcp, exchangeUdp } from '../support/dns-client.ts';
import { buildMessage, buildPlainQuery, buildQuery, withOption } from '../support/dns-messages.ts';
import { dnsNetwork, standings } from '../support/dns-network.ts';
import { createFakeClock, createSeededRandom } from '../support/fake-clock.ts';

interface Setting {
  exempt?: string[];
  nsid?: string;
}

/** A server that gives a network ten answers of a class a second, by a clock that stands still. */
async function setUp(t: TestContext, { exempt = [], nsid }: Setting = {}) {
  const topology = dnsNetwork();
  const clock = createFakeClock();
  const registry = createMetrics();
  const metrics = createDnsMetrics(registry);
  const limiter = createRateLimiter(
    { clock, random: createSeededRandom(7), onEvict: metrics.rateLimitEviction },
    { rules: () => ({ responsesPerSecond: 10, slip: 2 }), exempt },
  );
  const cookies = createCookies({ clock, keyOfDay: () => Buffer.alloc(16, 3) });
  const zones = buildZones(topology, topology.dns[0] ?? assert.fail());
  const context = { zones, pops: standings(topology.pops), locate: createLocate({ places: [] }) };
  const respond = createRespond(
    { clock, log: silentLog, metrics, limiter, cookies, nsid: () => nsid, tcpIdleMs: 10_000 },
    () => context,
  );
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

const clientCookie = Buffer.from('2464c4abcf10c957', 'hex');
const cookieCode = 10;
const optionOf = ({ edns }: Message, wanted: number) =>
  Buffer.from(edns?.options.find(({ code }) => code === wanted)?.bytes ?? []);
const cookieOf = (message: Message) => optionOf(message, cookieCode);
const withCookie = (id: number, cookie: Buffer) =>
  withOption(buildQuery({ id }), cookieCode, cookie);

test('who has learnt a cookie is not limited, and who sends a wrong one is (RFC 7873 §5.2)', async (t) => {
  const { port, registry } = await setUp(t);
  const learnt = cookieOf(await askUdp(port, withCookie(1, clientCookie)));
  assert.equal(learnt.length, 24);
  assert.deepEqual(learnt.subarray(0, 8), clientCookie);
  const ids = Array.from({ length: 60 }, (_, id) => id);
  const answers = await flood(
    port,
    ids.map((id) => withCookie(id, learnt)),
  );
  assert.equal(answers.filter(({ answers: records }) => records.length === 1).length, 60);
  const wrong = Buffer.concat([learnt.subarray(0, 23), Buffer.from([learnt.readUInt8(23) ^ 1])]);
  const limited = await flood(
    port,
    ids.map((id) => withCookie(id, wrong)),
  );
  assert.equal(limited.filter(({ answers: records }) => records.length === 1).length, 9);
  assert.match(await registry.text(), /cookies_total\{state="invalid"\} 60/);
});

test('beyond the limit a client that knows cookies gets BADCOOKIE and a cookie in place of TC (RFC 7873 §5.2.3)', async (t) => {
  const { port } = await setUp(t);
  await flood(port, many(11));
  const refused = await askUdp(port, withCookie(5, clientCookie));
  assert.deepEqual(
    [refused.header.rcode, refused.header.truncated, refused.answers.length],
    [rcodes.BADCOOKIE, false, 0],
  );
  const again = await askUdp(port, withCookie(6, cookieOf(refused)));
  assert.deepEqual([again.header.rcode, again.answers.length], [rcodes.NOERROR, 1]);
});

test('over TCP an invalid cookie is answered like none, with a good one (RFC 7873 §5.2.3)', async (t) => {
  const { port } = await setUp(t);
  const client = await connectTcp(port);
  client.send(withCookie(1, Buffer.concat([clientCookie, Buffer.alloc(16, 1)])));
  const answer = await client.next();
  assert.deepEqual([answer.header.rcode, answer.answers.length], [rcodes.NOERROR, 1]);
  assert.equal(cookieOf(answer).length, 24);
  client.end();
});

test('a malformed cookie is a format error, and a query without one gets none (RFC 7873 §5.2.1, §5.2.2)', async (t) => {
  const { port } = await setUp(t);
  const malformed = await askUdp(port, withCookie(1, Buffer.alloc(7)));
  assert.equal(malformed.header.rcode, rcodes.FORMERR);
  assert.deepEqual((await askUdp(port, buildQuery())).edns?.options, []);
  assert.equal((await askUdp(port, buildPlainQuery('www.demo.test'))).edns, undefined);
});

test('a query with a cookie and no question asks for a cookie alone (RFC 7873 §5.4)', async (t) => {
  const { port } = await setUp(t);
  // Header, no question, OPT with the option.
  const bare = (cookie: Buffer) => {
    const opt = Buffer.from('00002904d000000000', 'hex');
    const query = Buffer.concat([Buffer.alloc(12), opt, Buffer.from([0, 0])]);
    query.writeUInt16BE(1, 10);
    return withOption(query, cookieCode, cookie);
  };
  const given = await askUdp(port, bare(clientCookie));
  assert.deepEqual([given.header.rcode, given.questions.length], [rcodes.NOERROR, 0]);
  const renewed = await askUdp(port, bare(cookieOf(given)));
  assert.equal(renewed.header.rcode, rcodes.NOERROR);
  const wrong = await askUdp(port, bare(Buffer.concat([clientCookie, Buffer.alloc(16)])));
  assert.equal(wrong.header.rcode, rcodes.BADCOOKIE);
  assert.deepEqual(cookieOf(wrong), cookieOf(given));
});

test('who asks which server answers is told, others are not (RFC 5001 §2.1)', async (t) => {
  const { port } = await setUp(t, { nsid: 'ns1' });
  const asked = await askUdp(port, withOption(buildQuery(), 3, Buffer.alloc(0)));
  assert.equal(optionOf(asked, 3).toString(), 'ns1');
  assert.deepEqual((await askUdp(port, buildQuery())).edns?.options, []);
  const silent = await setUp(t);
  const unnamed = await askUdp(silent.port, withOption(buildQuery(), 3, Buffer.alloc(0)));
  assert.deepEqual(unnamed.edns?.options, []);
});

test('REFUSED says why: outside the zones, or an offer that there is not (RFC 8914 §4.21, §4.22)', async (t) => {
  const { port } = await setUp(t);
  const chaos = buildQuery();
  chaos.writeUInt16BE(3, chaos.lastIndexOf(Buffer.from([0, 0, 41])) - 2);
  for (const [query, code] of [
    [buildQuery({ name: 'www.example.org' }), 20],
    [buildQuery({ name: 'demo.test', type: 'AXFR' }), 21],
    [chaos, 21],
  ] as const) {
    const refused = await askUdp(port, query);
    assert.equal(refused.header.rcode, rcodes.REFUSED);
    assert.equal(optionOf(refused, 15).readUInt16BE(0), code);
  }
  const plain = await askUdp(port, buildPlainQuery('www.example.org'));
  assert.deepEqual([plain.header.rcode, plain.edns], [rcodes.REFUSED, undefined]);
});

test('ANY over UDP is answered with one RRset, at the apex too (RFC 8482 §4.1)', async (t) => {
  const { port } = await setUp(t);
  for (const name of ['demo.test', 'www.demo.test', '_why.www.demo.test']) {
    const { header, answers } = await askUdp(port, buildQuery({ name, type: 'ANY' }));
    assert.equal(header.rcode, rcodes.NOERROR);
    assert.equal(new Set(answers.map(({ data }) => data.type)).size, 1, name);
  }
});

test('an answer gets no answer, whatever it says, over UDP and TCP', async (t) => {
  const { port, registry } = await setUp(t);
  const asAnswer = (query: Buffer) => {
    query.writeUInt8(query.readUInt8(2) | 0x80, 2);
    return query;
  };
  const notify = buildQuery();
  notify.writeUInt16BE(4 << 11, 2);
  const noQuestion = buildQuery();
  noQuestion.writeUInt16BE(0, 4);
  const answers = [
    encodeMessage(buildMessage()),
    asAnswer(buildQuery()),
    asAnswer(notify),
    asAnswer(noQuestion),
    asAnswer(Buffer.alloc(12)),
  ];
  const overUdp = await exchangeUdp(port, ...answers, buildQuery({ id: 99 }));
  assert.equal(overUdp.readUInt16BE(0), 99);
  const client = await connectTcp(port);
  client.send(...answers, buildQuery({ id: 98 }));
  assert.equal((await client.next()).header.id, 98);
  client.end();
  assert.match(await registry.text(), /drops_total\{reason="response"\} 10/);
});

test('over TCP a client that asks is told how long it may do nothing, over UDP not (RFC 7828 §3.2)', async (t) => {
  const { port } = await setUp(t);
  const query = withOption(buildQuery(), 11, Buffer.alloc(0));
  const client = await connectTcp(port);
  client.send(query, buildQuery());
  assert.equal(optionOf(await client.next(), 11).readUInt16BE(0), 100);
  assert.deepEqual((await client.next()).edns?.options, []);
  assert.deepEqual((await askUdp(port, query)).edns?.options, []);
  client.end();
});

/** A query with options, some of its bytes changed, or cut, or with more behind it. */
function mutant(random: Random): Buffer {
  const below = (limit: number) => Math.floor(random.unit() * limit);
  const types = ['A', 'AAAA', 'TXT', 'ANY', 'NS', 'AXFR'] as const;
  const plain = buildQuery({
    id: below(65_536),
    name:
      ['www.demo.test', '_why.www.demo.test', 'no.demo.test', 'www.example.org'][below(4)] ?? '',
    type: types[below(types.length)] ?? 'A',
    subnet: ['198.18.3.0/24', '2001:db8:1::/48'][below(2)] ?? '',
  });
  const code = [cookieCode, 3, 11, 8][below(4)] ?? 3;
  const query = withOption(plain, code, Buffer.from(random.hex(below(3) * 8), 'hex'));
  for (let changes = below(6); changes > 0; changes -= 1) {
    query.writeUInt8(below(256), below(query.length));
  }
  const kind = below(4);
  if (kind === 0) return query.subarray(0, below(query.length));
  return kind === 1 ? Buffer.concat([query, Buffer.from(random.hex(below(40)), 'hex')]) : query;
}

test('10,000 mutated packets over UDP: every answer can be read, and the next query is answered (seed 20)', async (t) => {
  const { port, registry } = await setUp(t, { exempt: ['127.0.0.0/8'] });
  const random = createSeededRandom(20);
  const answers = await flood(
    port,
    Array.from({ length: 10_000 }, () => mutant(random)),
  );
  assert.ok(answers.every(({ header }) => header.isResponse));
  const codes = new Set(answers.map(({ header }) => header.rcode));
  for (const code of [rcodes.NOERROR, rcodes.FORMERR, rcodes.NXDOMAIN, rcodes.REFUSED]) {
    assert.ok(codes.has(code), `${code}`);
  }
  assert.match(await registry.text(), /internal_errors_total 0/);
  assert.equal((await askUdp(port, buildQuery())).answers.length, 1);
});

test('1,000 mutated messages over TCP leave the connection and the server usable (seed 21)', async (t) => {
  const { port, registry } = await setUp(t);
  const random = createSeededRandom(21);
  // What is shorter than a header ends the connection, which another test shows.
  const messages = Array.from({ length: 1000 }, () => mutant(random)).filter(
    ({ length }) => length >= 12,
  );
  const client = await connectTcp(port);
  const done = 54_321;
  client.send(...messages, buildQuery({ id: done, name: 'last.demo.test' }));
  let answers = 0;
  for (let isLast = false; !isLast; answers += 1) {
    const { header, questions } = await client.next();
    isLast = header.id === done && questions[0]?.name === 'last.demo.test';
  }
  assert.ok(answers > 500);
  assert.match(await registry.text(), /internal_errors_total 0/);
  client.end();
});
