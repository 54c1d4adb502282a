/** Binds an HTTP server to the address that the configuration names, and closes it without waiting for idle connections. */
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { formatHostPort, parseHostPort } from '../core/runtime/addresses.ts';
import type { Clock } from '../core/runtime/deps.ts';

/** Listens at `ADDRESS:PORT`; resolves with what was bound. Rejects with the system's error. */
export function listen(server: Server, address: string): Promise<string> {
  const target = parseHostPort(address);
  return new Promise((resolve, reject) => {
    if (!target) return reject(new Error(`${address} is no address to listen on`));
    server.once('error', reject);
    server.listen({ host: target.host, port: target.port }, () => {
      server.off('error', reject);
      const { address: host, port } = server.address() as AddressInfo;
      resolve(formatHostPort({ host, port }));
    });
  });
}

/** Takes no further connection, and resolves when those that are open have ended, or after `limitMs`. */
export async function closeServer(clock: Clock, server: Server, limitMs: number): Promise<void> {
  const closed = new Promise<void>((resolve) => {
    server.close(() => resolve());
  });
  server.closeIdleConnections();
  await Promise.race([closed, clock.sleep(limitMs)]);
  server.closeAllConnections();
}
