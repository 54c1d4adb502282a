import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { type TestContext, test } from 'node:test';
import { parseHostPort } from '../../core/runtime/addresses.ts';
import { silentLog } from '../../core/runtime/log.ts';
import { createMetrics } from '../../core/runtime/metrics.ts';
import { createDnsMetrics } from '../../geo-dns/dns-metrics.ts';
import { createLocate } from '../../geo-dns/locate/locate.ts';
import { createRespond } from '../../geo-dns/respond.ts';
import { startServer } from '../../geo-dns/server.ts';
import { clientOf, type TcpLimits } from '../../geo-dns/tcp-listener.ts';
import { encodeMessage, opcodes, rcodes } from '../../geo-dns/wire/message.ts';
import { buildZones } from '../../geo-dns/zone-build.ts';
import { askUdp, connectTcp, exchangeUdp, frame } from '../support/dns-client.ts';
import { buildMessage, buildPlainQuery, buildQuery } from '../support/dns-messages.ts';
import { dnsNetwork, standings } from '../support/dns-network.ts';
import { createFakeClock } from '../support/fake-clock.ts';

const longText = 'x'.repeat(240);
const dns = `
  - id: ns1
    listen: 127.0.0.1:0
    admin: 127.0.0.1:0
    name: ns1.demo.test
    advertise: [192.0.2.53]
    zones: [{ name: demo.test, records: [
      { name: long, type: TXT, value: [a${longText}, b${longText}, c${longText}] },
      { name: longer, type: TXT, value: [a${longText}, b${longText}, c${longText}, d${longText}, e${longText}, f${longText}] }] }]`;

/** A server on a free port, with a fake clock for its limits. */
async function setUp(t: TestContext, tcp: Partial<TcpLimits> = {}) {
  const topology = dnsNetwork({ dns });
  const node = topology.dns[0] ?? assert.fail();
  const clock = createFakeClock();
  const registry = createMetrics();
  const metrics = createDnsMetrics(registry);
  const zones = buildZones(topology, node);
  const pops = standings(topology.pops);
  const locate = createLocate({ places: [] });
  let isBroken = false;
  const respond = createRespond({ clock, log: silentLog, metrics }, () => {
    if (isBroken) throw new Error('a fault');
    return { zones, pops, locate };
  });
  const server = await startServer(
    { clock, log: silentLog, metrics },
    { listen: { host: '127.0.0.1', port: 0 }, respond, tcp },
  );
  t.after(() => server.close());
  const port = parseHostPort(server.bound)?.port ?? assert.fail();
  const drops = async (reason: string) => {
    const text = await registry.text();
    return Number(new RegExp(`drops_total\\{reason="${reason}"\\} (\\d+)`).exec(text)?.[1] ?? 0);
  };
  const queries = async () => {
    const text = await registry.text();
    return Number(/queries_total\{.*type="TXT".*\} (\d+)/.exec(text)?.[1] ?? 0);
  };
  const break_ = () => {
    isBroken = true;
  };
  return { server, port, clock, registry, drops, queries, break: break_ };
}

/** A query whose answer has three or six long strings. */
const textOf = (strings: 3 | 6) =>
  buildQuery({ name: strings === 3 ? 'long.demo.test' : 'longer.demo.test', type: 'TXT' });

test('UDP and TCP answer on one port', async (t) => {
  const { port } = await setUp(t);
  const overUdp = await askUdp(port, buildQuery({ id: 1 }));
  const client = await connectTcp(port);
  client.send(buildQuery({ id: 1 }));
  assert.deepEqual(await client.next(), overUdp);
  assert.equal(overUdp.header.rcode, rcodes.NOERROR);
  client.end();
});

test('an answer beyond what the client takes is truncated over UDP and whole over TCP (RFC 7766 §5)', async (t) => {
  const { port, registry } = await setUp(t);
  const cases = [
    [buildPlainQuery('long.demo.test', 'TXT'), true],
    [buildQuery({ name: 'long.demo.test', type: 'TXT', udpSizeBytes: 100 }), true],
    [buildQuery({ name: 'long.demo.test', type: 'TXT', udpSizeBytes: 512 }), true],
    [buildQuery({ name: 'long.demo.test', type: 'TXT', udpSizeBytes: 1232 }), false],
    [buildQuery({ name: 'longer.demo.test', type: 'TXT', udpSizeBytes: 4096 }), true],
  ] as const;
  for (const [query, isTruncated] of cases) {
    const answer = await askUdp(port, query);
    assert.equal(answer.header.truncated, isTruncated);
    assert.equal(answer.answers.length === 0, isTruncated);
  }
  const client = await connectTcp(port);
  client.send(textOf(6));
  const whole = await client.next();
  assert.equal(whole.answers.length, 6);
  assert.equal(whole.header.truncated, false);
  assert.match(await registry.text(), /breakwater_dns_truncated_total 4/);
  client.end();
});

