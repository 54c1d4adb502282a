/** The process of one shield: `breakwater shield -c FILE --id ID`. */
import { type NodeOptions, runNode } from '../core/topology/run-node.ts';
import { startShield } from './origin-shield.ts';

/** Runs the shield until it is stopped. */
export function runShield(options: NodeOptions): Promise<void> {
  return runNode('shield', options, startShield);
}
