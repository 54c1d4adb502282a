/**
 * The network's secret when the configuration names none: `up` makes one, once, and keeps it in `dataDir`, readable by its
 * owner only. Single nodes on the same machine find it there; on several machines `secret` must be configured.
 */
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Random } from '../runtime/deps.ts';
import type { Topology } from './load.ts';

export type TopologyWithSecret = Topology & { secret: string };

/** The topology with its secret; makes one when there is none and `random` is given. Throws with what to do otherwise. */
export function withSecret(topology: Topology, random?: Random): TopologyWithSecret {
  if (topology.secret !== undefined) return { ...topology, secret: topology.secret };
  const file = path.join(topology.dataDir, 'secret');
  if (existsSync(file)) {
    const secret = readFileSync(file, 'utf8').trim();
    // Keys that are derived from nothing could be derived by anybody.
    if (secret === '') throw new Error(`${file} is empty: remove it, or configure "secret"`);
    return { ...topology, secret };
  }
  if (!random) {
    throw new Error(
      `no "secret" in ${topology.file} and none in ${file}: add "secret: env:BREAKWATER_SECRET", the same on every machine`,
    );
  }
  mkdirSync(topology.dataDir, { recursive: true });
  const secret = random.hex(32);
  // Under another name first, so that a start that is cut short leaves no half of a secret.
  writeFileSync(`${file}.new`, `${secret}\n`, { mode: 0o600 });
  renameSync(`${file}.new`, file);
  return { ...topology, secret };
}
