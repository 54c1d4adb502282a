/**
 * The one door to maxmind: a city database in the MaxMind format, of either record shape that is in use. The file is read
 * into memory once; a new one is opened beside it and swapped in by a reload, because the package's own watcher ends the
 * process when the file is damaged.
 *
 * Invariant: a record that cannot be used is "place not known", counted, never an error of the query.
 */
import { open, type Reader } from 'maxmind';
import { z } from 'zod';
import { formatAddress } from '../../core/runtime/addresses.ts';
import { type Continent, continent, country } from '../../core/topology/steering-schema.ts';

export interface GeoPlace {
  name?: string;
  latitude: number;
  longitude: number;
  /** ISO 3166-1 alpha-2. */
  country?: string;
  continent?: Continent;
}

export interface GeoDatabase {
  /** `bytes` are 4 or 16; `prefixLength` is the network for which the database says the same. */
  lookup(bytes: readonly number[]): { place: GeoPlace | undefined; prefixLength: number };
  /** `GeoLite2-City of 2026-01-01`, for a log line. */
  readonly description: string;
  readonly builtAtMs: number;
}

const latitude = z.number().min(-90).max(90);
const longitude = z.number().min(-180).max(180);

/** GeoIP2, GeoLite2, DB-IP: names by language under nested objects. */
const nested = z
  .object({
    location: z.object({ latitude, longitude }),
    city: z.object({ names: z.object({ en: z.string() }) }).optional(),
    country: z.object({ iso_code: z.string() }).optional(),
    continent: z.object({ code: continent }).optional().catch(undefined),
  })
  .transform(({ location, city, country, continent }) => ({
    ...location,
    name: placeName(city?.names.en, country?.iso_code),
    country: country?.iso_code,
    continent: continent?.code,
  }));

/** ip-location-db and its kin: everything at the top. */
const flat = z
  .object({
    latitude,
    longitude,
    city: z.string().optional(),
    country_code: z.string().optional(),
  })
  .transform(({ latitude, longitude, city, country_code }) => ({
    latitude,
    longitude,
    name: placeName(city, country_code),
    country: country_code,
    continent: undefined,
  }));

const placeRecord = z.union([nested, flat]);

function placeName(city: string | undefined, country: string | undefined): string | undefined {
  return [city, country].filter(Boolean).join(', ') || undefined;
}

/**
 * Opens the database. Throws an error that names the file and what to do when it is missing, damaged or of another
 * kind; `onUnusable` is called for each record, later, that has no usable place.
 */
export async function openGeoDatabase(file: string, onUnusable: () => void): Promise<GeoDatabase> {
  let reader: Reader<never>;
  try {
    reader = await open<never>(file);
    // A cut file opens; it is the walk through its tree and its data that fails.
    for (const probe of ['1.1.1.1', '128.66.0.1', '203.0.114.1']) reader.get(probe);
  } catch (error) {
    throw new Error(openingProblem(file, error as NodeJS.ErrnoException));
  }
  const { databaseType, buildEpoch, ipVersion } = reader.metadata;
  return {
    description: `${databaseType} of ${buildEpoch.toISOString().slice(0, 10)}`,
    builtAtMs: buildEpoch.getTime(),
    lookup(bytes) {
      // An IPv4 database knows nothing of IPv6, and its tree would be misread.
      if (bytes.length === 16 && ipVersion === 4) return { place: undefined, prefixLength: 0 };
      const [record, prefixLength] = lookupIn(reader, bytes);
      if (record === null) return { place: undefined, prefixLength };
      const place = placeOf(record);
      if (!place) onUnusable();
      return { place, prefixLength };
    },
  };
}

/** A damaged branch of the tree throws; that is a place that is not known, for exactly this address. */
function lookupIn(reader: Reader<never>, bytes: readonly number[]): [unknown, number] {
  try {
    return reader.getWithPrefixLength(formatAddress(bytes));
  } catch (error) {
    return [error, bytes.length * 8];
  }
}

function placeOf(record: unknown): GeoPlace | undefined {
  const parsed = placeRecord.safeParse(record);
  if (!parsed.success) return undefined;
  const { latitude, longitude, name, continent } = parsed.data;
  const code = country.safeParse(parsed.data.country);
  return {
    latitude,
    longitude,
    ...(name === undefined ? {} : { name }),
    ...(code.success ? { country: code.data } : {}),
    ...(continent === undefined ? {} : { continent }),
  };
}

function openingProblem(file: string, error: NodeJS.ErrnoException): string {
  const advice = 'correct "geoip.database", or remove it to use places and registry regions only';
  if (error.code === 'ENOENT') return `${file}: no such GeoIP database: ${advice}`;
  if (error.code !== undefined && error.code !== 'ERR_ASSERTION') {
    return `${file}: the GeoIP database cannot be read (${error.code}): ${advice}`;
  }
  return `${file} is damaged or no database in the MaxMind format (${error.message}): ${advice}`;
}
