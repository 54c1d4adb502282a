/**
 * DNS over UDP (RFC 1035 §4.2.1): one datagram in, at most one out, to where it came from. Nothing is kept between two
 * datagrams, so a flood of spoofed ones costs processing time and no memory.
 */
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { type HostPort, parseAddress } from '../core/runtime/addresses.ts';
import type { Log } from '../core/runtime/log.ts';
import { udpLimitBytes } from './answer.ts';
import type { DnsMetrics } from './dns-metrics.ts';
import type { Respond } from './respond.ts';

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
): Promise<UdpListener> {
  const socket = createSocket({ type: host.includes(':') ? 'udp6' : 'udp4' });
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject);
    socket.bind({ address: host, port, exclusive: true }, () => {
      socket.off('error', reject);
      resolve();
    });
  });
  socket.on('error', (error) => log.error({ err: error }, 'UDP socket'));
  socket.on('message', (bytes, from) => {
    const answer = answerTo(metrics, respond, bytes, from);
    if (answer) send(metrics, socket, answer, from);
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
  return respond(bytes, addressBytes(from.address), 'udp');
}

/** A link-local address comes with its interface (`fe80::1%eth0`), which says nothing about where the client is. */
export function addressBytes(address: string): readonly number[] {
  const parsed = parseAddress(address.split('%')[0] ?? '');
  return parsed?.bytes ?? [0, 0, 0, 0];
}

function send(metrics: DnsMetrics, socket: Socket, answer: Buffer, to: RemoteInfo): void {
  if (socket.getSendQueueCount() >= maxQueuedAnswers) {
    metrics.drop('send-queue-full');
    return;
  }
  socket.send(answer, to.port, to.address, (error) => {
    if (error) metrics.drop('send-failed');
  });
}
