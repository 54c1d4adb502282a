/**
 * Zones from the configuration: the SOA, the NS set of every server that has the zone with its addresses, static
 * records, and the hosts of sites, which are answered with PoPs without further records.
 */
import { createHash } from 'node:crypto';
import { isWithin, nameKey, parentOf } from '../core/dns/name.ts';
import {
  classIn,
  type RecordData,
  type ResourceRecord,
  recordTypes,
  typeOf,
} from '../core/dns/record.ts';
import { parseAddress } from '../core/runtime/addresses.ts';
import type { Topology } from '../core/topology/load.ts';
import type { DnsNode, Zone as ZoneConfig } from '../core/topology/schema.ts';
import { readStaticRecords, type StaticRecord } from '../core/topology/static-records.ts';
import { dsOf, type ZoneKeys } from './dnssec/keys.ts';
import { findZone, type Zone, type ZoneNode, type Zones } from './zone.ts';

/** TTL of SOA, NS and the addresses of name servers: they change when the configuration does. */
const infrastructureTtlSeconds = 3600;
/** A name that does not exist yet is asked for again after at most this. */
const maxNegativeTtlSeconds = 300;
/** The name below a host whose TXT says why a client is sent where it is. */
const whyLabel = '_why';

/** What zones are made of beside the configuration, by their names. */
export interface ZoneSources {
  /** The records of those that come from a file. */
  files?: ReadonlyMap<string, readonly StaticRecord[]>;
  /** The keys of those that are signed. */
  keys?: ReadonlyMap<string, ZoneKeys>;
}

/** The zones of one DNS node. */
export function buildZones(
  topology: Topology,
  node: DnsNode,
  { files = new Map(), keys = new Map() }: ZoneSources = {},
): Zones {
  const names = node.zones.map((zone) => zone.name);
  const zones = node.zones.map((config) => {
    // A host belongs to the innermost zone, and so do the names of name servers.
    const isOurs = (name: string) =>
      longest(names.filter((zone) => isWithin(name, zone))) === config.name;
    const statics = files.get(config.name) ?? readStaticRecords(config).records;
    return buildZone(topology, config, statics, isOurs, keys.get(config.name));
  });
  const byName = new Map(zones.map((zone) => [zone.name, zone]));
  for (const zone of zones) delegate(byName, zone);
  return byName;
}

/** A zone within another one of ours is delegated in that, DS included, whether its records say so or not. */
function delegate(zones: ReadonlyMap<string, Zone>, inner: Zone): void {
  const above = parentOf(inner.name);
  const outer = above === undefined ? undefined : findZone(zones, above);
  if (!outer) return;
  const node = nodeAt(outer.nodes, inner.name, outer.name);
  if (!node.rrsets.has(recordTypes.NS)) {
    const servers = inner.nodes.get(inner.name)?.rrsets.get(recordTypes.NS) ?? [];
    for (const record of servers) addRecord(node, record);
  }
  outer.cuts.add(inner.name);
  for (const key of inner.keys?.wanted ?? []) {
    const data = { type: 'opaque', code: recordTypes.DS, bytes: dsOf(inner.name, key) } as const;
    addRecord(node, infrastructure(inner.name, data));
  }
}

function longest(names: readonly string[]): string | undefined {
  return [...names].sort((a, b) => b.length - a.length)[0];
}

function buildZone(
  topology: Topology,
  config: ZoneConfig,
  statics: readonly StaticRecord[],
  isOurs: (name: string) => boolean,
  keys: ZoneKeys | undefined,
): Zone {
  const { name } = config;
  const ttlSeconds = secondsOf(config.ttlMs);
  const nodes = new Map<string, ZoneNode>();
  const hosts = topology.sites.flatMap((site) => site.hosts).filter(isOurs);
  const servers = topology.dns.filter((dns) => dns.zones.some((zone) => zone.name === name));
  for (const record of [
    ...madeRecords(topology, config, statics, isOurs),
    ...statics.flatMap(plainRecord),
    ...(keys ? keyRecords(name, keys) : []),
  ]) {
    addRecord(nodeAt(nodes, nameKey(record.name), name), record);
  }
  const apex = nodeAt(nodes, name, name);
  const [given] = apex.rrsets.get(recordTypes.SOA) ?? [];
  const soa = given ?? infrastructure(name, soaOf(config, servers, hosts, [...nodes.values()]));
  if (!given) addRecord(apex, soa);
  for (const [owner, host] of steeredNames(hosts, statics)) {
    nodeAt(nodes, owner, name).steering = { kind: 'pops', host };
    // Below a wildcard there is nothing to explain: nobody asks for `*`.
    if (owner.startsWith('*.')) continue;
    nodeAt(nodes, `${whyLabel}.${owner}`, name).steering = { kind: 'why', host };
  }
  const negativeSoa = { ...soa, ttlSeconds: negativeTtlOf(soa) };
  return {
    name,
    soa,
    negativeSoa,
    steeredNegativeSoa: {
      ...soa,
      ttlSeconds: Math.min(negativeSoa.ttlSeconds, shortTtlOf(ttlSeconds)),
    },
    ttlSeconds,
    nodes,
    ...(keys ? { keys } : {}),
    cuts: new Set(
      [...nodes].filter(([key, n]) => key !== name && n.rrsets.has(recordTypes.NS)).map(([k]) => k),
    ),
  };
}

