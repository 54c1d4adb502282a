/** Names within zones, as the command line needs them: for which hosts the network's own DNS answers. */
import type { Topology } from '../../core/topology/load.ts';

/** The DNS servers that answer for `host`. */
export function serversFor(host: string, { dns }: Pick<Topology, 'dns'>): Topology['dns'] {
  return dns.filter(({ zones }) => zones.some(({ name }) => isWithin(host, name)));
}

/** Every zone of the network, once. */
export function zoneNames({ dns }: Pick<Topology, 'dns'>): string[] {
  return [...new Set(dns.flatMap(({ zones }) => zones.map(({ name }) => name)))];
}

/** Whether `host` is the zone's apex or below it. */
export function isWithin(host: string, zone: string): boolean {
  return host === zone || host.endsWith(`.${zone}`);
}