test('many queries in one segment are all answered, in order (RFC 7766 §6.2.1.1)', async (t) => {
  const { port } = await setUp(t);
  const client = await connectTcp(port);
  const ids = Array.from({ length: 50 }, (_, n) => n + 1);
  client.send(...ids.map((id) => buildQuery({ id })));
  for (const id of ids) assert.equal((await client.next()).header.id, id);
  client.end();
});

test('a query that arrives byte by byte is answered when it is whole', async (t) => {
  const { port } = await setUp(t);
  const client = await connectTcp(port);
  client.socket.setNoDelay(true);
  for (const byte of frame(buildQuery({ id: 9 }))) {
    client.socket.write(Buffer.from([byte]));
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.equal((await client.next()).header.id, 9);
  client.end();
});

test('what is no query is answered with its code, and garbage and responses with silence', async (t) => {
  const { port, drops } = await setUp(t);
  const notify = buildQuery();
  notify.writeUInt16BE(opcodes.notify << 11, 2);
  const noQuestion = buildQuery();
  noQuestion.writeUInt16BE(0, 4);
  assert.equal((await askUdp(port, notify)).header.rcode, rcodes.NOTIMP);
  assert.equal((await askUdp(port, noQuestion)).header.rcode, rcodes.FORMERR);
  const silent = [Buffer.alloc(5, 1), encodeMessage(buildMessage()), Buffer.alloc(1233)];
  const answer = await exchangeUdp(port, ...silent, buildQuery({ id: 77 }));
  assert.equal(answer.readUInt16BE(0), 77);
  assert.deepEqual(
    [await drops('short'), await drops('response'), await drops('datagram-too-long')],
    [1, 1, 1],
  );
});

test('a rejected query is answered with no more bytes than it had, and six that say why (RFC 8914 §2)', async (t) => {
  const { port } = await setUp(t);
  for (const query of [
    buildQuery({ name: 'a.very.long.name.that.is.not.ours.example', subnet: '198.18.3.0/24' }),
    Buffer.concat([buildPlainQuery('www.demo.test'), Buffer.alloc(20, 255)]),
  ]) {
    const answer = await exchangeUdp(port, query);
    assert.ok(answer.length <= query.length + 6, `${answer.length} for ${query.length}`);
  }
});

test('a fault of the server is SERVFAIL, counted, and the server goes on', async (t) => {
  const { port, registry, ...broken } = await setUp(t);
  broken.break();
  assert.equal((await askUdp(port, buildQuery())).header.rcode, rcodes.SERVFAIL);
  assert.equal((await askUdp(port, buildQuery())).header.rcode, rcodes.SERVFAIL);
  assert.match(await registry.text(), /breakwater_dns_internal_errors_total 2/);
});

test('a TCP length that cannot be a query ends the connection', async (t) => {
  const { port, drops } = await setUp(t);
  for (const [length, reason] of [
    [4097, 'tcp-message-too-long'],
    [11, 'tcp-message-too-short'],
    [0, 'tcp-message-too-short'],
  ] as const) {
    const client = await connectTcp(port);
    const before = await drops(reason);
    client.socket.write(Buffer.from([length >> 8, length & 255]));
    await client.closed;
    assert.equal(await drops(reason), before + 1);
  }
});

test('a connection without a whole query is closed after the idle limit, whatever bytes trickle in', async (t) => {
  const { port, clock, drops } = await setUp(t, { idleMs: 10_000 });
  const client = await connectTcp(port);
  client.send(buildQuery());
  await client.next();
  client.socket.write(Buffer.from([0]));
  await clock.advance(9999);
  assert.equal(await drops('tcp-idle'), 0);
  await clock.advance(1);
  await client.closed;
  assert.equal(await drops('tcp-idle'), 1);
});

test('a query moves the idle limit on', async (t) => {
  const { port, clock, drops } = await setUp(t, { idleMs: 10_000 });
  const client = await connectTcp(port);
  client.send(buildQuery());
  await client.next();
  await clock.advance(9000);
  client.send(buildQuery());
  await client.next();
  await clock.advance(9000);
  assert.equal(await drops('tcp-idle'), 0);
  client.end();
});

test('a client that asks and does not read is no longer read from, and cut after the idle limit', async (t) => {
  const { port, clock, drops, server, queries } = await setUp(t, {
    idleMs: 10_000,
    unsentBytes: 16_384,
  });
  const socket = connect(port, '127.0.0.1');
  t.after(() => socket.destroy());
  socket.on('error', () => {});
  socket.pause();
  const query = frame(textOf(6));
  const many = Buffer.concat(Array(500).fill(query));
  // The kernel buffers what it can in both directions; then our writes wait too.
  while (socket.write(many)) await new Promise((resolve) => setImmediate(resolve));
  for (let before = -1, now = 0; before !== now; now = await queries()) {
    before = now;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.equal(server.tcpConnections, 1);
  await clock.advance(10_000);
  assert.equal(await drops('tcp-slow-reader'), 1);
});

test('a reader that was slow and reads again gets every answer', async (t) => {
  const { port } = await setUp(t, { unsentBytes: 16_384 });
  const client = await connectTcp(port);
  client.socket.pause();
  const count = 1000;
  client.send(
    ...Array.from({ length: count }, (_, n) =>
      buildQuery({ id: n, name: 'longer.demo.test', type: 'TXT' }),
    ),
  );
  await new Promise((resolve) => setTimeout(resolve, 100));
  client.socket.resume();
  for (let n = 0; n < count; n += 1) assert.equal((await client.next()).header.id, n);
  client.end();
});

test('connections are limited in all and for one client', async (t) => {
  const few = await setUp(t, { connections: 2, connectionsPerClient: 10 });
  const kept = [await connectTcp(few.port), await connectTcp(few.port)];
  kept[1]?.send(buildQuery());
  await kept[1]?.next();
  const third = await connectTcp(few.port);
  await third.closed;
  assert.equal(await few.drops('tcp-connections-full'), 1);
  const perClient = await setUp(t, { connectionsPerClient: 1 });
  const first = await connectTcp(perClient.port);
  const second = await connectTcp(perClient.port);
  await second.closed;
  assert.equal(await perClient.drops('tcp-client-connections-full'), 1);
  first.end();
  await first.closed;
  const again = await connectTcp(perClient.port);
  again.send(buildQuery());
  assert.ok(await again.next());
  for (const client of [...kept, again]) client.end();
});

test('closing lets what was answered reach its reader, and takes nothing new', async (t) => {
  const { port, server } = await setUp(t);
  const client = await connectTcp(port);
  client.send(textOf(3), textOf(6));
  assert.equal((await client.next()).answers.length, 3);
  const second = client.next();
  await server.close();
  assert.equal((await second).answers.length, 6);
  await client.closed;
  await assert.rejects(connectTcp(port));
});

test('a port that another process has is an error with its code', async (t) => {
  const { port } = await setUp(t);
  const taken = { listen: { host: '127.0.0.1', port }, respond: () => undefined };
  const deps = {
    clock: createFakeClock(),
    log: silentLog,
    metrics: createDnsMetrics(createMetrics()),
  };
  await assert.rejects(startServer(deps, taken), { code: 'EADDRINUSE' });
});

test('with all connections in use the one that asked nothing for longest gives way, after a second (RFC 9210 §4.2)', async (t) => {
  const { port, clock, drops, server } = await setUp(t, { connections: 2 });
  const idle = await connectTcp(port);
  const busy = await connectTcp(port);
  for (const client of [idle, busy]) {
    client.send(buildQuery());
    await client.next();
  }
  await clock.advance(999);
  await (await connectTcp(port)).closed;
  assert.deepEqual([server.tcpConnections, await drops('tcp-idle-crowded')], [2, 0]);
  busy.send(buildQuery());
  await busy.next();
  await clock.advance(1);
  await (await connectTcp(port)).closed;
  await idle.closed;
  assert.equal(await drops('tcp-idle-crowded'), 1);
  const next = await connectTcp(port);
  for (const client of [next, busy]) {
    client.send(buildQuery());
    assert.ok(await client.next());
    client.end();
  }
});

test('an IPv6 client is its /56, an IPv4 client its address', () => {
  const v6 = (...last: number[]) => [0x20, 1, 0xd, 0xb8, 0, 0, 1, ...last];
  const rest = new Array<number>(8).fill(7);
  assert.equal(clientOf(v6(0, ...rest)), clientOf(v6(255, ...new Array<number>(8).fill(0))));
  assert.notEqual(clientOf([192, 0, 2, 1]), clientOf([192, 0, 2, 2]));
});

test('exempt clients have any number of connections', async (t) => {
  const { port } = await setUp(t, { connectionsPerClient: 1, exempt: ['127.0.0.0/8'] });
  const clients = [await connectTcp(port), await connectTcp(port), await connectTcp(port)];
  for (const client of clients) {
    client.send(buildQuery());
    assert.ok(await client.next());
    client.end();
  }
});
