/**
 * DNS over TCP (RFC 7766, RFC 9210): messages behind a 16-bit length, any number of them in a row, each answered as it comes.
 * Everything that a client can make the server hold is bounded: connections in all and for one client, bytes of a
 * message, answers that wait for a slow reader, and how long a connection may do nothing.
 */
import { createServer, type Server, type Socket } from 'node:net';
import { createNetworkSet, type HostPort, maskBytes } from '../core/runtime/addresses.ts';
import type { Clock } from '../core/runtime/deps.ts';
import type { DropReason } from './dns-metrics.ts';
import type { Respond } from './respond.ts';
import { addressBytes, type ListenerDeps } from './udp-listener.ts';

export interface TcpLimits {
  /** Open connections of all clients. */
  connections: number;
  /** Open connections of one client: an IPv4 address, or a /56 in IPv6, where a client has any number of addresses. */
  connectionsPerClient: number;
  /** A connection without a complete query for this long is closed (RFC 7766 §6.2.3: "in the order of a few seconds"). */
  idleMs: number;
  /** Queries are small; a length above this is no query. */
  messageBytes: number;
  /** Answers that a client may leave unread before its further queries wait. */
  unsentBytes: number;
  /** Networks without a limit for each client. */
  exempt: readonly string[];
}

export const defaultTcpLimits: TcpLimits = {
  connections: 1000,
  connectionsPerClient: 100,
  idleMs: 10_000,
  messageBytes: 4096,
  unsentBytes: 64 * 1024,
  exempt: [],
};

/** How long a connection may take to read its last answers when the server stops. */
const closeLimitMs = 1000;
const lengthBytes = 2;
const headerBytes = 12;
/** With all connections in use, one that asked nothing for this long gives way (RFC 9210 §4.2). */
const crowdedIdleMs = 1000;
const clientPrefixLength = 56;

export interface TcpListener {
  readonly port: number;
  readonly connections: number;
  /** Closes the listener at once, and each connection when what was written to it has left. */
  close(): Promise<void>;
}

/** Binds; rejects with the system's error when that fails. */
export async function listenTcp(
  deps: ListenerDeps & { clock: Clock },
  { host, port }: HostPort,
  respond: Respond,
  limits: TcpLimits,
  sharesPort = false,
): Promise<TcpListener> {
  const { metrics, log, clock } = deps;
  // By the time of their last query, the oldest first.
  const open = new Map<Socket, number>();
  const isExempt = createNetworkSet(limits.exempt);
  const perClient = new Map<string, number>();
  const options = { noDelay: true, highWaterMark: limits.unsentBytes };
  const server = createServer(options, (socket) => {
    const address = addressBytes(socket.remoteAddress ?? '');
    const client = clientOf(address);
    const count = perClient.get(client) ?? 0;
    if (count >= limits.connectionsPerClient && !isExempt(socket.remoteAddress ?? '')) {
      metrics.drop('tcp-client-connections-full');
      socket.destroy();
      return;
    }
    metrics.tcpConnection();
    open.set(socket, clock.monotonicMs());
    perClient.set(client, count + 1);
    socket.on('close', () => {
      open.delete(socket);
      const left = (perClient.get(client) ?? 1) - 1;
      if (left > 0) perClient.set(client, left);
      else perClient.delete(client);
    });
    const answer = (bytes: Buffer) => {
      const answered = respond(bytes, address, 'tcp');
      if (answered && open.delete(socket)) open.set(socket, clock.monotonicMs());
      return answered;
    };
    serve(deps, socket, answer, limits);
  });
  server.maxConnections = limits.connections;
  server.on('drop', () => {
    metrics.drop('tcp-connections-full');
    const [oldest] = open;
    if (!oldest || clock.monotonicMs() - oldest[1] < crowdedIdleMs) return;
    metrics.drop('tcp-idle-crowded');
    oldest[0].destroy();
  });
  await bind(server, { host, port }, sharesPort);
  server.on('error', (error) => log.error({ err: error }, 'TCP listener'));
  const address = server.address();
  return {
    port: typeof address === 'object' && address ? address.port : port,
    get connections() {
      return open.size;
    },
    close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const socket of open.keys()) socket.destroySoon();
      const timer = deps.clock.after(closeLimitMs, () => {
        for (const socket of open.keys()) socket.destroy();
      });
      return closed.finally(() => timer.cancel());
    },
  };
}

