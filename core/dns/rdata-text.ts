/**
 * The text of a record's data (RFC 1035 §5.1 and the RFC of each type), as zone files have it and as `records` of the
 * configuration gives it. Any type may be written as `\# LENGTH HEX`, and one without a mnemonic as `TYPE1234` (RFC 3597 §5).
 *
 * Types that nobody looks into become the bytes of their RDATA here, once.
 */
import {
  createWriter,
  WireError,
  type WireWriter,
  writeBytes,
  writeU8,
  writeU16,
} from './buffer.ts';
import { createFields, type Fields } from './fields.ts';
import { type Name, nameKey, writeName } from './name.ts';
import { classIn, type RecordData, recordTypes } from './record.ts';
import { readRecordData, writeString } from './record-codec.ts';
import { parseServiceParams } from './service-params.ts';
import { TextError, type Token } from './text.ts';

/** A record's data, or the order to answer with the PoPs of a site's host, which no DNS message ever carries. */
export type TextData = RecordData | { type: 'ALIAS'; target: Name };

/** A record that no message could carry is of no use; this leaves room for others beside it. */
const maxRdataBytes = 16_384;

type ReadData = (fields: Fields) => TextData;

const readers: Readonly<Record<string, ReadData>> = {
  A: (fields) => ({ type: 'A', address: fields.address(4) }),
  AAAA: (fields) => ({ type: 'AAAA', address: fields.address(6) }),
  ALIAS: (fields) => ({ type: 'ALIAS', target: nameKey(fields.name()) }),
  CAA: readCaa,
  CNAME: (fields) => ({ type: 'CNAME', target: fields.name() }),
  DNAME: (fields) => ({ type: 'DNAME', target: fields.name() }),
  DS: opaque(recordTypes.DS, (writer, fields) => {
    writeU16(writer, fields.number(16, 'the key tag'));
    writeU8(writer, fields.number(8, 'the algorithm'));
    writeU8(writer, fields.number(8, 'the digest type'));
    writeBytes(writer, fields.hex('the digest'));
  }),
  HINFO: opaque(recordTypes.HINFO, (writer, fields) => {
    writeString(writer, fields.string('the CPU'));
    writeString(writer, fields.string('the system'));
  }),
  HTTPS: (fields) => ({ type: 'HTTPS', ...readBinding(fields) }),
  MX: (fields) => ({
    type: 'MX',
    preference: fields.number(16, 'the preference'),
    target: fields.name(),
  }),
  NAPTR: opaque(recordTypes.NAPTR, (writer, fields) => {
    writeU16(writer, fields.number(16, 'the order'));
    writeU16(writer, fields.number(16, 'the preference'));
    for (const what of ['the flags', 'the services', 'the expression']) {
      writeString(writer, fields.string(what));
    }
    // In lower case, which is how a signature has it (RFC 4034 §6.2).
    writeName(writer, nameKey(fields.name()), false);
  }),
  NS: (fields) => ({ type: 'NS', target: fields.name() }),
  PTR: (fields) => ({ type: 'PTR', target: fields.name() }),
  SOA: (fields) => ({
    type: 'SOA',
    primary: fields.name(),
    mailbox: fields.name(),
    serial: fields.number(32, 'the serial'),
    refreshSeconds: fields.seconds('refresh'),
    retrySeconds: fields.seconds('retry'),
    expireSeconds: fields.seconds('expire'),
    minimumSeconds: fields.seconds('minimum'),
  }),
  SRV: (fields) => ({
    type: 'SRV',
    priority: fields.number(16, 'the priority'),
    weight: fields.number(16, 'the weight'),
    port: fields.number(16, 'the port'),
    target: fields.name(),
  }),
  SSHFP: opaque(recordTypes.SSHFP, (writer, fields) => {
    writeU8(writer, fields.number(8, 'the algorithm'));
    writeU8(writer, fields.number(8, 'the fingerprint type'));
    writeBytes(writer, fields.hex('the fingerprint'));
  }),
  SVCB: (fields) => ({ type: 'SVCB', ...readBinding(fields) }),
  TLSA: opaque(recordTypes.TLSA, (writer, fields) => {
    for (const what of ['the usage', 'the selector', 'the matching type']) {
      writeU8(writer, fields.number(8, what));
    }
    writeBytes(writer, fields.hex('the association'));
  }),
  TXT: (fields) => ({ type: 'TXT', strings: fields.strings() }),
};

/** The mnemonics whose text can be read, in alphabetical order. */
export const textTypes: readonly string[] = Object.keys(readers);

