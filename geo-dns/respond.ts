/**
 * One message in, one message or silence out, for both transports: decode, answer, encode, count. The transports know
 * nothing of DNS, and `answer` knows nothing of bytes.
 *
 * Invariant: never throws. A fault of ours is SERVFAIL, counted, and logged at most once a second.
 */
import type { Clock } from '../core/runtime/deps.ts';
import type { Log } from '../core/runtime/log.ts';
import { type AnswerContext, type Answered, answer, responseTo, udpLimitBytes } from './answer.ts';
import type { DnsMetrics, Transport } from './dns-metrics.ts';
import { type RateLimiter, responseClassOf, type Verdict } from './rate-limit.ts';
import {
  encodeMessage,
  encodeWithin,
  type Message,
  opcodes,
  rcodeName,
  rcodes,
} from './wire/message.ts';
import { decodeQuery, type Query, type Rejected } from './wire/query.ts';
import { typeLabel } from './wire/record.ts';

/** Without EDNS an answer over UDP has at most this (RFC 1035 §4.2.1). */
const plainUdpLimitBytes = 512;
const tcpLimitBytes = 65535;
const logIntervalMs = 1000;

export interface RespondDeps {
  clock: Clock;
  log: Log;
  metrics: DnsMetrics;
  /** Without one, there is no limit. */
  limiter?: RateLimiter;
}

/** Answers the bytes of one message from `resolver` (4 or 16 bytes); undefined: no answer. */
export type Respond = (
  bytes: Buffer,
  resolver: readonly number[],
  transport: Transport,
) => Buffer | undefined;

/** `context` is asked for each query: it gives the zones and PoPs of that moment. */
export function createRespond(deps: RespondDeps, context: () => AnswerContext): Respond {
  const { metrics } = deps;
  const safely = createSafeAnswer(deps, context);
  return (bytes, resolver, transport) => {
    const incoming = decodeQuery(bytes);
    switch (incoming.kind) {
      case 'silence':
        metrics.drop(incoming.why);
        return undefined;
      case 'reject':
        return reject(deps, incoming.rejected, resolver, transport);
      case 'query': {
        const { query } = incoming;
        const answered = safely(query, resolver);
        const { message } = answered;
        const verdict = limit(deps, message, resolver, transport);
        if (verdict === 'drop') return undefined;
        count(metrics, query, answered, transport, verdict === 'answer');
        if (verdict === 'slip') return encodeSlipped(message);
        const encoded = encodeWithin(message, limitOf(query, transport));
        if (encoded.truncated) metrics.truncated();
        return encoded.bytes;
      }
    }
  };
}

/** Answers with a code alone. */
function reject(
  deps: RespondDeps,
  rejected: Rejected,
  resolver: readonly number[],
  transport: Transport,
): Buffer | undefined {
  const message = responseTo(rejected);
  // Whoever sends what is no query has no use for TCP, so there is nothing to slip.
  if (limit(deps, message, resolver, transport) !== 'answer') return undefined;
  const type = typeLabel(rejected.question?.type ?? 0);
  deps.metrics.query({ zone: 'none', type, rcode: rcodeName(rejected.rcode), transport });
  return encodeWithin(message, plainUdpLimitBytes).bytes;
}

/** What becomes of `message`. Over TCP the client is who it says, and the answer goes nowhere else. */
function limit(
  { limiter, metrics }: RespondDeps,
  message: Message,
  resolver: readonly number[],
  transport: Transport,
): Verdict {
  if (!limiter || transport === 'tcp') return 'answer';
  const responseClass = responseClassOf(message);
  const verdict = limiter.decide(resolver, responseClass);
  if (verdict !== 'answer') metrics.rateLimited(responseClass, verdict);
  return verdict;
}

function count(
  metrics: DnsMetrics,
  query: Query,
  { message, zone = 'none', handedOut }: Answered,
  transport: Transport,
  isWhole: boolean,
): void {
  const type = typeLabel(query.question.type);
  metrics.query({ zone, type, rcode: rcodeName(message.header.rcode), transport });
  if (!handedOut || !isWhole) return;
  const { located, selection } = handedOut;
  metrics.place(located.source);
  metrics.answer(selection.candidates[0]?.pop.id ?? 'none', selection.reason);
}

/** No record, and the mark that sends a client to TCP: about as long as the query. */
function encodeSlipped(message: Message): Buffer {
  const header = { ...message.header, truncated: true };
  return encodeMessage({ ...message, header, answers: [], authorities: [], additionals: [] });
}

function createSafeAnswer({ clock, log, metrics }: RespondDeps, context: () => AnswerContext) {
  let quietUntilMs = Number.NEGATIVE_INFINITY;
  return (query: Query, resolver: readonly number[]): Answered => {
    try {
      return answer(query, resolver, context());
    } catch (error) {
      metrics.internalError();
      const nowMs = clock.monotonicMs();
      if (nowMs >= quietUntilMs) {
        quietUntilMs = nowMs + logIntervalMs;
        log.error({ err: error, question: query.question }, 'a query failed: SERVFAIL');
      }
      const rcode = rcodes.SERVFAIL;
      return { message: responseTo({ ...query, opcode: opcodes.query, rcode }) };
    }
  };
}

function limitOf(query: Query, transport: Transport): number {
  if (transport === 'tcp') return tcpLimitBytes;
  if (!query.edns) return plainUdpLimitBytes;
  // "Values lower than 512 MUST be treated as equal to 512" (RFC 6891 §6.2.3).
  return Math.min(Math.max(query.edns.udpSizeBytes, plainUdpLimitBytes), udpLimitBytes);
}
