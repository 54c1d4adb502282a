/** The process of one edge: `breakwater edge -c FILE --id ID`. */
import { type NodeOptions, runNode } from '../core/topology/run-node.ts';
import { startEdge } from './edge.ts';

/** Runs the edge until it is stopped. */
export function runEdge(options: NodeOptions): Promise<void> {
  return runNode('edge', options, startEdge);
}
