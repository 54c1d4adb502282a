/**
 * A changed configuration: what of it purge-api can take while it runs, and what needs a restart. Pure; the file has been
 * read and checked already.
 */
import type { TopologyWithSecret } from '../core/topology/secret-file.ts';

export interface Reload {
  /** What is in force from now on: the new file, but for what needs a restart. */
  topology: TopologyWithSecret;
  /** Paths of changed keys that are in force. */
  applied: string[];
  /** Paths of changed keys that need a restart. */
  refused: string[];
}

/** Keys of the file that purge-api reads once, when it starts; by their name in the file. */
const fixedKeys = {
  network: 'network',
  dataDir: 'dataDir',
  secret: 'secret',
  leaseMs: 'lease',
} as const;
/** The same below `purge`. */
const fixedPurgeKeys = ['id', 'listen', 'reach', 'admin', 'journal'] as const;
const liveKeys = ['sites', 'pops', 'shields', 'dns', 'trustedProxies', 'limits'] as const;

/** Compares the configuration in force with the file as it is now. */
export function planReload(current: TopologyWithSecret, next: TopologyWithSecret): Reload {
  const { network, dataDir, secret, leaseMs } = current;
  const topology: TopologyWithSecret = {
    ...next,
    network,
    dataDir,
    secret,
    leaseMs,
    purge: { ...current.purge, tokens: next.purge.tokens },
  };
  const refused = [
    ...Object.entries(fixedKeys)
      .filter(([key]) => differs(current, next, key))
      .map(([, name]) => name),
    ...fixedPurgeKeys
      .filter((key) => differs(current.purge, next.purge, key))
      .map((key) => `purge.${key}`),
  ];
  const applied: string[] = liveKeys.filter((key) => differs(current, next, key));
  if (differs(current.purge, next.purge, 'tokens')) applied.push('purge.tokens');
  return { topology, applied, refused };
}

function differs(before: object, after: object, key: string): boolean {
  const textOf = (value: object) => JSON.stringify((value as Record<string, unknown>)[key]);
  return textOf(before) !== textOf(after);
}
