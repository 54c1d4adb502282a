/**
 * One message in, one message or silence out, for both transports: decode, answer, encode, count. The transports know
 * nothing of DNS, and `answer` knows nothing of bytes.
 *
 * Invariant: never throws. A fault of ours is SERVFAIL, counted, and logged at most once a second.
 */

import { typeLabel } from '../core/dns/record.ts';
import { assertNever, type Clock } from '../core/runtime/deps.ts';
import type { Log } from '../core/runtime/log.ts';
import { type AnswerContext, type Answered, answer, responseTo, udpLimitBytes } from './answer.ts';
import { type OptionSources, optionsOf, slippedOf, withOptions } from './answer-options.ts';
import type { Cookies, JudgedCookie } from './cookies.ts';
import type { DnsMetrics, Transport } from './dns-metrics.ts';
import type { SignAnswer } from './dnssec/sign-answer.ts';
import { type PreparedAnswer, type PreparedAnswers, withIdOf } from './prepared.ts';
import { type RateLimiter, responseClassOf, type Verdict } from './rate-limit.ts';
import type { Cookie } from './wire/cookie-option.ts';
import {
  encodeMessage,
  encodeWithin,
  type Message,
  opcodes,
  rcodeName,
  rcodes,
} from './wire/message.ts';
import { decodeQuery, type Incoming, type Query, type Rejected } from './wire/query.ts';

/** Without EDNS an answer over UDP has at most this (RFC 1035 §4.2.1). */
const plainUdpLimitBytes = 512;
const tcpLimitBytes = 65535;
const logIntervalMs = 1000;

export interface RespondDeps extends OptionSources {
  clock: Clock;
  log: Log;
  metrics: DnsMetrics;
  /** Without one, there is no limit. */
  limiter?: RateLimiter;
  /** Without it, cookies are ignored, as by a server that knows none. */
  cookies?: Cookies;
  /** Without it, every answer is made anew. */
  prepared?: PreparedAnswers;
  /** Without it, nothing is signed. */
  sign?: SignAnswer;
}

/** Answers the bytes of one message from `resolver` (4 or 16 bytes); undefined: no answer. */
export type Respond = (
  bytes: Buffer,
  resolver: readonly number[],
  transport: Transport,
) => Buffer | undefined;

/** Where a message goes, and what it answers. */
interface Recipient {
  asked: Buffer;
  resolver: readonly number[];
  transport: Transport;
}

/** `context` is asked for each query: it gives the zones and PoPs of that moment. */
export function createRespond(deps: RespondDeps, context: () => AnswerContext): Respond {
  const safely = createSafeAnswer(deps, context);
  return (bytes, resolver, transport) => {
    const recipient = { asked: bytes, resolver, transport };
    const ready = transport === 'udp' ? deps.prepared?.find(bytes, resolver) : undefined;
    if (ready) return respondReady(deps, ready, recipient);
    const incoming = decodeQuery(bytes);
    switch (incoming.kind) {
      case 'silence':
        deps.metrics.drop(incoming.why);
        return undefined;
      case 'reject':
        return reject(deps, incoming.rejected, recipient);
      case 'cookie':
        return giveCookie(deps, incoming, recipient);
      case 'query':
        return respondTo(deps, incoming.query, safely(incoming.query, resolver), recipient);
      default:
        return assertNever(incoming);
    }
  };
}

function respondTo(
  deps: RespondDeps,
  query: Query,
  answered: Answered,
  recipient: Recipient,
): Buffer | undefined {
  const { metrics } = deps;
  const { transport } = recipient;
  const cookie = judge(deps, query.edns?.cookie, recipient);
  const verdict = limit(deps, answered.message, recipient, cookie);
  if (verdict === 'drop') return undefined;
  const isProven = transport === 'tcp' || cookie?.state === 'valid';
  // Only what is sent is signed: who is over the limit costs no signature.
  const whole = verdict === 'slip' ? undefined : signedBy(deps.sign, query, answered, isProven);
  if (!whole) {
    const slipped = slippedOf(answered.message, cookie);
    count(metrics, query, { ...answered, message: slipped }, transport, false);
    return encodeMessage(slipped);
  }
  count(metrics, query, answered, transport, true);
  const message = withOptions(whole, optionsOf(deps, query, answered, transport, cookie));
  const encoded = encodeWithin(message, limitOf(query, transport));
  if (encoded.truncated) metrics.truncated();
  else keep(deps, query, answered, recipient, encoded.bytes);
  return encoded.bytes;
}

function signedBy(
  sign: SignAnswer | undefined,
  query: Query,
  answered: Answered,
  isProven: boolean,
): Message | undefined {
  return sign ? sign(query, answered, isProven) : answered.message;
}

