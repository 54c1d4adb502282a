/**
 * Whole DNS messages (RFC 1035 §4.1): header, question, three sections of records, and OPT lifted out of the last one.
 * Counts in the header are promises of the sender: nothing is allocated for them, and reading stops with the bytes.
 */
import {
  createWriter,
  maxMessageBytes,
  readU16,
  WireError,
  type WireReader,
  type WireWriter,
  writeU16,
} from '../../core/dns/buffer.ts';
import { type Name, readName, writeName } from '../../core/dns/name.ts';
import { type ResourceRecord, recordTypes } from '../../core/dns/record.ts';
import { readRdata, readRecord, readRecordHead, writeRecord } from '../../core/dns/record-codec.ts';
import { type Edns, ednsHeadOf, readEdnsOptions, writeEdns } from './edns.ts';

export const opcodes = { query: 0, status: 2, notify: 4, update: 5 } as const;

/** Response codes (RFC 1035 §4.1.1, RFC 6891 §9). */
export const rcodes = {
  NOERROR: 0,
  FORMERR: 1,
  SERVFAIL: 2,
  NXDOMAIN: 3,
  NOTIMP: 4,
  REFUSED: 5,
  /** RFC 6672 §2.2. */
  YXDOMAIN: 6,
  BADVERS: 16,
  /** RFC 7873 §8. */
  BADCOOKIE: 23,
} as const;

const rcodeNames = new Map<number, string>(
  Object.entries(rcodes).map(([name, code]) => [code, name]),
);

/** The mnemonic, or `RCODE9`. */
export function rcodeName(code: number): string {
  return rcodeNames.get(code) ?? `RCODE${code}`;
}

export interface Header {
  id: number;
  isResponse: boolean;
  opcode: number;
  authoritative: boolean;
  truncated: boolean;
  recursionDesired: boolean;
  recursionAvailable: boolean;
  authenticData: boolean;
  checkingDisabled: boolean;
  /** All twelve bits: the upper eight travel in OPT (RFC 6891 §6.1.3). */
  rcode: number;
}

export interface Question {
  name: Name;
  type: number;
  class: number;
}

export interface Message {
  header: Header;
  questions: readonly Question[];
  answers: readonly ResourceRecord[];
  authorities: readonly ResourceRecord[];
  /** Without OPT. */
  additionals: readonly ResourceRecord[];
  edns?: Edns;
}

export interface SectionCounts {
  questions: number;
  answers: number;
  authorities: number;
  additionals: number;
}

/** Decodes a message that must use up `bytes` exactly. Throws WireError. */
export function decodeMessage(bytes: Buffer): Message {
  const reader: WireReader = { bytes, at: 0, end: bytes.length };
  const { header, counts } = readHeader(reader);
  const questions = repeat(counts.questions, () => readQuestion(reader));
  const sections = readSections(reader, counts);
  const { opt, ...records } = sections;
  if (!opt) return { header, questions, ...records };
  if (opt.version !== 0) throw new WireError(`EDNS version ${opt.version}`);
  const edns: Edns = { ...opt.head, ...opt.readOptions() };
  const rcode = header.rcode | (edns.extendedRcode << 4);
  return { header: { ...header, rcode }, questions, ...records, edns };
}

export function readHeader(reader: WireReader): { header: Header; counts: SectionCounts } {
  const id = readU16(reader);
  const flags = readU16(reader);
  const header: Header = {
    id,
    isResponse: (flags & 0x8000) !== 0,
    opcode: (flags >>> 11) & 0xf,
    authoritative: (flags & 0x0400) !== 0,
    truncated: (flags & 0x0200) !== 0,
    recursionDesired: (flags & 0x0100) !== 0,
    recursionAvailable: (flags & 0x0080) !== 0,
    authenticData: (flags & 0x0020) !== 0,
    checkingDisabled: (flags & 0x0010) !== 0,
    rcode: flags & 0xf,
  };
  const counts = {
    questions: readU16(reader),
    answers: readU16(reader),
    authorities: readU16(reader),
    additionals: readU16(reader),
  };
  return { header, counts };
}

export function readQuestion(reader: WireReader): Question {
  return { name: readName(reader), type: readU16(reader), class: readU16(reader) };
}

/** OPT, its options unread: they mean something only once the version is known to be 0. */
export interface OpenOpt {
  version: number;
  head: Omit<Edns, 'clientSubnet' | 'options'>;
  /** Throws WireError when an option is malformed. */
  readOptions(): Pick<Edns, 'clientSubnet' | 'options'>;
}

