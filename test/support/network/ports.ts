/** Ports of this machine: free ones for a configuration that must name them, and ones that are taken. */
import { createServer, type Server } from 'node:net';

/** A listener that does nothing but hold its port. */
export async function holdPort(
  host = '127.0.0.1',
): Promise<{ port: number; release(): Promise<void> }> {
  const server: Server = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port: 0 }, resolve);
  });
  const address = server.address();
  if (typeof address !== 'object' || !address) throw new Error('the server has no address');
  return {
    port: address.port,
    release: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

/** `count` different ports that were free a moment ago on every address. */
export async function freePorts(count: number): Promise<number[]> {
  const held = await Promise.all(Array.from({ length: count }, () => holdPort('0.0.0.0')));
  await Promise.all(held.map(({ release }) => release()));
  return held.map(({ port }) => port);
}
