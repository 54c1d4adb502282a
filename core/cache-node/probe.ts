/**
 * The answer to probes of the public listener: geo-dns asks it, for any Host, whether clients should be sent here. It says
 * nothing that a client could not find out.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';

export const probePath = '/.well-known/breakwater/node';

export interface ProbeState {
  node: string;
  ready: boolean;
  draining: boolean;
  /** Requests under way over capacity. */
  load: number;
}

/** Answers the probe; false when the request is none. */
export function answerProbe(
  req: IncomingMessage,
  res: ServerResponse,
  state: () => ProbeState,
): boolean {
  if (req.url !== probePath || (req.method !== 'GET' && req.method !== 'HEAD')) return false;
  const now = state();
  const body = `${JSON.stringify(now)}\n`;
  res.writeHead(now.ready && !now.draining ? 200 : 503, {
    'Content-Type': 'application/json',
    'Cache-Control': 'no-store',
    'Content-Length': Buffer.byteLength(body),
  });
  res.end(req.method === 'HEAD' ? undefined : body);
  return true;
}
