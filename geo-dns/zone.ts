/**
 * A zone that a server is authoritative for, and the lookup of a name within it. What a name is answered with is data
 * here: records, "steer this client", or which kind of nothing. `zone-build.ts` makes zones from the configuration.
 *
 * Invariants: a name exists when it has records or when a name below it exists (RFC 8020: an empty non-terminal is NODATA,
 * never NXDOMAIN); every negative answer comes with the SOA whose TTL bounds it (RFC 2308 §5).
 */
import { type Name, nameKey, parentOf } from '../core/dns/name.ts';
import { type ResourceRecord, recordTypes } from '../core/dns/record.ts';

/** How a name is answered beyond its static records: with PoPs, or with why a client gets which PoP. */
export type Steering = { kind: 'pops'; host: string } | { kind: 'why'; host: string };

export interface ZoneNode {
  rrsets: Map<number, ResourceRecord[]>;
  steering?: Steering;
}

export interface Zone {
  /** Lower case. */
  name: string;
  soa: ResourceRecord;
  /** The SOA as negative answers carry it: with their TTL. */
  negativeSoa: ResourceRecord;
  /** TTL of steered answers. */
  ttlSeconds: number;
  /** By key of the whole name; empty non-terminals included. */
  nodes: ReadonlyMap<string, ZoneNode>;
  /** Names below the apex that are delegated away. */
  cuts: ReadonlySet<string>;
}

/** Zones by name. */
export type Zones = ReadonlyMap<string, Zone>;

export type Found =
  | { kind: 'records'; records: readonly ResourceRecord[]; additionals: readonly ResourceRecord[] }
  | { kind: 'cname'; record: ResourceRecord; target: Name }
  | Steering
  | {
      kind: 'referral';
      authorities: readonly ResourceRecord[];
      additionals: readonly ResourceRecord[];
    }
  | { kind: 'nodata' }
  | { kind: 'nxdomain' };

/** The zone that `key` (see `nameKey`) lies in: of nested ones the innermost. */
export function findZone(zones: Zones, key: string): Zone | undefined {
  for (let name: string | undefined = key; name !== undefined; name = parentOf(name)) {
    const zone = zones.get(name);
    if (zone) return zone;
  }
  return undefined;
}

/** What `zone` has for a name within it and a type. Follows no CNAME. */
export function lookup(zone: Zone, key: string, type: number): Found {
  const cut = cutAbove(zone, key);
  if (cut !== undefined) return referralAt(zone, cut);
  const node = zone.nodes.get(key);
  if (!node) return { kind: 'nxdomain' };
  const { steering, rrsets } = node;
  if (type === recordTypes.ANY) return lookupAny(zone, node);
  if (steering && isSteered(steering, type)) return steering;
  const records = rrsets.get(type);
  if (records) return { kind: 'records', records, additionals: addressesFor(zone, records) };
  const cname = rrsets.get(recordTypes.CNAME)?.[0];
  if (cname?.data.type === 'CNAME')
    return { kind: 'cname', record: cname, target: cname.data.target };
  return { kind: 'nodata' };
}

function isSteered(steering: Steering, type: number): boolean {
  if (steering.kind === 'why') return type === recordTypes.TXT;
  return type === recordTypes.A || type === recordTypes.AAAA;
}

/** ANY gets one RRset, whichever it is: minimal, and true (RFC 8482 §4.1). */
function lookupAny(zone: Zone, { steering, rrsets }: ZoneNode): Found {
  if (steering) return steering;
  const [records] = rrsets.values();
  if (!records) return { kind: 'nodata' };
  return { kind: 'records', records, additionals: addressesFor(zone, records) };
}

/** The delegation that `key` is at or below; of nested ones the outermost, as only that one is ours to announce. */
function cutAbove(zone: Zone, key: string): string | undefined {
  if (zone.cuts.size === 0) return undefined;
  let found: string | undefined;
  for (let name: string | undefined = key; name && name !== zone.name; name = parentOf(name)) {
    if (zone.cuts.has(name)) found = name;
  }
  return found;
}

function referralAt(zone: Zone, cut: string): Found {
  const authorities = zone.nodes.get(cut)?.rrsets.get(recordTypes.NS) ?? [];
  return { kind: 'referral', authorities, additionals: addressesFor(zone, authorities) };
}

/** The addresses that the zone knows of the name servers in `records`. */
function addressesFor(zone: Zone, records: readonly ResourceRecord[]): ResourceRecord[] {
  return records.flatMap(({ data }) => {
    if (data.type !== 'NS') return [];
    const rrsets = zone.nodes.get(nameKey(data.target))?.rrsets;
    return [...(rrsets?.get(recordTypes.A) ?? []), ...(rrsets?.get(recordTypes.AAAA) ?? [])];
  });
}
