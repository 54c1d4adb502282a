/**
 * Resource records on the wire (RFC 1035 §3.2.1). Reading is strict: RDATA that breaks the format of its type, or is longer
 * than it, is a `WireError`.
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
import {
  classIn,
  type RecordData,
  type ResourceRecord,
  recordTypes,
  type ServiceBinding,
  type ServiceParam,
  type SoaFields,
  typeOf,
} from './record.ts';

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
    data: readRdata(reader, (rdata) => readRecordData(head.type, head.class, rdata)),
  };
}

/** Reads RDATA up to `rdata.end` or to the end of its fields. Throws WireError when it breaks the format of its type. */
export function readRecordData(code: number, recordClass: number, rdata: WireReader): RecordData {
  const opaque = (): RecordData => ({
    type: 'opaque',
    code,
    bytes: readBytes(rdata, rdata.end - rdata.at),
  });
  if (recordClass !== classIn) return opaque();
  switch (code) {
    case recordTypes.A:
      return { type: 'A', address: formatAddress([...readBytes(rdata, 4)]) };
    case recordTypes.AAAA:
      return { type: 'AAAA', address: formatAddress([...readBytes(rdata, 16)]) };
    case recordTypes.NS:
      return { type: 'NS', target: readName(rdata) };
    case recordTypes.CNAME:
      return { type: 'CNAME', target: readName(rdata) };
    case recordTypes.PTR:
      return { type: 'PTR', target: readName(rdata) };
    case recordTypes.DNAME:
      return { type: 'DNAME', target: readName(rdata) };
    case recordTypes.MX:
      return { type: 'MX', preference: readU16(rdata), target: readName(rdata) };
    case recordTypes.SRV:
      return { type: 'SRV', ...readService(rdata) };
    case recordTypes.SVCB:
      return { type: 'SVCB', ...readServiceBinding(rdata) };
    case recordTypes.HTTPS:
      return { type: 'HTTPS', ...readServiceBinding(rdata) };
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

/** RFC 2782. */
function readService(rdata: WireReader) {
  return {
    priority: readU16(rdata),
    weight: readU16(rdata),
    port: readU16(rdata),
    target: readName(rdata),
  };
}

/** "SvcParamKeys SHALL appear in increasing numeric order", else the record is malformed (RFC 9460 §2.2). */
function readServiceBinding(rdata: WireReader): ServiceBinding {
  const priority = readU16(rdata);
  const target = readName(rdata);
  const params: ServiceParam[] = [];
  let last = -1;
  while (rdata.at < rdata.end) {
    const key = readU16(rdata);
    if (key <= last) throw new WireError('service parameters out of order');
    last = key;
    params.push({ key, value: readBytes(rdata, readU16(rdata)) });
  }
  return { priority, target, params };
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
  writeWithLength(writer, () => writeRecordData(writer, record.data, true));
}

/**
 * Writes RDATA. With `compress`, names in it are, for the types of RFC 1035 only: nobody need know how to read pointers in
 * others (RFC 3597 §4).
 */
export function writeRecordData(writer: WireWriter, data: RecordData, compress: boolean): void {
  switch (data.type) {
    case 'A':
      writeAddress(writer, data.address, 4);
      break;
    case 'AAAA':
      writeAddress(writer, data.address, 6);
      break;
    case 'NS':
    case 'CNAME':
    case 'PTR':
      writeName(writer, data.target, compress);
      break;
    case 'DNAME':
      writeName(writer, data.target, false);
      break;
    case 'MX':
      writeU16(writer, data.preference);
      writeName(writer, data.target, compress);
      break;
    case 'SRV':
      for (const field of [data.priority, data.weight, data.port]) writeU16(writer, field);
      writeName(writer, data.target, false);
      break;
    case 'SVCB':
    case 'HTTPS':
      writeServiceBinding(writer, data);
      break;
    case 'SOA':
      writeSoa(writer, data, compress);
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

/** A character-string (RFC 1035 §3.3). */
export function writeString(writer: WireWriter, string: Uint8Array): void {
  if (string.length > 255) throw new WireError('a string of more than 255 bytes');
  writeU8(writer, string.length);
  writeBytes(writer, string);
}

function writeAddress(writer: WireWriter, text: string, family: 4 | 6): void {
  const address = parseAddress(text);
  if (address?.family !== family) throw new WireError(`"${text}" is no IPv${family} address`);
  writeBytes(writer, Uint8Array.from(address.bytes));
}

function writeServiceBinding(writer: WireWriter, binding: ServiceBinding): void {
  writeU16(writer, binding.priority);
  writeName(writer, binding.target, false);
  for (const { key, value } of binding.params) {
    writeU16(writer, key);
    writeWithLength(writer, () => writeBytes(writer, value));
  }
}

function writeSoa(writer: WireWriter, soa: SoaFields, compress: boolean): void {
  writeName(writer, soa.primary, compress);
  writeName(writer, soa.mailbox, compress);
  writeU32(writer, soa.serial);
  writeU32(writer, soa.refreshSeconds);
  writeU32(writer, soa.retrySeconds);
  writeU32(writer, soa.expireSeconds);
  writeU32(writer, soa.minimumSeconds);
}
