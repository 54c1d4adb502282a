/**
 * Asks the upstream for what a request needs: validators in, the client's own conditions out.
 *
 * Invariant: the epoch is read before the request is sent, so a purge that arrives meanwhile is above it.
 */
import { validatorsOf } from '../http/conditional.ts';
import { type RawHeaders, withoutFields } from '../http/headers.ts';
import { formatPosition, type Position, tierHeaders } from '../purge/command.ts';
import type { Upstream, UpstreamRequest, UpstreamResult } from '../upstream/upstream.ts';
import type { StoredResponse } from './entry.ts';
import type { CacheRequest, SourceResult } from './exchange.ts';
import { confirmed, mayConfirm, received, reportOf } from './receive.ts';

export interface FetchDeps {
  upstream: Upstream;
  maxObjectBytes: number;
}

/** The client's conditions and ranges: answered by us, from the whole. */
const ownConditions: ReadonlySet<string> = new Set([
  'if-none-match',
  'if-modified-since',
  'if-match',
  'if-unmodified-since',
  'if-range',
  'range',
]);

/**
 * Fetches for a cache read. `stored` is revalidated when it has a validator. `epoch` is the node's position, read before.
 * Never rejects.
 */
export async function fetchForCache(
  deps: FetchDeps,
  request: CacheRequest,
  stored: StoredResponse | undefined,
  epoch: Position,
  signal: AbortSignal,
): Promise<SourceResult> {
  const validators = stored && mayConfirm(request, stored) ? validatorsOf(stored.headers) : [];
  const headers = [...withoutFields(request.forwardHeaders(), ownConditions), ...validators];
  const result = await deps.upstream.fetch(
    upstreamRequest(request, headers, epoch, signal),
    request.key.site.timeouts,
  );
  if (!result.ok) return { kind: 'failed', failure: result.failure };
  const { response } = result;
  if (response.status !== 304 || !stored || validators.length === 0) {
    return received(request, response, epoch, deps.maxObjectBytes);
  }
  response.body.abort();
  const entry = confirmed(request, stored, response, epoch);
  if (entry) return { kind: 'ready', entry, report: reportOf(response) };
  return fetchForCache(deps, request, undefined, epoch, signal);
}

/** Sends a request that the cache takes no part in (other methods, no-store), its body included. Never rejects. */
export function fetchPassing(
  deps: FetchDeps,
  request: CacheRequest,
  body: Pick<UpstreamRequest, 'body' | 'bodyBytes'>,
  epoch: Position,
  signal: AbortSignal,
): Promise<UpstreamResult> {
  return deps.upstream.fetch(
    { ...upstreamRequest(request, request.forwardHeaders(), epoch, signal), ...body },
    request.key.site.timeouts,
  );
}

function upstreamRequest(
  request: CacheRequest,
  headers: RawHeaders,
  epoch: Position,
  signal: AbortSignal,
): UpstreamRequest {
  const { key } = request;
  return {
    method: request.method,
    site: key.site,
    scheme: key.scheme,
    host: key.host,
    pathAndQuery: key.pathAndQuery,
    key: key.text,
    headers,
    body: null,
    tierHeaders: [
      ...[tierHeaders.position, formatPosition(epoch)],
      ...(request.isRefresh ? [tierHeaders.refresh, '1'] : []),
    ],
    signal,
  };
}
