/**
 * A shield that is being stopped takes no further requests, and says so in a way that an edge understands: ask another shield.
 */
import type { ServerResponse } from 'node:http';
import { refusedField } from '../upstream/tier-fields.ts';
import type { SharedState } from './shared-state.ts';

/** Answers 503 while the node drains; false when the request is to be served. */
export function refuseWhileDraining(shared: SharedState, res: ServerResponse): boolean {
  if (!shared.isDraining()) return false;
  res.shouldKeepAlive = false;
  res.writeHead(503, { [refusedField]: '1', 'Content-Length': 0, 'Retry-After': '1' });
  res.end();
  return true;
}
