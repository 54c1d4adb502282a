/**
 * THE control flow of a caching node: admit, obtain, deliver. Everything that decides is elsewhere and pure; everything that
 * moves bytes is a leaf.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { formatCacheStatus } from '../http/cache-status.ts';
import { combined } from '../http/headers.ts';
import { problemBody, proxyStatus } from '../http/problem.ts';
import { tagFieldNames } from '../http/tags.ts';
import { formatPosition, tierHeaders } from '../purge/command.ts';
import { assertNever, type Clock } from '../runtime/deps.ts';
import type { Failure } from '../upstream/upstream.ts';
import type { AccessRecord } from './access-log.ts';
import { type AdmitDeps, type Admitted, admit, type Refused } from './admit.ts';
import type { Disposition } from './decide.ts';
import { deliver } from './deliver.ts';
import type { StoredResponse } from './entry.ts';
import type { CacheRequest } from './exchange.ts';
import { type Answer, type ObtainDeps, obtain } from './obtain.ts';
import { type Outcome, outcomeOf, type XCache } from './outcome.ts';
import { type Passed, passOn } from './pass.ts';
import { proxyErrorOf, statusOf } from './upstream-errors.ts';

export interface HandleDeps {
  clock: Clock;
  nodeId: string;
  /** Edges name themselves to clients; shields do not. */
  role: 'edge' | 'shield';
  admit: AdmitDeps;
  obtain: ObtainDeps;
  access: (record: AccessRecord) => void;
  /** True while the node is being stopped: connections are not kept. */
  isDraining: () => boolean;
  /** Drops stored responses in all workers and on disk (RFC 9111 §4.4); resolves when none is found any more. */
  invalidate: (keys: readonly string[]) => Promise<void>;
  /** A short random text for multipart bodies. */
  boundary: () => string;
}

/** How long a tier that is ahead of this node is made to wait for the journal to catch up. */
const catchUpMs = 200;

const noFields: ReadonlySet<string> = new Set();

/** Answers one request of the public listener. Never throws. */
export async function handle(
  deps: HandleDeps,
  req: IncomingMessage,
  res: ServerResponse,
): Promise<void> {
  const exchange = openExchange(deps, req, res);
  const admitted = admit(deps.admit, {
    method: req.method ?? '',
    target: req.url ?? '',
    rawHeaders: req.rawHeaders,
    address: req.socket.remoteAddress ?? '',
    secure: 'encrypted' in req.socket,
    nowMs: deps.clock.nowMs(),
  });
  if (!admitted.ok) {
    refuse(exchange, admitted);
    return;
  }
  exchange.admitted = admitted;
  await meetTierPosition(deps, admitted);
  // A hit is answered in this turn of the event loop.
  const obtained = obtain(deps.obtain, admitted.request, { mayAskPeers: true });
  const answer = obtained instanceof Promise ? await obtained : obtained;
  if (await act(exchange, admitted, answer)) return;
  // What is stored turned out to be gone or damaged: a miss, never a wrong answer (DESIGN section 3).
  const instead = await obtain(deps.obtain, admitted.request, {
    mayAskPeers: false,
    distrustsStore: true,
  });
  if (!(await act(exchange, admitted, instead))) failUpstream(exchange, cutBeforeFirstByte);
}

/** Does what was decided; false when nothing could be sent because the body is unreadable. */
function act(exchange: Exchange, admitted: Admitted, answer: Answer): boolean | Promise<boolean> {
  switch (answer.kind) {
    case 'stored':
    case 'streaming':
      return send(exchange, admitted, answer);
    case 'pass':
      return pass(exchange, admitted, answer.disposition);
    case 'failed':
      failUpstream(exchange, answer.failure);
      return true;
    case 'only-if-cached':
      fail(exchange, 504, 'Not in the cache', 'only-if-cached, and nothing usable is stored', []);
      return true;
    default:
      return assertNever(answer);
  }
}

const cutBeforeFirstByte: Failure = {
  source: 'upstream',
  kind: 'cut',
  retryable: false,
  cause: 'the body ended before its first byte',
};

async function pass(
  exchange: Exchange,
  admitted: Admitted,
  disposition: Extract<Disposition, { kind: 'pass' }>,
): Promise<true> {
  sendPassed(
    exchange,
    admitted,
    await passOn(exchange.deps, exchange.req, admitted.request, disposition),
  );
  return true;
}

