import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeMessage, opcodes, rcodes } from '../../../geo-dns/wire/message.ts';
import { decodeQuery, type Incoming } from '../../../geo-dns/wire/query.ts';
import { buildMessage, buildPlainQuery, buildQuery, record } from '../../support/dns-messages.ts';

const rejectedBy = (incoming: Incoming) => {
  assert.equal(incoming.kind, 'reject');
  return incoming.kind === 'reject' ? incoming.rejected : assert.fail();
};
const asQuery = buildMessage({ answers: [] });
const queryHeader = { ...asQuery.header, isResponse: false, authoritative: false };

test('a query gives its question as spelt, with what OPT says', () => {
  const incoming = decodeQuery(buildQuery({ name: 'wWw.demo.TEST', subnet: '198.18.3.0/24' }));
  assert.equal(incoming.kind, 'query');
  if (incoming.kind !== 'query') return;
  assert.equal(incoming.query.question.name, 'wWw.demo.TEST');
  assert.equal(incoming.query.edns?.udpSizeBytes, 1232);
  assert.equal(incoming.query.edns?.clientSubnet?.sourcePrefixLength, 24);
});

test('fewer bytes than a header, and responses, get no answer', () => {
  assert.deepEqual(decodeQuery(Buffer.alloc(11)), { kind: 'silence', why: 'short' });
  assert.deepEqual(decodeQuery(Buffer.alloc(0)), { kind: 'silence', why: 'short' });
  const response = encodeMessage(buildMessage());
  assert.deepEqual(decodeQuery(response), { kind: 'silence', why: 'response' });
});

test('an opcode other than QUERY is not implemented, before anything else is read', () => {
  for (const opcode of [opcodes.notify, opcodes.update, opcodes.status, 15]) {
    const bytes = buildQuery();
    bytes.writeUInt16BE(opcode << 11, 2);
    const rejected = rejectedBy(decodeQuery(bytes.subarray(0, 14)));
    assert.equal(rejected.rcode, rcodes.NOTIMP);
    assert.equal(rejected.opcode, opcode);
  }
});

test('any number of questions but one is a format error (RFC 9619 §4)', () => {
  for (const count of [0, 2, 4000, 65535]) {
    const bytes = buildQuery();
    bytes.writeUInt16BE(count, 4);
    const rejected = rejectedBy(decodeQuery(bytes));
    assert.equal(rejected.rcode, rcodes.FORMERR);
    assert.equal(rejected.question, undefined);
  }
});

test('a count that promises more than the message holds is a format error', () => {
  for (const at of [6, 8, 10]) {
    const bytes = buildPlainQuery('www.demo.test');
    bytes.writeUInt16BE(3, at);
    assert.equal(rejectedBy(decodeQuery(bytes)).rcode, rcodes.FORMERR);
  }
});

test('bytes behind the last record are a format error', () => {
  const bytes = Buffer.concat([buildQuery(), Buffer.from([0])]);
  assert.equal(rejectedBy(decodeQuery(bytes)).rcode, rcodes.FORMERR);
});

test('a rejection repeats the question as far as it was understood', () => {
  const bytes = Buffer.concat([buildPlainQuery('wWw.demo.test'), Buffer.from([9])]);
  assert.equal(rejectedBy(decodeQuery(bytes)).question?.name, 'wWw.demo.test');
});

test('an unknown EDNS version is BADVERS, whatever its options say (RFC 6891 §6.1.3)', () => {
  const bytes = buildQuery({ subnet: '198.18.3.0/24' });
  // OPT is the last record: its version is the second byte of the TTL, and the option follows behind RDLENGTH.
  const optAt = bytes.length - (11 + 4 + 7);
  bytes[optAt + 6] = 1;
  bytes[optAt + 12] = 99;
  const rejected = rejectedBy(decodeQuery(bytes));
  assert.equal(rejected.rcode, rcodes.BADVERS);
  assert.ok(rejected.edns);
});

test('OPT with an owner name, twice, or in another section is a format error (RFC 6891 §6.1.1)', () => {
  const opt = buildQuery().subarray(-11);
  const plain = buildPlainQuery('www.demo.test');
  const withCounts = (at: number, count: number, ...records: Buffer[]) => {
    const bytes = Buffer.concat([plain, ...records]);
    bytes.writeUInt16BE(count, at);
    return bytes;
  };
  const owned = Buffer.concat([Buffer.from([1, 0x61]), opt]);
  for (const bytes of [
    withCounts(10, 2, opt, opt),
    withCounts(10, 1, owned),
    withCounts(6, 1, opt),
    withCounts(8, 1, opt),
  ]) {
    assert.equal(rejectedBy(decodeQuery(bytes)).rcode, rcodes.FORMERR);
  }
});

test('a scope in a query is a format error, and the answer still has OPT (RFC 7871 §6)', () => {
  const bytes = buildQuery({ subnet: '198.18.3.0/24' });
  bytes[bytes.length - 4] = 24;
  const rejected = rejectedBy(decodeQuery(bytes));
  assert.equal(rejected.rcode, rcodes.FORMERR);
  assert.ok(rejected.edns);
});

test('a query may carry a few other records, and no crowd of them', () => {
  const soa = record('demo.test', { type: 'opaque', code: 6, bytes: Buffer.from([0, 0]) });
  const other = record('demo.test', { type: 'opaque', code: 250, bytes: Buffer.alloc(4) });
  const encode = (count: number) =>
    encodeMessage({ ...asQuery, header: queryHeader, additionals: Array(count).fill(other) });
  assert.equal(decodeQuery(encode(8)).kind, 'query');
  assert.equal(rejectedBy(decodeQuery(encode(9))).rcode, rcodes.FORMERR);
  const broken = encodeMessage({ ...asQuery, header: queryHeader, authorities: [soa] });
  assert.equal(rejectedBy(decodeQuery(broken)).rcode, rcodes.FORMERR);
});
