/**
 * What contradicts what in a zone, whether its records come from the configuration or from a file: aliases beside other
 * records, records where geo-dns answers by itself, and names that a delegation hides. Pure.
 */
import { isWithin, type Name, nameKey, parentOf } from '../dns/name.ts';
import type { TextData } from '../dns/rdata-text.ts';
import { recordTypes, typeName, typeOf } from '../dns/record.ts';
import type { RecordProblem, StaticRecord } from './static-records.ts';

/** What a zone has beside its records. */
export interface ZoneSurroundings {
  name: Name;
  /** The hosts of sites that this zone answers for, and all others. */
  hosts: ReadonlySet<Name>;
  allHosts: ReadonlySet<Name>;
  /** The names of DNS servers, whose addresses are answered. */
  servers: ReadonlySet<Name>;
}

/** All that is wrong, at most one problem for each place. */
export function contentProblems(
  zone: ZoneSurroundings,
  records: readonly StaticRecord[],
): RecordProblem[] {
  const owners = byOwner(records);
  const cuts = new Set(
    [...owners].filter(([, list]) => isDelegation(zone, list)).map(([owner]) => owner),
  );
  const places = new Set<number>();
  return records.flatMap((record) => {
    if (places.has(record.at)) return [];
    const message =
      hostProblem(zone, record) ??
      aliasProblem(zone, record, owners.get(record.owner) ?? []) ??
      hiddenProblem(zone, record, cuts, owners);
    if (message === undefined) return [];
    places.add(record.at);
    return [{ at: record.at, key: 'type' as const, message }];
  });
}

function byOwner(records: readonly StaticRecord[]): Map<Name, StaticRecord[]> {
  const owners = new Map<Name, StaticRecord[]>();
  for (const record of records) {
    const known = owners.get(record.owner);
    if (known) known.push(record);
    else owners.set(record.owner, [record]);
  }
  return owners;
}

function isDelegation(zone: ZoneSurroundings, records: readonly StaticRecord[]): boolean {
  return records.some(({ owner, data }) => data.type === 'NS' && owner !== zone.name);
}

/** A site's host is geo-dns's own to answer; what says nothing of addresses may stand beside. */
function hostProblem(zone: ZoneSurroundings, { owner, data }: StaticRecord): string | undefined {
  if (!zone.hosts.has(owner)) return undefined;
  if (data.type === 'NS' && owner === zone.name) return undefined;
  if (!['A', 'AAAA', 'CNAME', 'DNAME', 'ALIAS', 'NS'].includes(data.type)) return undefined;
  return `"${owner}" is a site's host and is answered with its PoPs already`;
}

/** A name is either an alias or has records (RFC 2181 §10.1). */
function aliasProblem(
  zone: ZoneSurroundings,
  { owner, data, at }: StaticRecord,
  neighbours: readonly StaticRecord[],
): string | undefined {
  if (data.type === 'CNAME') {
    if (owner === zone.name) {
      return 'the apex of a zone cannot be an alias: for a site of this network write ALIAS';
    }
    if (neighbours.length > 1 || zone.servers.has(owner)) {
      return `"${owner}" has other records, so it cannot be an alias`;
    }
  }
  if ((data.type === 'DNAME' || data.type === 'NS') && isWildcard(owner)) {
    // RFC 4592 §4.2, §4.4
    return `a wildcard cannot have ${data.type}: readers differ in what that means`;
  }
  if (data.type === 'DNAME' && isWithin(nameKey(data.target), owner)) {
    return 'a DNAME that leads below itself never ends';
  }
  if (data.type === 'DNAME' && countOf(neighbours, 'DNAME') > 1) {
    return `"${owner}" can have one DNAME only`; // RFC 6672 §2.4
  }
  if (data.type === 'ALIAS') return steeredAliasProblem(zone, owner, data.target, neighbours);
  if (data.type === 'SOA') {
    if (owner !== zone.name) return `an SOA stands at ${zone.name} only`;
    const first = neighbours.find((other) => other.data.type === 'SOA');
    if (first && first.at !== at) return 'a zone has one SOA';
  }
  return undefined;
}

function isWildcard(name: Name): boolean {
  return name === '*' || name.startsWith('*.');
}

function steeredAliasProblem(
  zone: ZoneSurroundings,
  owner: Name,
  target: Name,
  neighbours: readonly StaticRecord[],
): string | undefined {
  if (!zone.allHosts.has(target)) {
    return `no site has the host "${target}"; an ALIAS is answered with the PoPs of one`;
  }
  const isClash = countOf(neighbours, 'A') + countOf(neighbours, 'AAAA') > 0;
  if (isClash || countOf(neighbours, 'ALIAS') > 1 || zone.servers.has(owner)) {
    return `"${owner}" has addresses already, so it cannot be an alias`;
  }
  return undefined;
}

function countOf(records: readonly StaticRecord[], type: TextData['type']): number {
  return records.filter(({ data }) => data.type === type).length;
}

/** At and below a delegation only the other side answers; what is here is its glue and its DS, nothing else. */
function hiddenProblem(
  zone: ZoneSurroundings,
  { owner, data }: StaticRecord,
  cuts: ReadonlySet<Name>,
  owners: ReadonlyMap<Name, StaticRecord[]>,
): string | undefined {
  const dname = ancestorWith(
    zone,
    owner === zone.name ? undefined : parentOf(owner),
    (name) => countOf(owners.get(name) ?? [], 'DNAME') > 0,
  );
  if (dname !== undefined) return `never answered: "${dname}" redirects all names below it`;
  const cut = ancestorWith(zone, owner, (name) => cuts.has(name));
  if (cut === undefined) return undefined;
  const hidden = [...zone.hosts].find((host) => isWithin(host, cut));
  if (hidden !== undefined && owner === cut && data.type === 'NS') {
    return `"${cut}" is delegated away, and the site's host "${hidden}" with it`;
  }
  const isGlue = data.type === 'A' || data.type === 'AAAA';
  if (isGlue && !isWildcard(owner)) return undefined;
  const code = data.type === 'ALIAS' ? undefined : typeOf(data);
  if (owner === cut && (code === recordTypes.NS || code === recordTypes.DS)) return undefined;
  const type = code === undefined ? 'ALIAS' : typeName(code);
  return `never answered: "${cut}" is delegated away, and ${type} is not of a delegation`;
}

/** The nearest name from `start` up to the apex that `fits`. */
function ancestorWith(
  zone: ZoneSurroundings,
  start: Name | undefined,
  fits: (name: Name) => boolean,
): Name | undefined {
  for (let name = start; name !== undefined; name = parentOf(name)) {
    if (fits(name)) return name;
    if (name === zone.name) return undefined;
  }
  return undefined;
}