/** Whom a connection from `address` (4 or 16 bytes) is counted for. */
export function clientOf(address: readonly number[]): string {
  const own = address.length === 4 ? address : maskBytes(address, clientPrefixLength);
  return own.join('.');
}

function bind(server: Server, { host, port }: HostPort, reusePort: boolean): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port, exclusive: true, reusePort }, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

/** The life of one connection. */
function serve(
  { clock, metrics }: ListenerDeps & { clock: Clock },
  socket: Socket,
  respond: (bytes: Buffer) => Buffer | undefined,
  limits: TcpLimits,
): void {
  let pending: Buffer = Buffer.alloc(0);
  let lastQueryMs = clock.monotonicMs();
  const drop = (reason: DropReason) => {
    metrics.drop(reason);
    socket.destroy();
  };
  const pump = () => {
    while (!socket.destroyed) {
      // A reader that does not keep up stops being read from: its queries wait in its own send buffer.
      if (socket.writableNeedDrain) return void socket.pause();
      const frame = nextFrame(pending, limits.messageBytes);
      if (frame.kind === 'partial') return;
      if (frame.kind === 'bad') return drop(frame.reason);
      pending = frame.rest;
      const answer = respond(frame.message);
      if (!answer) continue;
      lastQueryMs = clock.monotonicMs();
      socket.write(framed(answer));
    }
  };
  socket.on('data', (chunk) => {
    pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk]);
    pump();
  });
  socket.on('drain', () => {
    pump();
    if (!socket.writableNeedDrain) socket.resume();
  });
  // A client that resets its connection has gone; there is nobody to tell.
  socket.on('error', () => socket.destroy());
  watchIdle(clock, socket, limits.idleMs, () => lastQueryMs, drop);
}

/** Ends the connection when nothing was asked for `idleMs`, or when that long nothing could be because answers lie unread. */
function watchIdle(
  clock: Clock,
  socket: Socket,
  idleMs: number,
  lastQueryMs: () => number,
  drop: (reason: DropReason) => void,
): void {
  const check = () => {
    const leftMs = lastQueryMs() + idleMs - clock.monotonicMs();
    if (leftMs > 0) {
      timer = clock.after(leftMs, check);
      return;
    }
    drop(socket.writableLength > 0 ? 'tcp-slow-reader' : 'tcp-idle');
  };
  let timer = clock.after(idleMs, check);
  socket.on('close', () => timer.cancel());
}

type Frame =
  | { kind: 'message'; message: Buffer; rest: Buffer }
  | { kind: 'partial' }
  | { kind: 'bad'; reason: 'tcp-message-too-long' | 'tcp-message-too-short' };

/** The first message of `pending` (RFC 1035 §4.2.2). What cannot become a query ends the connection. */
function nextFrame(pending: Buffer, maxMessageBytes: number): Frame {
  if (pending.length < lengthBytes) return { kind: 'partial' };
  const length = pending.readUInt16BE(0);
  if (length > maxMessageBytes) return { kind: 'bad', reason: 'tcp-message-too-long' };
  if (length < headerBytes) return { kind: 'bad', reason: 'tcp-message-too-short' };
  const end = lengthBytes + length;
  if (pending.length < end) return { kind: 'partial' };
  return {
    kind: 'message',
    message: pending.subarray(lengthBytes, end),
    rest: pending.subarray(end),
  };
}

/** Length and message in one piece, so that they leave in one segment (RFC 7766 §8). */
function framed(message: Buffer): Buffer {
  const frame = Buffer.allocUnsafe(lengthBytes + message.length);
  frame.writeUInt16BE(message.length, 0);
  message.copy(frame, lengthBytes);
  return frame;
}
