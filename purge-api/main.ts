/** Runs purge-api as a process of its own; called by the command line. */
import { type NodeOptions, runNode } from '../core/topology/run-node.ts';
import { startPurgeApi } from './purge-api.ts';

/** Resolves never; the process exits by a signal, or with 1 and a clear line when it cannot start. */
export function runPurgeApi(options: NodeOptions): Promise<void> {
  return runNode('purge', options, startPurgeApi);
}
