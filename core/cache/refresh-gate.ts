/**
 * One background refresh at a time for a stored response, and not at once again after it failed: each of many requests for
 * something stale would start one otherwise. By key and variant, because an entry from disk is another object each time.
 */
import { LRUCache } from 'lru-cache';
import type { Clock } from '../runtime/deps.ts';
import type { StoredResponse } from './entry.ts';

export interface RefreshGate {
  /** Whether a refresh of this response may begin now; if so, nobody else's may until it is released. */
  claim(entry: StoredResponse): boolean;
  /** The refresh is over, well or not. */
  release(entry: StoredResponse): void;
}

/** A refresh that has not come back after so long may be tried again. */
const limitMs = 30_000;
/** After a refresh, so long none: what failed is tried by a later request. */
const pauseMs = 1000;
const rememberedResponses = 10_000;

/** Creates an open gate. */
export function createRefreshGate({ clock }: { clock: Clock }): RefreshGate {
  const closedUntilMs = new LRUCache<string, number>({ max: rememberedResponses });
  return {
    claim(entry) {
      const now = clock.monotonicMs();
      const name = nameOf(entry);
      if ((closedUntilMs.get(name) ?? 0) > now) return false;
      closedUntilMs.set(name, now + limitMs);
      return true;
    },
    release(entry) {
      closedUntilMs.set(nameOf(entry), clock.monotonicMs() + pauseMs);
    },
  };
}

function nameOf({ key, variant }: StoredResponse): string {
  return `${key}\n${variant}`;
}
