/** `breakwater check`: what the file says, or everything that is wrong with it. */
import { loadTopology, TopologyError } from '../../../core/topology/load.ts';
import { assertZoneFiles } from '../../../core/topology/zone-files.ts';
import type { CliContext } from '../cli-context.ts';
import { CommandError, exitCodes, usageError } from '../command-error.ts';
import { describeNetwork, summarise } from '../describe-network.ts';
import { findConfig } from '../find-config.ts';
import { warningsOf } from '../warnings.ts';

export interface CheckOptions {
  config?: string;
  json: boolean;
}

/** Prints the network. Throws with every problem, and exit code 1, when the file is wrong. */
export function check(context: CliContext, options: CheckOptions): void {
  const { terminal } = context;
  const found = findConfig(options.config, context);
  if (!found) throw usageError('no configuration to check: give -c FILE');
  try {
    const topology = loadTopology(found.file, context.environment);
    assertZoneFiles(topology);
    const warnings = warningsOf(topology);
    if (options.json) {
      terminal.line(JSON.stringify({ ok: true, ...summarise(topology), warnings }));
      return;
    }
    for (const line of describeNetwork(topology, terminal)) terminal.line(line);
    for (const warning of warnings)
      terminal.line(`${terminal.style('yellow', 'warning')} ${warning}`);
  } catch (error) {
    if (!(error instanceof TopologyError)) throw error;
    if (!options.json) throw new CommandError(error.message);
    terminal.line(JSON.stringify({ ok: false, file: found.file, problems: error.problems }));
    throw new CommandError(`${found.file} is wrong`, exitCodes.refused);
  }
}
