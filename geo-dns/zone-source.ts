/**
 * The zones of a DNS node from the configuration, zone files and key files. At a start every file must be good; on a reload a
 * zone whose file is not keeps what it had.
 */
import { formatProblem, type Problem } from '../core/runtime/config.ts';
import type { Topology } from '../core/topology/load.ts';
import type { DnsNode } from '../core/topology/schema.ts';
import type { StaticRecord } from '../core/topology/static-records.ts';
import { readZoneFiles, zoneFilesError } from '../core/topology/zone-files.ts';
import { readKeyFile } from './dnssec/key-file.ts';
import type { ZoneKeys } from './dnssec/keys.ts';
import type { Zones } from './zone.ts';
import { buildZones } from './zone-build.ts';

/** What good files held, by zone. */
export type ZoneFiles = ReadonlyMap<string, readonly StaticRecord[]>;

export interface Sources {
  files: ZoneFiles;
  /** By zone. */
  keys: ReadonlyMap<string, ZoneKeys>;
}

export interface LoadedZones extends Sources {
  zones: Zones;
  /** What could not be used; the zone has what it had before. */
  kept: { zone: string; what: 'file' | 'dnssec'; problems: string[] }[];
  /** What holds something else than before. */
  changed: { zone: string; what: 'file' | 'dnssec' }[];
}

/** Reads and builds. Throws a TopologyError, with all problems, when a file is wrong and there is nothing to keep. */
export function loadZones(
  topology: Topology,
  node: DnsNode,
  before: Sources = { files: new Map(), keys: new Map() },
): LoadedZones {
  const kept: LoadedZones['kept'] = [];
  const files = loadFiles(topology, node, before.files, kept);
  const keys = loadKeys(node, before.keys, kept);
  const changed = [
    ...changesIn(before.files, files).map((zone) => ({ zone, what: 'file' as const })),
    ...changesIn(tagsOf(before.keys), tagsOf(keys)).map((zone) => ({
      zone,
      what: 'dnssec' as const,
    })),
  ];
  return { zones: buildZones(topology, node, { files, keys }), files, keys, kept, changed };
}

function loadFiles(
  topology: Topology,
  node: DnsNode,
  before: ZoneFiles,
  kept: LoadedZones['kept'],
): ZoneFiles {
  const files = new Map<string, readonly StaticRecord[]>();
  const fatal: Problem[] = [];
  for (const [zone, read] of readZoneFiles(topology, node)) {
    const last = before.get(zone);
    if (read.ok) files.set(zone, read.records);
    else if (last) {
      files.set(zone, last);
      kept.push({ zone, what: 'file', problems: read.problems.map(formatProblem) });
    } else fatal.push(...read.problems);
  }
  if (fatal.length > 0) throw zoneFilesError(fatal);
  return files;
}

function loadKeys(
  node: DnsNode,
  before: Sources['keys'],
  kept: LoadedZones['kept'],
): Sources['keys'] {
  const keys = new Map<string, ZoneKeys>();
  for (const { name, dnssec } of node.zones) {
    if (!dnssec) continue;
    const last = before.get(name);
    try {
      keys.set(name, readKeyFile(dnssec.keys, name).keys);
    } catch (error) {
      if (!last) throw error;
      keys.set(name, last);
      kept.push({ zone: name, what: 'dnssec', problems: [(error as Error).message] });
    }
  }
  return keys;
}

function tagsOf(keys: Sources['keys']): Map<string, number[]> {
  return new Map(
    [...keys].map(([zone, { active, published, wanted }]) => [
      zone,
      [active, ...published, ...wanted].map(({ tag }) => tag),
    ]),
  );
}

/** The zones that were there before and have something else now. */
function changesIn<T>(before: ReadonlyMap<string, T>, now: ReadonlyMap<string, T>): string[] {
  return [...now.keys()].filter(
    (zone) =>
      before.has(zone) && JSON.stringify(before.get(zone)) !== JSON.stringify(now.get(zone)),
  );
}
