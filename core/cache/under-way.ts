/**
 * What is being fetched in a worker and may be stored when it has come: the one list that an invalidation goes through
 * (RFC 9111 §4.4, RFC 9875 §3). What was asked for before the change must not be stored after it.
 *
 * Invariants: of what has no head yet it is not known which groups it is in, so that is asked when its head has come; after so
 * many such orders it is forbidden unasked, so that a slow fetch does not gather them without end.
 */
import { type Grouped, type HostGroups, memberOf } from './host-groups.ts';

export interface UnderWay {
  /** Adds a fetch. To be called before its request is sent. */
  begin(fetch: FetchUnderWay): Tracked;
  /** Forbids to store what is fetched for these keys and groups, but for `spare`. */
  forbid(keys: readonly string[], also?: { groups?: HostGroups; spare?: Tracked }): void;
}

/** Whether a response is one of those that were invalidated. */
export type IsMeant = (response: Grouped) => boolean;

export interface FetchUnderWay {
  /** Of the URL, also when it is a part that is fetched. */
  key: string;
  host: string;
  /** It stores nothing any more; with `isMeant`, if what has its head says so. May be called more than once. */
  forbid: (isMeant?: IsMeant) => void;
}

export interface Tracked {
  /** The head has come, with these tags. */
  tell(tags: readonly string[]): void;
  /** Nothing of it can be stored from here on, or everything has been. */
  over(): void;
}

/** Orders by group that wait for one head. */
export const maxOrders = 1000;

interface Listed extends FetchUnderWay {
  tags: readonly string[] | undefined;
  orders: number;
}

/** Creates an empty list. */
export function createUnderWay(): UnderWay {
  const all = new Map<Tracked, Listed>();
  return {
    begin(fetch) {
      const listed: Listed = { ...fetch, tags: undefined, orders: 0 };
      const tracked: Tracked = {
        tell(tags) {
          listed.tags = tags;
        },
        over: () => void all.delete(tracked),
      };
      all.set(tracked, listed);
      return tracked;
    },
    forbid(keys, { groups, spare } = {}) {
      const named = new Set(keys);
      const isMember = groups && memberOf(groups);
      for (const [tracked, listed] of [...all]) {
        const { key, host, tags, forbid } = listed;
        if (tracked === spare) continue;
        if (named.has(key) || (tags && isMember?.({ host, tags }))) forbid();
        else if (!tags && isMember && host === groups.host) {
          listed.orders += 1;
          if (listed.orders <= maxOrders) forbid(isMember);
          else forbid();
        }
      }
    },
  };
}
