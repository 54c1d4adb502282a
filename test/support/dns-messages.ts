/** Builders of DNS messages for tests: a query and an answer with every field given a plain default. */

import {
  classIn,
  type RecordData,
  type ResourceRecord,
  recordTypes,
} from '../../core/dns/record.ts';
import { clientSubnetOf, encodeQuery } from '../../geo-dns/wire/client.ts';
import type { Message } from '../../geo-dns/wire/message.ts';

export interface QueryBuilder {
  name?: string;
  type?: keyof typeof recordTypes;
  /** `198.18.3.0/24` */
  subnet?: string;
  id?: number;
  udpSizeBytes?: number;
}

/** The bytes of a query with EDNS. */
export function buildQuery(options: QueryBuilder = {}): Buffer {
  const { name = 'www.demo.test', type = 'A', subnet, id = 4711, udpSizeBytes } = options;
  const clientSubnet = subnet === undefined ? undefined : clientSubnetOf(subnet);
  return encodeQuery({
    id,
    name,
    type: recordTypes[type],
    ...(clientSubnet ? { clientSubnet } : {}),
    ...(udpSizeBytes === undefined ? {} : { udpSizeBytes }),
  });
}

/** The bytes of a query without EDNS. */
export function buildPlainQuery(name: string, type: keyof typeof recordTypes = 'A'): Buffer {
  const withOpt = buildQuery({ name, type });
  const plain = Buffer.from(withOpt.subarray(0, withOpt.length - 11));
  plain.writeUInt16BE(0, 10);
  return plain;
}

/** `query`, whose OPT is its last record, with one option more. */
export function withOption(query: Buffer, code: number, bytes: Uint8Array): Buffer {
  const opt = query.lastIndexOf(Buffer.from([0, 0, 41]));
  const lengthAt = opt + 9;
  const option = Buffer.alloc(4);
  option.writeUInt16BE(code, 0);
  option.writeUInt16BE(bytes.length, 2);
  const longer = Buffer.concat([query, option, bytes]);
  longer.writeUInt16BE(query.readUInt16BE(lengthAt) + 4 + bytes.length, lengthAt);
  return longer;
}

export function record(name: string, data: RecordData, ttlSeconds = 300): ResourceRecord {
  return { name, class: classIn, ttlSeconds, data };
}

/** A message that answers `www.demo.test A`, with `changes` over the defaults. */
export function buildMessage(changes: Partial<Message> = {}): Message {
  return {
    header: {
      id: 4711,
      isResponse: true,
      opcode: 0,
      authoritative: true,
      truncated: false,
      recursionDesired: true,
      recursionAvailable: false,
      authenticData: false,
      checkingDisabled: false,
      rcode: 0,
    },
    questions: [{ name: 'www.demo.test', type: recordTypes.A, class: classIn }],
    answers: [record('www.demo.test', { type: 'A', address: '192.0.2.1' })],
    authorities: [],
    additionals: [],
    ...changes,
  };
}
