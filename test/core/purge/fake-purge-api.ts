/** A purge-api of which the test says every word: a real socket, and messages that are sent and awaited one by one. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  type DownMessage,
  nodeScheme,
  streamPath,
  type UpMessage,
  upMessageSchema,
} from '../../../core/purge/command.ts';
import { systemClock } from '../../../core/runtime/deps.ts';
import { acceptDuplex, type Duplex } from '../../../core/runtime/duplex.ts';
import { parseTopology } from '../../../core/topology/load.ts';
import { withSecret } from '../../../core/topology/secret-file.ts';

type Up<T extends UpMessage['type']> = Extract<UpMessage, { type: T }>;

/** A network of one PoP, one shield and one geo-dns, whose purge-api listens at `purgeAddress`. */
export function smallTopology(
  purgeAddress = '127.0.0.1:1',
  { lease = '10s', dataDir = './x' } = {},
) {
  const text = `
network: test
dataDir: ${dataDir}
secret: a-secret-of-the-network
lease: ${lease}
sites:
  - { hosts: [a.test, b.test], origins: [{ url: "http://127.0.0.1:9" }] }
  - { hosts: [c.test], origins: [{ url: "http://127.0.0.1:9" }] }
pops:
  - id: par
    location: { latitude: 48.86, longitude: 2.35 }
    listen: 127.0.0.1:0
    admin: 127.0.0.1:0
    advertise: [127.0.0.1]
    shield: eu
shields:
  - { id: eu, location: { latitude: 50, longitude: 8 }, listen: "127.0.0.1:0", admin: "127.0.0.1:0" }
dns:
  - id: ns1
    listen: 127.0.0.1:0
    admin: 127.0.0.1:0
    zone: test
    name: ns1.test
    advertise: [127.0.0.1]
purge:
  listen: ${purgeAddress}
  admin: 127.0.0.1:0
  tokens:
    - { name: all, secret: token-of-all, hosts: ["*"] }
    - { name: a-only, secret: token-of-a, hosts: [a.test] }
`;
  return withSecret(parseTopology(text, '/nowhere/breakwater.yaml', {}));
}

/** Starts it; every connection that shows any node key is taken. */
export async function startFakePurgeApi() {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const received: UpMessage[] = [];
  const authorizations: string[] = [];
  const waiting: { type: string; resolve: (message: UpMessage) => void }[] = [];
  let current: Duplex | undefined;
  let connections = 0;
  const take = (raw: unknown) => {
    const message = upMessageSchema.parse(raw);
    const index = waiting.findIndex(({ type }) => type === message.type);
    if (index < 0) received.push(message);
    else waiting.splice(index, 1)[0]?.resolve(message);
  };
  const acceptor = acceptDuplex({ clock: systemClock }, server, {
    path: streamPath,
    authorise({ headers }) {
      authorizations.push(headers.authorization ?? '');
      return headers.authorization?.startsWith(nodeScheme) ? 'node' : undefined;
    },
    onOpen(duplex) {
      connections += 1;
      current = duplex;
      return { onMessage: take, onClose: () => {} };
    },
  });
  return {
    topology: (options?: { lease?: string }) => smallTopology(`127.0.0.1:${port}`, options),
    authorizations,
    connections: () => connections,
    send: (message: DownMessage) => void current?.send(message),
    sendRaw: (message: unknown) => void current?.send(message),
    drop: () => current?.close('cut by the test'),
    /** The next message of that type, received already or to come; others stay. */
    next<T extends UpMessage['type']>(type: T): Promise<Up<T>> {
      const index = received.findIndex((message) => message.type === type);
      if (index >= 0) return Promise.resolve(received.splice(index, 1)[0] as Up<T>);
      return new Promise((resolve) => {
        waiting.push({ type, resolve: (message) => resolve(message as Up<T>) });
      });
    },
    /** Messages that have come and were not asked for. */
    unread: () => received.map(({ type }) => type),
    async close() {
      acceptor.closeAll('end of the test');
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
