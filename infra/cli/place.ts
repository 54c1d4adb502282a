/** Who asks: a place that the configuration names, or an address. Pure. */
import type { Topology } from '../../core/topology/load.ts';
import { clientSubnetOf, formatSubnet } from '../../geo-dns/wire/client.ts';
import type { ClientSubnet } from '../../geo-dns/wire/edns.ts';
import { usageError } from './command-error.ts';

export interface Client {
  /** The place's name; undefined for a bare address. */
  place: string | undefined;
  /** `198.18.3.0/24`: what a resolver would tell the DNS server. */
  network: string;
  subnet: ClientSubnet;
}

/** The client that `text` means: `Tokyo`, `sao paulo`, `203.0.113.7`, `2001:db8::/48`. Throws with the places that there are. */
export function findClient(text: string, topology: Pick<Topology, 'dns'>): Client {
  const subnet = clientSubnetOf(text);
  if (subnet) return { place: undefined, network: formatSubnet(subnet), subnet };
  const places = topology.dns.flatMap((dns) => dns.geoip.places);
  const found = places.find(
    (place) => plain(place.name) === plain(text) || plain(place.city ?? '') === plain(text),
  );
  const network = found?.networks[0];
  const foundSubnet = network === undefined ? undefined : clientSubnetOf(network);
  if (found && foundSubnet) {
    return { place: found.name, network: formatSubnet(foundSubnet), subnet: foundSubnet };
  }
  const names = places.map((place) => place.name).join(', ');
  throw usageError(
    names === ''
      ? `"${text}" is no address, and the configuration names no places (dns[].geoip.places)`
      : `there is no place "${text}"; give an address, or one of: ${names}`,
  );
}

/** Without case and accents, so that `sao paulo` is São Paulo. */
function plain(text: string): string {
  return text.normalize('NFD').replaceAll(/\p{M}/gu, '').toLowerCase();
}
