/**
 * From an answer of the engine to what the client gets: the words of this tier (Cache-Status, Age, X-Cache, labels for a tier),
 * and the body through `deliver`.
 */
import { formatCacheStatus } from '../http/cache-status.ts';
import { formatPosition, tierHeaders } from '../purge/command.ts';
import type { Admitted } from './admit.ts';
import { type AdmittedExchange, accessStart, type HandleDeps } from './client-exchange.ts';
import { type Delivery, deliver } from './deliver.ts';
import type { StoredResponse } from './entry.ts';
import type { CacheRequest } from './exchange.ts';
import { hiddenFields } from './hidden-fields.ts';
import { judgedUnder, withoutJudgedUnder } from './judged-under.ts';
import type { Answer } from './obtain.ts';
import { type Member, type Outcome, outcomeOf, type XCache } from './outcome.ts';
import type { Passed } from './pass.ts';

/** Sends what was stored or is on its way; false when nothing could be sent because the body is unreadable. */
export function send(
  exchange: AdmittedExchange,
  answer: Extract<Answer, { kind: 'stored' | 'streaming' }>,
): boolean {
  const { deps, res, admitted } = exchange;
  const { request, tier } = admitted;
  const { entry } = answer;
  const nowMs = deps.clock.nowMs();
  const outcome = outcomeOf(answer, nowMs);
  const cacheStatus = memberText(deps, request, outcome.member);
  const { xCache, behind } = outcome;
  const record = accessStart(exchange, { xCache, cacheStatus, ...upstreamOf(answer) });
  const ownFields = outcome.ageSeconds === undefined ? [] : ['Age', ageText(outcome.ageSeconds)];
  if (answer.personal) ownFields.push(...answer.personal);
  const label = entry.identity === exchange.cursor?.identity ? entry.labelSeq : undefined;
  addOwnFields(ownFields, exchange, { xCache, behind, cacheStatus, label });
  if (tier) ownFields.push(...labelFields(deps, request, entry, outcome));
  const isSent = deliver({
    res,
    method: request.method,
    requestHeaders: request.headers,
    ownFields,
    isForTier: tier !== null,
    isFirstHand: answer.kind === 'streaming',
    hidden: hiddenFields(seesAll(admitted), request.key.site.cache),
    ...contentOf(deps, request, answer),
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

/** What can be sent of the answer, and how its bytes are opened. */
function contentOf(
  { obtain: { store } }: HandleDeps,
  request: CacheRequest,
  answer: Extract<Answer, { kind: 'stored' | 'streaming' }>,
): Pick<Delivery, 'entry' | 'part' | 'bodyBytes' | 'canSeek' | 'open'> {
  const { entry, assembled } = answer;
  if (assembled) return { ...assembled, bodyBytes: assembled.entry.bodyBytes, canSeek: true };
  return {
    entry,
    part: entry.part,
    bodyBytes: lengthOf(request, answer),
    canSeek: answer.kind === 'stored' || answer.flight.isComplete(),
    open: (start, end) =>
      answer.kind === 'stored' ? store.read(entry, start, end) : answer.flight.read(start, end),
  };
}

/** Sends what passed by the cache; false when nothing could be sent. */
export function sendPassed(
  exchange: AdmittedExchange,
  passed: Extract<Passed, { kind: 'response' }>,
): boolean {
  const { deps, res, admitted } = exchange;
  const { request, tier } = admitted;
  const { method } = request;
  const cacheStatus = memberText(deps, request, passed.member);
  const record = accessStart(exchange, { xCache: 'BYPASS', cacheStatus, from: passed.entryFrom });
  const ownFields = [...passed.ageFields];
  addOwnFields(ownFields, exchange, { xCache: 'BYPASS', behind: passed.behind, cacheStatus });
  // The asking tier may store it as well, if it is such an answer to a POST.
  if (admitted.tier) {
    const label = admitted.request.unreached ?? passed.epoch;
    ownFields.push(tierHeaders.label, formatPosition(label));
  }
  const isSent = deliver({
    res,
    method,
    requestHeaders: [],
    entry: passed.entry,
    ownFields,
    isForTier: tier !== null,
    isFirstHand: true,
    hidden: hiddenFields(seesAll(admitted), request.key.site.cache),
    // The origin's answer to HEAD tells the length itself; its body tells nothing.
    bodyBytes: method === 'HEAD' ? undefined : passed.lengthBytes,
    canSeek: false,
    open: () => passed.reader,
    boundary: deps.boundary,
    nowMs: deps.clock.nowMs(),
    onDone: (result) => {
      passed.close();
      record(result);
    },
  });
  if (!isSent) passed.close();
  return isSent;
}

function memberText({ nodeId }: HandleDeps, { key }: CacheRequest, member: Member): string {
  const tellsKey = key.site.cache.statusKey;
  return formatCacheStatus({ cache: nodeId, ...member, ...(tellsKey ? { key: key.text } : {}) });
}

/** The length that the client is told; undefined: not known in advance. */
function lengthOf(
  { method }: CacheRequest,
  answer: Extract<Answer, { kind: 'stored' | 'streaming' }>,
): number | undefined {
  if (answer.kind === 'stored') return answer.entry.bodyBytes;
  // The origin's answer to HEAD tells the length itself; its body tells nothing.
  if (method === 'HEAD') return undefined;
  return answer.flight.isComplete() ? answer.entry.bodyBytes : answer.head.lengthBytes;
}

function upstreamOf(answer: Extract<Answer, { kind: 'stored' | 'streaming' }>): {
  from: string | undefined;
  failure?: string;
} {
  if (answer.kind === 'streaming') return { from: answer.head.report.from };
  const { failure, report } = answer;
  return {
    from: report?.from ?? failure?.told?.name,
    ...(failure ? { failure: `${failure.kind}: ${failure.cause}` } : {}),
  };
}

/** Tiers judge by every field; a client with the debug token may see what they see. */
function seesAll({ tier, isDebugging }: Admitted): boolean {
  return tier !== null || isDebugging;
}

function ageText(seconds: number): string {
  return String(Math.floor(seconds));
}

/** What this tier says of its answer. */
interface OwnWords {
  xCache: XCache;
  behind: string | undefined;
  cacheStatus: string;
  /** Through which entry what is stored of it is valid. */
  label?: number | undefined;
}

function addOwnFields(
  fields: string[],
  { deps, res, admitted, cursor }: AdmittedExchange,
  { xCache, behind, cacheStatus, label }: OwnWords,
): void {
  if (deps.isDraining()) res.shouldKeepAlive = false;
  const own = cursor ? cacheStatus + judgedUnder(cursor, label) : cacheStatus;
  const told = behind && !cursor ? withoutJudgedUnder(behind) : behind;
  fields.push('Cache-Status', told ? `${told}, ${own}` : own);
  fields.push('Via', `1.1 ${deps.nodeId}`, 'X-Request-Id', admitted.requestId);
  if (deps.role === 'edge') fields.push('X-Cache', xCache, 'X-Cache-Pop', deps.nodeId);
}

/**
 * What the asking tier needs to store the answer: the position it is valid under, or since when it is stale. That position is the
 * answer's own and not simply ours: a purge may have come since it was fetched.
 */
function labelFields(
  { obtain: { purges } }: HandleDeps,
  request: CacheRequest,
  entry: StoredResponse,
  { staleSinceMs }: Outcome,
): string[] {
  if (staleSinceMs !== undefined) return [tierHeaders.staleSince, String(staleSinceMs)];
  return [tierHeaders.label, formatPosition(request.unreached ?? purges.labelOf(entry))];
}
