/**
 * What a proxy says about itself and about the client (RFC 9110 §7.6.3, RFC 8586, RFC 7239), and what a
 * client must not be able to say in its place: fields that many origins believe and that are not in the
 * cache key are the classic way to poison a cache.
 */

import { isToken } from './framing.ts';
import { combined, type RawHeaders, setField, splitList, trimWhitespace } from './headers.ts';

/** Via with one more hop; `protocolVersion` such as '1.1', `pseudonym` the node's name. */
export function viaField(
  existing: string | undefined,
  protocolVersion: string,
  pseudonym: string,
): string {
  const hop = `${protocolVersion} ${pseudonym}`;
  return existing ? `${existing}, ${hop}` : hop;
}

/** Whether CDN-Loop names this CDN already (RFC 8586 §2); parameters and case do not matter. */
export function cdnLoopContains(raw: RawHeaders, cdnId: string): boolean {
  const value = combined(raw, 'cdn-loop');
  if (value === undefined) return false;
  const wanted = cdnId.toLowerCase();
  return splitList(value).some((member) => {
    const semicolon = member.indexOf(';');
    const id = semicolon === -1 ? member : trimWhitespace(member.slice(0, semicolon));
    return id.toLowerCase() === wanted;
  });
}

/** A copy with this CDN added at the end of CDN-Loop, in one line. */
export function cdnLoopAppend(raw: RawHeaders, cdnId: string): string[] {
  const existing = combined(raw, 'cdn-loop');
  return setField(raw, 'CDN-Loop', existing ? `${existing}, ${cdnId}` : cdnId);
}

/**
 * Lower-case names that a client cannot send past us: they are stripped, or written anew from what we
 * know. `X-Forwarded-*` and `X-Original-*` are meant as a whole; see `isUntrustedField`.
 */
export const untrustedFields: ReadonlySet<string> = new Set([
  'client-ip',
  'fastly-client-ip',
  'forwarded',
  'front-end-https',
  'true-client-ip',
  'x-client-ip',
  'x-cluster-client-ip',
  'x-forwarded',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-path',
  'x-forwarded-port',
  'x-forwarded-prefix',
  'x-forwarded-proto',
  'x-forwarded-scheme',
  'x-forwarded-server',
  'x-forwarded-ssl',
  'x-forwarded-uri',
  'x-host',
  'x-http-host-override',
  'x-http-method',
  'x-http-method-override',
  'x-method-override',
  'x-original-host',
  'x-original-method',
  'x-original-uri',
  'x-original-url',
  'x-proxyuser-ip',
  'x-real-ip',
  'x-remote-addr',
  'x-remote-ip',
  'x-rewrite-url',
  'x-scheme',
  'x-url-scheme',
]);

/** Whether a client's field of this lower-case name is dropped. */
export function isUntrustedField(lowerName: string): boolean {
  return (
    untrustedFields.has(lowerName) ||
    lowerName.startsWith('x-forwarded-') ||
    lowerName.startsWith('x-original-')
  );
}

/** A copy without the fields that a client cannot be believed in. */
export function withoutUntrusted(raw: RawHeaders): string[] {
  const kept: string[] = [];
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = raw[i] ?? '';
    if (!isUntrustedField(name.toLowerCase())) kept.push(name, raw[i + 1] ?? '');
  }
  return kept;
}

/** What is known about the client's side of a request. */
export type ForwardedInput = {
  /** Address without brackets or port. */
  readonly clientAddress: string;
  readonly scheme: 'http' | 'https';
  /** Host as the client wrote it. */
  readonly host: string;
  /** What came from a proxy that is trusted; absent otherwise. */
  readonly trustedChain?: {
    readonly xForwardedFor?: string | undefined;
    readonly forwarded?: string | undefined;
  };
};

/** X-Forwarded-For, -Proto, -Host and Forwarded (RFC 7239 §4), as a flat list. */
export function forwardedFields(input: ForwardedInput): string[] {
  const { clientAddress, host, scheme, trustedChain } = input;
  const hop = `for=${forwardedNode(clientAddress)};host=${tokenOrQuoted(host)};proto=${scheme}`;
  return [
    'X-Forwarded-For',
    joined(trustedChain?.xForwardedFor, clientAddress),
    'X-Forwarded-Proto',
    scheme,
    'X-Forwarded-Host',
    host,
    'Forwarded',
    joined(trustedChain?.forwarded, hop),
  ];
}

function joined(chain: string | undefined, last: string): string {
  return chain ? `${chain}, ${last}` : last;
}

/** RFC 7239 §6: an IPv6 address stands in brackets, and so in quotes. */
function forwardedNode(address: string): string {
  return address.includes(':') ? `"[${address}]"` : tokenOrQuoted(address);
}

/** A token as it is, anything else as a quoted string (RFC 9110 §5.6.4). */
function tokenOrQuoted(text: string): string {
  if (isToken(text)) return text;
  let quoted = '"';
  for (const char of text) quoted += char === '"' || char === '\\' ? `\\${char}` : char;
  return `${quoted}"`;
}
