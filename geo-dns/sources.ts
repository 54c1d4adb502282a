/**
 * All that a configuration and the files that it names give to answer from: zones, keys, places, steering rules. At a start every
 * file must be good; later, what is not keeps what it had.
 */
import type { Log } from '../core/runtime/log.ts';
import type { TopologyWithSecret } from '../core/topology/secret-file.ts';
import { steeringByHost } from '../core/topology/steering-schema.ts';
import type { DnsMetrics } from './dns-metrics.ts';
import { type GeoDatabase, openGeoDatabase } from './locate/database.ts';
import { createLocate } from './locate/locate.ts';
import { dnsNodeOf, type Served } from './responder.ts';
import { loadZones, type Sources } from './zone-source.ts';

/** What is served, and what it was built from. */
export interface Current extends Served, Sources {
  database: GeoDatabase | undefined;
}

export interface Loaded {
  current: Current;
  /** Paths of what holds something else than before, and of what could not be used. */
  changed: string[];
  refused: string[];
}

export interface SourceDeps {
  log: Log;
  metrics: DnsMetrics;
}

/** Reads everything. Throws, with all problems, when something is wrong that there is no earlier state of. */
export async function loadSources(
  { log, metrics }: SourceDeps,
  topology: TopologyWithSecret,
  nodeId: string,
  before?: Partial<Current>,
): Promise<Loaded> {
  const config = dnsNodeOf(topology, nodeId);
  const path = `dns.${nodeId}`;
  const { files = new Map(), keys = new Map() } = before ?? {};
  const zones = loadZones(topology, config, { files, keys });
  const refused = zones.kept.map(({ zone, what, problems }) => {
    log.warn({ zone, what, problems }, 'not taken over: the zone stays as it was');
    return `${path}.zones.${zone}.${what}`;
  });
  const database = await openDatabase({ log, metrics }, config.geoip.database).catch(
    (error: unknown) => {
      if (before === undefined || !('database' in before)) throw error;
      log.warn({ problem: (error as Error).message }, 'GeoIP database not replaced');
      refused.push(`${path}.geoip.database`);
      return before.database;
    },
  );
  const current: Current = {
    topology,
    zones: zones.zones,
    files: zones.files,
    keys: zones.keys,
    database,
    locate: createLocate({ places: config.geoip.places, database }),
    steering: steeringByHost(topology.sites),
  };
  const changed = zones.changed.map(({ zone, what }) => `${path}.zones.${zone}.${what}`);
  return { current, changed, refused };
}

async function openDatabase(
  { log, metrics }: SourceDeps,
  file: string | undefined,
): Promise<GeoDatabase | undefined> {
  if (file === undefined) return undefined;
  const database = await openGeoDatabase(file, metrics.unusableGeoRecord);
  log.info({ file, database: database.description }, 'GeoIP database');
  return database;
}
