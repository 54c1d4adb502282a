/**
 * What arrives at a server's port, classified: something to answer, something to reject with a code, or something that
 * must get no answer at all. Never throws.
 *
 * Invariant: a response (QR = 1) is never answered, so that two servers can not be made to talk to each other for ever.
 */
import { WireError, type WireReader } from '../../core/dns/buffer.ts';
import { type Cookie, cookieIn } from './cookie-option.ts';
import type { ClientSubnet, EdnsHead } from './edns.ts';
import {
  type Header,
  opcodes,
  type Question,
  rcodes,
  readHeader,
  readQuestion,
  readSections,
  type SectionCounts,
} from './message.ts';

/** Queries carry OPT, perhaps TSIG and the SOA of IXFR; a query with more records than this is no query. */
const maxRecords = 8;
const headerBytes = 12;
/** The option NSID (RFC 5001 §2.3). */
export const nsidCode = 3;
/** The option edns-tcp-keepalive (RFC 7828 §3.1). */
export const keepaliveCode = 11;

export interface QueryEdns extends EdnsHead {
  clientSubnet?: ClientSubnet;
  cookie?: Cookie;
  /** Asks which server answers (RFC 5001). */
  wantsNsid?: boolean;
  /** Asks how long the connection may do nothing (RFC 7828). */
  wantsKeepalive?: boolean;
}

export interface Query {
  id: number;
  recursionDesired: boolean;
  question: Question;
  edns?: QueryEdns;
}

/** What can be repeated to the sender of a query that is rejected. */
export interface Rejected {
  id: number;
  opcode: number;
  recursionDesired: boolean;
  question?: Question;
  /** Present when the query had an OPT that could be read: then the answer has one too (RFC 6891 §7). */
  edns?: EdnsHead;
  rcode: number;
}

export type Incoming =
  | { kind: 'query'; query: Query }
  | { kind: 'reject'; rejected: Rejected; why: string }
  /** Asks for a server cookie and nothing else. */
  | { kind: 'cookie'; rejected: Rejected; cookie: Cookie }
  | { kind: 'silence'; why: 'short' | 'response' };

/** Classifies the bytes of one datagram or one framed TCP message. */
export function decodeQuery(bytes: Buffer): Incoming {
  if (bytes.length < headerBytes) return { kind: 'silence', why: 'short' };
  const reader: WireReader = { bytes, at: 0, end: bytes.length };
  const { header, counts } = readHeader(reader);
  if (header.isResponse) return { kind: 'silence', why: 'response' };
  const rejected: Rejected = {
    id: header.id,
    opcode: header.opcode,
    recursionDesired: header.recursionDesired,
    rcode: rcodes.FORMERR,
  };
  if (header.opcode !== opcodes.query) {
    return { kind: 'reject', rejected: { ...rejected, rcode: rcodes.NOTIMP }, why: 'opcode' };
  }
  try {
    return readQuery(reader, header, counts, rejected);
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    return { kind: 'reject', rejected, why: error.message };
  }
}

/** Fills `rejected` as it goes, so that a rejection repeats all that was understood. Throws WireError. */
function readQuery(
  reader: WireReader,
  header: Header,
  counts: SectionCounts,
  rejected: Rejected,
): Incoming {
  if (counts.answers + counts.authorities + counts.additionals > maxRecords) {
    throw new WireError('too many records for a query');
  }
  if (counts.questions === 0) return readCookieQuery(reader, counts, rejected);
  // RFC 9619 §4: exactly one question.
  if (counts.questions !== 1) throw new WireError(`${counts.questions} questions`);
  const question = readQuestion(reader);
  rejected.question = question;
  const { opt } = readSections(reader, counts);
  const query: Query = { id: header.id, recursionDesired: header.recursionDesired, question };
  if (!opt) return { kind: 'query', query };
  rejected.edns = opt.head;
  if (opt.version !== 0) {
    // RFC 6891 §6.1.3: an unknown version is answered with the highest known one; its options mean nothing to us.
    return { kind: 'reject', rejected: { ...rejected, rcode: rcodes.BADVERS }, why: 'version' };
  }
  const { clientSubnet, options } = opt.readOptions();
  if (clientSubnet && clientSubnet.scopePrefixLength !== 0) {
    throw new WireError('a scope in a query'); // RFC 7871 §6: "MUST be set to 0"
  }
  const cookie = cookieIn(options);
  query.edns = {
    ...opt.head,
    ...(clientSubnet ? { clientSubnet } : {}),
    ...(cookie ? { cookie } : {}),
    // What the option holds in a query is ignored (RFC 5001 §2.2).
    ...(options.some(({ code }) => code === nsidCode) ? { wantsNsid: true } : {}),
    ...(options.some(({ code }) => code === keepaliveCode) ? { wantsKeepalive: true } : {}),
  };
  return { kind: 'query', query };
}

/** Without a question, but with a cookie: "querying for a server cookie" (RFC 7873 §5.4). Throws WireError. */
function readCookieQuery(reader: WireReader, counts: SectionCounts, rejected: Rejected): Incoming {
  const { opt } = readSections(reader, counts);
  const cookie = opt?.version === 0 ? cookieIn(opt.readOptions().options) : undefined;
  if (!opt || !cookie) throw new WireError('no question');
  const edns = opt.head;
  return { kind: 'cookie', rejected: { ...rejected, edns, rcode: rcodes.NOERROR }, cookie };
}
