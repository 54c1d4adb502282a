import assert from 'node:assert/strict';
import { test } from 'node:test';
import { WireError } from '../../../core/dns/buffer.ts';
import { type RecordData, txtStrings, typeLabel, typeName } from '../../../core/dns/record.ts';
import {
  decodeMessage,
  encodeMessage,
  encodeWithin,
  type Message,
} from '../../../geo-dns/wire/message.ts';
import { buildMessage, record } from '../../support/dns-messages.ts';

const edns = { udpSizeBytes: 1232, extendedRcode: 0, version: 0, dnssecOk: false, options: [] };
const txt = (...strings: string[]) =>
  record('www.demo.test', { type: 'TXT', strings: strings.map((s) => Buffer.from(s)) });

test('what is encoded decodes to the same, for every type that the server answers with', () => {
  const message = buildMessage({
    answers: [
      record('www.demo.test', { type: 'A', address: '192.0.2.1' }),
      record('www.demo.test', { type: 'AAAA', address: '2001:db8::1' }),
      record('alias.demo.test', { type: 'CNAME', target: 'www.demo.test' }),
      record('x.test', { type: 'opaque', code: 65280, bytes: Buffer.from([0, 1, 0]) }),
      record('1.test', { type: 'PTR', target: 'www.demo.test' }),
      record('old.test', { type: 'DNAME', target: 'demo.test' }),
      record('demo.test', { type: 'MX', preference: 10, target: 'mail.demo.test' }),
      record('_sip._udp.demo.test', {
        type: 'SRV',
        priority: 1,
        weight: 65535,
        port: 5060,
        target: 'sip.demo.test',
      }),
      record('www.demo.test', {
        type: 'HTTPS',
        priority: 1,
        target: '',
        params: [
          { key: 1, value: Buffer.from('\x02h2') },
          { key: 65534, value: Buffer.alloc(0) },
        ],
      }),
    ],
    authorities: [
      record('demo.test', { type: 'NS', target: 'ns1.demo.test' }),
      record('demo.test', {
        type: 'SOA',
        primary: 'ns1.demo.test',
        mailbox: 'hostmaster.demo.test',
        serial: 4294967295,
        refreshSeconds: 7200,
        retrySeconds: 900,
        expireSeconds: 86400,
        minimumSeconds: 30,
      }),
    ],
    edns: { ...edns, dnssecOk: true },
  });
  assert.deepEqual(decodeMessage(encodeMessage(message)), message);
});

test('a TXT record keeps its strings apart, and their bytes as they are', () => {
  const decoded = decodeMessage(encodeMessage(buildMessage({ answers: [txt('a=1', '', 'ü')] })));
  const data = decoded.answers[0]?.data;
  assert.deepEqual(data?.type === 'TXT' ? txtStrings(data) : [], ['a=1', '', 'ü']);
  const tooLong = buildMessage({ answers: [txt('x'.repeat(256))] });
  assert.throws(() => encodeMessage(tooLong), WireError);
});

test('a response code above 15 is split between header and OPT (RFC 6891 §6.1.3)', () => {
  const message = buildMessage({ edns });
  const bytes = encodeMessage({ ...message, header: { ...message.header, rcode: 16 } });
  assert.equal((bytes[3] ?? 0) & 0xf, 0);
  assert.equal(decodeMessage(bytes).header.rcode, 16);
});

test('a TTL with the top bit set means zero (RFC 2181 §8)', () => {
  const bytes = encodeMessage(buildMessage());
  bytes.writeUInt32BE(0x80000001, bytes.length - 10);
  assert.equal(decodeMessage(bytes).answers[0]?.ttlSeconds, 0);
});

