/**
 * Resource records as data. The types whose fields somebody looks into have fields; every other type is carried as the
 * bytes of its RDATA (RFC 3597). How they look on the wire is in `record-codec.ts`, as text in `rdata-text.ts`.
 */
import type { Name } from './name.ts';

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
  NAPTR: 35,
  DNAME: 39,
  OPT: 41,
  DS: 43,
  SSHFP: 44,
  RRSIG: 46,
  NSEC: 47,
  DNSKEY: 48,
  TLSA: 52,
  CDS: 59,
  CDNSKEY: 60,
  SVCB: 64,
  HTTPS: 65,
  NXNAME: 128,
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
  | { type: 'NS' | 'CNAME' | 'PTR' | 'DNAME'; target: Name }
  | { type: 'MX'; preference: number; target: Name }
  | { type: 'SRV'; priority: number; weight: number; port: number; target: Name }
  | ({ type: 'SOA' } & SoaFields)
  | { type: 'TXT'; strings: readonly Uint8Array[] }
  | ({ type: 'SVCB' | 'HTTPS' } & ServiceBinding)
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

/** RFC 9460 §2.2. */
export interface ServiceBinding {
  /** 0: an alias (AliasMode). */
  priority: number;
  /** The root: in AliasMode there is no such service, otherwise the owner itself. */
  target: Name;
  /** In ascending order of their keys, each once. */
  params: readonly ServiceParam[];
}

export interface ServiceParam {
  key: number;
  value: Uint8Array;
}

/** The keys of RFC 9460 §14.3.2 that we look into. */
export const serviceKeys = {
  mandatory: 0,
  alpn: 1,
  noDefaultAlpn: 2,
  port: 3,
  ipv4hint: 4,
  ech: 5,
  ipv6hint: 6,
} as const;

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
