/**
 * Response rate limiting: how many answers of a kind a network gets over UDP, where the sender of a query may be forged and
 * the answers may be aimed at somebody. What is too much is dropped; every `slip`th of it is sent empty and truncated, so
 * that a real client behind a forged flood comes over TCP, which a forger cannot.
 *
 * One token bucket for each network and kind of answer, as BIND and Knot do it. Names do not count: an attacker has any
 * number of them. Invariant: the table has a fixed size and nothing is allocated for a client. Its places are found by a
 * hash under a random key; where several want the same, the one that asks least gives way, so a flood of
 * forged addresses does not wash out a network that is being limited.
 */
import { contains, type Network, parseNetwork } from '../core/runtime/addresses.ts';
import type { Clock, Random } from '../core/runtime/deps.ts';
import { createSipHash } from './siphash.ts';
import { type Message, rcodes } from './wire/message.ts';

export interface RateLimitRules {
  /** For each network and kind; 0: no limit. */
  responsesPerSecond: number;
  /** Every how manieth limited answer is sent truncated: 1 each, 0 none. */
  slip: number;
}

/** What an answer says: something, that there is nothing, or that it was not to be had. */
export type ResponseClass = 'answer' | 'negative' | 'error';

export type Verdict = 'answer' | 'drop' | 'slip';

export interface RateLimiter {
  /** Counts one answer to `address` (4 or 16 bytes) and says what is to become of it. */
  decide(address: readonly number[], responseClass: ResponseClass): Verdict;
}

export interface RateLimiterDeps {
  clock: Clock;
  random: Random;
  /** A bucket that was not full had to give way. */
  onEvict(): void;
}

export interface RateLimiterOptions {
  /** As they are at the moment. */
  rules(): RateLimitRules;
  /** Networks without a limit. */
  exempt: readonly string[];
  /** Buckets; a power of two. */
  buckets?: number;
}

const defaultBuckets = 65_536;
/** Buckets in which one network and kind can be. */
const ways = 4;
/** One customer each (RFC 6177 §2 for IPv6). */
const prefixBytesOf = { 4: 3, 16: 7 } as const;
const codeOf: Readonly<Record<ResponseClass, number>> = { answer: 1, negative: 2, error: 3 };

/** The class that `message` is limited in. A referral is an answer: it has records. */
export function responseClassOf({ header, answers, authorities }: Message): ResponseClass {
  if (header.rcode === rcodes.NXDOMAIN) return 'negative';
  if (header.rcode !== rcodes.NOERROR) return 'error';
  const isReferral = !header.authoritative && authorities.length > 0;
  return answers.length > 0 || isReferral ? 'answer' : 'negative';
}

/** A limiter whose buckets are all full. */
export function createRateLimiter(
  { clock, random, onEvict }: RateLimiterDeps,
  { rules, exempt, buckets = defaultBuckets }: RateLimiterOptions,
): RateLimiter {
  const hash = createSipHash(Buffer.from(random.hex(16), 'hex'));
  const exemptNetworks = exempt.map(parseNetwork).filter((n): n is Network => n !== undefined);
  const tags = new Uint32Array(buckets); // 0: unused
  const tokens = new Float64Array(buckets);
  const filledMs = new Float64Array(buckets);
  const limited = new Uint32Array(buckets);

  const tokensAt = (bucket: number, perSecond: number, nowMs: number) => {
    const grown = ((nowMs - (filledMs[bucket] ?? 0)) * perSecond) / 1000;
    return tags[bucket] === 0 ? perSecond : Math.min(perSecond, (tokens[bucket] ?? 0) + grown);
  };

  /** The bucket of a key, which takes the place of the fullest of its set when it has none. */
  const bucketOf = (key: readonly number[], perSecond: number, nowMs: number): number => {
    const { low, high } = hash(key);
    const first = (low & (buckets - 1) & ~(ways - 1)) >>> 0;
    const tag = (high | 1) >>> 0;
    let fullest = first;
    for (let bucket = first; bucket < first + ways; bucket += 1) {
      if (tags[bucket] === tag) return bucket;
      const isFuller = tokensAt(bucket, perSecond, nowMs) > tokensAt(fullest, perSecond, nowMs);
      if (isFuller) fullest = bucket;
    }
    if (tokensAt(fullest, perSecond, nowMs) < perSecond) onEvict();
    tags[fullest] = tag;
    tokens[fullest] = perSecond;
    filledMs[fullest] = nowMs;
    limited[fullest] = 0;
    return fullest;
  };

  return {
    decide(address, responseClass) {
      const { responsesPerSecond, slip } = rules();
      if (responsesPerSecond === 0) return 'answer';
      if (exemptNetworks.some((network) => contains(network, address))) return 'answer';
      const nowMs = clock.monotonicMs();
      const bucket = bucketOf(keyOf(address, responseClass), responsesPerSecond, nowMs);
      const left = tokensAt(bucket, responsesPerSecond, nowMs);
      filledMs[bucket] = nowMs;
      tokens[bucket] = left >= 1 ? left - 1 : left;
      if (left >= 1) return 'answer';
      const count = (limited[bucket] ?? 0) + 1;
      limited[bucket] = count;
      return slip > 0 && count % slip === 0 ? 'slip' : 'drop';
    },
  };
}

function keyOf(address: readonly number[], responseClass: ResponseClass): number[] {
  const prefixBytes = address.length === 4 ? prefixBytesOf[4] : prefixBytesOf[16];
  return [codeOf[responseClass], address.length, ...address.slice(0, prefixBytes)];
}
