/** The entry of a DNS node: `breakwater dns -c FILE --id ID`. */
import { type NodeOptions, runNode } from '../core/topology/run-node.ts';
import { startDns } from './geo-dns.ts';

/** Runs the node until a signal or its parent's end. */
export function runDns(options: NodeOptions): Promise<void> {
  return runNode('dns', options, startDns);
}