/** Whether `type` (upper case) can stand in a zone. Query types and OPT cannot; what signs a zone is made, not given. */
export function isTextType(type: string): boolean {
  if (readers[type]) return true;
  const code = genericCode(type);
  return code !== undefined && isStorable(code);
}

function isStorable(code: number): boolean {
  const { RRSIG, NSEC, DNSKEY, CDS, CDNSKEY, OPT } = recordTypes;
  const nsec3 = [50, 51];
  if ([RRSIG, NSEC, DNSKEY, CDS, CDNSKEY, OPT, 0, ...nsec3].includes(code)) return false;
  return code < 128 || code > 255; // 128 to 255 are for questions (RFC 6895 §3.1)
}

/** The code of `TYPE1234`; undefined when it is another word. */
function genericCode(type: string): number | undefined {
  const digits = /^TYPE(\d{1,5})$/.exec(type)?.[1];
  return digits !== undefined && Number(digits) < 65_536 ? Number(digits) : undefined;
}

/** Reads the data of a record of `type` (upper case). Throws TextError with what is wrong. */
export function parseRdata(type: string, tokens: readonly Token[], origin: Name): TextData {
  try {
    const data = readRdata(type, tokens, origin);
    if (data.type !== 'ALIAS') assertCarriable(data);
    return data;
  } catch (error) {
    if (error instanceof WireError) throw new TextError(error.message);
    throw error;
  }
}

function readRdata(type: string, tokens: readonly Token[], origin: Name): TextData {
  const [first] = tokens;
  const code = genericCode(type) ?? codeOf(type);
  if (code !== undefined && first?.text === '\\#' && !first.isQuoted) {
    return readGeneric(code, tokens.slice(1));
  }
  const read = readers[type];
  if (!read) throw new TextError(`the data of ${type} is written as \\# LENGTH HEX`);
  const fields = createFields(tokens, origin);
  const data = read(fields);
  if (fields.left > 0) throw new TextError('there is more than its fields');
  return data;
}

function codeOf(type: string): number | undefined {
  return (recordTypes as Readonly<Record<string, number>>)[type];
}

/** Of a type that we know it must be what that type's data is (RFC 3597 §5). */
function readGeneric(code: number, tokens: readonly Token[]): RecordData {
  const fields = createFields(tokens, '');
  const length = fields.number(16, 'the length');
  const bytes = length === 0 && fields.left === 0 ? Buffer.alloc(0) : fields.hex('the data');
  if (bytes.length !== length) {
    throw new TextError(`the length says ${length} bytes, and there are ${bytes.length}`);
  }
  const rdata = { bytes, at: 0, end: length };
  const data = readRecordData(code, classIn, rdata);
  if (rdata.at !== length) throw new TextError('there is more than its fields');
  return data;
}

function assertCarriable(data: RecordData): void {
  if (lengthOf(data) > maxRdataBytes) throw new TextError('it is too long for an answer');
}

/** Of the types that can be long. */
function lengthOf(data: RecordData): number {
  switch (data.type) {
    case 'TXT':
      return data.strings.reduce((sum, string) => sum + string.length + 1, 0);
    case 'HTTPS':
    case 'SVCB':
      return data.params.reduce((sum, { value }) => sum + value.length + 4, 0);
    case 'opaque':
      return data.bytes.length;
    default:
      return 0;
  }
}

function opaque(code: number, write: (writer: WireWriter, fields: Fields) => void): ReadData {
  return (fields) => {
    const writer = createWriter();
    write(writer, fields);
    return { type: 'opaque', code, bytes: Buffer.from(writer.bytes.subarray(0, writer.length)) };
  };
}

/** RFC 8659 §4.1.1: the value has no length of its own. */
function readCaa(fields: Fields): RecordData {
  const writer = createWriter();
  writeU8(writer, fields.number(8, 'the flags'));
  const tag = fields.word('the tag');
  if (!/^[a-z0-9]{1,255}$/i.test(tag)) throw new TextError(`"${tag}" is no tag such as issue`);
  writeString(writer, Buffer.from(tag.toLowerCase()));
  writeBytes(writer, fields.string('the value'));
  return { type: 'opaque', code: recordTypes.CAA, bytes: writer.bytes.subarray(0, writer.length) };
}

function readBinding(fields: Fields) {
  const priority = fields.number(16, 'the priority');
  const target = fields.name();
  const words: string[] = [];
  while (fields.left > 0) words.push(fields.word('a parameter'));
  if (priority === 0 && words.length > 0) {
    throw new TextError('an alias (priority 0) has no parameters'); // RFC 9460 §2.4.2
  }
  return { priority, target, params: parseServiceParams(words) };
}
