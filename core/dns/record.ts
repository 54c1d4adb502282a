/**
 * Resource records: the types that the server answers with are decoded into fields, every other type is carried as
 * the bytes it came in (RFC 3597). Names within RDATA are compressed for the types of RFC 1035 only (RFC 3597 §4).
 */
import { formatAddress, parseAddress } from '../runtime/addresses.ts';
import { assertNever } from '../runtime/deps.ts';
import {
  readBytes,
  readU8,
  readU16,
  readU32,
  WireError,
  type WireReader,
  type WireWriter,
  writeBytes,
  writeU8,
  writeU16,
  writeU32,
  writeWithLength,
} from './buffer.ts';
import { type Name, readName, writeName } from './name.ts';

/** RR and query types, by their mnemonics (IANA DNS parameters). */
export const recordTypes = {
  A: 1,
  NS: 2,
  CNAME: 5,
  SOA: 6,
  PTR: 12,
  HINFO: 13,
  MX: 15,
  TXT: 16,
  AAAA: 28,
  SRV: 33,
  OPT: 41,
  DS: 43,
  SVCB: 64,
  HTTPS: 65,
  IXFR: 251,
  AXFR: 252,
  ANY: 255,
  CAA: 257,
} as const;

const typeNames = new Map<number, string>(
  Object.entries(recordTypes).map(([name, code]) => [code, name]),
);

/** The mnemonic, or `TYPE1234` (RFC 3597 §5). */
export function typeName(code: number): string {
  return typeNames.get(code) ?? `TYPE${code}`;
}

/** The mnemonic, or `other`: for metric labels, whose number of values must stay bounded. */
export function typeLabel(code: number): string {
  return typeNames.get(code) ?? 'other';
}

export const classIn = 1;

export type RecordData =
  | { type: 'A'; address: string }
  | { type: 'AAAA'; address: string }
  | { type: 'NS'; target: Name }
  | { type: 'CNAME'; target: Name }
  | ({ type: 'SOA' } & SoaFields)
  | { type: 'TXT'; strings: readonly Uint8Array[] }
  | { type: 'opaque'; code: number; bytes: Uint8Array };

export interface SoaFields {
  primary: Name;
  mailbox: Name;
  serial: number;
  refreshSeconds: number;
  retrySeconds: number;
  expireSeconds: number;
  /** TTL of negative answers (RFC 2308 §4). */
  minimumSeconds: number;
}

export interface ResourceRecord {
  name: Name;
  class: number;
  ttlSeconds: number;
  data: RecordData;
}

/** The type code of a record. */
export function typeOf(data: RecordData): number {
  return data.type === 'opaque' ? data.code : recordTypes[data.type];
}

/** The strings of a TXT record as text. */
export function txtStrings(data: Extract<RecordData, { type: 'TXT' }>): string[] {
  return data.strings.map((string) => Buffer.from(string).toString('utf8'));
}

/** Owner, type, class, TTL and the reader of RDATA: what OPT needs raw and others decoded. */
export interface RecordHead {
  name: Name;
  type: number;
  class: number;
  ttl: number;
}

export function readRecordHead(reader: WireReader): RecordHead {
  return {
    name: readName(reader),
    type: readU16(reader),
    class: readU16(reader),
    ttl: readU32(reader),
  };
}

/** Reads RDLENGTH and RDATA by `read`, which must use up exactly what was announced. */
export function readRdata<T>(reader: WireReader, read: (rdata: WireReader) => T): T {
  const length = readU16(reader);
  const end = reader.at + length;
  if (end > reader.end) throw new WireError('RDATA reaches beyond the message');
  const rdata = { bytes: reader.bytes, at: reader.at, end };
  const value = read(rdata);
  if (rdata.at !== end) throw new WireError('RDATA is longer than its fields');
  reader.at = end;
  return value;
}

export function readRecord(head: RecordHead, reader: WireReader): ResourceRecord {
  return {
    name: head.name,
    class: head.class,
    // A TTL with the top bit set means zero (RFC 2181 §8).
    ttlSeconds: head.ttl > 0x7fffffff ? 0 : head.ttl,
    data: readRdata(reader, (rdata) => readData(head, rdata)),
  };
}

function readData(head: RecordHead, rdata: WireReader): RecordData {
  const opaque = (): RecordData => ({
    type: 'opaque',
    code: head.type,
    bytes: readBytes(rdata, rdata.end - rdata.at),
  });
  if (head.class !== classIn) return opaque();
  switch (head.type) {
    case recordTypes.A:
      return { type: 'A', address: formatAddress([...readBytes(rdata, 4)]) };
    case recordTypes.AAAA:
      return { type: 'AAAA', address: formatAddress([...readBytes(rdata, 16)]) };
    case recordTypes.NS:
      return { type: 'NS', target: readName(rdata) };
    case recordTypes.CNAME:
      return { type: 'CNAME', target: readName(rdata) };
    case recordTypes.SOA:
      return { type: 'SOA', ...readSoa(rdata) };
    case recordTypes.TXT:
      return { type: 'TXT', strings: readStrings(rdata) };
    default:
      return opaque();
  }
}

function readSoa(rdata: WireReader): SoaFields {
  return {
    primary: readName(rdata),
    mailbox: readName(rdata),
    serial: readU32(rdata),
    refreshSeconds: readU32(rdata),
    retrySeconds: readU32(rdata),
    expireSeconds: readU32(rdata),
    minimumSeconds: readU32(rdata),
  };
}

/** One or more character-strings (RFC 1035 §3.3.14). */
function readStrings(rdata: WireReader): Buffer[] {
  const strings: Buffer[] = [];
  do {
    strings.push(readBytes(rdata, readU8(rdata)));
  } while (rdata.at < rdata.end);
  return strings;
}

/** Writes one record; throws WireError when its fields fit no record. */
export function writeRecord(writer: WireWriter, record: ResourceRecord): void {
  writeName(writer, record.name, true);
  writeU16(writer, typeOf(record.data));
  writeU16(writer, record.class);
  writeU32(writer, record.ttlSeconds);
  writeWithLength(writer, () => writeData(writer, record.data));
}

function writeData(writer: WireWriter, data: RecordData): void {
  switch (data.type) {
    case 'A':
      writeAddress(writer, data.address, 4);
      break;
    case 'AAAA':
      writeAddress(writer, data.address, 6);
      break;
    case 'NS':
    case 'CNAME':
      writeName(writer, data.target, true);
      break;
    case 'SOA':
      writeSoa(writer, data);
      break;
    case 'TXT':
      for (const string of data.strings) writeString(writer, string);
      break;
    case 'opaque':
      writeBytes(writer, data.bytes);
      break;
    default:
      assertNever(data);
  }
}

function writeString(writer: WireWriter, string: Uint8Array): void {
  if (string.length > 255) throw new WireError('a TXT string of more than 255 bytes');
  writeU8(writer, string.length);
  writeBytes(writer, string);
}

function writeAddress(writer: WireWriter, text: string, family: 4 | 6): void {
  const address = parseAddress(text);
  if (address?.family !== family) throw new WireError(`"${text}" is no IPv${family} address`);
  writeBytes(writer, Uint8Array.from(address.bytes));
}

function writeSoa(writer: WireWriter, soa: SoaFields): void {
  writeName(writer, soa.primary, true);
  writeName(writer, soa.mailbox, true);
  writeU32(writer, soa.serial);
  writeU32(writer, soa.refreshSeconds);
  writeU32(writer, soa.retrySeconds);
  writeU32(writer, soa.expireSeconds);
  writeU32(writer, soa.minimumSeconds);
}
