/**
 * How every node process begins: read the file, find the node, make the real dependencies, and hand over to
 * the service's own start. The command line calls this through each service's `main.ts`.
 */
import { type Clock, type Random, systemClock, systemRandom } from '../runtime/deps.ts';
import { environmentVariables } from '../runtime/environment.ts';
import { createLog, type Log } from '../runtime/log.ts';
import { createMetrics, type Metrics } from '../runtime/metrics.ts';
import { runService, type Service } from '../runtime/service.ts';
import { loadTopology } from './load.ts';
import { findNode, type NodeSummary, type Role } from './nodes.ts';
import { type TopologyWithSecret, withSecret } from './secret-file.ts';

export interface NodeOptions {
  /** The configuration file. */
  file: string;
  id: string;
}

/** What a service starts from. */
export interface NodeContext {
  topology: TopologyWithSecret;
  node: NodeSummary;
  clock: Clock;
  random: Random;
  log: Log;
  metrics: Metrics;
  /** Random for each process start; tells a restart from a second instance of the same id. */
  instance: string;
  /** Reads and checks the file again, for a reload. Throws TopologyError. */
  loadAgain(): TopologyWithSecret;
}

/** Runs one node until a signal or the parent's end; exits 1 with a clear line when it cannot start. */
export function runNode(
  role: Role,
  { file, id }: NodeOptions,
  start: (context: NodeContext) => Promise<Service>,
): Promise<void> {
  const log = createLog({ service: role, node: id });
  return runService(log, async () => {
    const load = () => withSecret(loadTopology(file, environmentVariables()));
    const topology = load();
    const node = findNode(topology, id);
    if (node.role !== role) {
      throw new Error(
        `"${id}" is a node of the role ${node.role}: start it with "breakwater ${commandOf[node.role]}"`,
      );
    }
    return start({
      topology,
      node,
      clock: systemClock,
      random: systemRandom,
      log,
      metrics: createMetrics(),
      instance: systemRandom.hex(8),
      loadAgain: load,
    });
  });
}

/** The command that runs a node of the role. */
export const commandOf: Record<Role, string> = {
  edge: 'edge',
  shield: 'shield',
  dns: 'dns',
  purge: 'purge-api',
};
