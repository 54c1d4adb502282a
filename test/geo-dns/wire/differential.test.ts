import assert from 'node:assert/strict';
import { test } from 'node:test';
import dnsPacket from 'dns-packet';
import fc from 'fast-check';
import { WireError } from '../../../core/dns/buffer.ts';
import { type RecordData, recordTypes } from '../../../core/dns/record.ts';
import { decodeMessage, encodeMessage, type Message } from '../../../geo-dns/wire/message.ts';
import { decodeQuery } from '../../../geo-dns/wire/query.ts';
import { buildMessage, buildQuery, record } from '../../support/dns-messages.ts';
import { createSeededRandom } from '../../support/fake-clock.ts';

const label = fc.stringMatching(/^[a-zA-Z0-9_-]{1,12}$/);
const name = fc.array(label, { minLength: 1, maxLength: 4 }).map((labels) => labels.join('.'));
const octet = fc.integer({ min: 0, max: 255 });
const number = fc.integer({ min: 0, max: 0x7fffffff });
const address4 = fc.tuple(octet, octet, octet, octet).map((bytes) => bytes.join('.'));
const address6 = fc
  .array(fc.integer({ min: 1, max: 0xffff }), { minLength: 8, maxLength: 8 })
  .map((groups) => groups.map((group) => group.toString(16)).join(':'));
const strings = fc
  .array(fc.stringMatching(/^[ -~]{0,60}$/), { minLength: 1, maxLength: 3 })
  .map((list) => list.map((text) => Buffer.from(text)));
const soaFields = {
  type: fc.constant('SOA' as const),
  primary: name,
  mailbox: name,
  serial: number,
  refreshSeconds: number,
  retrySeconds: number,
  expireSeconds: number,
  minimumSeconds: number,
};
const soa = fc.record(soaFields, { noNullPrototype: true });
const data: fc.Arbitrary<RecordData> = fc.oneof(
  address4.map((address) => ({ type: 'A' as const, address })),
  address6.map((address) => ({ type: 'AAAA' as const, address })),
  name.map((target) => ({ type: 'NS' as const, target })),
  name.map((target) => ({ type: 'CNAME' as const, target })),
  name.map((target) => ({ type: 'PTR' as const, target })),
  name.map((target) => ({ type: 'DNAME' as const, target })),
  fc
    .tuple(octet, name)
    .map(([preference, target]) => ({ type: 'MX' as const, preference, target })),
  fc.tuple(octet, octet, octet, name).map(([priority, weight, port, target]) => ({
    type: 'SRV' as const,
    ...{ priority, weight, port, target },
  })),
  strings.map((list) => ({ type: 'TXT' as const, strings: list })),
  soa,
);
const records = fc.array(
  fc.tuple(name, data, number).map(([owner, value, ttl]) => record(owner, value, ttl)),
  { maxLength: 4 },
);

/** A record's fields as dns-packet names them. */
function asOracle(value: RecordData): unknown {
  switch (value.type) {
    case 'A':
    case 'AAAA':
      return value.address;
    case 'NS':
    case 'CNAME':
    case 'PTR':
    case 'DNAME':
      return value.target;
    case 'MX':
      return { preference: value.preference, exchange: value.target };
    case 'SRV':
      return {
        priority: value.priority,
        weight: value.weight,
        port: value.port,
        target: value.target,
      };
    case 'SVCB':
    case 'HTTPS':
      return value.params;
    case 'TXT':
      return value.strings.map((string) => Buffer.from(string));
    case 'SOA':
      return {
        mname: value.primary,
        rname: value.mailbox,
        serial: value.serial,
        refresh: value.refreshSeconds,
        retry: value.retrySeconds,
        expire: value.expireSeconds,
        minimum: value.minimumSeconds,
      };
    case 'opaque':
      return value.bytes;
  }
}

const sections = (message: Message) =>
  [message.answers, message.authorities, message.additionals].map((list) =>
    list.map((item) => [item.name.toLowerCase(), item.ttlSeconds, lower(asOracle(item.data))]),
  );
const lower = (value: unknown) => JSON.parse(JSON.stringify(value).toLowerCase()) as unknown;

test('dns-packet reads what we write, compression included', () => {
  const messages = fc.tuple(name, records, records, records);
  fc.assert(
    fc.property(messages, ([qname, answers, authorities, additionals]) => {
      const questions = [{ name: qname, type: recordTypes.A, class: 1 }];
      const ours = buildMessage({ questions, answers, authorities, additionals });
      const read = dnsPacket.decode(encodeMessage(ours));
      assert.equal(read.questions?.[0]?.name, qname);
      const lists = [read.answers, read.authorities, read.additionals].map((list) =>
        (list ?? []).map((item) => {
          const { name: owner, ttl, data: value } = item as dnsPacket.StringAnswer;
          return [owner.toLowerCase(), ttl, lower(value)];
        }),
      );
      assert.deepEqual(lists, sections(ours));
    }),
    { numRuns: 200 },
  );
});