/** The DNSKEY set, and what the parent should have of it (RFC 7344 §3). */
function keyRecords(name: string, { published, wanted }: ZoneKeys): ResourceRecord[] {
  const { DNSKEY, CDS, CDNSKEY } = recordTypes;
  const record = (code: number, bytes: Buffer) =>
    infrastructure(name, { type: 'opaque', code, bytes });
  return [
    ...published.map(({ dnskey }) => record(DNSKEY, dnskey)),
    ...wanted.map((key) => record(CDS, dsOf(name, key))),
    ...wanted.map(({ dnskey }) => record(CDNSKEY, dnskey)),
  ];
}

/** What a zone has without saying it: its NS set, and the addresses of the name servers in it. What it says itself stands. */
function madeRecords(
  topology: Topology,
  { name }: ZoneConfig,
  statics: readonly StaticRecord[],
  isOurs: (name: string) => boolean,
): ResourceRecord[] {
  const isFromFile = statics.some(({ owner, data }) => owner === name && data.type === 'SOA');
  const has = (wanted: string, ...types: RecordData['type'][]) =>
    isFromFile &&
    statics.some(({ owner, data }) => owner === wanted && types.some((type) => type === data.type));
  const servers = topology.dns.filter((dns) => dns.zones.some((zone) => zone.name === name));
  return [
    ...(has(name, 'NS') ? [] : servers).map((dns) =>
      infrastructure(name, { type: 'NS', target: dns.name }),
    ),
    ...topology.dns
      .filter((dns) => isOurs(dns.name) && !has(dns.name, 'A', 'AAAA'))
      .flatMap(serverAddresses),
  ];
}

/** The names that are answered with PoPs, each with the host whose PoPs they are: itself, or what an ALIAS names. */
function steeredNames(
  hosts: readonly string[],
  statics: readonly StaticRecord[],
): [owner: string, host: string][] {
  const aliases = statics.flatMap(({ owner, data }): [string, string][] =>
    data.type === 'ALIAS' ? [[owner, data.target]] : [],
  );
  return [...hosts.map((host): [string, string] => [host, host]), ...aliases];
}

/** Nothing for an ALIAS, which is answered by steering. */
function plainRecord({ owner, ttlSeconds, data }: StaticRecord): ResourceRecord[] {
  return data.type === 'ALIAS' ? [] : [{ name: owner, class: classIn, ttlSeconds, data }];
}

function infrastructure(name: string, data: RecordData): ResourceRecord {
  return { name, class: classIn, ttlSeconds: infrastructureTtlSeconds, data };
}

function serverAddresses(dns: DnsNode): ResourceRecord[] {
  return dns.advertise.map((address) => infrastructure(dns.name, addressData(address)));
}

/** A or AAAA, as the address is. Throws when it is none: the schema has checked it. */
export function addressData(address: string): Extract<RecordData, { type: 'A' | 'AAAA' }> {
  const parsed = parseAddress(address);
  if (!parsed) throw new Error(`"${address}" is no address`);
  return { type: parsed.family === 4 ? 'A' : 'AAAA', address };
}

/** "The minimum of the MINIMUM field of the SOA record and the TTL of the SOA itself" (RFC 2308 §3). */
function negativeTtlOf({ ttlSeconds, data }: ResourceRecord): number {
  return data.type === 'SOA' ? Math.min(ttlSeconds, data.minimumSeconds) : ttlSeconds;
}

/** A steered NODATA ("this PoP has no IPv6 address") may hold no longer than the answer that it stands for. */
function shortTtlOf(ttlSeconds: number): number {
  return Math.min(maxNegativeTtlSeconds, ttlSeconds);
}

/**
 * The SOA (RFC 1035 §3.3.13). Its serial is a digest of the zone: equal on servers with equal configuration, another when
 * that changes. It does not grow, which only zone transfers would need, and there are none.
 */
function soaOf(
  config: ZoneConfig,
  servers: readonly DnsNode[],
  hosts: readonly string[],
  nodes: readonly ZoneNode[],
): RecordData {
  const content = JSON.stringify([config, hosts, nodes.map((node) => [...node.rrsets])]);
  return {
    type: 'SOA',
    primary: servers[0]?.name ?? config.name,
    mailbox: `hostmaster.${config.name}`,
    serial: createHash('sha256').update(content).digest().readUInt32BE(0),
    refreshSeconds: 7200,
    retrySeconds: 900,
    expireSeconds: 14 * 86400,
    minimumSeconds: shortTtlOf(secondsOf(config.ttlMs)),
  };
}

/** The node of a name, made if need be together with the empty non-terminals above it. */
function nodeAt(nodes: Map<string, ZoneNode>, key: string, apex: string): ZoneNode {
  const known = nodes.get(key);
  if (known) return known;
  const node: ZoneNode = { rrsets: new Map() };
  nodes.set(key, node);
  const parent = parentOf(key);
  if (key !== apex && parent !== undefined) nodeAt(nodes, parent, apex);
  return node;
}

/** Adds a record once; a set has one TTL, that of its first record (RFC 2181 §5.2). */
function addRecord(node: ZoneNode, record: ResourceRecord): void {
  const type = typeOf(record.data);
  const set = node.rrsets.get(type) ?? [];
  const same = JSON.stringify(record.data);
  if (set.some((other) => JSON.stringify(other.data) === same)) return;
  set.push({ ...record, ttlSeconds: set[0]?.ttlSeconds ?? record.ttlSeconds });
  node.rrsets.set(type, set);
}

/** Whole seconds, as TTLs have them; a part of one is none at all rather than a whole one too long. */
function secondsOf(ms: number): number {
  return Math.floor(ms / 1000);
}
