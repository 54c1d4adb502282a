/**
 * What can be wrong with the static records of a DNS zone: values that do not fit their type, names that cannot be, and
 * records that contradict what geo-dns answers by itself. Pure; part of `cross-checks.ts`.
 */
import { parseAddress } from '../runtime/addresses.ts';
import type { Finding } from '../runtime/config.ts';
import type { TopologyFile, Zone } from './schema.ts';
import { domainName } from './units.ts';

type StaticRecord = Zone['records'][number];

/** All findings about `dns[].zones`. */
export function checkZones(topology: TopologyFile): Finding[] {
  const hosts = new Set(topology.sites.flatMap((site) => site.hosts));
  const servers = new Set(topology.dns.map((dns) => dns.name));
  return topology.dns.flatMap((dns, dnsIndex) =>
    dns.zones.flatMap((zone, zoneIndex) => {
      const path = ['dns', dnsIndex, 'zones', zoneIndex];
      const isTwice = dns.zones.findIndex((other) => other.name === zone.name) < zoneIndex;
      return [
        ...(isTwice
          ? [{ path: [...path, 'name'], message: `the zone "${zone.name}" is named twice` }]
          : []),
        ...zone.records.flatMap((record, index) => {
          const problem =
            nameProblem(zone, record) ??
            valueProblem(record) ??
            clashProblem(zone, record, hosts, servers);
          if (!problem) return [];
          return [{ path: [...path, 'records', index, problem.key], message: problem.message }];
        }),
      ];
    }),
  );
}

interface RecordProblem {
  key: 'name' | 'type' | 'value';
  message: string;
}

/** The whole name of a record. */
function ownerOf(zone: Zone, record: StaticRecord): string {
  return record.name === '@' ? zone.name : `${record.name.toLowerCase()}.${zone.name}`;
}

function nameProblem(zone: Zone, record: StaticRecord): RecordProblem | undefined {
  if (record.name.split('.').includes('*')) {
    return { key: 'name', message: 'wildcards are not answered: name each host' };
  }
  if (domainName.safeParse(ownerOf(zone, record)).success && !record.name.endsWith('.')) {
    return undefined;
  }
  const message = `expected a name within ${zone.name}, such as "www" or "@", without the zone`;
  return { key: 'name', message };
}

function valueProblem({ type, value }: StaticRecord): RecordProblem | undefined {
  const wrong = value.find((text) => !fits(type, text));
  if (wrong !== undefined) {
    return { key: 'value', message: `"${wrong}" is no ${expected[type]}` };
  }
  if (type === 'CNAME' && value.length > 1) {
    return { key: 'value', message: 'an alias has one target only' };
  }
  return undefined;
}

const expected: Record<StaticRecord['type'], string> = {
  A: 'IPv4 address',
  AAAA: 'IPv6 address',
  TXT: 'text of at most 4,000 bytes',
  CNAME: 'whole domain name such as www.example.org',
  NS: 'whole domain name such as ns1.example.org',
};

function fits(type: StaticRecord['type'], text: string): boolean {
  switch (type) {
    case 'A':
      return parseAddress(text)?.family === 4;
    case 'AAAA':
      return parseAddress(text)?.family === 6;
    case 'TXT':
      return Buffer.byteLength(text) <= 4000;
    case 'CNAME':
    case 'NS':
      return domainName.safeParse(text).success;
  }
}

/** A name is either an alias or has records (RFC 2181 §10.1), and a site's host is geo-dns's own to answer. */
function clashProblem(
  zone: Zone,
  record: StaticRecord,
  hosts: ReadonlySet<string>,
  servers: ReadonlySet<string>,
): RecordProblem | undefined {
  const owner = ownerOf(zone, record);
  const isBesideSteering = record.type === 'TXT' || (record.type === 'NS' && owner === zone.name);
  if (hosts.has(owner) && !isBesideSteering) {
    return {
      key: 'type',
      message: `"${owner}" is a site's host and is answered with its PoPs already`,
    };
  }
  if (record.type !== 'CNAME') return undefined;
  if (owner === zone.name) return { key: 'type', message: 'the apex of a zone cannot be an alias' };
  const others = zone.records.filter((other) => ownerOf(zone, other) === owner).length - 1;
  if (others > 0 || servers.has(owner)) {
    return { key: 'type', message: `"${owner}" has other records, so it cannot be an alias` };
  }
  return undefined;
}
