/**
 * One line and one count for each request, with the same words as the response headers. Written when the answer has been sent or
 * the client has gone.
 */
import type { Log } from '../runtime/log.ts';
import type { Metrics } from '../runtime/metrics.ts';
import type { XCache } from './outcome.ts';

export interface AccessRecord {
  requestId: string;
  client: string;
  method: string;
  host: string;
  path: string;
  status: number;
  xCache: XCache;
  /** Cache-Status of this tier, or why the request was refused. */
  cacheStatus: string;
  sentBytes: number;
  /** Until the head was sent, and until the end. */
  firstByteMs: number;
  totalMs: number;
  /** The tier that asked; null: a client. */
  tier: string | null;
  /** Who was asked upstream. */
  from: string | undefined;
  /** Why the upstream gave no answer, when it did not. */
  failure?: string;
  /** Only when the answer was cut. */
  cut?: true;
}

/** Creates the writer of access lines. */
export function createAccessLog(deps: {
  log: Log;
  metrics: Metrics;
}): (record: AccessRecord) => void {
  const countRequest = deps.metrics.counter(
    'breakwater_cache_requests_total',
    'Requests by X-Cache, status class and who asked (client or tier).',
    ['x_cache', 'status', 'asker'],
  );
  const countBytes = deps.metrics.counter(
    'breakwater_cache_sent_bytes_total',
    'Body bytes sent, by X-Cache.',
    ['x_cache'],
  );
  const observe = deps.metrics.histogram(
    'breakwater_cache_request_duration_seconds',
    'Time until the answer had been sent, by X-Cache.',
    ['x_cache'],
    [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 30],
  );
  return (record) => {
    countRequest({
      x_cache: record.xCache,
      status: `${Math.floor(record.status / 100)}xx`,
      asker: record.tier === null ? 'client' : 'tier',
    });
    if (record.sentBytes > 0) countBytes({ x_cache: record.xCache }, record.sentBytes);
    observe({ x_cache: record.xCache }, record.totalMs / 1000);
    deps.log.info(record, 'access');
  };
}
