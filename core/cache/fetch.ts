/**
 * Asks the upstream for what a request needs and turns the answer into something that can be stored: builds the upstream
 * request (validators in, the client's own conditions out), reads the epoch before sending, applies a 304 to what is
 * stored, and judges storability.
 *
 * Invariant: the epoch is read before the request is sent, so a purge that arrives meanwhile is above it.
 */
import { updateStoredHeaders, validatorsOf } from '../http/conditional.ts';
import { formatHttpDate } from '../http/date.ts';
import { type Freshness, type FreshnessDefaults, freshnessOf } from '../http/freshness.ts';
import { first, type RawHeaders, withoutFields } from '../http/headers.ts';
import { storability } from '../http/storable.ts';
import { surrogateTags } from '../http/tags.ts';
import { effectiveCacheControl } from '../http/targeted.ts';
import { variantKey, varyFields } from '../http/vary.ts';
import { formatPosition, type Position, parsePosition, tierHeaders } from '../purge/command.ts';
import type { CacheRules, Site } from '../topology/schema.ts';
import type { Upstream, UpstreamRequest, UpstreamResponse } from '../upstream/upstream.ts';
import { initOf, StoredResponse, type StoredResponseInit } from './entry.ts';
import type { CacheRequest, FetchReport, NotStored, SourceResult } from './exchange.ts';

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
 * Never part of a stored response: counted anew (Age), of this exchange only (Cache-Status: a later hit did not go through the
 * tiers behind; X-Request-Id), written by this tier (X-Cache), or of the transfer (Content-Length).
 */