function failUpstream(exchange: Exchange, failure: Failure, closes = false): void {
  const status = statusOf(failure);
  const fields = ['Proxy-Status', proxyStatus(proxyErrorOf(exchange.deps.nodeId, failure))];
  fail(exchange, status, 'Upstream failed', failureDetail(status), fields, closes);
}

function failureDetail(status: number): string {
  if (status === 504) return 'the upstream did not answer in time';
  if (status === 503) return 'too many requests are under way; try again in a moment';
  return 'the upstream gave no usable answer';
}

/** DESIGN section 4: a shield answers from its own log only when that covers the position of the edge that asks. */
async function meetTierPosition(deps: HandleDeps, { tier, request }: Admitted): Promise<void> {
  const position = tier?.position;
  if (!position) return;
  const { purges } = deps.obtain;
  purges.sync();
  const { cursor } = purges.index;
  if (cursor.identity === position.identity && cursor.seq >= position.seq) return;
  if (!(await purges.reaches(position, catchUpMs))) request.unreached = position;
}

interface Exchange {
  deps: HandleDeps;
  req: IncomingMessage;
  res: ServerResponse;
  admitted: Admitted | undefined;
  startedMs: number;
}

function openExchange(deps: HandleDeps, req: IncomingMessage, res: ServerResponse): Exchange {
  return { deps, req, res, admitted: undefined, startedMs: deps.clock.monotonicMs() };
}

function send(
  exchange: Exchange,
  admitted: Admitted,
  answer: Extract<Answer, { kind: 'stored' | 'streaming' }>,
): boolean {
  const { deps, res } = exchange;
  const { request, tier } = admitted;
  const { entry } = answer;
  const nowMs = deps.clock.nowMs();
  const outcome = outcomeOf(answer, nowMs);
  const cacheStatus = formatCacheStatus({ cache: deps.nodeId, ...outcome.member });
  const record = accessStart(exchange, outcome.xCache, cacheStatus, reporter(answer));
  const isComplete = answer.kind === 'stored' || answer.flight.isComplete();
  const announced = answer.kind === 'streaming' ? answer.head.lengthBytes : undefined;
  const isHeadOnly = request.method === 'HEAD' && answer.kind === 'streaming';
  const isSent = deliver({
    res,
    method: request.method,
    requestHeaders: request.headers,
    entry,
    ownFields: [
      ...ageField(outcome),
      ...ownFields(exchange, admitted, outcome.xCache, outcome.behind, cacheStatus),
      ...(tier ? labelFields(deps, request, entry, outcome) : []),
    ],
    hidden: tier ? noFields : tagFieldNames,
    // The origin's answer to HEAD tells the length itself; its body tells nothing.
    bodyBytes: isHeadOnly ? undefined : isComplete ? entry.bodyBytes : announced,
    open: (start, end) =>
      answer.kind === 'stored'
        ? deps.obtain.store.read(entry, start, end)
        : answer.flight.read(start, end),
    boundary: deps.boundary,
    nowMs,
    onDone: (result) => {
      if (answer.kind === 'streaming') answer.leave();
      record(result);
    },
  });
  if (!isSent && answer.kind === 'streaming') answer.leave();
  return isSent;
}

function ageField({ ageSeconds }: Outcome): string[] {
  return ageSeconds === undefined ? [] : ['Age', String(Math.floor(ageSeconds))];
}

function ownFields(
  { deps, res }: Exchange,
  { requestId }: Admitted,
  xCache: XCache,
  behind: string | undefined,
  cacheStatus: string,
): string[] {
  if (deps.isDraining()) res.shouldKeepAlive = false;
  const fields = ['Cache-Status', behind ? `${behind}, ${cacheStatus}` : cacheStatus];
  fields.push('Via', `1.1 ${deps.nodeId}`, 'X-Request-Id', requestId);
  if (deps.role === 'edge') fields.push('X-Cache', xCache, 'X-Cache-Pop', deps.nodeId);
  return fields;
}

/**
 * What the asking tier needs to store the answer: the position it is valid under, or since when it is stale. That position is the
 * answer's own and not simply ours: a purge may have come since it was fetched.
 */
function labelFields(
  deps: HandleDeps,
  request: CacheRequest,
  entry: StoredResponse,
  outcome: Outcome,
): string[] {
  if (outcome.staleSinceMs !== undefined) {
    return [tierHeaders.staleSince, String(outcome.staleSinceMs)];
  }
  const label = request.unreached ?? deps.obtain.purges.labelOf(entry);
  return [tierHeaders.label, formatPosition(label)];
}

