/** An edge: a caching node that clients reach. Its upstream is the ring of its shields, then the origins. */
import { startCacheNode } from '../core/cache-node/cache-node.ts';
import type { Service } from '../core/runtime/service.ts';
import type { NodeContext } from '../core/topology/run-node.ts';

/** Starts the edge of `context.node`. */
export function startEdge(context: NodeContext): Promise<Service> {
  const config = context.topology.pops.find((pop) => pop.id === context.node.id);
  if (!config) throw new Error(`${context.node.id} is no PoP`);
  return startCacheNode(context, {
    role: 'edge',
    config,
    workerFile: new URL('./worker.ts', import.meta.url),
  });
}
