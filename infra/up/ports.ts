/**
 * Whether every address can be had, asked before anything is started: one line that names what is taken is worth more
 * than seven processes of which the fifth fails.
 */
import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';
import { type HostPort, parseHostPort } from '../../core/runtime/addresses.ts';
import { startFailure } from '../../core/runtime/service.ts';
import type { PlannedListener } from './plan.ts';

/** Binds and releases each address in turn. Returns undefined, or one line that says what is wrong and what to do. */
export async function findPortProblem(
  listeners: readonly PlannedListener[],
  file: string,
): Promise<string | undefined> {
  const taken: PlannedListener[] = [];
  for (const listener of listeners) {
    const address = parseHostPort(listener.address);
    if (!address || address.port === 0) continue;
    const error = await tryToBind(address, listener.transport);
    if (error === undefined) continue;
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') {
      return `${startFailure(error)} (${listener.owner} in ${file})`;
    }
    taken.push(listener);
  }
  return taken.length === 0 ? undefined : describeTaken(taken, file);
}

/** One line for any number of addresses that are in use. */
export function describeTaken(taken: readonly PlannedListener[], file: string): string {
  const [first] = taken;
  const verb = taken.length === 1 ? 'is' : 'are';
  const addresses = [...new Set(taken.map((listener) => listener.address))];
  const list =
    addresses.length > 3
      ? `${addresses.slice(0, 3).join(', ')} and ${addresses.length - 3} more`
      : addresses.join(', ');
  const owner = taken.length === 1 ? ` (${first?.owner})` : '';
  const hint = taken.length > 3 ? ' Is this network running already?' : '';
  return `${list}${owner} ${verb} in use by another process: stop that one, or change the addresses in ${file}.${hint}`;
}

function tryToBind(address: HostPort, transport: 'tcp' | 'udp'): Promise<Error | undefined> {
  return transport === 'tcp' ? tryTcp(address) : tryUdp(address);
}

function tryTcp({ host, port }: HostPort): Promise<Error | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', resolve);
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(undefined)));
  });
}

function tryUdp({ host, port }: HostPort): Promise<Error | undefined> {
  return new Promise((resolve) => {
    const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4');
    socket.once('error', (error) => {
      socket.close();
      resolve(error);
    });
    socket.bind({ address: host, port, exclusive: true }, () =>
      socket.close(() => resolve(undefined)),
    );
  });
}
