/**
 * The `records` of a zone in the configuration as records: names made whole, values read by the same grammar as zone files. What
 * contradicts what is `zone-content.ts`. Pure.
 */
import { type Name, nameOf } from '../dns/name.ts';
import { parseRdata, type TextData } from '../dns/rdata-text.ts';
import { TextError, type Token, tokensOf } from '../dns/text.ts';
import type { Zone } from './schema.ts';
import { domainName } from './units.ts';

export interface StaticRecord {
  /** Whole and in lower case. */
  owner: Name;
  ttlSeconds: number;
  data: TextData;
  /** Where it was written: its index in `records`, or its line in a zone file. */
  at: number;
}

export interface RecordProblem {
  at: number;
  /** The part of the record that is wrong. */
  key: 'name' | 'type' | 'value';
  message: string;
}

/** The records of `zone`, and what cannot be read of them. */
export function readStaticRecords(zone: Pick<Zone, 'name' | 'records'>): {
  records: StaticRecord[];
  problems: RecordProblem[];
} {
  const records: StaticRecord[] = [];
  const problems: RecordProblem[] = [];
  zone.records.forEach(({ name, type, value, ttlMs }, at) => {
    const owner = ownerOf(zone.name, name);
    if (owner === undefined) {
      const message = `expected a name within ${zone.name}, such as "www", "*" or "@", without the zone`;
      problems.push({ at, key: 'name', message });
      return;
    }
    const problem = takeValues(type, value, (data) =>
      records.push({ owner, ttlSeconds: Math.floor(ttlMs / 1000), data, at }),
    );
    if (problem !== undefined) problems.push({ at, key: 'value', message: problem });
  });
  return { records, problems };
}

/** The whole name; undefined when `name` is none. A wildcard is the first label (RFC 4592 §2.1.1). */
function ownerOf(zone: Name, name: string): Name | undefined {
  if (name === '@') return zone;
  const plain = name === '*' ? 'wildcard' : name.replace(/^\*\./, '');
  if (plain.endsWith('.') || !domainName.safeParse(`${plain}.${zone}`).success) return undefined;
  return nameOf(name.toLowerCase(), zone);
}

/** Hands each value's data to `take`; the first that cannot be read is the problem, and then none is taken. */
function takeValues(
  type: string,
  values: readonly string[],
  take: (data: TextData) => void,
): string | undefined {
  const read: TextData[] = [];
  for (const text of values) {
    try {
      read.push(parseRdata(type, valueTokens(type, text), ''));
    } catch (error) {
      if (!(error instanceof TextError)) throw error;
      const { what, isClear = false } = expected[type] ?? { what: `data of ${type}` };
      return `"${text}" is no ${what}${isClear ? '' : `: ${error.message}`}`;
    }
  }
  if (isSingle(type) && read.length > 1) return 'an alias has one target only';
  for (const data of read) take(data);
  return undefined;
}

function isSingle(type: string): boolean {
  return type === 'CNAME' || type === 'DNAME' || type === 'ALIAS';
}

/** A text is itself, in strings of 255 bytes (RFC 1035 §3.3); one that begins with a quote gives the strings one by one. */
function valueTokens(type: string, text: string): Token[] {
  if (type !== 'TXT' || text.startsWith('"')) return tokensOf(text);
  const bytes = Buffer.from(text, 'utf8');
  if (bytes.length > 4000) throw new TextError('it is longer');
  const tokens: Token[] = [];
  for (let at = 0; at < bytes.length; at += 255) {
    // Escaped byte by byte where it is not plain, so that a cut within a character does no harm.
    const plain = [...bytes.subarray(at, at + 255)].map((byte) =>
      byte >= 0x20 && byte < 0x7f && byte !== 0x5c
        ? String.fromCharCode(byte)
        : `\\${String(byte).padStart(3, '0')}`,
    );
    tokens.push({ text: plain.join(''), isQuoted: true });
  }
  return tokens.length > 0 ? tokens : [{ text: '', isQuoted: true }];
}

/** What a value should be; where that says it all, the reader's own words are left out. */
const expected: Readonly<Record<string, { what: string; isClear?: boolean }>> = {
  A: { what: 'IPv4 address', isClear: true },
  AAAA: { what: 'IPv6 address', isClear: true },
  ALIAS: { what: "site's host such as www.example.org", isClear: true },
  CAA: { what: 'CAA data such as 0 issue "ca.example.org"' },
  CNAME: { what: 'whole domain name such as www.example.org', isClear: true },
  DNAME: { what: 'whole domain name such as www.example.org', isClear: true },
  HTTPS: { what: 'HTTPS data such as 1 . alpn=h2,h3' },
  MX: { what: 'MX data such as 10 mail.example.org' },
  NS: { what: 'whole domain name such as ns1.example.org', isClear: true },
  PTR: { what: 'whole domain name such as www.example.org', isClear: true },
  SRV: { what: 'SRV data such as 0 5 5060 sip.example.org' },
  SVCB: { what: 'SVCB data such as 1 . alpn=h2,h3' },
  TXT: { what: 'text of at most 4,000 bytes' },
};
