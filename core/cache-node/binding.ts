/** Where a node listens and with how many workers: decided before any of them starts. */
import { createServer } from 'node:net';
import os from 'node:os';
import { type HostPort, parseHostPort } from '../runtime/addresses.ts';
import { environmentWorkers } from '../runtime/environment.ts';
import { readBound } from '../topology/nodes.ts';
import type { NodeContext } from '../topology/run-node.ts';

/**
 * The address to bind. A port that is in use is found here, by binding it plainly once: `reusePort` itself would share it in
 * silence. With port 0 the port of the last start is taken again if it is free, since others may know it.
 */
export async function chooseAddress(context: NodeContext, listen: string): Promise<HostPort> {
  const address = parseHostPort(listen) ?? { host: '127.0.0.1', port: 0 };
  if (address.port > 0) {
    await probeBind(address);
    return address;
  }
  const last = parseHostPort(readBound(context.topology, context.node.id)?.listen ?? '');
  if (!last) return address;
  const again = { ...address, port: last.port };
  return probeBind(again).then(
    () => again,
    () => address,
  );
}

/** Worker threads of a node: as configured, as its supervisor divides the machine, or one a core. */
export function workerCount(configured: number | undefined): number {
  // Elsewhere the kernel does not spread connections over sockets of one port (DESIGN section 1).
  if (process.platform !== 'linux') return 1;
  return configured ?? environmentWorkers() ?? os.availableParallelism();
}

/** Ports that a Host field may name: the listener's, and where clients reach it. */
export function hostPorts(config: { reach?: string | undefined }, port: number): number[] {
  const reach = parseHostPort(config.reach ?? '');
  return reach ? [port, reach.port] : [port];
}

function probeBind({ host, port }: HostPort): Promise<void> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen({ host, port, exclusive: true }, () => probe.close(() => resolve()));
  });
}
