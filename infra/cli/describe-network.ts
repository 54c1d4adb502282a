/** A configuration in words: what `breakwater check` says of a good file. Pure. */
import type { Topology } from '../../core/topology/load.ts';
import type { Site } from '../../core/topology/schema.ts';
import { sharedLines } from './anycast.ts';
import { formatTable } from './table.ts';
import type { Terminal } from './terminal.ts';
import { formatBytes } from './way.ts';
import { serversFor, zoneNames } from './zones.ts';

/** Lines that say what the network is; secrets never appear. */
export function describeNetwork(topology: Topology, { style }: Pick<Terminal, 'style'>): string[] {
  const title = (text: string) => ['', style('bold', text)];
  const { pops, shields, dns, purge, sites } = topology;
  const counts = [
    counted(sites.length, 'site'),
    counted(pops.length, 'PoP'),
    counted(shields.length, 'shield'),
    counted(dns.length, 'DNS server'),
  ];
  return [
    `${topology.file} is right: the network "${topology.network}", with ${counts.join(', ')} and a purge API.`,
    `Files are kept in ${topology.dataDir}; tiers authenticate with ${secretText(topology)}.`,
    ...title('Sites'),
    ...indent(siteTable(topology)),
    ...title('PoPs'),
    ...indent(popTable(topology)),
    ...indent(sharedLines(topology)),
    ...(shields.length === 0 ? [] : [...title('Shields'), ...indent(shieldTable(topology))]),
    ...(dns.length === 0 ? [] : [...title('DNS'), ...indent(dnsTable(topology))]),
    ...title('Purge API'),
    ...indent([
      `${purge.id} at ${purge.reach ?? purge.listen}, admin ${purge.admin}`,
      ...tokenLines(topology),
    ]),
  ];
}

/** The same for programs. */
export function summarise(topology: Topology) {
  const { file, network, dataDir, hash, sites, pops, shields, dns, purge } = topology;
  return {
    file,
    network,
    dataDir,
    hash,
    sites: sites.map(({ hosts, origins }) => ({ hosts, origins: origins.map(({ url }) => url) })),
    pops: pops.map(({ id, listen, admin, advertise, shieldRings }) => ({
      id,
      listen,
      admin,
      advertise,
      shields: shieldRings,
    })),
    shields: shields.map(({ id, listen, admin }) => ({ id, listen, admin })),
    dns: dns.map(({ id, listen, admin }) => ({ id, listen, admin })),
    zones: zoneNames(topology),
    purge: {
      id: purge.id,
      listen: purge.listen,
      admin: purge.admin,
      tokens: purge.tokens.map(({ name, hosts }) => ({ name, hosts })),
    },
  };
}

function siteTable(topology: Topology): string[] {
  const rows = topology.sites.map((site) => [
    site.hosts.join(', '),
    site.origins.map((origin) => `${origin.url}${originMark(origin)}`).join(', '),
    cacheText(site.cache),
    site.hosts.filter((host) => serversFor(host, topology).length > 0).join(', ') || 'no',
  ]);
  return formatTable(['HOSTS', 'ORIGINS', 'CACHE', 'STEERED BY OUR DNS'], rows);
}

function originMark({ weight, backup }: Site['origins'][number]): string {
  if (backup) return ' (backup)';
  return weight === 1 ? '' : ` (weight ${weight})`;
}

function cacheText(cache: Site['cache']): string {
  const parts = [
    cache.defaultTtlMs > 0 ? `fresh for ${durationText(cache.defaultTtlMs)} by default` : undefined,
    cache.staleWhileRevalidateMs === undefined
      ? undefined
      : `stale while revalidating ${durationText(cache.staleWhileRevalidateMs)}`,
    cache.staleIfErrorMs === undefined
      ? undefined
      : `stale on errors ${durationText(cache.staleIfErrorMs)}`,
    cache.setCookie === 'refuse' ? undefined : `Set-Cookie: ${cache.setCookie}`,
  ].filter((part) => part !== undefined);
  return parts.join(', ') || 'as responses say';
}

function popTable({ pops }: Topology): string[] {
  const rows = pops.map((pop) => [
    pop.id,
    placeText(pop.location),
    pop.reach ?? pop.listen,
    pop.admin,
    pop.advertise.join(', '),
    askedText(pop.shieldRings),
    `${formatBytes(pop.memoryBytes)} / ${formatBytes(pop.diskBytes)}`,
  ]);
  return formatTable(
    ['ID', 'PLACE', 'ADDRESS', 'ADMIN', 'DNS SAYS', 'ASKS', 'MEMORY / DISK'],
    rows,
  );
}

function askedText(rings: readonly (readonly string[])[]): string {
  if (rings.length === 0) return 'the origins';
  return rings.map((ring) => ring.join(' + ')).join(', then ');
}

function shieldTable({ shields }: Topology): string[] {
  const rows = shields.map((shield) => [
    shield.id,
    placeText(shield.location),
    shield.reach ?? shield.listen,
    shield.admin,
    `${formatBytes(shield.memoryBytes)} / ${formatBytes(shield.diskBytes)}`,
  ]);
  return formatTable(['ID', 'PLACE', 'ADDRESS', 'ADMIN', 'MEMORY / DISK'], rows);
}

function dnsTable({ dns }: Topology): string[] {
  const rows = dns.map((server) => [
    server.id,
    server.reach ?? server.listen,
    server.admin,
    server.zones.map((zone) => `${zone.name} (${durationText(zone.ttlMs)})`).join(', '),
    [
      counted(server.geoip.places.length, 'place'),
      server.geoip.database ?? 'built-in table of regions',
    ].join(', '),
  ]);
  return formatTable(['ID', 'ADDRESS', 'ADMIN', 'ZONES', 'KNOWS CLIENTS BY'], rows);
}

function tokenLines({ purge }: Topology): string[] {
  return purge.tokens.map(
    ({ name, hosts }) =>
      `token "${name}" for ${hosts.includes('*') ? 'all hosts' : hosts.join(', ')}`,
  );
}

function secretText({ secret }: Topology): string {
  return secret === undefined ? 'a secret that `up` makes there' : 'the secret of the file';
}

function placeText({ city, country, latitude, longitude }: Topology['pops'][number]['location']) {
  const words = [city, country].filter((word) => word !== undefined);
  return words.length > 0 ? words.join(', ') : `${latitude}, ${longitude}`;
}

/** `90s`, `5m`, `1h`, `30d`: as it would stand in the file. */
export function durationText(ms: number): string {
  const units: [number, string][] = [
    [86_400e3, 'd'],
    [3600e3, 'h'],
    [60e3, 'm'],
    [1e3, 's'],
  ];
  const unit = units.find(([size]) => ms >= size && ms % size === 0);
  return unit ? `${ms / unit[0]}${unit[1]}` : `${ms}ms`;
}

function counted(count: number, thing: string): string {
  return `${count} ${thing}${count === 1 ? '' : 's'}`;
}

function indent(lines: readonly string[]): string[] {
  return lines.map((line) => `  ${line}`);
}
