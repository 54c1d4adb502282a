/** A worker's disk tier: its own read-only connection, and a port to the writer thread. */
import type { MessagePort } from 'node:worker_threads';
import type { FromWriter, ToWriter } from '../cache/disk-messages.ts';
import { createDiskReader, type DiskReaderDeps } from '../cache/disk-reader.ts';
import { createDiskTier, type DiskTier } from '../cache/disk-tier.ts';

/** Opens the tier over the node's file. The port does not keep the thread alive. */
export function openWorkerDisk(
  deps: DiskReaderDeps,
  options: { file: string; port: MessagePort },
): DiskTier {
  const { port } = options;
  const reader = createDiskReader(deps, { file: options.file });
  const toWriter = {
    post: (message: ToWriter, transfer: readonly ArrayBuffer[] = []) =>
      port.postMessage(message, transfer),
  };
  const tier = createDiskTier({ ...deps, reader, toWriter });
  port.on('message', (message: FromWriter) => tier.receive(message));
  port.unref();
  return tier;
}
