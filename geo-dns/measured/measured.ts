/**
 * Which networks have measured round-trip times, as answers are made of them. Besides the times a lookup tells how wide a network shares
 * them, or shares having none: the scope of an answer keeps clear of measured networks (RFC 7871 §7.2.1). Pure.
 */
import { createPrefixTrie } from '../locate/prefix-trie.ts';

/** Milliseconds by PoP. */
export type Rtts = ReadonlyMap<string, number>;

/** As it travels to the workers. */
export type MeasuredNetworks = readonly {
  /** 4 or 16 bytes. */
  bytes: readonly number[];
  prefixLength: number;
  rtts: Rtts;
}[];

export interface Measured {
  lookup(bytes: readonly number[]): { value: Rtts | undefined; prefixLength: number };
}

export function createMeasured(networks: MeasuredNetworks): Measured {
  const tries = { 4: createPrefixTrie<Rtts>(), 6: createPrefixTrie<Rtts>() };
  for (const network of networks) {
    tries[network.bytes.length === 4 ? 4 : 6].insert(network, network.rtts);
  }
  return { lookup: (bytes) => tries[bytes.length === 4 ? 4 : 6].lookup(bytes) };
}

/** Light goes 100 km and back in a millisecond of fibre: what makes times and distances one scale. */
const kmPerMs = 100;

/**
 * Times as kilometres beside modelled distances. All times of a client hold its own last mile, which distances do not; so they are shifted by
 * what brings the one that is closest to its distance down to it, and PoPs that nobody has measured compare fairly. Where no
 * distance is known, the others count as far as the worst. Pure.
 */
export function measuredKm(
  rtts: Rtts,
  pops: readonly { id: string; distanceKm: number | undefined }[],
): Map<string, number> {
  const times = pops.flatMap(({ id, distanceKm = 0 }) => {
    const rttMs = rtts.get(id);
    return rttMs === undefined ? [] : [{ id, km: rttMs * kmPerMs, distanceKm }];
  });
  if (times.length === 0) return new Map();
  const shift = Math.min(...times.map(({ km, distanceKm }) => km - distanceKm));
  const shifted = new Map(times.map(({ id, km }) => [id, km - Math.max(0, shift)]));
  const worst = Math.max(...shifted.values());
  for (const { id, distanceKm } of pops) {
    if (distanceKm === undefined && !shifted.has(id)) shifted.set(id, worst + 1);
  }
  return shifted;
}
