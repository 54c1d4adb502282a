/**
 * Requests that are not answered from the cache: other methods than GET and HEAD, `no-store`, and conditions that only the origin
 * evaluates (If-Match, If-Unmodified-Since: RFC 9111 §4.3.2). The body goes up as it comes, counted against the site's limit; the
 * answer comes down through a small spool, so that back-pressure reaches both ways.
 *
 * An unsafe request that succeeded invalidates what is stored for its target (RFC 9111 §4.4), and the groups that its response
 * names (RFC 9875 §3). The answer to a POST may be stored for GET (`keep-passed`).
 */
import type { IncomingMessage } from 'node:http';
import { Transform } from 'node:stream';
import type { CacheStatusMember } from '../http/cache-status.ts';
import { combined, first, withoutFields } from '../http/headers.ts';
import type { Position } from '../purge/command.ts';
import type { Clock } from '../runtime/deps.ts';
import type { Failure, UpstreamResponse } from '../upstream/upstream.ts';
import type { BodyReader } from './body-reader.ts';
import { type AdmittedExchange, goneSignal, type HandleDeps } from './client-exchange.ts';
import type { Disposition } from './decide.ts';
import { StoredResponse } from './entry.ts';
import type { CacheRequest } from './exchange.ts';
import { fetchPassing } from './fetch.ts';
import { type Invalidated, invalidatedBy } from './invalidated.ts';
import { beginKeeping, type PassingBody } from './keep-passed.ts';
import { fieldsOfTheExchange, reportOf } from './receive.ts';
import { createSpool } from './spool.ts';
import type { Tracked } from './under-way.ts';

export type Passed =
  | {
      kind: 'response';
      entry: StoredResponse;
      entryFrom: string;
      member: Omit<CacheStatusMember, 'cache'>;
      behind: string | undefined;
      ageFields: string[];
      /** The position from before the request was sent. */
      epoch: Position;
      lengthBytes: number | undefined;
      reader: BodyReader;
      close: () => void;
    }
  | { kind: 'failed'; failure: Failure }
  | { kind: 'refused'; status: number; title: string; detail: string };

const windowBytes = 256 * 1024;

/** Sends the request on and opens its answer. */
export async function passOn(
  exchange: AdmittedExchange,
  disposition: Extract<Disposition, { kind: 'pass' }>,
): Promise<Passed> {
  const { deps, req } = exchange;
  const { request } = exchange.admitted;
  const upload = uploadOf(req, request);
  if ('refused' in upload) return upload.refused;
  const epoch = deps.obtain.purges.position();
  const keySpace = deps.admit.keySpace();
  const keeping = beginKeeping(deps.obtain, request, keySpace);
  const result = await fetchPassing(deps.obtain, request, upload, epoch, goneSignal(exchange));
  if (!result.ok || upload.isTooLarge()) {
    keeping?.giveUp();
    if (result.ok) result.response.body.abort();
    if (upload.isTooLarge()) return tooLarge(request);
  }
  if (!result.ok) return { kind: 'failed', failure: result.failure };
  const { response } = result;
  const changed = invalidatedBy(request, response, keySpace);
  if (changed) await invalidate(deps, changed, keeping?.tracked);
  if (!upload.isWhole()) keeping?.giveUp();
  const kept = upload.isWhole() ? keeping?.keep(response, epoch) : undefined;
  return open(request, response, disposition, {
    epoch,
    isStored: kept !== undefined,
    ...(kept ?? throughSpool(deps.clock, response)),
  });
}

/** Before the answer is sent: who has it and asks again must not see what was before. */
async function invalidate(
  deps: HandleDeps,
  { keys, groups, groupsLeftOut }: Invalidated,
  spare: Tracked | undefined,
): Promise<void> {
  if (groupsLeftOut > 0) deps.onGroupsLeftOut(groupsLeftOut);
  await deps.invalidate(keys, { ...(groups ? { groups } : {}), ...(spare ? { spare } : {}) });
}

interface Upload {
  body: Transform | null;
  bodyBytes: number | undefined;
  isTooLarge: () => boolean;
  /** Everything that the client sends has come. */
  isWhole: () => boolean;
}

