/**
 * The option COOKIE (RFC 7873 §4): eight bytes that the client chose for this server, and behind them, once it has got some,
 * what the server gave it. What the server's part means is not the codec's: `cookies.ts`.
 */
import { WireError } from '../../core/dns/buffer.ts';
import type { EdnsOption } from './edns.ts';

export const cookieCode = 10;
const clientBytes = 8;
const minServerBytes = 8;
const maxServerBytes = 32;

export interface Cookie {
  client: Uint8Array;
  server?: Uint8Array;
}

/**
 * The cookie among the options of a query; of several the first counts. Throws WireError when its length is none that a
 * cookie has: "the COOKIE option is malformed … a FORMERR" (RFC 7873 §5.2.2).
 */
export function cookieIn(options: readonly EdnsOption[]): Cookie | undefined {
  const option = options.find(({ code }) => code === cookieCode);
  if (!option) return undefined;
  const { bytes } = option;
  const client = bytes.subarray(0, clientBytes);
  if (bytes.length === clientBytes) return { client };
  const serverLength = bytes.length - clientBytes;
  if (serverLength < minServerBytes || serverLength > maxServerBytes) {
    throw new WireError(`a cookie of ${bytes.length} bytes`);
  }
  return { client, server: bytes.subarray(clientBytes) };
}

export function cookieOption({ client, server = new Uint8Array() }: Cookie): EdnsOption {
  return { code: cookieCode, bytes: Buffer.concat([client, server]) };
}
