/**
 * Asks the upstream for what a request needs: validators in, the client's own conditions out.
 *
 * Invariant: the epoch is read before the request is sent, so a purge that arrives meanwhile is above it.
 */
import { combined, type RawHeaders, withoutFields } from '../http/headers.ts';
import { selectVariant } from '../http/select-variant.ts';
import { formatPosition, type Position, tierHeaders } from '../purge/command.ts';
import { upstreamFailure } from '../upstream/failures.ts';
import type {
  Upstream,
  UpstreamRequest,
  UpstreamResponse,
  UpstreamResult,
} from '../upstream/upstream.ts';
import { type Continuation, continued, findContinuation } from './continue-part.ts';
import type { CacheRequest, SourceResult } from './exchange.ts';
import { effectOfHead } from './head-effect.ts';
import { type Candidates, confirmedBy, contradicts, noCandidates, nominate } from './nominate.ts';
import { baseKey, besideSlice, isLooseParts, keyOfPart, rangeOf } from './part.ts';
import { confirmed, personalOf, received, reportOf } from './receive.ts';
import type { Store } from './store.ts';
import type { LeaseRules } from './unleased.ts';

export interface FetchDeps {
  upstream: Upstream;
  lease: LeaseRules;
  store: Store;
  maxObjectBytes: number;
  /** Slices of the URL with this key are of different representations: none of them is to be used again. */
  onSliceMismatch: (key: string) => void;
  /** So many variants could not be asked for, because one request had too many tags. */
  onTagsLeftOut: (count: number) => void;
}

/**
 * The client's conditions and ranges: answered by us. What is asked for in part has a Range of ours. A request with a condition
 * that only the origin evaluates passes by the cache and does not come here.
 */
const ownConditions: ReadonlySet<string> = new Set([
  'if-none-match',
  'if-modified-since',
  'if-range',
  'range',
]);

/**
 * Fetches for a cache read. The candidates that have a validator may be confirmed instead; where none fits, what is stored in part
 * is completed, if that saves something. `epoch` is the node's position, read before. Never rejects.
 */
export async function fetchForCache(
  deps: FetchDeps,
  request: CacheRequest,
  candidates: Candidates,
  epoch: Position,
  signal: AbortSignal,
): Promise<SourceResult> {
  const { fitting } = candidates;
  const continuation = fitting ? undefined : findContinuation(deps.store, request);
  const { fields, nominated, leftOut } = nominate(
    request,
    continuation ? noCandidates : candidates,
  );
  if (leftOut > 0) deps.onTagsLeftOut(leftOut);
  const result = await ask(
    deps,
    request,
    continuation?.fields ?? [...rangeFields(request), ...fields],
    epoch,
    signal,
  );
  if (!result.ok) return { kind: 'failed', failure: result.failure };
  const { response } = result;
  if (continuation) return receivedBehind(deps, request, continuation, response, epoch, signal);
  if (response.status === 304 && fields.length === 0) {
    response.body.abort();
    return { kind: 'failed', failure: unasked304 };
  }
  if (response.status !== 304 || nominated.length === 0) {
    const result = received(request, response, epoch, deps.maxObjectBytes);
    if (isOfNewVersion(deps.store, request, result))
      deps.onSliceMismatch(baseKey(request.key.text));
    if (result.kind === 'failed') return result;
    return { ...result, effect: effectOfHead(request, fitting, response, epoch) };
  }
  response.body.abort();
  const meant = confirmedBy(response.headers, nominated);
  const isCopy = meant !== fitting;
  const isOther = meant !== undefined && isCopy && contradicts(response.headers, meant);
  const entry = meant && !isOther && confirmed(request, meant, response, epoch);
  if (entry) {
    const personal = personalOf(response, entry.freshness, request.key.site);
    return { kind: 'ready', entry, report: reportOf(response), isCopy, personal };
  }
  // It means none of what is stored, or forbids to keep it: then the whole, without conditions.
  return fetchForCache(deps, request, noCandidates, epoch, signal);
}

/** RFC 9110 §15.4.5: it says that somebody has the content already. Whoever asked for it without a condition has not. */
const unasked304 = upstreamFailure('framing', 'a 304 to a request without a condition');

/** Whether a slice beside the one that came is stored and of another representation: then all that are stored are outdated. */
function isOfNewVersion(
  store: Store,
  { key, part, headers }: CacheRequest,
  result: SourceResult,
): boolean {
  if (!part || result.kind !== 'streaming' || !result.init.part) return false;
  const { etag } = result.init;
  return besideSlice(part).some((place) => {
    const beside = selectVariant(store.live(keyOfPart(key, { place }).text), headers);
    return beside !== undefined && beside.etag !== etag;
  });
}

/** The answer to a request for what was missing behind a stored part. */
async function receivedBehind(
  deps: FetchDeps,
  request: CacheRequest,
  continuation: Continuation,
  response: UpstreamResponse,
  epoch: Position,
  signal: AbortSignal,
): Promise<SourceResult> {
  const joined = continued(deps.store, continuation, response);
  if (joined) return received(request, joined, epoch, deps.maxObjectBytes, response.status);
  // RFC 9110 §13.1.5: the representation has changed, and this is all of the new one (or why there is none).
  if (response.status !== 206 && response.status !== 416) {
    return received(request, response, epoch, deps.maxObjectBytes);
  }
  response.body.abort();
  const whole = await ask(deps, request, rangeFields(request), epoch, signal);
  if (!whole.ok) return { kind: 'failed', failure: whole.failure };
  return received(request, whole.response, epoch, deps.maxObjectBytes);
}

function ask(
  { upstream, lease }: FetchDeps,
  request: CacheRequest,
  fields: readonly string[],
  epoch: Position,
  signal: AbortSignal,
): Promise<UpstreamResult> {
  const headers = [...withoutFields(request.forwardHeaders(), ownConditions), ...fields];
  return upstream.fetch(
    upstreamRequest(request, headers, epoch, lease, signal),
    request.key.site.timeouts,
  );
}

/**
 * Of what a client wants in part, it alone may say under which condition. What is stored has met it already, but what comes instead
 * has not (RFC 9110 §13.1.5).
 */
function rangeFields({ part, headers }: CacheRequest): readonly string[] {
  if (!part) return [];
  const condition = isLooseParts(part) ? combined(headers, 'if-range') : undefined;
  const range = ['Range', rangeOf(part)];
  return condition === undefined ? range : [...range, 'If-Range', condition];
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
    { ...upstreamRequest(request, request.forwardHeaders(), epoch, deps.lease, signal), ...body },
    request.key.site.timeouts,
  );
}

function upstreamRequest(
  request: CacheRequest,
  headers: RawHeaders,
  epoch: Position,
  lease: LeaseRules,
  signal: AbortSignal,
): UpstreamRequest {
  const { key } = request;
  return {
    method: request.method,
    site: key.site,
    scheme: key.scheme,
    host: key.host,
    pathAndQuery: key.pathAndQuery,
    // Parts too go to the shield that has the URL, and hears of what invalidates it.
    key: baseKey(key.text),
    headers,
    body: null,
    tierHeaders: [
      ...[tierHeaders.position, formatPosition(epoch)],
      ...(lease.isHeld() ? [tierHeaders.lease, '1'] : []),
      ...(request.isRefresh ? [tierHeaders.refresh, '1'] : []),
    ],
    signal,
    onInterim: request.onInterim,
  };
}
