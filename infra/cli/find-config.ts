/**
 * Which configuration file a command means: `-c`, `BREAKWATER_CONFIG`, `./breakwater.yaml`, the network that was started
 * last from here. `up` has the demo network in place of the last.
 */
import { existsSync } from 'node:fs';
import path from 'node:path';
import { loadTopology, type Topology } from '../../core/topology/load.ts';
import { findCurrent } from '../up/current.ts';
import type { CliContext } from './cli-context.ts';
import { usageError } from './command-error.ts';

export type ConfigSource = 'option' | 'environment' | 'folder' | 'current';

export interface FoundConfig {
  file: string;
  source: ConfigSource;
}

type Place = Pick<CliContext, 'environment' | 'cwd'>;

/** Where the demo network's sites have their origin. */
export const demoOriginAddress = '127.0.0.1:9000';

/** The configuration that was named or lies at hand; undefined when there is none. */
export function findConfig(option: string | undefined, place: Place): FoundConfig | undefined {
  const named = findNamedConfig(option, place);
  if (named) return named;
  const current = findCurrent(place.cwd);
  return current === undefined ? undefined : { file: current, source: 'current' };
}

/** As `findConfig`, without the network that was started last. */
export function findNamedConfig(
  option: string | undefined,
  { environment, cwd }: Place,
): FoundConfig | undefined {
  if (option !== undefined) return { file: path.resolve(cwd, option), source: 'option' };
  const { BREAKWATER_CONFIG: given } = environment;
  if (given) return { file: path.resolve(cwd, given), source: 'environment' };
  const local = path.join(cwd, 'breakwater.yaml');
  return existsSync(local) ? { file: local, source: 'folder' } : undefined;
}

/** The configuration, read and checked. Throws CommandError (2) when none is at hand, TopologyError when it is wrong. */
export function requireTopology(
  option: string | undefined,
  context: Pick<CliContext, 'environment' | 'cwd'>,
): Topology {
  const found = findConfig(option, context);
  if (!found) {
    throw usageError(
      'no configuration: give -c FILE, set BREAKWATER_CONFIG, or start the demo network with npm start',
    );
  }
  return loadTopology(found.file, context.environment);
}
