/**
 * Replacing the key of a zone, one step at a time (RFC 6781 §4.1.3, by pre-publication): a new key is published, then signs, then
 * the old one goes. Each step has to wait until what it relies on is in every cache. Pure.
 */
import { makeKey, type StoredKey } from './keys.ts';

export type Rolled =
  | { ok: true; step: 'published' | 'activated' | 'removed'; keys: StoredKey[] }
  | { ok: false; waitMs: number };

const hourMs = 3_600_000;
/** Until the DNSKEY set with the new key is everywhere: its TTL, and as long again for the servers to be reloaded. */
export const publishWaitMs = 2 * hourMs;
/** Until the parent's old DS and all that the old key has signed are out of caches. Registries keep DS for a day at most. */
export const retireWaitMs = 48 * hourMs;

/** The next step from `keys`; `isForced`: without waiting. */
export function rollKeys(keys: readonly StoredKey[], nowMs: number, isForced: boolean): Rolled {
  const retired = keys.find(({ state }) => state === 'retired');
  if (retired) {
    const waitMs = retired.changedAtMs + retireWaitMs - nowMs;
    if (waitMs > 0 && !isForced) return { ok: false, waitMs };
    return { ok: true, step: 'removed', keys: keys.filter((key) => key !== retired) };
  }
  const published = keys.find(({ state }) => state === 'published');
  if (!published) {
    return { ok: true, step: 'published', keys: [...keys, makeKey('published', nowMs)] };
  }
  const waitMs = published.changedAtMs + publishWaitMs - nowMs;
  if (waitMs > 0 && !isForced) return { ok: false, waitMs };
  const next = { published: 'active', active: 'retired', retired: 'retired' } as const;
  const moved = keys.map((key) => ({ ...key, state: next[key.state], changedAtMs: nowMs }));
  return { ok: true, step: 'activated', keys: moved };
}
