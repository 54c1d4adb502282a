import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { promisify } from 'node:util';
import { txtStrings } from '../../core/dns/record.ts';
import {
  type DownMessage,
  type NodeHealth,
  streamPath,
  type UpMessage,
} from '../../core/purge/command.ts';
import { parseHostPort } from '../../core/runtime/addresses.ts';
import { systemClock, systemRandom } from '../../core/runtime/deps.ts';
import { acceptDuplex, type Duplex } from '../../core/runtime/duplex.ts';
import { controlRequest } from '../../core/runtime/http-client.ts';
import { silentLog } from '../../core/runtime/log.ts';
import { createMetrics } from '../../core/runtime/metrics.ts';
import { findNode, readBound, recordBound } from '../../core/topology/nodes.ts';
import type { NodeContext } from '../../core/topology/run-node.ts';
import type { TopologyWithSecret } from '../../core/topology/secret-file.ts';
import { writeKeyFile } from '../../geo-dns/dnssec/key-file.ts';
import { makeKey } from '../../geo-dns/dnssec/keys.ts';
import { startDns } from '../../geo-dns/geo-dns.ts';
import { askUdp, connectTcp } from '../support/dns-client.ts';
import { buildQuery } from '../support/dns-messages.ts';
import { dnsNetwork, plainDns } from '../support/dns-network.ts';
import { writeMmdb } from '../support/mmdb-writer.ts';

const run = promisify(execFile);
/**
 * Paces of probing. Real time passes in these tests, so a probe has all of it to be answered: what fails does so because
 * its connection is refused.
 */
const quick = { intervalMs: 20, timeoutMs: 30_000 };
const slow = { intervalMs: 3_600_000, timeoutMs: 30_000 };