/** Sends once more what the same bytes were answered with. */
function respondReady(
  { limiter, metrics, prepared }: RespondDeps,
  ready: PreparedAnswer,
  { asked, resolver }: Recipient,
): Buffer | undefined {
  const { responseClass } = ready;
  const verdict = limiter?.decide(resolver, responseClass) ?? 'answer';
  if (verdict === 'answer') {
    prepared?.used(ready);
    return withIdOf(asked, ready.bytes);
  }
  metrics.rateLimited(responseClass, verdict);
  return verdict === 'drop' ? undefined : withIdOf(asked, ready.slipped());
}

/** A name that does not exist is seldom asked for twice: who asks for many of them must not push the others out. */
function keep(
  { metrics, prepared }: RespondDeps,
  query: Query,
  answered: Answered,
  { asked, resolver, transport }: Recipient,
  bytes: Buffer,
): void {
  const { message, reuse } = answered;
  if (!prepared || transport !== 'udp' || reuse === 'never' || query.edns?.cookie) return;
  if (message.header.rcode === rcodes.NXDOMAIN) return;
  const slipped = () => {
    const short = slippedOf(message, undefined);
    count(metrics, query, { ...answered, message: short }, transport, false);
    return encodeMessage(short);
  };
  prepared.keep(asked, resolver, reuse, {
    bytes,
    responseClass: responseClassOf(message),
    slipped,
    uses: 0,
    count: (uses) => count(metrics, query, answered, transport, true, uses),
  });
}

/** Answers with a code alone. */
function reject(deps: RespondDeps, rejected: Rejected, recipient: Recipient): Buffer | undefined {
  const message = responseTo(rejected);
  // Whoever sends what is no query has no use for TCP, so there is nothing to slip.
  if (limit(deps, message, recipient) !== 'answer') return undefined;
  return encodeCode(deps, rejected, message, recipient);
}

/** Answers a query for a cookie: NOERROR, or BADCOOKIE when it brought one that is not good (RFC 7873 §5.4). */
function giveCookie(
  deps: RespondDeps,
  { rejected, cookie }: Extract<Incoming, { kind: 'cookie' }>,
  recipient: Recipient,
): Buffer | undefined {
  const judged = judge(deps, cookie, recipient);
  if (!judged) return reject(deps, { ...rejected, rcode: rcodes.FORMERR }, recipient);
  const rcode = judged.state === 'invalid' ? rcodes.BADCOOKIE : rcodes.NOERROR;
  const message = withOptions(responseTo({ ...rejected, rcode }), [judged.option]);
  // Beyond the limit every `slip`th is answered: "at least occasionally" (§5.2.3).
  if (limit(deps, message, recipient, judged) === 'drop') return undefined;
  return encodeCode(deps, rejected, message, recipient);
}

function encodeCode(
  { metrics }: RespondDeps,
  { question }: Rejected,
  message: Message,
  { transport }: Recipient,
): Buffer {
  const rcode = rcodeName(message.header.rcode);
  metrics.query({ zone: 'none', type: typeLabel(question?.type ?? 0), rcode, transport });
  return encodeWithin(message, plainUdpLimitBytes).bytes;
}

function judge(
  { cookies, metrics }: RespondDeps,
  cookie: Cookie | undefined,
  { resolver }: Recipient,
): JudgedCookie | undefined {
  const judged = cookie && cookies?.judge(cookie, resolver);
  if (judged) metrics.cookie(judged.state);
  return judged;
}

/** What becomes of a message. Over TCP, and with our cookie, the client is who it says. */
function limit(
  { limiter, metrics }: RespondDeps,
  message: Message,
  { resolver, transport }: Recipient,
  cookie?: JudgedCookie,
): Verdict {
  if (!limiter || transport === 'tcp' || cookie?.state === 'valid') return 'answer';
  const responseClass = responseClassOf(message);
  const verdict = limiter.decide(resolver, responseClass);
  if (verdict !== 'answer') metrics.rateLimited(responseClass, verdict);
  return verdict;
}

function count(
  metrics: DnsMetrics,
  query: Query,
  { message, zone = 'none', handedOut, isEndless }: Answered,
  transport: Transport,
  isWhole: boolean,
  times = 1,
): void {
  const type = typeLabel(query.question.type);
  metrics.query({ zone, type, rcode: rcodeName(message.header.rcode), transport }, times);
  if (isEndless) metrics.endlessAliases(times);
  if (!handedOut || !isWhole) return;
  const { located, selection } = handedOut;
  metrics.place(located.source, times);
  for (const { pop } of selection.chosen) metrics.answer(pop.id, selection.reason, times);
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
      const message = responseTo({ ...query, opcode: opcodes.query, rcode });
      return { message, reuse: 'never' };
    }
  };
}

function limitOf(query: Query, transport: Transport): number {
  if (transport === 'tcp') return tcpLimitBytes;
  if (!query.edns) return plainUdpLimitBytes;
  // "Values lower than 512 MUST be treated as equal to 512" (RFC 6891 §6.2.3).
  return Math.min(Math.max(query.edns.udpSizeBytes, plainUdpLimitBytes), udpLimitBytes);
}
