/**
 * Answers of our own making: RFC 9457 problem JSON, or HTML for a browser, with Proxy-Status (RFC 9209) where the upstream was
 * the reason.
 *
 * Invariant: after an answer to a request whose body was not read, the connection takes no further request.
 */

import { formatCacheStatus } from '../http/cache-status.ts';
import { combined, first } from '../http/headers.ts';
import { problemBody } from '../http/problem.ts';
import { failureField, formatFailure } from '../upstream/tier-fields.ts';
import type { Failure } from '../upstream/upstream.ts';
import type { Refused } from './admit.ts';
import { accessStart, type ClientExchange } from './client-exchange.ts';
import type { Member } from './outcome.ts';
import { detailOf, proxyStatusOf, statusOf } from './upstream-errors.ts';

export interface ErrorAnswer {
  status: number;
  title: string;
  detail: string;
  /** Further fields, flat. */
  fields?: readonly string[];
  /** What happened, for the log. */
  failure?: Failure;
  member?: Member;
}

/** Of a body that is not wanted, so much is read before the connection ends, and for so long. */
const lingerBytes = 1024 * 1024;
const lingerMs = 1000;

/** Answers a head that was not let in. After one that is malformed nothing else on the connection can be trusted. */
export function refuse(exchange: ClientExchange, refused: Refused): void {
  const { status } = refused;
  if (status !== 421 && status !== 403) exchange.res.shouldKeepAlive = false;
  sendError(exchange, refused);
}

/** Answers when the upstream has failed; `member` says what the cache had to do with it. */
export function failUpstream(exchange: ClientExchange, failure: Failure, member: Member): void {
  const { deps, admitted } = exchange;
  const status = statusOf(failure);
  const told = admitted?.tier ? formatFailure(failure) : undefined;
  sendError(exchange, {
    status,
    title: status === 408 ? 'Request timeout' : 'Upstream failed',
    detail: detailOf(failure),
    fields: [
      ...['Proxy-Status', proxyStatusOf(deps.nodeId, failure)],
      ...(told === undefined ? [] : [failureField, told]),
    ],
    failure,
    member,
  });
}

/**
 * Sends an error; when a head has been sent already, all that is left is to cut. RFC 9211 §2: an answer that a cache makes
 * itself has no member of Cache-Status, so what would stand in it is for the log only.
 */
export function sendError(exchange: ClientExchange, answer: ErrorAnswer): void {
  const { deps, req, res } = exchange;
  const { status, title, detail, failure, member } = answer;
  const requestId = exchange.admitted?.requestId ?? deps.admit.nextRequestId();
  const accept = combined(req.rawHeaders, 'accept');
  const { contentType, body } = problemBody({ status, title, detail, accept, requestId });
  const bytes = Buffer.from(body);
  const record = accessStart(exchange, {
    xCache: 'ERROR',
    cacheStatus: member ? formatCacheStatus({ cache: deps.nodeId, ...member }) : detail,
    from: failure?.told?.name,
    ...(failure ? { failure: `${failure.kind}: ${failure.cause}` } : {}),
  });
  if (res.headersSent || res.destroyed) {
    res.destroy();
    record({ status, sentBytes: 0, complete: false });
    return;
  }
  const isUnread = hasUnreadBody(exchange);
  if (isUnread || deps.isDraining()) res.shouldKeepAlive = false;
  res.writeHead(status, [
    ...['Content-Type', contentType, 'Content-Length', String(bytes.length)],
    ...['X-Request-Id', requestId],
    ...ownFields(exchange, status),
    ...(answer.fields ?? []),
  ]);
  const sent = req.method === 'HEAD' ? undefined : bytes;
  if (isUnread) lingerAfter(exchange, sent);
  else res.end(sent);
  record({ status, sentBytes: sent?.length ?? 0, complete: true });
}

function ownFields({ deps, admitted }: ClientExchange, status: number): string[] {
  return [
    // A tier shares a failure among those who wait, and stores none in any case; no-store would forbid both.
    ...(admitted?.tier ? [] : ['Cache-Control', 'no-store']),
    ...(deps.role === 'edge' ? ['X-Cache', 'ERROR', 'X-Cache-Pop', deps.nodeId] : []),
    ...(status === 503 ? ['Retry-After', '1'] : []),
  ];
}

function hasUnreadBody({ req }: ClientExchange): boolean {
  if (req.complete) return false;
  const length = first(req.rawHeaders, 'content-length');
  if (length !== undefined) return length !== '0';
  return first(req.rawHeaders, 'transfer-encoding') !== undefined;
}

/**
 * RFC 9112 §9.6: a connection that is closed while the client still sends is reset, and the reset may take our answer with it. So
 * the answer goes out whole, and the end of the connection waits a little for the client to stop.
 */
function lingerAfter({ deps, req, res }: ClientExchange, bytes: Buffer | undefined): void {
  if (bytes) res.write(bytes);
  else res.flushHeaders();
  let leftBytes = lingerBytes;
  const finish = () => {
    limit.cancel();
    req.off('data', onData).off('end', finish).off('close', finish);
    res.end();
  };
  const onData = (piece: Buffer) => {
    leftBytes -= piece.length;
    if (leftBytes < 0) finish();
  };
  const limit = deps.clock.after(lingerMs, finish);
  req.on('data', onData).once('end', finish).once('close', finish).resume();
}