/** Resolves when `check` gives something; the limit is only there to end a test that hangs. */
async function until<T>(check: () => Promise<T | undefined> | T | undefined): Promise<T> {
  for (let tries = 0; tries < 1000; tries += 1) {
    const value = await check();
    if (value !== undefined) return value;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error('waited in vain');
}

const listenOn = (server: Server, port = 0) =>
  new Promise<number>((resolve) =>
    server.listen(port, '127.0.0.1', () => resolve((server.address() as AddressInfo).port)),
  );
const closed = (server: Server) => {
  server.closeAllConnections();
  return new Promise((resolve) => server.close(resolve));
};

const statementOf = (id: string) =>
  JSON.stringify({ node: id, ready: true, draining: false, load: 0 });

/** The public listener of a PoP, as far as geo-dns sees it. */
async function fakePop(
  t: TestContext,
  topology: TopologyWithSecret,
  id: string,
  answer: (response: ServerResponse) => void = (response) => response.end(statementOf(id)),
) {
  const server = createServer((_, response) => answer(response));
  const port = await listenOn(server);
  recordBound(topology, id, { listen: `127.0.0.1:${port}`, admin: '127.0.0.1:1' });
  t.after(() => closed(server));
  return server;
}

/** Purge-api's end of the stream: what came up, and a way to send down. */
async function fakePurgeApi(t: TestContext, topology: TopologyWithSecret) {
  const server = createServer();
  const received: UpMessage[] = [];
  let duplex: Duplex | undefined;
  const accepted = acceptDuplex({ clock: systemClock }, server, {
    path: streamPath,
    authorise: (request) => request.headers.authorization,
    onOpen(opened) {
      duplex = opened;
      opened.send({
        type: 'welcome',
        head: { identity: 'j', seq: 0, hash: '' },
        resume: 'follow',
      });
      return { onMessage: (message) => void received.push(message as UpMessage), onClose() {} };
    },
  });
  const port = await listenOn(server);
  recordBound(topology, 'purge', { listen: `127.0.0.1:${port}`, admin: '127.0.0.1:1' });
  t.after(async () => {
    accepted.closeAll('end');
    await closed(server);
  });
  const send = (message: DownMessage) => until(() => duplex?.send(message) || undefined);
  const got = <T extends UpMessage['type']>(type: T) =>
    until(() => received.find((m): m is Extract<UpMessage, { type: T }> => m.type === type));
  return { received, send, got };
}

const viewOf = (version: number, id: string, health: NodeHealth): DownMessage => ({
  type: 'view',
  epochMs: 1,
  version,
  nodes: [
    {
      id,
      role: 'edge',
      connected: true,
      heardAtMs: version,
      instance: 'i',
      version,
      position: null,
      health,
      quarantined: false,
    },
  ],
});

/** The schema wants a probe to end before the next begins; a test need not. */
const withProbe = (topology: TopologyWithSecret, probe: typeof quick): TopologyWithSecret => ({
  ...topology,
  dns: topology.dns.map((dns) => ({ ...dns, probe })),
});

/** A running service with three PoPs, in a data folder of its own. */
async function setUp(
  t: TestContext,
  probe = quick,
  /** Answers the probes of Tokyo. */
  answerTokyo?: (response: ServerResponse) => void,
  dns?: string,
) {
  const dataDir = mkdtempSync(path.join(tmpdir(), 'breakwater-dns-'));
  t.after(() => rmSync(dataDir, { recursive: true }));
  const topology = withProbe(dnsNetwork({ dataDir, ...(dns === undefined ? {} : { dns }) }), probe);
  const purge = await fakePurgeApi(t, topology);
  const pops: Record<string, Server> = {};
  for (const { id } of topology.pops) {
    pops[id] = await fakePop(t, topology, id, id === 'tyo' ? answerTokyo : undefined);
  }
  let next = () => topology;
  const context: NodeContext = {
    topology,
    node: findNode(topology, 'ns1'),
    clock: systemClock,
    random: systemRandom,
    log: silentLog,
    metrics: createMetrics(),
    instance: 'instance',
    loadAgain: () => next(),
  };
  const service = await startDns(context);
  t.after(() => service.drain(1000));
  const port = parseHostPort(service.bound?.listen ?? '')?.port ?? assert.fail();
  const admin = async (where: string) => {
    const url = `http://${service.bound?.admin}${where}`;
    const { status, body } = await controlRequest(url, { timeoutMs: 2000 });
    return { status, text: body.toString() };
  };
  const first = async (subnet = '198.18.3.0/24') => {
    const { answers } = await askUdp(port, buildQuery({ subnet }));
    const data = answers[0]?.data;
    return data?.type === 'A' ? data.address : undefined;
  };
  const firstIs = (address: string) =>
    until(async () => ((await first()) === address ? true : undefined));
  const ready = () =>
    until(async () => ((await admin('/readyz')).status === 200 ? true : undefined));
  const change = (changed: () => TopologyWithSecret) => {
    next = changed;
  };
  return { topology, service, purge, pops, port, admin, first, firstIs, ready, change };
}

const tokyo = '192.0.2.3';
const paris = '192.0.2.1';
const good: NodeHealth = { ready: true, draining: false, load: 0 };

test('a started server is bound, ready after the first probes, and says which PoPs are in', async (t) => {
  const { service, topology, admin, ready, first, purge } = await setUp(t);
  assert.deepEqual(readBound(topology, 'ns1'), service.bound);
  await ready();
  assert.equal(await first(), tokyo);
  const { pops } = JSON.parse((await admin('/readyz')).text) as { pops: { standing: string }[] };
  assert.deepEqual(
    pops.map(({ standing }) => standing),
    ['in', 'in', 'in'],
  );
  assert.equal((await admin('/healthz')).status, 200);
  const metrics = (await admin('/metrics')).text;
  assert.match(metrics, /breakwater_dns_answers_total\{pop="tyo",reason="nearest"\} 1/);
  assert.match(
    metrics,
    /breakwater_dns_queries_total\{zone="demo.test",type="A",rcode="NOERROR",transport="udp"\} 1/,
  );
  const hello = await purge.got('hello');
  assert.deepEqual(
    [hello.node, hello.role, hello.wantsView, hello.position],
    ['ns1', 'dns', true, null],
  );
});

test('until every PoP was probed once the server is not ready, and answers all the same', async (t) => {
  let held: ServerResponse | undefined;
  const { admin, first, ready } = await setUp(t, slow, (response) => {
    held = response;
  });
  assert.equal(await first(), tokyo);
  const { status, text } = await admin('/readyz');
  assert.equal(status, 503);
  assert.match(text, /"reason":"the PoPs have not been probed yet"/);
  (await until(() => held)).end(statementOf('tyo'));
  await ready();
});

test('a PoP that dies leaves the answers; when all have, they fail open, counted', async (t) => {
  const { pops, ready, first, firstIs, admin } = await setUp(t);
  await ready();
  assert.equal(await first(), tokyo);
  await closed(pops.tyo ?? assert.fail());
  await firstIs(paris);
  const { status, text } = await admin('/readyz');
  assert.equal(status, 200);
  assert.match(text, /"id":"tyo","standing":"unhealthy","why":"http/);
  for (const id of ['par', 'nyc']) await closed(pops[id] ?? assert.fail());
  await firstIs(tokyo);
  assert.match(
    (await admin('/metrics')).text,
    /answers_total\{pop="tyo",reason="fail-open"\} [1-9]/,
  );
});

test('a PoP that tells purge-api it drains is out at once, between two probes', async (t) => {
  const { purge, ready, first, firstIs } = await setUp(t, slow);
  await ready();
  assert.equal(await first(), tokyo);
  await purge.send(viewOf(2, 'tyo', { ...good, draining: true, ready: false }));
  await firstIs(paris);
  await purge.send(viewOf(1, 'tyo', good));
  await purge.send(viewOf(3, 'nyc', good));
  assert.equal(await first(), paris);
  await purge.send(viewOf(4, 'tyo', good));
  await firstIs(tokyo);
});

test('reload over the stream swaps TTL, places and drain, and refuses what needs a restart', async (t) => {
  const { topology, purge, ready, change, first, port } = await setUp(t, slow);
  await ready();
  const dns = plainDns
    .replace('ttl: 30s', 'ttl: 7s')
    .replace('admin: 127.0.0.1:0', 'admin: 127.0.0.1:1');
  const changed = withProbe(dnsNetwork({ dns, dataDir: topology.dataDir }), quick);
  const drained = changed.pops.map((pop) => ({ ...pop, drain: pop.id === 'tyo' }));
  change(() => ({ ...changed, pops: drained }));
  await purge.send({ type: 'request', request: 'r1', what: 'reload', body: null });
  const reply = await purge.got('reply');
  assert.deepEqual(reply.body, {
    applied: ['pops.tyo', 'dns.ns1.zones', 'dns.ns1.probe'],
    refused: ['dns.ns1.admin'],
  });
  assert.equal(reply.ok, true);
  await until(async () => ((await first()) === paris ? true : undefined));
  assert.equal((await askUdp(port, buildQuery())).answers[0]?.ttlSeconds, 7);
});

test('a reload of a wrong file is refused with its problem, and changes nothing', async (t) => {
  const { service, ready, change, first } = await setUp(t, slow);
  await ready();
  change(() => {
    throw new Error('dns[0].zone (line 3): is missing');
  });
  await assert.rejects(service.reload?.() ?? assert.fail(), /zone \(line 3\)/);
  assert.equal(await first(), tokyo);
});

test('a reload with a database that cannot be opened keeps what there was', async (t) => {
  const { service, topology, ready, change, first } = await setUp(t, slow);
  await ready();
  const [node] = topology.dns;
  assert.ok(node);
  const geoip = { ...node.geoip, database: '/nowhere/city.mmdb' };
  change(() => ({ ...topology, dns: [{ ...node, geoip }] }));
  assert.match((await service.reload?.()) ?? '', /needs a restart: dns\.ns1\.geoip\.database/);
  assert.equal(await first(), tokyo);
});

test('a database that is replaced is taken over by a reload; an empty or cut one is not, and queries go on meanwhile', async (t) => {
  const { service, topology, ready, change, first } = await setUp(t, slow);
  await ready();
  const [node] = topology.dns;
  assert.ok(node);
  const file = path.join(topology.dataDir, 'city.mmdb');
  const placed = (latitude: number, longitude: number) =>
    writeMmdb({ '198.18.9.0/24': { location: { latitude, longitude } } });
  const inTokyo = placed(35.68, 139.69);
  const replace = (bytes: Buffer) => {
    writeFileSync(`${file}.new`, bytes);
    renameSync(`${file}.new`, file);
  };
  replace(inTokyo);
  change(() => ({ ...topology, dns: [{ ...node, geoip: { ...node.geoip, database: file } }] }));
  await service.reload?.();
  const addressOf = () => first('198.18.9.0/24');
  assert.equal(await addressOf(), tokyo);
  for (const bad of [Buffer.alloc(0), inTokyo.subarray(0, inTokyo.length / 2)]) {
    replace(bad);
    assert.match((await service.reload?.()) ?? '', /needs a restart: dns\.ns1\.geoip\.database/);
    assert.equal(await addressOf(), tokyo);
  }
  replace(placed(48.86, 2.35));
  const [answers] = await Promise.all([
    Promise.all(Array.from({ length: 50 }, addressOf)),
    service.reload?.(),
  ]);
  assert.ok(answers.every((address) => address === tokyo || address === paris));
  assert.equal(await addressOf(), paris);
});

for (const workers of [1, 2]) {
  test(`times that clients have measured come by purge-api, and clients of their network follow them: ${workers} threads`, async (t) => {
    const dns = plainDns.replace('ttl: 30s', `ttl: 30s\n    workers: ${workers}`);
    const { purge, ready, first, admin } = await setUp(t, slow, undefined, dns);
    await ready();
    assert.equal(await first(), tokyo);
    const report = (pop: string, rttMs: number) => ({ client: '198.18.3.9', pop, rttMs });
    const reports = [
      ...Array.from({ length: 5 }, () => report('tyo', 200)),
      ...Array.from({ length: 5 }, () => report('par', 20)),
      report('ber', 1),
    ];
    await purge.send({ type: 'request', request: 'r1', what: 'rtt', body: { reports } });
    const { ok, body } = await purge.got('reply');
    assert.deepEqual([ok, body], [true, { taken: 10 }]);
    await until(async () => ((await first()) === paris ? true : undefined));
    const metrics = (await admin('/metrics')).text;
    assert.match(metrics, /answers_total\{pop="par",reason="measured"\} [1-9]/);
    assert.match(metrics, /rtt_reports_total\{outcome="ignored"\} 1/);
  });
}

test('a zone file is read at the start and again by a reload; a broken one leaves the zone as it was', async (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'breakwater-zone-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = path.join(folder, 'demo.zone');
  const dns = plainDns.replace(
    'zone: demo.test\n    ttl: 30s',
    `zones: [{ name: demo.test, file: ${file} }]`,
  );
  writeFileSync(file, 'a BOGUS x\n');
  await assert.rejects(setUp(t, slow, undefined, dns), /demo\.zone \(line 1\): "BOGUS" is no type/);
  writeFileSync(file, 'a A 192.0.2.77\n');
  const { service, port, ready, first } = await setUp(t, slow, undefined, dns);
  await ready();
  const addressOfA = async () => {
    const { answers } = await askUdp(port, buildQuery({ name: 'a.demo.test' }));
    return answers[0]?.data.type === 'A' ? answers[0].data.address : undefined;
  };
  assert.deepEqual([await addressOfA(), await first()], ['192.0.2.77', tokyo]);
  writeFileSync(file, 'a A 192.0.2.77\nb BOGUS x\n');
  const kept = await service.reload?.();
  assert.equal(kept, 'applied: nothing; needs a restart: dns.ns1.zones.demo.test.file');
  assert.equal(await addressOfA(), '192.0.2.77');
  writeFileSync(file, 'a A 192.0.2.78\n');
  assert.match((await service.reload?.()) ?? '', /^applied: dns\.ns1\.zones\.demo\.test\.file;/);
  assert.equal(await addressOfA(), '192.0.2.78');
});

test('keys are read at the start, which needs them, and again by a reload, which keeps what was good', async (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'breakwater-keys-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = path.join(folder, 'keys.json');
  const zones = `zones: [{ name: demo.test, dnssec: { keys: ${file} } }]`;
  const dns = plainDns.replace('zone: demo.test\n    ttl: 30s', zones);
  await assert.rejects(
    setUp(t, slow, undefined, dns),
    /keys\.json: no keys: run "breakwater dnssec/,
  );
  const first = makeKey('active', 0);
  writeKeyFile(file, 'demo.test', [first]);
  const { service, port } = await setUp(t, slow, undefined, dns);
  const keyCount = async () => {
    const { answers } = await askUdp(port, buildQuery({ name: 'demo.test', type: 'DNSKEY' }));
    return answers.length;
  };
  assert.equal(await keyCount(), 1);
  writeKeyFile(file, 'demo.test', [first, makeKey('published', 0)]);
  assert.match((await service.reload?.()) ?? '', /^applied: dns\.ns1\.zones\.demo\.test\.dnssec;/);
  assert.equal(await keyCount(), 2);
  writeFileSync(file, '{');
  assert.match((await service.reload?.()) ?? '', /restart: dns\.ns1\.zones\.demo\.test\.dnssec$/);
  assert.equal(await keyCount(), 2);
});

for (const workers of [1, 2]) {
  test(`ACME challenges come over the stream and are answered until they are taken back: ${workers} threads`, async (t) => {
    const dns = plainDns.replace('ttl: 30s', `ttl: 30s\n    workers: ${workers}`);
    const { purge, port, ready } = await setUp(t, slow, undefined, dns);
    await ready();
    const texts = async () => {
      const query = buildQuery({ name: '_acme-challenge.www.demo.test', type: 'TXT' });
      const { answers } = await askUdp(port, query);
      return answers.flatMap(({ data }) => (data.type === 'TXT' ? txtStrings(data) : []));
    };
    const tell = (request: string, ...values: string[]) => {
      const challenges = values.map((value) => ({
        host: 'www.demo.test',
        value,
        leftMs: 3_600_000,
      }));
      return purge.send({ type: 'request', request, what: 'acme', body: { challenges } });
    };
    assert.deepEqual(await texts(), []);
    const value = 'v'.repeat(43);
    await tell('r1', value);
    const { ok, body } = await purge.got('reply');
    assert.deepEqual([ok, body], [true, { names: 1 }]);
    await until(async () => ((await texts())[0] === value ? true : undefined));
    await tell('r2');
    await until(async () => ((await texts()).length === 0 ? true : undefined));
  });
}

test('a start with a database that is missing is refused with what to do, and binds nothing', async () => {
  const topology = dnsNetwork({
    dns: plainDns.replace('geoip: {', 'geoip: { database: nowhere.mmdb,'),
    dataDir: '/tmp/breakwater-never-made',
  });
  const context = {
    topology,
    node: findNode(topology, 'ns1'),
    clock: systemClock,
    random: systemRandom,
    log: silentLog,
    metrics: createMetrics(),
    instance: 'i',
    loadAgain: () => topology,
  };
  await assert.rejects(startDns(context), /nowhere\.mmdb: no such GeoIP database: correct/);
  assert.equal(readBound(topology, 'ns1'), undefined);
});

test('draining says goodbye and closes every port', async (t) => {
  const { service, purge, port, ready, admin } = await setUp(t, slow);
  await ready();
  await service.drain(1000);
  await purge.got('goodbye');
  await assert.rejects(askUdp(port, buildQuery()));
  await assert.rejects(admin('/healthz'));
});

test('kdig reads every kind of answer (Knot DNS is another reading of the same RFCs)', async (t) => {
  const { port, ready } = await setUp(t, slow);
  await ready();
  const kdig = async (...args: string[]) => {
    const { stdout, stderr } = await run('kdig', ['@127.0.0.1', '-p', String(port), ...args]);
    assert.doesNotMatch(stdout + stderr, /WARNING|;; ERROR|malformed/i, args.join(' '));
    return stdout;
  };
  const tailored = await kdig('www.demo.test', 'A', '+subnet=198.18.3.0/24');
  assert.match(tailored, /status: NOERROR/);
  assert.match(tailored, /CLIENT-SUBNET: 198\.18\.3\.0\/24\/24/);
  assert.match(tailored, /www\.demo\.test\.\s+30\s+IN\s+A\s+192\.0\.2\.3/);
  assert.match(await kdig('www.demo.test', 'AAAA', '+subnet=2001:db8:1::/56'), /2001:db8::1/);
  assert.match(
    await kdig('demo.test', 'SOA', '+tcp'),
    /ns1\.demo\.test\. hostmaster\.demo\.test\./,
  );
  assert.match(await kdig('demo.test', 'NS'), /ADDITIONAL SECTION:\s+ns1\.demo\.test\./);
  assert.match(await kdig('nothing.demo.test'), /status: NXDOMAIN[\s\S]*SOA/);
  assert.match(await kdig('example.org'), /status: REFUSED/);
  assert.match(await kdig('www.demo.test', '+noedns'), /status: NOERROR/);
  assert.match(await kdig('www.demo.test', '+edns=1'), /BADVERS/);
  assert.match(
    await kdig('_why.www.demo.test', 'TXT', '+subnet=198.18.1.0/24'),
    /"pop=par" "reason=nearest" "place=Paris"/,
  );
  const two = await kdig('+keepopen', '+tcp', 'www.demo.test', 'A', 'demo.test', 'SOA');
  assert.equal(two.match(/status: NOERROR/g)?.length, 2);
});

const threeWorkers = `${plainDns}    workers: 3\n    rateLimit: { responsesPerSecond: 0 }\n`;

/** From many ports, so that every worker is asked. */
const askedByMany = (first: () => Promise<string | undefined>) =>
  Promise.all(Array.from({ length: 60 }, first)).then((answers) => [...new Set(answers)]);

test('several workers share the port over UDP and TCP, follow the PoPs, and are counted together', async (t) => {
  const { admin, first, ready, pops, port } = await setUp(t, quick, undefined, threeWorkers);
  await ready();
  assert.deepEqual(await askedByMany(first), [tokyo]);
  const metrics = (await admin('/metrics')).text;
  assert.match(metrics, /breakwater_dns_answers_total\{pop="tyo",reason="nearest"\} 60/);
  const connections = await Promise.all(Array.from({ length: 12 }, () => connectTcp(port)));
  for (const client of connections) {
    client.send(buildQuery({ subnet: '198.18.3.0/24' }));
    assert.equal((await client.next()).answers.length, 2);
    client.end();
  }
  pops.tyo?.close();
  pops.tyo?.closeAllConnections();
  await until(async () => ((await askedByMany(first)).includes(tokyo) ? undefined : true));
});

test('a reload reaches every worker, and a port is free again after the drain', async (t) => {
  const { service, topology, first, ready, change, port } = await setUp(
    t,
    quick,
    undefined,
    threeWorkers,
  );
  await ready();
  change(() => ({
    ...topology,
    hash: 'next',
    pops: topology.pops.map((pop) =>
      pop.id === 'tyo' ? { ...pop, advertise: ['192.0.2.99'] } : pop,
    ),
  }));
  await service.reload?.();
  await until(async () => {
    const answers = await askedByMany(first);
    return answers.length === 1 && answers[0] === '192.0.2.99' ? true : undefined;
  });
  await service.drain(1000);
  const server = createServer();
  assert.equal(await listenOn(server, port), port);
  await closed(server);
});
