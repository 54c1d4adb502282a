/**
 * What can be wrong with the static records of a DNS zone in the configuration, each finding at its key. Pure; part of
 * `cross-checks.ts`. Zone files are checked where they are read.
 */
import { isWithin } from '../dns/name.ts';
import type { Finding } from '../runtime/config.ts';
import type { DnsNode, TopologyFile } from './schema.ts';
import { readStaticRecords } from './static-records.ts';
import { contentProblems, type ZoneSurroundings } from './zone-content.ts';

/** All findings about `dns[].zones`. */
export function checkZones(topology: Pick<TopologyFile, 'dns' | 'sites'>): Finding[] {
  return topology.dns.flatMap((dns, dnsIndex) =>
    dns.zones.flatMap((zone, zoneIndex) => {
      const path = ['dns', dnsIndex, 'zones', zoneIndex];
      const isTwice = dns.zones.findIndex((other) => other.name === zone.name) < zoneIndex;
      const { records, problems } = readStaticRecords(zone);
      const content = contentProblems(surroundingsOf(topology, dns, zone.name), records);
      return [
        ...(isTwice
          ? [{ path: [...path, 'name'], message: `the zone "${zone.name}" is named twice` }]
          : []),
        ...[...problems, ...content].map(({ at, key, message }) => ({
          path: [...path, 'records', at, key],
          message,
        })),
      ];
    }),
  );
}

/** What the zone `name` of `dns` has to answer beside its records. A host belongs to the innermost zone. */
export function surroundingsOf(
  { sites, dns: all }: Pick<TopologyFile, 'dns' | 'sites'>,
  { zones }: DnsNode,
  name: string,
): ZoneSurroundings {
  const inner = zones.filter((zone) => zone.name !== name && isWithin(zone.name, name));
  const isOurs = (host: string) =>
    isWithin(host, name) && !inner.some((zone) => isWithin(host, zone.name));
  const allHosts = sites.flatMap((site) => site.hosts);
  return {
    name,
    hosts: new Set(allHosts.filter(isOurs)),
    allHosts: new Set(allHosts),
    servers: new Set(all.map((dns) => dns.name)),
  };
}
