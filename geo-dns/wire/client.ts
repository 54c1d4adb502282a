/**
 * The other side of the wire: building a query as a resolver would send it. The command line asks geo-dns with it what a
 * client in some place would be told; answers are read by `decodeMessage`.
 */

import { classIn } from '../../core/dns/record.ts';
import { formatAddress, maskBytes, parseAddress } from '../../core/runtime/addresses.ts';
import type { ClientSubnet } from './edns.ts';
import { encodeMessage, opcodes } from './message.ts';

export interface QueryOptions {
  /** 16 bits; from a random source, so that an answer can be told from a forgery. */
  id: number;
  name: string;
  /** A code of `recordTypes`. */
  type: number;
  clientSubnet?: ClientSubnet;
  /** The largest answer taken over UDP. Default 1232. */
  udpSizeBytes?: number;
}

/** The bytes of a query. Throws WireError when `name` is no domain name. */
export function encodeQuery(options: QueryOptions): Buffer {
  const { id, name, type, clientSubnet, udpSizeBytes = 1232 } = options;
  return encodeMessage({
    header: {
      id,
      isResponse: false,
      opcode: opcodes.query,
      authoritative: false,
      truncated: false,
      recursionDesired: false,
      recursionAvailable: false,
      authenticData: false,
      checkingDisabled: false,
      rcode: 0,
    },
    questions: [{ name, type, class: classIn }],
    answers: [],
    authorities: [],
    additionals: [],
    edns: {
      udpSizeBytes,
      extendedRcode: 0,
      version: 0,
      dnssecOk: false,
      ...(clientSubnet ? { clientSubnet } : {}),
      options: [],
    },
  });
}

/**
 * The client subnet of an address or network (`198.18.3.9`, `198.18.3.0/24`, `2001:db8::1`), as a resolver states it. A
 * bare address becomes a /24 or /56, the longest that resolvers send (RFC 7871 §11.1). Undefined when it is neither.
 */
export function clientSubnetOf(text: string): ClientSubnet | undefined {
  const [addressText = '', lengthText, ...rest] = text.split('/');
  const address = parseAddress(addressText);
  if (!address || rest.length > 0) return undefined;
  if (lengthText !== undefined && !/^\d{1,3}$/.test(lengthText)) return undefined;
  const sourcePrefixLength = Number(lengthText ?? (address.family === 4 ? 24 : 56));
  if (sourcePrefixLength > address.bytes.length * 8) return undefined;
  return {
    family: address.family,
    bytes: maskBytes(address.bytes, sourcePrefixLength),
    sourcePrefixLength,
    scopePrefixLength: 0,
  };
}

/** `198.18.3.0/24`. */
export function formatSubnet(subnet: ClientSubnet): string {
  const address = subnet.family === 0 ? '0' : formatAddress(subnet.bytes);
  return `${address}/${subnet.sourcePrefixLength}`;
}
