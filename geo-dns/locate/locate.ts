/**
 * Where a client is: configured places first, then the GeoIP database, then the region of the registry that handed its
 * address out. Says which of them knew, and for how wide a network the answer is the same.
 *
 * Invariant: the networks of two different answers never overlap (RFC 7871 §7.2.1): every source that was asked narrows
 * the network, also when it did not know the address.
 */
import { type Network, parseNetwork } from '../../core/runtime/addresses.ts';
import type { Place } from '../../core/topology/schema.ts';
import type { Continent } from '../../core/topology/steering-schema.ts';
import { findCountry } from './countries.ts';
import type { GeoDatabase } from './database.ts';
import { createPrefixTrie, type PrefixTrie } from './prefix-trie.ts';
import {
  type RegistryBlock,
  type RegistryRegion,
  registryBlocks,
  registryRegions,
} from './registry-regions.ts';

export interface Point {
  /** Degrees. */
  latitude: number;
  longitude: number;
}

/** Where something is said to be. */
export interface Whereabouts extends Point {
  name?: string;
  /** ISO 3166-1 alpha-2. */
  country?: string;
  continent?: Continent;
}

export type Located = (
  | ({ source: 'places' | 'database' | 'registry' } & Whereabouts)
  | { source: 'none' }
) & {
  /** All addresses that share this many leading bits with the client are located alike. */
  prefixLength: number;
};

/** Locates an address of 4 or 16 bytes. */
export type Locate = (bytes: readonly number[]) => Located;

/** The two families of one source of networks. */
interface Families<T> {
  4: PrefixTrie<T>;
  6: PrefixTrie<T>;
}

export interface LocateSources {
  places: readonly Place[];
  database?: GeoDatabase | undefined;
}

/** Builds the lookup. Places may nest: the longest network wins. */
export function createLocate({ places, database }: LocateSources): Locate {
  const placeTries = createFamilies<Place>();
  for (const place of places) {
    for (const text of place.networks) insert(placeTries, text, place);
  }
  const registry = createFamilies<RegistryBlock>();
  for (const block of registryBlocks) {
    for (const text of block.networks) insert(registry, text, block);
  }
  return (bytes) => {
    const family = bytes.length === 4 ? 4 : 6;
    const byPlace = placeTries[family].lookup(bytes);
    if (byPlace.value) {
      const { name, latitude, longitude } = byPlace.value;
      const { prefixLength } = byPlace;
      const area = areaOf(byPlace.value);
      return { source: 'places', name, latitude, longitude, ...area, prefixLength };
    }
    const byDatabase = database?.lookup(bytes);
    const prefixLength = Math.max(byPlace.prefixLength, byDatabase?.prefixLength ?? 0);
    if (byDatabase?.place) {
      const area = areaOf(byDatabase.place);
      return { source: 'database', ...byDatabase.place, ...area, prefixLength };
    }
    return locateByRegistry(registry[family], bytes, prefixLength);
  };
}

function locateByRegistry(
  trie: PrefixTrie<RegistryBlock>,
  bytes: readonly number[],
  narrowedTo: number,
): Located {
  const match = trie.lookup(bytes);
  const prefixLength = Math.max(narrowedTo, match.prefixLength);
  const id = match.value?.region;
  if (!id) return { source: 'none', prefixLength };
  const { name, latitude, longitude } = registryRegions[id];
  const legacy = match.value?.status === 'legacy' ? ', legacy block' : '';
  const continent = continentsOfRegions[id];
  const text = `${name}${legacy}`;
  return { source: 'registry', name: text, latitude, longitude, continent, prefixLength };
}

/** As coarse as the table: a registry serves more than one continent, and this is the one with most of its clients. */
const continentsOfRegions: Readonly<Record<RegistryRegion, Continent>> = {
  afrinic: 'AF',
  apnic: 'AS',
  arin: 'NA',
  lacnic: 'SA',
  ripencc: 'EU',
};

/** Country and continent, as far as they are known; a country tells its continent. */
function areaOf({
  country,
  continent = country === undefined ? undefined : findCountry(country)?.continent,
}: {
  country?: string | undefined;
  continent?: Continent | undefined;
}): Pick<Whereabouts, 'country' | 'continent'> {
  return {
    ...(country === undefined ? {} : { country }),
    ...(continent === undefined ? {} : { continent }),
  };
}

function createFamilies<T>(): Families<T> {
  return { 4: createPrefixTrie(), 6: createPrefixTrie() };
}

function insert<T>(families: Families<T>, text: string, value: T): void {
  const network: Network | undefined = parseNetwork(text);
  if (!network) throw new Error(`"${text}" is no network`);
  families[network.family].insert(network, value);
}