function reporter(answer: Extract<Answer, { kind: 'stored' | 'streaming' }>): string | undefined {
  return answer.kind === 'streaming' ? answer.head.report.from : answer.report?.from;
}

function sendPassed(exchange: Exchange, admitted: Admitted, passed: Passed): void {
  const { deps, res } = exchange;
  if (passed.kind === 'refused') {
    fail(exchange, passed.status, passed.title, passed.detail, []);
    return;
  }
  if (passed.kind === 'failed') {
    failUpstream(exchange, passed.failure, !passed.drained);
    return;
  }
  const cacheStatus = formatCacheStatus({ cache: deps.nodeId, ...passed.member });
  const record = accessStart(exchange, 'BYPASS', cacheStatus, passed.entryFrom);
  const isSent = deliver({
    res,
    method: admitted.request.method,
    requestHeaders: [],
    entry: passed.entry,
    ownFields: [
      ...passed.ageFields,
      ...ownFields(exchange, admitted, 'BYPASS', passed.behind, cacheStatus),
    ],
    hidden: admitted.tier ? noFields : tagFieldNames,
    bodyBytes: passed.lengthBytes,
    open: () => passed.reader,
    boundary: deps.boundary,
    nowMs: deps.clock.nowMs(),
    onDone: (result) => {
      passed.close();
      record(result);
    },
  });
  if (isSent) return;
  passed.close();
  failUpstream(exchange, cutBeforeFirstByte);
}

function refuse(exchange: Exchange, refused: Refused): void {
  exchange.res.shouldKeepAlive = refused.status === 421 || refused.status === 403;
  fail(exchange, refused.status, refused.title, refused.detail, []);
}

/** An answer of our own making: RFC 9457 problem JSON, or HTML for a browser. */
function fail(
  exchange: Exchange,
  status: number,
  title: string,
  detail: string,
  fields: readonly string[],
  closes = false,
): void {
  const { deps, req, res, admitted } = exchange;
  const requestId = admitted?.requestId ?? deps.admit.nextRequestId();
  const accept = combined(req.rawHeaders, 'accept');
  const { contentType, body } = problemBody({ status, title, detail, accept, requestId });
  const bytes = Buffer.from(body);
  const record = accessStart(exchange, 'ERROR', detail, undefined);
  if (res.headersSent || res.destroyed) {
    res.destroy();
    record({ status, sentBytes: 0, complete: false });
    return;
  }
  if (closes || deps.isDraining()) res.shouldKeepAlive = false;
  const own = deps.role === 'edge' ? ['X-Cache', 'ERROR', 'X-Cache-Pop', deps.nodeId] : [];
  const retry = status === 503 ? ['Retry-After', '1'] : [];
  const describing = ['Content-Type', contentType, 'Content-Length', String(bytes.length)];
  const uncached = ['Cache-Control', 'no-store', 'X-Request-Id', requestId];
  res.writeHead(status, [...describing, ...uncached, ...own, ...retry, ...fields]);
  res.end(req.method === 'HEAD' ? undefined : bytes);
  record({ status, sentBytes: bytes.length, complete: true });
}

/** Remembers when the head is sent; the returned call writes the line. */
function accessStart(
  { deps, req, admitted, startedMs }: Exchange,
  xCache: XCache,
  cacheStatus: string,
  from: string | undefined,
) {
  const headMs = deps.clock.monotonicMs();
  return (result: { status: number; sentBytes: number; complete: boolean }) => {
    deps.access({
      requestId: admitted?.requestId ?? '-',
      client: admitted?.clientAddress ?? req.socket.remoteAddress ?? '-',
      method: req.method ?? '-',
      host: admitted?.request.key.host ?? combined(req.rawHeaders, 'host') ?? '-',
      path: admitted?.request.key.pathAndQuery ?? (req.url ?? '-').slice(0, 200),
      status: result.status,
      xCache,
      cacheStatus,
      sentBytes: result.sentBytes,
      firstByteMs: round(headMs - startedMs),
      totalMs: round(deps.clock.monotonicMs() - startedMs),
      tier: admitted?.tier?.id ?? null,
      from,
      ...(result.complete ? {} : { cut: true as const }),
    });
  };
}

function round(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}
