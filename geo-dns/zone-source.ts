/**
 * The zones of a DNS node from the configuration and from zone files. At a start every file must be good; on a reload a
 * zone whose file is not keeps what it had.
 */
import { formatProblem, type Problem } from '../core/runtime/config.ts';
import type { Topology } from '../core/topology/load.ts';
import type { DnsNode } from '../core/topology/schema.ts';
import type { StaticRecord } from '../core/topology/static-records.ts';
import { readZoneFiles, zoneFilesError } from '../core/topology/zone-files.ts';
import type { Zones } from './zone.ts';
import { buildZones } from './zone-build.ts';

/** What good files held, by zone. */
export type ZoneFiles = ReadonlyMap<string, readonly StaticRecord[]>;

export interface LoadedZones {
  zones: Zones;
  files: ZoneFiles;
  /** Zones whose file could not be used; each has what it had before. */
  kept: { zone: string; problems: string[] }[];
  /** Zones whose file holds something else than before. */
  changed: string[];
}

/** Reads and builds. Throws a TopologyError, with all problems, when a file is wrong and there is nothing to keep. */
export function loadZones(
  topology: Topology,
  node: DnsNode,
  before: ZoneFiles = new Map(),
): LoadedZones {
  const files = new Map<string, readonly StaticRecord[]>();
  const kept: LoadedZones['kept'] = [];
  const fatal: Problem[] = [];
  for (const [zone, read] of readZoneFiles(topology, node)) {
    const last = before.get(zone);
    if (read.ok) files.set(zone, read.records);
    else if (last) {
      files.set(zone, last);
      kept.push({ zone, problems: read.problems.map(formatProblem) });
    } else fatal.push(...read.problems);
  }
  if (fatal.length > 0) throw zoneFilesError(fatal);
  const changed = [...files].flatMap(([zone, records]) =>
    before.has(zone) && JSON.stringify(before.get(zone)) !== JSON.stringify(records) ? [zone] : [],
  );
  return { zones: buildZones(topology, node, files), files, kept, changed };
}
