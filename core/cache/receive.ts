/**
 * What a response of the upstream becomes: a response that can be stored (or the reason why not), or the confirmation of one
 * that is. Pure but for the body, which is handed on.
 *
 * Invariants: a response is labelled with the position that was read before its request was sent, or with a tier's own label
 * if that is not older; what a purge by tag could miss is not stored.
 */
import { isConditional, updateStoredHeaders } from '../http/conditional.ts';
import { formatHttpDate } from '../http/date.ts';
import { type Freshness, type FreshnessDefaults, freshnessOf } from '../http/freshness.ts';
import { combined, first, type RawHeaders, withoutFields } from '../http/headers.ts';
import { type BytePart, isWhole, lengthOf, partOfHeaders, withPart } from '../http/partial.ts';
import { storability } from '../http/storable.ts';
import { surrogateTags } from '../http/tags.ts';
import { effectiveCacheControl } from '../http/targeted.ts';
import { variantKey, varyFields } from '../http/vary.ts';
import { type Position, parsePosition, tierHeaders } from '../purge/command.ts';
import type { CacheRules, Site } from '../topology/schema.ts';
import type { UpstreamResponse } from '../upstream/upstream.ts';
import { initOf, StoredResponse, type StoredResponseInit } from './entry.ts';
import { exactBody, mayHaveLength, wrongLength } from './exact-body.ts';
import type { CacheRequest, FetchReport, NotStored, SourceResult } from './exchange.ts';
import type { CacheKey } from './key.ts';
import { baseKey } from './part.ts';
import { personalFields } from './personal-fields.ts';

/**
 * Of the exchange or of one tier only, and written anew by each: counted (Age), about the way (Cache-Status, X-Cache, the
 * request's id), or of the transfer (Content-Length).
 */
export const fieldsOfTheExchange: ReadonlySet<string> = new Set([
  'age',
  'cache-status',
  'content-length',
  'x-cache',
  'x-cache-pop',
  'x-request-id',
]);

/** A response, whole or the part that was asked for, with whether it may be stored and shared with others who wait. */
export function received(
  request: CacheRequest,
  answer: UpstreamResponse,
  epoch: Position,
  maxObjectBytes: number,
  /** What the upstream said, where `response` was put together from more than its answer. */
  fwdStatus: number = answer.status,
): Exclude<SourceResult, { kind: 'ready' }> {
  const { site } = request.key;
  const held = answer.status === 206 && request.part ? partOfHeaders(answer.headers) : undefined;
  if (held && !mayHaveLength(answer.body, lengthOf(held))) {
    answer.body.abort();
    return { kind: 'failed', failure: wrongLength };
  }
  const response = held ? asPart(answer, held) : answer;
  const part = response.status === 206 ? held : undefined;
  const effective = effectiveCacheControl(response.headers, request.key.targets);
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
  const report = { ...reportOf(response), fwdStatus };
  const label = labelOf(response, epoch, report);
  const { tags, dropped } = surrogateTags(response.headers);
  const judged = storability({
    method: request.method,
    requestHeaders: request.headers,
    status: response.status,
    responseHeaders: response.headers,
    setCookie: site.cache.setCookie,
    freshness,
    cacheControl: effective.cacheControl,
    isKnownPart: part !== undefined,
  });
  const refused = judged.storable ? refusedToOne(request, response) : judged.why;
  const notStored =
    refused ?? refusedByUs(label, dropped, response.body.lengthBytes ?? 0, maxObjectBytes);
  const validity = { label: label ?? epoch, staleSinceMs: report.staleSinceMs ?? null };
  return {
    kind: 'streaming',
    init: storedInit(request, response, freshness, tags, { ...validity, part }),
    body: response.body,
    notStored,
    shareable: notStored === null || isSharedError(response, notStored),
    report,
    personal: personalOf(response, freshness, site),
  };
}

/** What of an answer, a 304 too, is for nobody but the client whose request it answers. */
export function personalOf(
  { headers }: UpstreamResponse,
  freshness: Freshness,
  { cache }: Site,
): RawHeaders | undefined {
  return personalFields(headers, freshness, fieldsOfTheExchange, cache.setCookie);
}

/**
 * The stored response that a 304 has confirmed for this request, with updated fields and freshness, over the same body
 * (RFC 9111 §4.3.4). Undefined: the 304 forbids to keep it, or to share what it says (§3.5); the whole must be asked for.
 */
export function confirmed(
  request: CacheRequest,
  stored: StoredResponse,
  response: UpstreamResponse,
  epoch: Position,
): StoredResponse | undefined {
  const { site } = request.key;
  // Age is not stored, but the 304's own is among these and counts.
  const merged = updateStoredHeaders(stored.headers, response.headers, site.cache.setCookie);
  const timed = {
    status: stored.status,
    rawHeaders: merged,
    requestTimeMs: response.requestTimeMs,
    responseTimeMs: response.responseTimeMs,
    effective: effectiveCacheControl(merged, request.key.targets),
  };
  const freshness = freshnessOf(timed, freshnessDefaults(site.cache));
  const headers = keptHeaders('GET', merged, site, freshness, response.responseTimeMs);
  const { tags, dropped } = surrogateTags(headers);
  if (dropped > 0 || !mayKeep(request.key, stored.status, merged, freshness, request.headers)) {
    return undefined;
  }
  const report = reportOf(response);
  const label = labelOf(response, epoch, report);
  const vary = variantOf(request, merged);
  return new StoredResponse(
    {
      ...initOf(stored),
      ...vary,
      headers,
      tags,
      requestTimeMs: response.requestTimeMs,
      responseTimeMs: response.responseTimeMs,
      freshness,
      etag: first(headers, 'etag'),
      lastModified: first(headers, 'last-modified'),
      // What a tier confirms under an older position is no better than it was before.
      identity: label?.identity ?? stored.identity,
      labelSeq: label?.seq ?? stored.labelSeq,
      staleSinceMs: report.staleSinceMs ?? (label ? null : stored.staleSinceMs),
    },
    stored.body,
    stored.rowId,
  );
}