const notKept: ReadonlySet<string> = new Set([
  'age',
  'cache-status',
  'content-length',
  'x-request-id',
  'x-cache',
  'x-cache-pop',
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
  const validators = stored ? validatorsOf(stored.headers) : [];
  const headers = [...withoutFields(request.forwardHeaders(), ownConditions), ...validators];
  const result = await deps.upstream.fetch(
    upstreamRequest(request, headers, epoch, signal),
    request.key.site.timeouts,
  );
  if (!result.ok) return { kind: 'failed', failure: result.failure };
  const { response } = result;
  if (response.status === 304 && stored && validators.length > 0) {
    response.body.abort();
    const entry = freshened(request, stored, response, epoch);
    return { kind: 'ready', entry, report: reportOf(response) };
  }
  return received(deps, request, response, epoch);
}

/** Sends a request that the cache takes no part in (other methods, no-store), its body included. */
export function fetchPassing(
  deps: FetchDeps,
  request: CacheRequest,
  body: Pick<UpstreamRequest, 'body' | 'bodyBytes'>,
  epoch: Position,
  signal: AbortSignal,
) {
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

/** What a response tells about its way. */
export function reportOf(response: UpstreamResponse): FetchReport {
  const behind = response.headers.filter(
    (_, index) => index % 2 === 1 && response.headers[index - 1]?.toLowerCase() === 'cache-status',
  );
  const since = response.tierHeaders.get(tierHeaders.staleSince);
  return {
    from: response.from.name,
    tier: response.from.tier,
    fwdStatus: response.status,
    behind: behind.length > 0 ? behind.join(', ') : undefined,
    wasAged: first(response.headers, 'age') !== undefined,
    staleSinceMs: since !== undefined && /^\d{1,15}$/.test(since) ? Number(since) : undefined,
    requestTimeMs: response.requestTimeMs,
    responseTimeMs: response.responseTimeMs,
  };
}

function received(
  deps: FetchDeps,
  request: CacheRequest,
  response: UpstreamResponse,
  epoch: Position,
): SourceResult {
  const { site } = request.key;
  const effective = effectiveCacheControl(response.headers);
  const freshness = freshnessOf(
    {
      status: response.status,
      rawHeaders: response.headers,
      requestTimeMs: response.requestTimeMs,
      responseTimeMs: response.responseTimeMs,
      effective,
    },
    freshnessDefaults(site.cache),
  );
  const report = reportOf(response);
  const label = labelOf(response, epoch, report);
  const judged = storability({
    method: request.method,
    requestHeaders: request.headers,
    status: response.status,
    responseHeaders: response.headers,
    setCookie: site.cache.setCookie,
    freshness,
    cacheControl: effective.cacheControl,
  });
  const notStored = whyNotStored(deps, judged.storable ? null : judged.why, label, response);
  return {
    kind: 'streaming',
    init: storedInit(request, response, freshness, label ?? epoch, report.staleSinceMs ?? null),
    body: response.body,
    notStored,
    shareable: notStored === null || isSharedError(response.status, notStored),
    report,
  };
}

function whyNotStored(
  deps: FetchDeps,
  judged: NotStored | null,
  label: Position | undefined,
  response: UpstreamResponse,
): NotStored | null {
  if (judged !== null) return judged;
  if (label === undefined) return 'unlabelled';
  return (response.body.lengthBytes ?? 0) > deps.maxObjectBytes ? 'too-large' : null;
}

/**
 * Those who wait while an origin fails get the same failure: sending them all there, one by one, would keep it down. What only
 * one client may see is never shared.
 */
function isSharedError(status: number, notStored: NotStored): boolean {
  return status >= 500 && (notStored === 'status' || notStored === 'error-status');
}

/**
 * The position under which the response is valid (DESIGN section 4): the epoch when an origin answered; from a tier its
 * label, which must be of the same journal and not older than what we sent. A response that the tier marked stale carries
 * none; it is stored as stale. Undefined: it must not be stored.
 */
function labelOf(
  response: UpstreamResponse,
  epoch: Position,
  report: FetchReport,
): Position | undefined {
  if (response.from.tier === 'origin' || report.staleSinceMs !== undefined) return epoch;
  const label = parsePosition(response.tierHeaders.get(tierHeaders.label) ?? '');
  return label && label.identity === epoch.identity && label.seq >= epoch.seq ? label : undefined;
}

function freshnessDefaults(rules: CacheRules): FreshnessDefaults {
  const { defaultTtlMs, staleWhileRevalidateMs: swr, staleIfErrorMs: sie } = rules;
  return {
    defaultTtlSeconds: defaultTtlMs / 1000,
    ...(swr === undefined ? {} : { staleWhileRevalidateSeconds: swr / 1000 }),
    ...(sie === undefined ? {} : { staleIfErrorSeconds: sie / 1000 }),
  };
}

function storedInit(
  request: CacheRequest,
  response: UpstreamResponse,
  freshness: Freshness,
  label: Position,
  staleSinceMs: number | null,
): StoredResponseInit {
  const { key } = request;
  const vary = varyFields(response.headers);
  const fields = vary === '*' ? [] : vary;
  return {
    key: key.text,
    host: key.host,
    url: key.url,
    varyFields: fields,
    variant: variantKey(fields, request.headers),
    status: response.status,
    reason: response.reason,
    headers: keptHeaders(
      request.method,
      response.headers,
      key.site,
      freshness,
      response.responseTimeMs,
    ),
    tags: surrogateTags(response.headers).tags,
    requestTimeMs: response.requestTimeMs,
    responseTimeMs: response.responseTimeMs,
    freshness,
    etag: first(response.headers, 'etag'),
    lastModified: first(response.headers, 'last-modified'),
    bodyBytes: response.body.lengthBytes ?? 0,
    identity: label.identity,
    labelSeq: label.seq,
    staleSinceMs,
  };
}

/** The fields as they are stored and sent. A response without Date gets the time of its receipt (RFC 9110 §6.6.1). */
function keptHeaders(
  method: string,
  received: RawHeaders,
  site: Site,
  freshness: Freshness,
  receivedAtMs: number,
): RawHeaders {
  const left = new Set([...notKept, ...freshness.excludedFields]);
  if (method === 'HEAD') left.delete('content-length');
  if (site.cache.setCookie === 'strip') left.add('set-cookie');
  const kept = withoutFields(received, left);
  if (first(kept, 'date') === undefined) kept.push('Date', formatHttpDate(receivedAtMs));
  return kept;
}

/** A stored response after a 304 (RFC 9111 §4.3.4): fields updated, freshness anew, same body. */
function freshened(
  request: CacheRequest,
  stored: StoredResponse,
  response: UpstreamResponse,
  epoch: Position,
): StoredResponse {
  const { site } = request.key;
  const merged = updateStoredHeaders(stored.headers, response.headers, site.cache.setCookie);
  const freshness = freshnessOf(
    {
      status: stored.status,
      // Age is not stored, but the 304's own counts.
      rawHeaders: [...merged, ...ageOf(response.headers)],
      requestTimeMs: response.requestTimeMs,
      responseTimeMs: response.responseTimeMs,
    },
    freshnessDefaults(site.cache),
  );
  const report = reportOf(response);
  const label = labelOf(response, epoch, report) ?? {
    identity: stored.identity,
    seq: stored.labelSeq,
  };
  const headers = keptHeaders('GET', merged, site, freshness, response.responseTimeMs);
  return new StoredResponse(
    {
      ...initOf(stored),
      headers,
      tags: surrogateTags(headers).tags,
      requestTimeMs: response.requestTimeMs,
      responseTimeMs: response.responseTimeMs,
      freshness,
      etag: first(headers, 'etag'),
      lastModified: first(headers, 'last-modified'),
      identity: label.identity,
      labelSeq: label.seq,
      staleSinceMs: report.staleSinceMs ?? null,
    },
    stored.body,
    stored.rowId,
  );
}

function ageOf(headers: RawHeaders): string[] {
  const age = first(headers, 'age');
  return age === undefined ? [] : ['Age', age];
}
