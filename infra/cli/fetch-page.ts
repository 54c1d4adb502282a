/**
 * Fetches a page from one PoP, on a connection of its own, and takes the time of each step. `node:http`, because
 * fields and their order are to be seen as they came.
 */
import { type IncomingMessage, request } from 'node:http';
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
  const { at, method, host, pathAndQuery, headers, sink } = asked;
  const beganMs = clock.monotonicMs();
  const sinceMs = () => clock.monotonicMs() - beganMs;
  let connectMs = 0;
  const outgoing = request({
    host: at.host,
    port: at.port,
    method,
    path: pathAndQuery,
    agent: false,
    timeout: idleMs,
    headers: {
      host,
      'user-agent': 'breakwater-get',
      accept: '*/*',
      ...Object.fromEntries(headers),
    },
  });
  outgoing.once('socket', (socket) =>
    socket.once('connect', () => {
      connectMs = sinceMs();
    }),
  );
  outgoing.once('timeout', () => outgoing.destroy(new Error(`silence for ${idleMs / 1000} s`)));
  outgoing.end();
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    outgoing.once('response', resolve);
    outgoing.once('error', reject);
  });
  const firstByteMs = sinceMs();
  let bytes = 0;
  await pipeline(response, async (parts: AsyncIterable<Uint8Array>) => {
    for await (const part of parts) {
      bytes += part.length;
      await sink?.(part);
    }
  });
  return {
    status: response.statusCode ?? 0,
    reason: response.statusMessage ?? '',
    rawHeaders: response.rawHeaders,
    bytes,
    timings: { connectMs, firstByteMs, totalMs: sinceMs() },
  };
}
