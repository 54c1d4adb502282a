/**
 * A population of clients over the countries, by their internet users, from a seed: the same seed gives the same clients. Each is in
 * the middle of its country and in a network of its own choosing. Pure.
 */
import { hash32 } from '../../core/upstream/ring.ts';
import { type Country, countries } from '../../geo-dns/locate/countries.ts';
import { clientNetworkOf } from '../../geo-dns/steering/client-network.ts';

export interface Population {
  countries: readonly Country[];
  /** By client: its country, as an index. */
  countryOf: Uint16Array;
  networkOf(client: number): string;
}

export function populationOf(clients: number, seed: number): Population {
  const inhabited = countries.filter(({ users }) => users > 0);
  const ends: number[] = [];
  let total = 0;
  for (const { users } of inhabited) {
    total += users;
    ends.push(total);
  }
  const countryOf = new Uint16Array(clients);
  for (let client = 0; client < clients; client += 1) {
    const at = (hash32(`${seed} country ${client}`) / 2 ** 32) * total;
    countryOf[client] = indexOfEnd(ends, at);
  }
  return {
    countries: inhabited,
    countryOf,
    networkOf(client) {
      const random = hash32(`${seed} network ${client}`);
      return clientNetworkOf([random >>> 24, (random >>> 16) & 255, (random >>> 8) & 255, 0]).text;
    },
  };
}

/** The first whose end is above `at`. */
function indexOfEnd(ends: readonly number[], at: number): number {
  let low = 0;
  let high = ends.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((ends[middle] ?? 0) > at) high = middle;
    else low = middle + 1;
  }
  return low;
}
