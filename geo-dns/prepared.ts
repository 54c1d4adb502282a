/**
 * Answers that are ready to be sent: what was encoded for a query is sent again for the same bytes, as long as zones, places and
 * PoPs are what they were. A steered answer without a usable client subnet holds for its resolver only.
 *
 * Invariants: nothing is kept that differs from one query to the next (cookies, explanations, answers that take turns); with the
 * next view all are forgotten; their number and size have limits.
 */
import { LRUCache } from 'lru-cache';
import type { Clock } from '../core/runtime/deps.ts';
import type { ResponseClass } from './rate-limit.ts';

/** Whom an answer would be the same for: whoever sends these bytes, the same resolver only, or nobody. */
export type Reuse = 'everybody' | 'resolver' | 'never';

export interface PreparedAnswer {
  /** As it was sent, with another query's id. */
  bytes: Buffer;
  responseClass: ResponseClass;
  /** The short one that takes its place beyond the rate limit; made when it is needed. */
  slipped: () => Buffer;
  /** Counts so many uses of the whole answer. */
  count: (uses: number) => void;
  /** Uses that were not counted yet. */
  uses: number;
}

export interface PreparedAnswers {
  /** The answer to these bytes of this resolver; undefined: none is ready. */
  find(query: Buffer, resolver: readonly number[]): PreparedAnswer | undefined;
  /** Says that an answer that was found is sent whole. */
  used(answer: PreparedAnswer): void;
  keep(
    query: Buffer,
    resolver: readonly number[],
    reuse: Exclude<Reuse, 'never'>,
    answer: PreparedAnswer,
  ): void;
  /** Hands the uses that were not counted yet to the metrics. */
  flush(): void;
}

const maxAnswers = 20_000;
/** Signatures and times in answers grow old although nothing changes. */
const maxAgeMs = 30_000;
/** Answers are short; a long one is not asked for often. */
const maxAnswerBytes = 1232;

/** Marks that the answer to a query has to be looked for with its resolver. */
const byResolver = Symbol('by resolver');

/** Nothing prepared yet. `world` is what answers are made of: when any of it is another object than before, all are forgotten. */
export function createPreparedAnswers(
  clock: Clock,
  world: readonly (() => unknown)[],
): PreparedAnswers {
  const answers = new LRUCache<string, PreparedAnswer | typeof byResolver>({ max: maxAnswers });
  /** Those with uses. */
  let used: PreparedAnswer[] = [];
  let made: readonly unknown[] = [];
  let madeAtMs = Number.NEGATIVE_INFINITY;

  const flush = () => {
    for (const answer of used) {
      answer.count(answer.uses);
      answer.uses = 0;
    }
    used = [];
  };
  const isUnchanged = (part: () => unknown, n: number) => part() === made[n];
  const isAsBefore = () => {
    const isYoung = clock.monotonicMs() - madeAtMs < maxAgeMs;
    // At every query: nothing is made for it.
    if (isYoung && world.every(isUnchanged)) return true;
    flush();
    answers.clear();
    made = world.map((part) => part());
    madeAtMs = clock.monotonicMs();
    return false;
  };
  return {
    find(query, resolver) {
      if (!isAsBefore()) return undefined;
      const key = keyOf(query);
      const found = answers.get(key);
      if (found !== byResolver) return found;
      const own = answers.get(withResolver(key, resolver));
      return own === byResolver ? undefined : own;
    },
    used(answer) {
      if (answer.uses === 0) used.push(answer);
      answer.uses += 1;
    },
    keep(query, resolver, reuse, answer) {
      if (answer.bytes.length > maxAnswerBytes) return;
      isAsBefore();
      const key = keyOf(query);
      if (reuse === 'everybody') answers.set(key, answer);
      else {
        answers.set(key, byResolver);
        answers.set(withResolver(key, resolver), answer);
      }
    },
    flush,
  };
}

/** A copy with the id of this query: what is being sent must not change. */
export function withIdOf(query: Buffer, answer: Buffer): Buffer {
  const copy = Buffer.allocUnsafe(answer.length);
  answer.copy(copy);
  copy[0] = query[0] ?? 0;
  copy[1] = query[1] ?? 0;
  return copy;
}

/** All but the id; each byte is a character. */
function keyOf(query: Buffer): string {
  return query.toString('latin1', 2);
}

/** A character that no byte makes comes between: the resolver cannot be mistaken for a part of the query. */
function withResolver(key: string, resolver: readonly number[]): string {
  return `${key}\u0100${resolver.join('.')}`;
}
