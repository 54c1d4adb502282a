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
import { encodeWithin, opcodes, rcodeName, rcodes } from './wire/message.ts';
import { decodeQuery, type Query } from './wire/query.ts';
import { typeLabel } from './wire/record.ts';

/** Without EDNS an answer over UDP has at most this (RFC 1035 §4.2.1). */
const plainUdpLimitBytes = 512;
const tcpLimitBytes = 65535;
const logIntervalMs = 1000;

export interface RespondDeps {
  clock: Clock;
  log: Log;
  metrics: DnsMetrics;
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
      case 'reject': {
        const { rejected } = incoming;
        const type = typeLabel(rejected.question?.type ?? 0);
        metrics.query({ zone: 'none', type, rcode: rcodeName(rejected.rcode), transport });
        return encodeWithin(responseTo(rejected), plainUdpLimitBytes).bytes;
      }
      case 'query': {
        const { query } = incoming;
        const { message, zone = 'none', handedOut } = safely(query, resolver);
        const type = typeLabel(query.question.type);
        metrics.query({ zone, type, rcode: rcodeName(message.header.rcode), transport });
        if (handedOut) {
          const { located, selection } = handedOut;
          metrics.place(located.source);
          metrics.answer(selection.candidates[0]?.pop.id ?? 'none', selection.reason);
        }
        const encoded = encodeWithin(message, limitOf(query, transport));
        if (encoded.truncated) metrics.truncated();
        return encoded.bytes;
      }
    }
  };
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
