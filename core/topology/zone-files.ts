/**
 * The zone files that a configuration names, read and checked: by geo-dns when it starts and reloads, and by `check`. Other nodes
 * need not have them.
 */
import { readFileSync, statSync } from 'node:fs';
import { parseZoneFile } from '../dns/zone-file.ts';
import { formatProblem, type Problem } from '../runtime/config.ts';
import { type Topology, TopologyError } from './load.ts';
import type { DnsNode, Zone } from './schema.ts';
import type { StaticRecord } from './static-records.ts';
import { surroundingsOf } from './zone-checks.ts';
import { contentProblems } from './zone-content.ts';

export type ReadZoneFile =
  | { ok: true; records: readonly StaticRecord[] }
  | { ok: false; problems: Problem[] };

/** Some 500,000 records, which take about a gigabyte in memory. */
const maxFileBytes = 16 * 2 ** 20;
/** Whoever has more of them than this has one. */
const maxProblems = 100;

/** The file of each zone of `dns` that has one, by the zone's name. */
export function readZoneFiles(topology: Topology, dns: DnsNode): Map<string, ReadZoneFile> {
  return new Map(
    dns.zones.flatMap((zone): [string, ReadZoneFile][] =>
      zone.file === undefined ? [] : [[zone.name, readZoneFile(topology, dns, zone, zone.file)]],
    ),
  );
}

/** Throws a TopologyError with every problem of every zone file. */
export function assertZoneFiles(topology: Topology): void {
  const seen = new Set<string>();
  const problems = topology.dns.flatMap((dns) =>
    [...readZoneFiles(topology, dns).values()].flatMap((read) => (read.ok ? [] : read.problems)),
  );
  // Two servers of a zone have the same file, on this machine at least.
  const different = problems.filter((problem) => {
    const text = formatProblem(problem);
    return !seen.has(text) && seen.add(text);
  });
  if (different.length > 0) throw zoneFilesError(different);
}

export function zoneFilesError(problems: readonly Problem[]): TopologyError {
  const count = problems.length === 1 ? '1 problem' : `${problems.length} problems`;
  const list = problems.map((problem) => `  ${formatProblem(problem)}`).join('\n');
  return new TopologyError(`zone files: ${count}\n${list}`, problems);
}

function readZoneFile(topology: Topology, dns: DnsNode, zone: Zone, file: string): ReadZoneFile {
  const failed = (problems: { line: number; message: string }[]): ReadZoneFile => ({
    ok: false,
    problems: problems.slice(0, maxProblems).map((problem) => ({ path: file, ...problem })),
  });
  let text: string;
  try {
    text = readText(file);
  } catch (error) {
    return failed([{ line: 1, message: (error as Error).message }]);
  }
  const { records, problems } = parseZoneFile(text, {
    apex: zone.name,
    ttlSeconds: Math.floor(zone.ttlMs / 1000),
  });
  const statics = records.map(({ line, ...record }) => ({ ...record, at: line }));
  const content = contentProblems(surroundingsOf(topology, dns, zone.name), statics);
  const all = [...problems, ...content.map(({ at, message }) => ({ line: at, message }))];
  if (all.length > 0) return failed(all.sort((a, b) => a.line - b.line));
  return { ok: true, records: statics };
}

function readText(file: string): string {
  try {
    if (statSync(file).size > maxFileBytes) throw new Error('the zone file is longer than 16 MiB');
    return new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(file));
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') throw new Error('no such zone file');
    if (code === 'ERR_ENCODING_INVALID_ENCODED_DATA') throw new Error('the zone file is not UTF-8');
    throw new Error(message);
  }
}
