/**
 * Fetches a page from one PoP, on a connection of its own, and takes the time of each step. `node:http`, because
 * fields and their order are to be seen as they came.
 */
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { pipeline } from 'node:stream/promises';
import type { HostPort } from '../../core/runtime/addresses.ts';
import type { Clock } from '../../core/runtime/deps.ts';

export interface PageRequest {
  at: HostPort;
  method: string;
  /** Sent as Host. */
  host: string;
  pathAndQuery: string;
  headers: readonly [string, string][];
  /** Takes the body as it comes; undefined: it is counted and dropped. */
  sink: ((part: Uint8Array) => Promise<void>) | undefined;
}

export interface Page {
  status: number;
  reason: string;
  /** Names and values in turn, as they came. */
  rawHeaders: string[];
  bytes: number;
  /** Milliseconds from the beginning. */
  timings: { connectMs: number; firstByteMs: number; totalMs: number };
}

/** Between two signs of life. */
const idleMs = 30_000;

/** Rejects when there is no connection, or the answer breaks off. */
export async function fetchPage(clock: Clock, asked: PageRequest): Promise<Page> {
  const beganMs = clock.monotonicMs();
  const sinceMs = () => clock.monotonicMs() - beganMs;
  const socket = connect(asked.at.port, asked.at.host);
  await once(socket, 'connect');
  const connectMs = sinceMs();
  const response = await send(socket, asked);
  const firstByteMs = sinceMs();
  let bytes = 0;
  await pipeline(response, async (parts: AsyncIterable<Uint8Array>) => {
    for await (const part of parts) {
      bytes += part.length;
      await asked.sink?.(part);
    }
  });
  const totalMs = sinceMs();
  socket.destroy();
  return {
    status: response.statusCode ?? 0,
    reason: response.statusMessage ?? '',
    rawHeaders: response.rawHeaders,
    bytes,
    timings: { connectMs, firstByteMs, totalMs },
  };
}

/** Resolves with the head of the response. */
function send(socket: Socket, asked: PageRequest): Promise<IncomingMessage> {
  const { method, host, pathAndQuery, headers } = asked;
  return new Promise((resolve, reject) => {
    const outgoing = request({
      createConnection: () => socket,
      method,
      path: pathAndQuery,
      headers: {
        host,
        'user-agent': 'breakwater-get',
        accept: '*/*',
        ...Object.fromEntries(headers),
      },
    });
    outgoing.setTimeout(idleMs, () =>
      outgoing.destroy(new Error(`silence for ${idleMs / 1000} s`)),
    );
    outgoing.once('response', resolve);
    outgoing.once('error', reject);
    outgoing.end();
  });
}
