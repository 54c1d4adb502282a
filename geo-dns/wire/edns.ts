/**
 * EDNS0 (RFC 6891) and the client subnet option within it (RFC 7871). Option parsing is strict: a resolver that sends a
 * malformed subnet must learn it (FORMERR, RFC 7871 §7.2.1) rather than have its clients sent to a wrong place.
 */

import {
  readBytes,
  readU8,
  readU16,
  WireError,
  type WireReader,
  type WireWriter,
  writeBytes,
  writeU8,
  writeU16,
  writeWithLength,
} from '../../core/dns/buffer.ts';
import { recordTypes } from '../../core/dns/record.ts';
import type { RecordHead } from '../../core/dns/record-codec.ts';
import { maskBytes } from '../../core/runtime/addresses.ts';

const clientSubnetCode = 8;
const dnssecOkBit = 0x8000;
const compactOkBit = 0x4000;

/** The option EDNS-CLIENT-SUBNET (RFC 7871 §6). */
export interface ClientSubnet {
  /** 0 only together with prefix length 0: "tell nobody where the client is", as `dig +subnet=0` sends it. */
  family: 0 | 4 | 6;
  /** 4 or 16 bytes, none for family 0; bits behind the source prefix are zero. */
  bytes: readonly number[];
  sourcePrefixLength: number;
  /** In an answer: the prefix length for which it holds. Zero in a query. */
  scopePrefixLength: number;
}

export interface EdnsOption {
  code: number;
  bytes: Uint8Array;
}

/** What OPT says besides its options (RFC 6891 §6.1.3). */
export interface EdnsHead {
  /** The largest UDP answer that the sender takes, in bytes. */
  udpSizeBytes: number;
  /** The upper eight bits of the response code. */
  extendedRcode: number;
  version: number;
  dnssecOk: boolean;
  /** Understands that a proof of "no data" may stand for a name that does not exist (RFC 9824 §5.1). */
  compactOk?: boolean;
}

export interface Edns extends EdnsHead {
  clientSubnet?: ClientSubnet;
  /** Options that this codec does not know, in their order. */
  options: readonly EdnsOption[];
}

/** The fields that OPT keeps where other records have class and TTL. Throws unless its owner is the root (§6.1.2). */
export function ednsHeadOf(head: RecordHead): EdnsHead {
  if (head.name !== '') throw new WireError('OPT has an owner name');
  return {
    udpSizeBytes: head.class,
    extendedRcode: head.ttl >>> 24,
    version: (head.ttl >>> 16) & 0xff,
    dnssecOk: (head.ttl & dnssecOkBit) !== 0,
    ...((head.ttl & compactOkBit) === 0 ? {} : { compactOk: true }),
  };
}

/** Reads the options of an OPT record of version 0. Throws WireError when one is malformed. */
export function readEdnsOptions(rdata: WireReader): Pick<Edns, 'clientSubnet' | 'options'> {
  let clientSubnet: ClientSubnet | undefined;
  const options: EdnsOption[] = [];
  while (rdata.at < rdata.end) {
    const code = readU16(rdata);
    const length = readU16(rdata);
    if (rdata.at + length > rdata.end) throw new WireError('an EDNS option reaches beyond OPT');
    if (code !== clientSubnetCode) {
      options.push({ code, bytes: readBytes(rdata, length) });
      continue;
    }
    if (clientSubnet) throw new WireError('two client subnets');
    const end = rdata.at + length;
    clientSubnet = readClientSubnet({ bytes: rdata.bytes, at: rdata.at, end });
    rdata.at = end;
  }
  return clientSubnet ? { clientSubnet, options } : { options };
}

function readClientSubnet(reader: WireReader): ClientSubnet {
  const familyCode = readU16(reader);
  const sourcePrefixLength = readU8(reader);
  const scopePrefixLength = readU8(reader);
  const given = [...readBytes(reader, reader.end - reader.at)];
  const family = familyOf(familyCode);
  const width = family === 0 ? 0 : family === 4 ? 4 : 16;
  if (sourcePrefixLength > width * 8 || scopePrefixLength > width * 8) {
    throw new WireError('a client subnet longer than its address family');
  }
  // "Truncated to the number of bits indicated by SOURCE PREFIX-LENGTH, padding with 0 bits to … the last octet" (§6).
  if (given.length !== Math.ceil(sourcePrefixLength / 8)) {
    throw new WireError('a client subnet whose address does not have the bytes of its prefix');
  }
  const bytes = [...given, ...new Array<number>(width - given.length).fill(0)];
  if (maskBytes(bytes, sourcePrefixLength).some((byte, index) => byte !== bytes[index])) {
    throw new WireError('a client subnet with bits set behind its prefix');
  }
  return { family, bytes, sourcePrefixLength, scopePrefixLength };
}

/** IANA address families. "An unknown FAMILY" is a format error (§7.2.1); 0 passes as the mark of privacy that dig sends. */
function familyOf(code: number): 0 | 4 | 6 {
  if (code === 0) return 0;
  if (code === 1) return 4;
  if (code === 2) return 6;
  throw new WireError(`a client subnet of the unknown family ${code}`);
}

/** Writes OPT as a record of the additional section. */
export function writeEdns(writer: WireWriter, edns: Edns): void {
  writeU8(writer, 0);
  writeU16(writer, recordTypes.OPT);
  writeU16(writer, edns.udpSizeBytes);
  writeU8(writer, edns.extendedRcode);
  writeU8(writer, edns.version);
  writeU16(writer, (edns.dnssecOk ? dnssecOkBit : 0) | (edns.compactOk ? compactOkBit : 0));
  writeWithLength(writer, () => {
    const { clientSubnet } = edns;
    if (clientSubnet) {
      writeU16(writer, clientSubnetCode);
      writeWithLength(writer, () => writeClientSubnet(writer, clientSubnet));
    }
    for (const option of edns.options) {
      writeU16(writer, option.code);
      writeWithLength(writer, () => writeBytes(writer, option.bytes));
    }
  });
}

function writeClientSubnet(writer: WireWriter, subnet: ClientSubnet): void {
  writeU16(writer, subnet.family === 0 ? 0 : subnet.family === 4 ? 1 : 2);
  writeU8(writer, subnet.sourcePrefixLength);
  writeU8(writer, subnet.scopePrefixLength);
  const masked = maskBytes(subnet.bytes, subnet.sourcePrefixLength);
  writeBytes(writer, Uint8Array.from(masked.slice(0, Math.ceil(subnet.sourcePrefixLength / 8))));
}
