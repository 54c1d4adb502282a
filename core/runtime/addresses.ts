/**
 * Internet addresses, networks and listen addresses as the configuration spells them. Parsing is ipaddr.js's; what is
 * ours is the small vocabulary (`host:port`, wildcard, containment) that every service uses.
 */
import ipaddr from 'ipaddr.js';

export interface HostPort {
  host: string;
  port: number;
}

export interface Network {
  /** 4 or 16 bytes. */
  bytes: readonly number[];
  prefixLength: number;
  family: 4 | 6;
}

/** Parses `127.0.0.1:80`, `[::1]:80`, `example.org:80`; undefined when it is anything else. */
export function parseHostPort(text: string): HostPort | undefined {
  const colon = text.lastIndexOf(':');
  if (colon <= 0) return undefined;
  let host = text.slice(0, colon);
  const portText = text.slice(colon + 1);
  if (!/^\d{1,5}$/.test(portText)) return undefined;
  const port = Number(portText);
  if (port > 65535) return undefined;
  if (host.startsWith('[') && host.endsWith(']')) {
    host = host.slice(1, -1);
    if (!ipaddr.IPv6.isValid(host)) return undefined;
  } else if (host.includes(':') || !/^[A-Za-z0-9._-]+$/.test(host)) {
    return undefined;
  }
  return { host, port };
}

export function formatHostPort({ host, port }: HostPort): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** True for the addresses that mean "every interface", however they are written. */
export function isWildcard(host: string): boolean {
  return parseAddress(host)?.bytes.every((byte) => byte === 0) ?? false;
}

/** True for the addresses that only this machine itself can connect to (RFC 1122 §3.2.1.3, RFC 4291 §2.5.3). */
export function isLoopback(host: string): boolean {
  const address = parseAddress(host);
  if (address?.family === 4) return address.bytes[0] === 127;
  return address?.bytes.every((byte, index) => byte === (index === 15 ? 1 : 0)) ?? false;
}

/** The bytes of an address; an IPv4-mapped IPv6 address becomes IPv4. Undefined when it is no address. */
export function parseAddress(
  text: string,
): { bytes: readonly number[]; family: 4 | 6 } | undefined {
  // ipaddr.js also takes `1`, `0x7f.1` and the like; only the four-part form is an address here.
  if (text.includes(':')) {
    if (!ipaddr.IPv6.isValid(text)) return undefined;
    const address = ipaddr.IPv6.parse(text);
    if (address.zoneId) return undefined;
    if (address.isIPv4MappedAddress()) {
      return { bytes: address.toIPv4Address().toByteArray(), family: 4 };
    }
    return { bytes: address.toByteArray(), family: 6 };
  }
  if (!ipaddr.IPv4.isValidFourPartDecimal(text)) return undefined;
  return { bytes: ipaddr.IPv4.parse(text).toByteArray(), family: 4 };
}

/** Parses `198.18.3.0/24`, `2001:db8::/32`, or a single address. Host bits must be zero. */
export function parseNetwork(text: string): Network | undefined {
  const slash = text.indexOf('/');
  const address = parseAddress(slash < 0 ? text : text.slice(0, slash));
  if (!address) return undefined;
  const max = address.bytes.length * 8;
  const lengthText = slash < 0 ? String(max) : text.slice(slash + 1);
  if (!/^\d{1,3}$/.test(lengthText) || Number(lengthText) > max) return undefined;
  const prefixLength = Number(lengthText);
  if (!sameBytes(maskBytes(address.bytes, prefixLength), address.bytes)) return undefined;
  return { ...address, prefixLength };
}

/** The first `prefixLength` bits of `bytes`, the rest zero. */
export function maskBytes(bytes: readonly number[], prefixLength: number): number[] {
  return bytes.map((byte, index) => {
    const keep = Math.min(8, Math.max(0, prefixLength - index * 8));
    return byte & (0xff << (8 - keep)) & 0xff;
  });
}

/** True when `address` lies within `network`; families never mix. */
export function contains(network: Network, bytes: readonly number[]): boolean {
  return (
    network.bytes.length === bytes.length &&
    sameBytes(maskBytes(bytes, network.prefixLength), network.bytes)
  );
}

/** A membership test over many networks, for request paths. */
export function createNetworkSet(texts: readonly string[]): (address: string) => boolean {
  const networks = texts.map(parseNetwork).filter((n): n is Network => n !== undefined);
  return (text) => {
    if (networks.length === 0) return false;
    const address = parseAddress(text);
    return address !== undefined && networks.some((network) => contains(network, address.bytes));
  };
}

export function formatAddress(bytes: readonly number[]): string {
  return ipaddr.fromByteArray([...bytes]).toString();
}

function sameBytes(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}
