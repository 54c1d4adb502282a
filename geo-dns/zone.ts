/**
 * A zone that a server is authoritative for, and the lookup of a name within it. What a name is answered with is data
 * here: records, "steer this client", or which kind of nothing. `zone-build.ts` makes zones from the configuration.
 *
 * Invariants: a name exists when it has records or when a name below it exists (RFC 8020: an empty non-terminal is NODATA,
 * never NXDOMAIN); a wildcard stands for names that do not exist, and for no other (RFC 4592); every negative answer comes with the SOA whose TTL bounds it (RFC 2308 §5).
 */
import { WireError } from '../core/dns/buffer.ts';
import { isWithin, type Name, nameKey, nameOf, parentOf } from '../core/dns/name.ts';
import { type ResourceRecord, recordTypes } from '../core/dns/record.ts';
import { hasOwnHints } from './address-hints.ts';
import type { ZoneKeys } from './dnssec/keys.ts';

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
  /** As negative answers that depend on the client carry it. */
  steeredNegativeSoa: ResourceRecord;
  /** TTL of steered answers. */
  ttlSeconds: number;
  /** By key of the whole name; empty non-terminals included. */
  nodes: Map<string, ZoneNode>;
  /** Names below the apex that are delegated away. */
  cuts: Set<string>;
  /** What signs it; undefined: nothing. */
  keys?: ZoneKeys;
}

/** Zones by name. */
export type Zones = ReadonlyMap<string, Zone>;

export type Found =
  | {
      kind: 'records';
      records: readonly ResourceRecord[];
      additionals: readonly ResourceRecord[];
      /** The records hold address hints of a host that is steered: they are to be those of the client's PoP. */
      hints?: Steering;
    }
  | { kind: 'cname'; record: ResourceRecord; target: Name }
  /** All names below one are redirected (RFC 6672); no `target`: the new name would be too long. */
  | { kind: 'dname'; record: ResourceRecord; target: Name | undefined }
  | (Steering & { node: ZoneNode })
  | {
      kind: 'referral';
      /** The delegated name. */
      cut: Name;
      authorities: readonly ResourceRecord[];
      additionals: readonly ResourceRecord[];
    }
  /** The name exists, or a wildcard stands for it; `node` is what it has. */
  | { kind: 'nodata'; node: ZoneNode }
  | { kind: 'nxdomain' };

/** The zone that `key` (see `nameKey`) lies in: of nested ones the innermost. */
export function findZone(zones: Zones, key: string): Zone | undefined {
  for (let name: string | undefined = key; name !== undefined; name = parentOf(name)) {
    const zone = zones.get(name);
    if (zone) return zone;
  }
  return undefined;
}

/** What `zone` has for a name within it and a type; `made`: what the name has in place of that. Follows no CNAME. */
export function lookup(zone: Zone, key: string, type: number, made?: ZoneNode): Found {
  const cut = cutAbove(zone, key);
  // Of a delegation, DS alone is this side's to answer (RFC 4035 §3.1.4.1).
  if (cut !== undefined && !(cut === key && type === recordTypes.DS)) return referralAt(zone, cut);
  const node = made ?? zone.nodes.get(key);
  if (node) return lookupNode(zone, node, type);
  const encloser = closestEncloser(zone, key);
  const dname = zone.nodes.get(encloser)?.rrsets.get(recordTypes.DNAME)?.[0];
  if (dname) return { kind: 'dname', record: dname, target: redirected(key, encloser, dname) };
  // "The wildcard … of the closest encloser", and of no name above it (RFC 4592 §3.3.1).
  const wildcard = zone.nodes.get(wildcardBelow(encloser));
  if (!wildcard) return { kind: 'nxdomain' };
  return renamed(lookupNode(zone, wildcard, type), key);
}

