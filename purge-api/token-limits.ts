/**
 * How many purges a token may ask for (`purge.tokens[].limit`): a bucket for each token that has a limit, which fills evenly, so that
 * a burst of the whole quota is taken and the rate holds over time. Kept in memory: a restart fills all buckets.
 *
 * Invariant: as many buckets as the configuration has limited tokens; nothing is kept for anybody else.
 */
import type { Clock } from '../core/runtime/deps.ts';
import type { PurgeToken } from '../core/topology/schema.ts';

export interface Allowance {
  isAllowed: boolean;
  /** Purges that are left at this moment. */
  remaining: number;
  /** Until there is one more. */
  nextMs: number;
  quota: number;
  perMs: number;
}

export interface TokenLimits {
  /** Takes one purge from the bucket of a token, if there is one; undefined: it has no limit. */
  take(name: string): Allowance | undefined;
  /** Nothing came of it: the purge is not counted. */
  giveBack(name: string): void;
  /** Takes the tokens of a changed configuration; a bucket stays as full as it was where its limit stays. */
  update(tokens: readonly PurgeToken[]): void;
}

interface Bucket {
  quota: number;
  perMs: number;
  /** A fraction while the next one is on its way. */
  level: number;
  atMs: number;
}

/** Creates full buckets. */
export function createTokenLimits(
  { clock }: { clock: Clock },
  tokens: readonly PurgeToken[],
): TokenLimits {
  let buckets = new Map<string, Bucket>();
  const fill = (bucket: Bucket) => {
    const nowMs = clock.monotonicMs();
    const more = ((nowMs - bucket.atMs) * bucket.quota) / bucket.perMs;
    bucket.level = Math.min(bucket.quota, bucket.level + more);
    bucket.atMs = nowMs;
  };
  const update = (next: readonly PurgeToken[]) => {
    const limited = next.flatMap(({ name, limit }): [string, Bucket][] => {
      if (!limit) return [];
      const { purges: quota, perMs } = limit;
      const known = buckets.get(name);
      const isSame = known?.quota === quota && known.perMs === perMs;
      if (known && isSame) return [[name, known]];
      return [[name, { quota, perMs, level: quota, atMs: clock.monotonicMs() }]];
    });
    buckets = new Map(limited);
  };
  update(tokens);
  return {
    update,
    take(name) {
      const bucket = buckets.get(name);
      if (!bucket) return undefined;
      fill(bucket);
      // What a division has left of a whole one must not make it wait for another moment.
      const isAllowed = bucket.level >= 1 - 1e-9;
      if (isAllowed) bucket.level = Math.max(0, bucket.level - 1);
      const { quota, perMs, level } = bucket;
      const missing = 1 - (level - Math.floor(level));
      const nextMs = level >= quota ? 0 : (missing * perMs) / quota;
      return { isAllowed, remaining: Math.floor(level), nextMs, quota, perMs };
    },
    giveBack(name) {
      const bucket = buckets.get(name);
      if (bucket) bucket.level = Math.min(bucket.quota, bucket.level + 1);
    },
  };
}

/** The fields that tell a caller of its limit (draft-ietf-httpapi-ratelimit-headers), and when it is reached when to come again. */
export function limitHeaders(allowance: Allowance): Record<string, string> {
  const { isAllowed, remaining, nextMs, quota, perMs } = allowance;
  const seconds = Math.ceil(nextMs / 1000);
  return {
    'ratelimit-policy': `"purges";q=${quota};w=${Math.max(1, Math.round(perMs / 1000))}`,
    ratelimit: `"purges";r=${remaining};t=${seconds}`,
    ...(isAllowed ? {} : { 'retry-after': String(Math.max(1, seconds)) }),
  };
}
