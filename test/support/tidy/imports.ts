/**
 * What a file imports, and where it may: the directions between the parts of the system, and the one door of each
 * external package. The tables are DESIGN.md's, with `core/http` free of everything and services that meet on the wire.
 */
import path from 'node:path';
import { lineOf, type Source } from './source.ts';

export interface Import {
  /** As it is written: `./date.ts`, `pino`, `node:fs`. */
  specifier: string;
  /** The file it leads to, for a relative one. */
  target: string | undefined;
  line: number;
}

const importForms = [
  /\b(?:import|export)\s+(?:type\s+)?(?:[\w$*,{}\s]+?\s+from\s+)?(?=['"])/g,
  /\bimport\(\s*(?=['"])/g,
  /** How a worker's entry is named, so that it is found wherever the process was started from. */
  /\bnew URL\(\s*(?=['"]\s+['"],\s*import\.meta\.url)/g,
];

/** Static and dynamic imports, re-exports, type imports, and the entries of workers. */
export function importsOf(source: Source): Import[] {
  const byStart = new Map(source.strings.map((literal) => [literal.start, literal.text]));
  return importForms.flatMap((form) =>
    [...source.code.matchAll(form)].flatMap((match) => {
      const specifier = byStart.get(match.index + match[0].length + 1);
      const isFolder = specifier === '' || specifier?.endsWith('/');
      if (specifier === undefined || isFolder) return [];
      const isRelative = specifier.startsWith('.');
      const target = path.posix.join(path.posix.dirname(source.file), specifier);
      const line = lineOf(source, match.index);
      return [{ specifier, target: isRelative ? target : undefined, line }];
    }),
  );
}

const foundation = ['core/runtime', 'core/http'];
const wholeCore = [
  ...foundation,
  'core/dns',
  'core/topology',
  'core/upstream',
  'core/purge',
  'core/cache',
  'core/cache-node',
];
const withoutCache = wholeCore.filter((area) => !area.startsWith('core/cache'));
const services = ['edge', 'origin-shield', 'geo-dns', 'purge-api'];

/** Area → the areas that it may import besides itself. */
const directions: Record<string, string[]> = {
  'core/runtime': [],
  'core/http': [],
  'core/dns': foundation,
  'core/topology': [...foundation, 'core/dns'],
  'core/upstream': foundation,
  'core/purge': [...foundation, 'core/topology', 'core/upstream'],
  'core/cache': [...foundation, 'core/topology', 'core/upstream', 'core/purge'],
  'core/cache-node': wholeCore,
  edge: wholeCore,
  'origin-shield': wholeCore,
  'geo-dns': withoutCache,
  'purge-api': wholeCore,
  'infra/bootstrap': [],
  infra: [...wholeCore, ...services],
};

/** The longest area that the path lies in: `core/cache-node.ts` is core/cache-node, not core/cache. */
function areaOf(file: string): string | undefined {
  return Object.keys(directions)
    .filter((area) => file.startsWith(`${area}/`) || file === `${area}.ts`)
    .sort((a, b) => b.length - a.length)[0];
}

/** Imports that lead from one part of the system into one that it must not know. */
export function findWrongDirections(sources: Source[]): string[] {
  return sources.flatMap((source) => {
    const from = areaOf(source.file);
    if (from === undefined) return [`${source.file}: lies in no area that test/tidy.test.ts knows`];
    const allowed = directions[from] ?? [];
    return importsOf(source).flatMap(({ target, line }) => {
      const to = target === undefined ? from : areaOf(target);
      if (to === from || (to !== undefined && allowed.includes(to))) return [];
      const may = allowed.length === 0 ? 'nothing else' : allowed.join(', ');
      return [`${source.file}:${line}: ${from} may not import ${target}; it may import ${may}`];
    });
  });
}

/** Package → where it may be imported: a folder ends with a slash. `''` is everywhere. */
const doors: Record<string, string[]> = {
  'better-sqlite3': ['core/runtime/sqlite.ts'],
  pino: ['core/runtime/log.ts'],
  'prom-client': ['core/runtime/metrics.ts'],
  yaml: ['core/runtime/config.ts'],
  ws: ['core/runtime/duplex.ts'],
  undici: ['core/upstream/dial.ts', 'core/runtime/http-client.ts'],
  maxmind: ['geo-dns/locate.ts', 'geo-dns/locate/'],
  // Loaded only where the journal's kind is nats.
  '@nats-io/transport-node': ['purge-api/nats/'],
  '@nats-io/jetstream': ['purge-api/nats/'],
  'ipaddr.js': ['core/runtime/addresses.ts'],
  'structured-headers': ['core/http/'],
  commander: ['infra/cli/'],
  // Control surfaces only: the data plane is node:http, because a fetch Response loses order, case, repeats and trailers.
  hono: ['core/runtime/', 'core/cache-node/', 'geo-dns/', 'purge-api/', 'infra/'],
  '@hono/node-server': ['core/runtime/', 'core/cache-node/', 'geo-dns/', 'purge-api/', 'infra/'],
  '@hono/zod-openapi': ['purge-api/'],
  'lru-cache': [''],
  zod: [''],
};

/** External packages that come in by another way than their door. */
export function findPackagesPastDoors(sources: Source[]): string[] {
  return sources.flatMap((source) =>
    importsOf(source).flatMap(({ specifier, target, line }) => {
      if (target !== undefined || specifier.startsWith('node:')) return [];
      const name = specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/');
      const allowed = doors[name];
      const at = `${source.file}:${line}: ${name}`;
      if (allowed === undefined) return [`${at} has no door: see the table in tidy/imports.ts`];
      const isOpen = allowed.some((door) =>
        door === '' || door.endsWith('/') ? source.file.startsWith(door) : source.file === door,
      );
      return isOpen ? [] : [`${at} comes in only through ${allowed.join(', ')}`];
    }),
  );
}
