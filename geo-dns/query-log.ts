/**
 * A line for a sample of the queries: what was asked, for which client network, and what was answered. It looks at the bytes that came and went,
 * so that prepared answers are in the sample as any others; only what is in it is decoded.
 *
 * Invariant: bounded. Whatever the sample and the load, there are at most so many lines a second; the others are counted.
 */

import { typeLabel } from '../core/dns/record.ts';
import { formatAddress } from '../core/runtime/addresses.ts';
import type { Clock, Random } from '../core/runtime/deps.ts';
import type { Log } from '../core/runtime/log.ts';
import type { DnsMetrics, Transport } from './dns-metrics.ts';
import type { Respond } from './respond.ts';
import { formatSubnet } from './wire/client.ts';
import { decodeMessage, type Message, rcodeName } from './wire/message.ts';

/** Lines a second of one thread. */
export const maxLinesPerSecond = 200;

export interface QueryLogDeps {
  clock: Clock;
  random: Random;
  log: Log;
  metrics: DnsMetrics;
}

/** `respond`, with a line for about `sample()` (0 to 1) of its queries. */
export function withQueryLog(
  { clock, random, log, metrics }: QueryLogDeps,
  respond: Respond,
  sample: () => number,
): Respond {
  let secondStartedMs = Number.NEGATIVE_INFINITY;
  let lines = 0;
  const hasRoom = () => {
    const nowMs = clock.monotonicMs();
    if (nowMs - secondStartedMs >= 1000) {
      secondStartedMs = nowMs;
      lines = 0;
    }
    lines += 1;
    return lines <= maxLinesPerSecond;
  };
  return (bytes, resolver, transport) => {
    const share = sample();
    const isSampled = share > 0 && random.unit() < share;
    const answered = respond(bytes, resolver, transport);
    if (!isSampled) return answered;
    if (hasRoom()) log.info(lineOf(bytes, answered, resolver, transport), 'query');
    else metrics.queryLogDrop();
    return answered;
  };
}

/** What a line says. Without an answer: silence, for what is no query or is beyond the rate limit. */
export function lineOf(
  asked: Buffer,
  answered: Buffer | undefined,
  resolver: readonly number[],
  transport: Transport,
) {
  const query = tryDecode(asked);
  const answer = answered && tryDecode(answered);
  const question = query?.questions[0];
  const subnet = query?.edns?.clientSubnet;
  return {
    resolver: formatAddress(resolver),
    transport,
    ...(question ? { name: question.name, type: typeLabel(question.type) } : {}),
    ...(subnet ? { subnet: formatSubnet(subnet) } : {}),
    ...(answer ? answerOf(answer) : { silent: true }),
    bytes: answered?.length ?? 0,
  };
}

function answerOf({ header, answers, edns }: Message) {
  const scope = edns?.clientSubnet?.scopePrefixLength;
  return {
    rcode: rcodeName(header.rcode),
    answers: answers.map(({ data }) => ('address' in data ? data.address : data.type)),
    ...(scope === undefined ? {} : { scope }),
    ...(header.truncated ? { truncated: true } : {}),
  };
}

function tryDecode(bytes: Buffer): Message | undefined {
  try {
    return decodeMessage(bytes);
  } catch {
    // What cannot be read is told by its lack of a name.
    return undefined;
  }
}
