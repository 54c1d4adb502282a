/**
 * From a file on disk to the value that every service starts with: parsed, checked, paths made absolute, secrets
 * resolved. The file is the same on every machine; what differs is which of its nodes a process runs.
 */
import { createHash, hkdfSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { type Finding, formatProblem, type Problem, parseConfig } from '../runtime/config.ts';
import { crossCheck } from './cross-checks.ts';
import { journalSecrets, withJournalSecrets } from './journal-schema.ts';
import { type TopologyFile, topologySchema } from './schema.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** The configuration of a network, ready for use: `dataDir` is absolute, secrets are plain text. */
export interface Topology extends Omit<TopologyFile, 'secret'> {
  /** The file it came from; absolute. */
  file: string;
  /** Undefined until `up` has made one (see `secret-file.ts`). */
  secret: string | undefined;
  /** Equal on all machines that run from equal files. */
  hash: string;
}

/** Thrown when the file cannot be read or is wrong; `message` is ready to be shown to a person. */
export class TopologyError extends Error {
  readonly problems: readonly Problem[];
  constructor(message: string, problems: readonly Problem[]) {
    super(message);
    this.name = 'TopologyError';
    this.problems = problems;
  }
}

/** Reads, checks and resolves `file`. Throws TopologyError with every problem, one a line. */
export function loadTopology(file: string, environment: Environment): Topology {
  const absolute = path.resolve(file);
  let text: string;
  try {
    text = readFileSync(absolute, 'utf8');
  } catch (error) {
    const reason =
      (error as NodeJS.ErrnoException).code === 'ENOENT'
        ? 'no such file'
        : (error as Error).message;
    throw new TopologyError(`${file}: cannot be read: ${reason}`, []);
  }
  return parseTopology(text, absolute, environment);
}

/** As `loadTopology`, for a text that is at hand. `file` names it in messages and anchors relative paths. */
export function parseTopology(text: string, file: string, environment: Environment): Topology {
  const folder = path.dirname(file);
  const parsed = parseConfig(text, topologySchema, (value) => [
    ...crossCheck(value),
    ...unresolvableSecrets(value, folder, environment),
  ]);
  if (!parsed.ok) {
    const count = parsed.problems.length === 1 ? '1 problem' : `${parsed.problems.length} problems`;
    const list = parsed.problems.map((problem) => `  ${formatProblem(problem)}`).join('\n');
    throw new TopologyError(`${file}: ${count}\n${list}`, parsed.problems);
  }
  const { value } = parsed;
  const keyFileOf = (zone: string, given: string) =>
    given === ''
      ? path.resolve(folder, value.dataDir, 'dnssec', `${zone}.json`)
      : path.resolve(folder, given);
  const secretOf = (given: string) => resolveSecret(given, folder, environment);
  return {
    ...value,
    file,
    dataDir: path.resolve(folder, value.dataDir),
    secret: value.secret === undefined ? undefined : secretOf(value.secret),
    debugToken: value.debugToken === undefined ? undefined : secretOf(value.debugToken),
    purge: {
      ...value.purge,
      tokens: value.purge.tokens.map((token) => ({ ...token, secret: secretOf(token.secret) })),
      journal: withJournalSecrets(value.purge.journal, secretOf),
    },
    dns: value.dns.map((dns) => ({
      ...dns,
      zones: dns.zones.map((zone) => ({
        ...zone,
        ...(zone.file === undefined ? {} : { file: path.resolve(folder, zone.file) }),
        ...(zone.dnssec ? { dnssec: { keys: keyFileOf(zone.name, zone.dnssec.keys) } } : {}),
      })),
      geoip: {
        ...dns.geoip,
        ...(dns.geoip.database === undefined
          ? {}
          : { database: path.resolve(folder, dns.geoip.database) }),
      },
    })),
    hash: createHash('sha256').update(JSON.stringify(value)).digest('hex').slice(0, 16),
  };
}

/** The text behind `env:NAME`, `file:PATH` or a literal. Throws when there is none. */
export function resolveSecret(given: string, folder: string, environment: Environment): string {
  if (given.startsWith('env:')) {
    const value = environment[given.slice(4)];
    if (!value) throw new Error(`the environment variable ${given.slice(4)} is not set`);
    return value;
  }
  if (given.startsWith('file:')) {
    const value = readFileSync(path.resolve(folder, given.slice(5)), 'utf8').trim();
    if (value === '') throw new Error(`the file ${given.slice(5)} is empty`);
    return value;
  }
  return given;
}

/**
 * A key for one purpose, derived from the network's secret (HKDF-SHA256, RFC 5869), as hexadecimal. Different purposes
 * give unrelated keys, so that what one node learns speaks for nobody else.
 */
export function deriveKey(secret: string, purpose: string): string {
  return Buffer.from(hkdfSync('sha256', secret, 'breakwater', purpose, 32)).toString('hex');
}

function unresolvableSecrets(
  value: TopologyFile,
  folder: string,
  environment: Environment,
): Finding[] {
  const given: Finding[] = [
    ...(['secret', 'debugToken'] as const).flatMap((key) => {
      const text = value[key];
      return text === undefined ? [] : [{ path: [key], message: text }];
    }),
    ...value.purge.tokens.map((token, index) => ({
      path: ['purge', 'tokens', index, 'secret'],
      message: token.secret,
    })),
    ...journalSecrets(value.purge.journal).map(({ path: within, text }) => ({
      path: ['purge', 'journal', ...within],
      message: text,
    })),
  ];
  return given.flatMap(({ path: where, message: text }) => {
    try {
      resolveSecret(text, folder, environment);
      return [];
    } catch (error) {
      return [{ path: where, message: (error as Error).message }];
    }
  });
}