function uploadOf(req: IncomingMessage, request: CacheRequest): Upload | { refused: Passed } {
  const announced = first(req.rawHeaders, 'content-length');
  const isChunked = combined(req.rawHeaders, 'transfer-encoding') !== undefined;
  const none: Upload = {
    body: null,
    bodyBytes: undefined,
    isTooLarge: () => false,
    isWhole: () => true,
  };
  // A body on GET or HEAD has no meaning (RFC 9110 §9.3.1) and is not forwarded; Node drains it.
  if (request.method === 'GET' || request.method === 'HEAD') return none;
  if (announced === undefined && !isChunked) return none;
  const limitBytes = request.key.site.maxRequestBodyBytes;
  const bodyBytes = announced === undefined ? undefined : Number(announced);
  if (bodyBytes !== undefined && bodyBytes > limitBytes) return { refused: tooLarge(request) };
  let passedBytes = 0;
  let over = false;
  const body = new Transform({
    transform(piece: Buffer, _encoding, done) {
      passedBytes += piece.length;
      over = passedBytes > limitBytes;
      if (over) done(new Error('the body is longer than the site takes'));
      else done(null, piece);
    },
  });
  // An upload that the client breaks off must break off towards the origin as well, never end.
  req.once('close', () => {
    if (!req.complete) body.destroy(new Error('the client broke the upload off'));
  });
  body.on('error', () => req.unpipe(body));
  req.pipe(body);
  const isWhole = () => req.complete && !over && !body.errored;
  return { body, bodyBytes, isTooLarge: () => over, isWhole };
}

function tooLarge(request: CacheRequest): Passed {
  const limit = request.key.site.maxRequestBodyBytes;
  const detail = `the body is longer than the ${limit} bytes that this site takes`;
  return { kind: 'refused', status: 413, title: 'Content too large', detail };
}

/** A body that is only passed: nothing of it is kept but what is on its way. */
function throughSpool(clock: Clock, { body }: UpstreamResponse): PassingBody {
  const spool = createSpool({
    clock,
    windowBytes,
    stallLimitMs: 60_000,
    onPause: () => body.pause(),
    onResume: () => body.resume(),
  });
  body.start({
    data: (piece) => spool.append(piece),
    end: () => spool.end(),
    fail: () => spool.fail(),
  });
  const reader = spool.reader(0, Number.POSITIVE_INFINITY);
  if (!reader) throw new Error('an empty spool has a beginning');
  return {
    reader,
    close: () => {
      reader.close();
      if (spool.state === 'open') body.abort();
    },
  };
}

function open(
  request: CacheRequest,
  response: UpstreamResponse,
  disposition: Extract<Disposition, { kind: 'pass' }>,
  { epoch, isStored, reader, close }: PassingBody & { epoch: Position; isStored: boolean },
): Passed {
  const age = first(response.headers, 'age');
  return {
    kind: 'response',
    entry: transient(request, response),
    entryFrom: response.from.name,
    member: {
      fwd: disposition.fwd,
      fwdStatus: response.status,
      ...(isStored ? { stored: true as const } : {}),
      ...(disposition.detail === undefined ? {} : { detail: disposition.detail }),
    },
    behind: reportOf(response).behind,
    ageFields: age === undefined ? [] : ['Age', age],
    epoch,
    lengthBytes: response.body.lengthBytes,
    reader,
    close,
  };
}

/** The length stays: an answer to HEAD has no body that would tell it. */
const notRelayed: ReadonlySet<string> = new Set(
  [...fieldsOfTheExchange].filter((name) => name !== 'content-length'),
);

/** The response in the form that `deliver` takes; it is never stored. */
function transient(request: CacheRequest, response: UpstreamResponse): StoredResponse {
  const headers = withoutFields(response.headers, notRelayed);
  return new StoredResponse(
    {
      key: request.key.text,
      host: request.key.host,
      url: request.key.url,
      varyFields: [],
      variant: '',
      status: response.status,
      reason: response.reason,
      headers,
      tags: [],
      requestTimeMs: response.requestTimeMs,
      responseTimeMs: response.responseTimeMs,
      freshness: noFreshness,
      etag: undefined,
      lastModified: undefined,
      bodyBytes: response.body.lengthBytes ?? 0,
      part: undefined,
      identity: '',
      labelSeq: 0,
      staleSinceMs: null,
    },
    null,
    null,
  );
}

const noFreshness = {
  lifetimeSeconds: 0,
  initialAgeSeconds: 0,
  source: 'none',
  explicit: false,
  staleWhileRevalidateSeconds: 0,
  staleIfErrorSeconds: 0,
  mustRevalidate: false,
  noCache: false,
  excludedFields: [],
  immutable: false,
} as const;