/** What a name has for a type, once it is known to exist. */
function lookupNode(zone: Zone, node: ZoneNode, type: number): Found {
  const { steering, rrsets } = node;
  if (type === recordTypes.ANY) return lookupAny(zone, node);
  if (steering && isSteered(steering, type)) return { ...steering, node };
  const records = rrsets.get(type);
  if (records) {
    const hints = steering?.kind === 'pops' && records.some(hasOwnHints) ? { hints: steering } : {};
    return { kind: 'records', records, additionals: addressesFor(zone, records), ...hints };
  }
  const cname = rrsets.get(recordTypes.CNAME)?.[0];
  if (cname?.data.type === 'CNAME')
    return { kind: 'cname', record: cname, target: cname.data.target };
  return { kind: 'nodata', node };
}

/** What stands for a name that does not exist, if it would be ours. */
function wildcardFor(zone: Zone, key: string): ZoneNode | undefined {
  if (!isWithin(key, zone.name) || cutAbove(zone, key) !== undefined) return undefined;
  return zone.nodes.get(wildcardBelow(closestEncloser(zone, key)));
}

function wildcardBelow(encloser: string): string {
  return encloser === '' ? '*' : `*.${encloser}`;
}

/** The longest existing name above `key`, which itself does not exist (RFC 4592 §3.3.1). The apex always exists. */
function closestEncloser(zone: Zone, key: string): string {
  let name = parentOf(key) ?? '';
  while (name !== zone.name && !zone.nodes.has(name)) name = parentOf(name) ?? '';
  return name;
}

/** What a wildcard has, under the name that was asked for. */
function renamed(found: Found, name: string): Found {
  if (found.kind === 'records') {
    return { ...found, records: found.records.map((record) => ({ ...record, name })) };
  }
  if (found.kind === 'cname') return { ...found, record: { ...found.record, name } };
  return found;
}

/** The name with the owner of the DNAME replaced by its target (RFC 6672 §2.2). */
function redirected(key: string, owner: string, { data }: ResourceRecord): Name | undefined {
  if (data.type !== 'DNAME') return undefined;
  const prefix = key.slice(0, key.length - owner.length);
  const text = owner === '' ? `${prefix}.${data.target}` : `${prefix}${data.target}`;
  try {
    return nameOf(data.target === '' ? text : `${text}.`, '');
  } catch (error) {
    if (error instanceof WireError) return undefined;
    throw error;
  }
}

/** The types that a name has; of a delegation only what belongs to this side (RFC 4035 §2.3). */
export function typesAt({ rrsets, steering }: ZoneNode, isDelegation: boolean): number[] {
  const { NS, DS, A, AAAA, TXT } = recordTypes;
  if (isDelegation) return [NS, DS].filter((type) => rrsets.has(type));
  const steered = steering === undefined ? [] : steering.kind === 'why' ? [TXT] : [A, AAAA];
  return [...new Set([...rrsets.keys(), ...steered])];
}

function isSteered(steering: Steering, type: number): boolean {
  if (steering.kind === 'why') return type === recordTypes.TXT;
  return type === recordTypes.A || type === recordTypes.AAAA;
}

/** ANY gets one RRset, whichever it is: minimal, and true (RFC 8482 §4.1). */
function lookupAny(zone: Zone, node: ZoneNode): Found {
  const { steering, rrsets } = node;
  if (steering) return { ...steering, node };
  const [records] = rrsets.values();
  if (!records) return { kind: 'nodata', node };
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
  return { kind: 'referral', cut, authorities, additionals: addressesFor(zone, authorities) };
}

/** The addresses that the zone knows of the hosts that `records` name, which the client will want next (RFC 1035 §3.3). */
function addressesFor(zone: Zone, records: readonly ResourceRecord[]): ResourceRecord[] {
  const names = records.flatMap(({ data }) =>
    data.type === 'NS' || data.type === 'MX' || data.type === 'SRV' ? [nameKey(data.target)] : [],
  );
  return [...new Set(names)].flatMap((name) => {
    const known = zone.nodes.get(name);
    const rrsets = (known ?? wildcardFor(zone, name))?.rrsets;
    const { A, AAAA } = recordTypes;
    const addresses = [...(rrsets?.get(A) ?? []), ...(rrsets?.get(AAAA) ?? [])];
    return known ? addresses : addresses.map((record) => ({ ...record, name }));
  });
}