/**
 * Whether the answer to this request may update the stored response: not what it is told because of its Authorization
 * (RFC 9111 §3.5), nor what it forbids to store.
 */
export function mayConfirm(request: CacheRequest, stored: StoredResponse): boolean {
  const { headers, status, freshness } = stored;
  return mayKeep(request.key, status, headers, freshness, request.headers);
}

/** What a response tells about its way. */
export function reportOf(response: UpstreamResponse): FetchReport {
  const since = response.tierHeaders.get(tierHeaders.staleSince);
  return {
    from: response.from.name,
    tier: response.from.tier,
    fwdStatus: response.status,
    behind: combined(response.headers, 'cache-status'),
    wasAged: first(response.headers, 'age') !== undefined,
    staleSinceMs: since !== undefined && /^\d{1,15}$/.test(since) ? Number(since) : undefined,
    requestTimeMs: response.requestTimeMs,
    responseTimeMs: response.responseTimeMs,
  };
}

/**
 * Answers to what no key names: RFC 9110 §15.5.17, to a range, and whoever wants other bytes must not be given it; §15.5.13, to a
 * client's condition.
 */
function refusedToOne(
  { part, headers }: CacheRequest,
  { status }: UpstreamResponse,
): NotStored | null {
  if (status === 412 && isConditional(headers)) return 'error-status';
  return part && status === 416 ? 'partial' : null;
}

function refusedByUs(
  label: Position | undefined,
  droppedTags: number,
  lengthBytes: number,
  maxObjectBytes: number,
): NotStored | null {
  if (label === undefined) return 'unlabelled';
  if (droppedTags > 0) return 'too-many-tags';
  return lengthBytes > maxObjectBytes ? 'too-large' : null;
}

function mayKeep(
  { site, targets }: CacheKey,
  status: number,
  responseHeaders: RawHeaders,
  freshness: Freshness,
  requestHeaders: RawHeaders,
): boolean {
  const { cacheControl } = effectiveCacheControl(responseHeaders, targets);
  const { setCookie } = site.cache;
  const exchange = { method: 'GET', requestHeaders, status, responseHeaders, isKnownPart: true };
  return storability({ ...exchange, setCookie, freshness, cacheControl }).storable;
}

/**
 * Those who wait while an origin fails get the same failure: sending them all there, one by one, would keep it down. What only
 * one client may see is never shared.
 */
function isSharedError({ status, headers }: UpstreamResponse, notStored: NotStored): boolean {
  if (status < 500 || (notStored !== 'status' && notStored !== 'error-status')) return false;
  return first(headers, 'set-cookie') === undefined && varyFields(headers) !== '*';
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
  tags: readonly string[],
  held: { label: Position; staleSinceMs: number | null; part: BytePart | undefined },
): StoredResponseInit {
  const { key, method } = request;
  const { headers, responseTimeMs } = response;
  return {
    // What came whole is the URL's, whatever part of it was asked for.
    key: response.status === 206 ? key.text : baseKey(key.text),
    host: key.host,
    url: key.url,
    ...variantOf(request, headers),
    status: response.status,
    reason: response.reason,
    headers: keptHeaders(method, headers, key.site, freshness, responseTimeMs),
    tags,
    requestTimeMs: response.requestTimeMs,
    responseTimeMs,
    freshness,
    etag: first(headers, 'etag'),
    lastModified: first(headers, 'last-modified'),
    bodyBytes: response.body.lengthBytes ?? 0,
    part: held.part,
    identity: held.label.identity,
    labelSeq: held.label.seq,
    staleSinceMs: held.staleSinceMs,
  };
}

/** The part with a body that has its length. What is everything serves every later request as the 200 would have (RFC 9111 §3.3). */
function asPart(response: UpstreamResponse, part: BytePart): UpstreamResponse {
  const checked = { ...response, body: exactBody(response.body, lengthOf(part)) };
  if (!isWhole(part)) return checked;
  return { ...checked, status: 200, reason: 'OK', headers: withPart(response.headers, part) };
}

/** RFC 9111 §4.1: which requests the response is for. */
function variantOf(
  request: CacheRequest,
  responseHeaders: RawHeaders,
): Pick<StoredResponseInit, 'varyFields' | 'variant'> {
  const vary = varyFields(responseHeaders);
  const fields = vary === '*' ? [] : vary;
  return { varyFields: fields, variant: variantKey(fields, request.headers) };
}

/** The fields as they are stored and sent. A response without Date gets the time of its receipt (RFC 9110 §6.6.1). */
function keptHeaders(
  method: string,
  headers: RawHeaders,
  site: Site,
  freshness: Freshness,
  receivedAtMs: number,
): RawHeaders {
  const left = new Set([...fieldsOfTheExchange, ...freshness.excludedFields]);
  // An answer to HEAD has no body that would tell the length.
  if (method === 'HEAD') left.delete('content-length');
  if (site.cache.setCookie === 'strip') left.add('set-cookie');
  const kept = withoutFields(headers, left);
  if (first(kept, 'date') === undefined) kept.push('Date', formatHttpDate(receivedAtMs));
  return kept;
}