test('RDATA of the wrong length for its type is refused', () => {
  const wrong = (code: number, ...bytes: number[]) => {
    const data = { type: 'opaque', code, bytes: Buffer.from(bytes) } as const;
    return encodeMessage(buildMessage({ answers: [record('www.demo.test', data)] }));
  };
  for (const bytes of [
    wrong(1, 1, 2, 3),
    wrong(1, 1, 2, 3, 4, 5),
    wrong(28, 1, 2, 3, 4),
    wrong(16),
    wrong(16, 5, 65),
    wrong(2, 0, 0),
    wrong(2),
    wrong(6, 0, 0, 1),
    wrong(15, 0, 10),
    wrong(33, 0, 1, 0, 1, 0, 0),
    wrong(65, 0, 1),
    wrong(65, 0, 1, 0, 0, 3, 0, 2, 1),
    wrong(65, 0, 1, 0, 0, 3, 0, 0, 0, 1, 0, 0),
    wrong(64, 0, 1, 0, 0, 3, 0, 0, 0, 3, 0, 0),
  ]) {
    assert.throws(() => decodeMessage(bytes), WireError);
  }
});

test('names are compressed in the types of RFC 1035, and in no other (RFC 3597 §4)', () => {
  const sizeOf = (data: RecordData) => {
    const base = encodeMessage(buildMessage({ answers: [] })).length;
    const answers = [record('www.demo.test', data)];
    return encodeMessage(buildMessage({ answers })).length - base - 12;
  };
  const target = 'a.demo.test';
  for (const type of ['NS', 'CNAME', 'PTR'] as const) assert.equal(sizeOf({ type, target }), 4);
  assert.equal(sizeOf({ type: 'MX', preference: 1, target }), 6);
  assert.equal(sizeOf({ type: 'DNAME', target }), 13);
  assert.equal(sizeOf({ type: 'SRV', priority: 1, weight: 1, port: 1, target }), 19);
  assert.equal(sizeOf({ type: 'HTTPS', priority: 1, target, params: [] }), 15);
});

test('additional records are left out before an answer is truncated (RFC 2181 §9)', () => {
  const message = buildMessage({ additionals: [txt('x'.repeat(200))], edns });
  const roomy = encodeWithin(message, 512);
  assert.equal(decodeMessage(roomy.bytes).additionals.length, 1);
  const tight = encodeWithin(message, 100);
  const decoded = decodeMessage(tight.bytes);
  assert.equal(tight.truncated, false);
  assert.equal(decoded.answers.length, 1);
  assert.equal(decoded.additionals.length, 0);
  assert.ok(decoded.edns);
});

test('an answer that does not fit is emptied and marked truncated, OPT kept (RFC 2181 §9)', () => {
  const message = buildMessage({ answers: [txt('x'.repeat(250)), txt('y'.repeat(250))], edns });
  const whole = encodeMessage(message).length;
  assert.equal(encodeWithin(message, whole).truncated, false);
  const { bytes, truncated } = encodeWithin(message, whole - 1);
  const decoded = decodeMessage(bytes);
  assert.ok(truncated && decoded.header.truncated);
  assert.equal(decoded.answers.length + decoded.authorities.length, 0);
  assert.deepEqual(decoded.edns, edns);
});

test('a referral whose glue does not fit is truncated, not sent without it (RFC 9471 §3)', () => {
  const base = buildMessage();
  const referral: Message = {
    ...base,
    header: { ...base.header, authoritative: false },
    answers: [],
    authorities: [record('sub.demo.test', { type: 'NS', target: 'ns.sub.demo.test' })],
    additionals: [record('ns.sub.demo.test', { type: 'A', address: '192.0.2.5' })],
  };
  assert.equal(encodeWithin(referral, encodeMessage(referral).length - 1).truncated, true);
});

test('a message of more than 65,535 bytes becomes a truncated one on any transport', () => {
  const answers = Array.from({ length: 400 }, (_, n) => txt(`${n}`.padStart(200, 'x')));
  assert.equal(encodeWithin(buildMessage({ answers }), 1e6).truncated, true);
});

test('types have their mnemonic, and metric labels only a bounded set', () => {
  assert.equal(typeName(28), 'AAAA');
  assert.equal(typeName(1234), 'TYPE1234');
  assert.equal(typeLabel(1234), 'other');
});
