/**
 * Anycast, as far as it can be played on one machine: an address that several PoPs advertise belongs to all of them, and routing, not the
 * DNS, decides where a client arrives. The choice is like that of BGP in that it knows neither load nor latency: of the
 * PoPs that announce the address the one with the least cost, which is distance and what the operator adds (`routeCost`, as
 * AS path prepending does). A PoP that is not well has withdrawn its announcement. Pure.
 */
import { isLoopback } from '../../core/runtime/addresses.ts';
import type { Topology } from '../../core/topology/load.ts';
import { distanceKm } from '../../geo-dns/latency.ts';
import type { Located } from '../../geo-dns/locate/locate.ts';
import type { PopStanding } from '../../geo-dns/select.ts';
import type { Steering } from './steering.ts';
import { locatedOf, standingsOf, toldPops } from './world.ts';

export interface Route {
  pop: string;
  costKm: number;
  /** False: it has withdrawn. */
  announces: boolean;
}

export interface AnycastRoutes {
  address: string;
  /** In the order of preference; the first is taken. */
  routes: readonly Route[];
}

/** The routes to the first address of an answer that is shared; undefined when none is. Loopback is this machine's, and no anycast. */
export function routesOf(topology: Topology, steering: Steering): AnycastRoutes | undefined {
  const sharers = (address: string) =>
    topology.pops.filter(({ advertise }) => advertise.includes(address));
  const address = steering.addresses.find(
    (candidate) => !isLoopback(candidate) && sharers(candidate).length > 1,
  );
  if (address === undefined) return undefined;
  const ids = sharers(address).map(({ id }) => id);
  const pops = standingsOf(topology, toldPops(steering)).filter(({ pop }) => ids.includes(pop.id));
  return { address, routes: routesTo(pops, locatedOf(steering.why), costsOf(topology)) };
}

/** Where a client at a place arrives. When nobody announces, all are told; the packets would go nowhere. */
export function routesTo(
  pops: readonly PopStanding[],
  located: Located,
  costs: ReadonlyMap<string, number>,
): Route[] {
  const routes = pops.map(({ pop, standing }): Route => {
    const km = located.source === 'none' ? 0 : distanceKm(located, pop.location);
    const costKm = Math.round(km + (costs.get(pop.id) ?? 0));
    return { pop: pop.id, costKm, announces: standing === 'in' };
  });
  return routes.sort((a, b) => Number(b.announces) - Number(a.announces) || a.costKm - b.costKm);
}

export function costsOf({ pops }: Topology): ReadonlyMap<string, number> {
  return new Map(pops.map(({ id, routeCost }) => [id, routeCost]));
}

/** `192.0.2.1 is par, nyc, tyo: routing takes tyo (0 km), next nyc (10850 km)`. */
export function describeRoutes({ address, routes }: AnycastRoutes): string {
  const [first, second] = routes;
  const names = routes.map(({ pop }) => pop).join(', ');
  const next = second?.announces ? `, next ${second.pop} (${second.costKm} km)` : '';
  const taken = first?.announces
    ? `routing takes ${first.pop} (${first.costKm} km)${next}`
    : 'nobody announces it';
  return `${address} is ${names}: ${taken}`;
}

/** A line for each address that several PoPs advertise: it is meant, or a slip. */
export function sharedLines({ pops }: Topology): string[] {
  const byAddress = new Map<string, string[]>();
  for (const { id, advertise } of pops) {
    for (const address of advertise) {
      if (!isLoopback(address)) byAddress.set(address, [...(byAddress.get(address) ?? []), id]);
    }
  }
  return [...byAddress].flatMap(([address, ids]) =>
    ids.length < 2
      ? []
      : [
          `${address} is shared by ${ids.join(', ')} (anycast): routing, not DNS, chooses among them`,
        ],
  );
}