test('we read what dns-packet writes', () => {
  fc.assert(
    fc.property(name, records, (qname, answers) => {
      const bytes = dnsPacket.encode({
        type: 'response',
        id: 7,
        flags: dnsPacket.AUTHORITATIVE_ANSWER,
        questions: [{ type: 'AAAA', name: qname }],
        answers: answers.map(
          (item) =>
            ({
              name: item.name,
              type: item.data.type,
              ttl: item.ttlSeconds,
              data: asOracle(item.data),
            }) as dnsPacket.Answer,
        ),
      });
      const read = decodeMessage(bytes);
      assert.ok(read.header.isResponse && read.header.authoritative);
      assert.deepEqual(read.questions, [{ name: qname, type: recordTypes.AAAA, class: 1 }]);
      assert.deepEqual(read.answers, answers);
    }),
    { numRuns: 200 },
  );
});

test('both sides agree on OPT and the client subnet (RFC 7871 §6)', () => {
  const ours = dnsPacket.decode(buildQuery({ subnet: '198.18.3.0/24', udpSizeBytes: 1400 }));
  const opt = ours.additionals?.[0] as unknown as {
    udpPayloadSize: number;
    options: { code: number; family: number; sourcePrefixLength: number; ip: string }[];
  };
  assert.equal(opt.udpPayloadSize, 1400);
  const { code, family, sourcePrefixLength, ip } = opt.options[0] ?? assert.fail();
  assert.deepEqual([code, family, sourcePrefixLength, ip], [8, 1, 24, '198.18.3.0']);

  const theirs = dnsPacket.encode({
    type: 'query',
    id: 1,
    questions: [{ type: 'A', name: 'www.demo.test' }],
    additionals: [
      {
        type: 'OPT',
        name: '.',
        udpPayloadSize: 4096,
        flags: dnsPacket.DNSSEC_OK,
        options: [{ code: 'CLIENT_SUBNET', ip: '2001:db8::', sourcePrefixLength: 32 }],
      } as unknown as dnsPacket.Answer,
    ],
  });
  const read = decodeQuery(theirs);
  assert.equal(read.kind, 'query');
  if (read.kind !== 'query') return;
  assert.equal(read.query.edns?.dnssecOk, true);
  assert.equal(read.query.edns?.udpSizeBytes, 4096);
  assert.deepEqual(read.query.edns?.clientSubnet?.bytes.slice(0, 5), [0x20, 0x01, 0x0d, 0xb8, 0]);
});

/** Valid packets that the mutations start from. */
function seedPackets(): Buffer[] {
  const answers = [
    record('www.demo.test', { type: 'A', address: '192.0.2.1' }),
    record('www.demo.test', { type: 'CNAME', target: 'a.www.demo.test' }),
    record('demo.test', { type: 'TXT', strings: [Buffer.from('one'), Buffer.from('two')] }),
    record('demo.test', { type: 'MX', preference: 10, target: 'mail.demo.test' }),
    record('_x.demo.test', { type: 'SRV', priority: 1, weight: 2, port: 3, target: 'demo.test' }),
    record('www.demo.test', {
      type: 'HTTPS',
      priority: 1,
      target: '',
      params: [
        { key: 1, value: Buffer.from('\x02h2') },
        { key: 4, value: Buffer.from([192, 0, 2, 1]) },
      ],
    }),
  ];
  return [
    buildQuery({ subnet: '198.18.3.0/24' }),
    buildQuery({ name: 'a.b.c.d.e.demo.test', type: 'ANY', subnet: '2001:db8::/56' }),
    encodeMessage(buildMessage({ answers })),
  ];
}

test('2,000 mutated packets: only the codec’s own error, and what decodes can be encoded', () => {
  const seed = 20261120;
  const random = createSeededRandom(seed);
  const pick = (below: number) => Math.floor(random.unit() * below);
  const seeds = seedPackets();
  let decoded = 0;
  for (let round = 0; round < 2000; round += 1) {
    const packet = mutate(seeds[pick(seeds.length)] ?? assert.fail(), pick);
    const context = `seed ${seed} round ${round}: ${packet.toString('hex')}`;
    assert.doesNotThrow(() => decodeQuery(packet), context);
    try {
      const message = decodeMessage(packet);
      decoded += 1;
      decodeMessage(encodeMessage(message));
    } catch (error) {
      assert.ok(error instanceof WireError, `${context}: ${String(error)}`);
    }
  }
  assert.ok(decoded > 100, `mutations must not all be trivial: ${decoded} decoded`);
});

/** One to four changes: a byte, a bit, a cut, a repetition, or a pair that looks like a compression pointer. */
function mutate(original: Buffer, pick: (below: number) => number): Buffer {
  let packet = Buffer.from(original);
  for (let changes = 1 + pick(4); changes > 0; changes -= 1) {
    const at = pick(packet.length);
    switch (pick(5)) {
      case 0:
        packet[at] = pick(256);
        break;
      case 1:
        packet[at] = (packet[at] ?? 0) ^ (1 << pick(8));
        break;
      case 2:
        packet = packet.subarray(0, at);
        break;
      case 3:
        packet = Buffer.concat([packet.subarray(0, at), packet.subarray(pick(at + 1))]);
        break;
      default:
        packet[at] = 0xc0;
        if (at + 1 < packet.length) packet[at + 1] = pick(packet.length);
    }
  }
  return packet;
}