export interface Sections {
  answers: ResourceRecord[];
  authorities: ResourceRecord[];
  additionals: ResourceRecord[];
  opt?: OpenOpt;
}

/** Reads the records behind the question, to the end of the message. */
export function readSections(reader: WireReader, counts: SectionCounts): Sections {
  const readPlain = () => {
    const head = readRecordHead(reader);
    // "The OPT RR MAY be placed anywhere within the additional data section" (RFC 6891 §6.1.1), and nowhere else.
    if (head.type === recordTypes.OPT) throw new WireError('OPT outside the additional section');
    return readRecord(head, reader);
  };
  const answers = repeat(counts.answers, readPlain);
  const authorities = repeat(counts.authorities, readPlain);
  const additionals: ResourceRecord[] = [];
  let opt: OpenOpt | undefined;
  for (let index = 0; index < counts.additionals; index += 1) {
    const head = readRecordHead(reader);
    if (head.type !== recordTypes.OPT) {
      additionals.push(readRecord(head, reader));
      continue;
    }
    if (opt) throw new WireError('two OPT records');
    const ednsHead = ednsHeadOf(head);
    const rdata = readRdata(reader, (inner) => {
      const { at, end } = inner;
      inner.at = end;
      return { at, end };
    });
    opt = {
      version: ednsHead.version,
      head: ednsHead,
      readOptions: () => readEdnsOptions({ bytes: reader.bytes, ...rdata }),
    };
  }
  if (reader.at !== reader.bytes.length) throw new WireError('bytes behind the last record');
  return { answers, authorities, additionals, ...(opt ? { opt } : {}) };
}

function repeat<T>(count: number, read: () => T): T[] {
  const items: T[] = [];
  for (let index = 0; index < count; index += 1) items.push(read());
  return items;
}

/** Encodes a message with name compression. Throws WireError when it does not fit 65,535 bytes or a field is impossible. */
export function encodeMessage(message: Message): Buffer {
  const { questions, answers, authorities, additionals, edns } = message;
  const writer = createWriter();
  writeHeader(writer, message.header);
  writeU16(writer, questions.length);
  writeU16(writer, answers.length);
  writeU16(writer, authorities.length);
  writeU16(writer, additionals.length + (edns ? 1 : 0));
  for (const question of questions) {
    writeName(writer, question.name, true);
    writeU16(writer, question.type);
    writeU16(writer, question.class);
  }
  for (const record of answers) writeRecord(writer, record);
  for (const record of authorities) writeRecord(writer, record);
  for (const record of additionals) writeRecord(writer, record);
  if (edns) writeEdns(writer, { ...edns, extendedRcode: message.header.rcode >>> 4 });
  return writer.bytes.subarray(0, writer.length);
}

function writeHeader(writer: WireWriter, header: Header): void {
  const bit = (set: boolean, value: number) => (set ? value : 0);
  writeU16(writer, header.id);
  writeU16(
    writer,
    bit(header.isResponse, 0x8000) |
      (header.opcode << 11) |
      bit(header.authoritative, 0x0400) |
      bit(header.truncated, 0x0200) |
      bit(header.recursionDesired, 0x0100) |
      bit(header.recursionAvailable, 0x0080) |
      bit(header.authenticData, 0x0020) |
      bit(header.checkingDisabled, 0x0010) |
      (header.rcode & 0xf),
  );
}

/**
 * Encodes an answer so that it fits `limitBytes`. What is only offered (additional records) goes first; if that is not
 * enough, the answer is emptied and marked truncated, which sends the client to TCP (RFC 2181 §9). The glue of a
 * referral is not "only offered": without it the client has nowhere to go (RFC 9471 §3).
 */
export function encodeWithin(
  message: Message,
  limitBytes: number,
): { bytes: Buffer; truncated: boolean } {
  const limit = Math.min(limitBytes, maxMessageBytes);
  const whole = tryEncode(message);
  if (whole && whole.length <= limit) return { bytes: whole, truncated: false };
  const isReferral = message.answers.length === 0 && !message.header.authoritative;
  if (message.additionals.length > 0 && !isReferral) {
    const core = tryEncode({ ...message, additionals: [] });
    if (core && core.length <= limit) return { bytes: core, truncated: false };
  }
  const empty = encodeMessage({
    ...message,
    header: { ...message.header, truncated: true },
    answers: [],
    authorities: [],
    additionals: [],
  });
  return { bytes: empty, truncated: true };
}

/** Undefined when the message exceeds what any transport carries. */
function tryEncode(message: Message): Buffer | undefined {
  try {
    return encodeMessage(message);
  } catch (error) {
    if (error instanceof WireError) return undefined;
    throw error;
  }
}
