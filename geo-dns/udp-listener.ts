/**
 * DNS over UDP (RFC 1035 §4.2.1): one datagram in, at most one out, to where it came from. Nothing is kept between two
 * datagrams, so a flood of spoofed ones costs processing time and no memory.
 */
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { LRUCache } from 'lru-cache';
import { type HostPort, parseAddress } from '../core/runtime/addresses.ts';
import type { Log } from '../core/runtime/log.ts';
import { udpLimitBytes } from './answer.ts';
import type { DnsMetrics } from './dns-metrics.ts';
import type { Respond } from './respond.ts';

/** Resolvers whose address need not be parsed again. */
const rememberedResolvers = 10_000;
/** Of so many answers one tells whether it could be sent. */
const sampling = 16;
/** Answers that wait for the socket; more are dropped, as the network would drop them. */
const maxQueuedAnswers = 1000;

export interface UdpListener {
  readonly port: number;
  close(): Promise<void>;
}

export interface ListenerDeps {
  log: Log;
  metrics: DnsMetrics;
}

/** Binds; rejects with the system's error when that fails. */
export async function listenUdp(
  { log, metrics }: ListenerDeps,
  { host, port }: HostPort,
  respond: Respond,
  sharesPort = false,
): Promise<UdpListener> {
  const family = host.includes(':') ? 6 : 4;
  // Answers go to where queries came from: there is never a name to look up.
  const socket = createSocket({
    type: family === 6 ? 'udp6' : 'udp4',
    reusePort: sharesPort,
    lookup: (address, _options, callback) => callback(null, address, family),
  });
  const bytesOf = createAddressMemory();
  const send = createSend(metrics, socket);
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject);
    socket.bind({ address: host, port, exclusive: true }, () => {
      socket.off('error', reject);
      resolve();
    });
  });
  socket.on('error', (error) => log.error({ err: error }, 'UDP socket'));
  socket.on('message', (bytes, from) => {
    const answer = answerTo(metrics, respond, bytes, from, bytesOf);
    if (answer) send(answer, from);
  });
  return {
    port: socket.address().port,
    close: () => new Promise((resolve) => socket.close(resolve)),
  };
}

function answerTo(
  metrics: DnsMetrics,
  respond: Respond,
  bytes: Buffer,
  from: RemoteInfo,
  bytesOf: (address: string) => readonly number[],
): Buffer | undefined {
  // What we take is what our OPT announces (RFC 6891 §6.2.5).
  if (bytes.length > udpLimitBytes) {
    metrics.drop('datagram-too-long');
    return undefined;
  }
  // Nobody listens on port 0: only a forger writes it as a source.
  if (from.port === 0) {
    metrics.drop('port-zero');
    return undefined;
  }
  return respond(bytes, bytesOf(from.address), 'udp');
}

/** Most queries come from few resolvers. */
function createAddressMemory(): (address: string) => readonly number[] {
  const known = new LRUCache<string, readonly number[]>({ max: rememberedResolvers });
  return (address) => {
    const before = known.get(address);
    if (before) return before;
    const bytes = addressBytes(address);
    known.set(address, bytes);
    return bytes;
  };
}

/** A link-local address comes with its interface (`fe80::1%eth0`), which says nothing about where the client is. */
export function addressBytes(address: string): readonly number[] {
  const parsed = parseAddress(address.split('%')[0] ?? '');
  return parsed?.bytes ?? [0, 0, 0, 0];
}

/**
 * Returns the call that sends an answer. To hear of a failure costs a tenth of an answer, so every `sampling`th is asked for and
 * stands for the others; the same for the queue.
 */
function createSend(metrics: DnsMetrics, socket: Socket): (answer: Buffer, to: RemoteInfo) => void {
  const onSent = (error: Error | null) => {
    if (error) metrics.drop('send-failed', sampling);
  };
  let sent = 0;
  let isFull = false;
  return (answer, to) => {
    sent = (sent + 1) % sampling;
    const isSampled = sent === 0;
    if (isSampled || isFull) isFull = socket.getSendQueueCount() >= maxQueuedAnswers;
    if (isFull) metrics.drop('send-queue-full');
    else if (isSampled) socket.send(answer, to.port, to.address, onSent);
    else socket.send(answer, to.port, to.address);
  };
}
