/** A shield: a caching node that only the network's edges reach, so that an origin is asked once for all of them. */
import { startCacheNode } from '../core/cache-node/cache-node.ts';
import type { Service } from '../core/runtime/service.ts';
import type { NodeContext } from '../core/topology/run-node.ts';

/** Starts the shield of `context.node`. */
export function startShield(context: NodeContext): Promise<Service> {
  const config = context.topology.shields.find((shield) => shield.id === context.node.id);
  if (!config) throw new Error(`${context.node.id} is no shield`);
  return startCacheNode(context, {
    role: 'shield',
    config,
    workerFile: new URL('./worker.ts', import.meta.url),
  });
}
