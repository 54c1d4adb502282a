/**
 * What is being fetched in a worker and may be stored when it has come: the one list that an invalidation goes through
 * (RFC 9111 §4.4, RFC 9875 §3). What was asked for before the change must not be stored after it.
 *
 * Invariant: of what has no head yet it is not known which groups it is in, so that is asked when its head has come.
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

/** Creates an empty list. */
export function createUnderWay(): UnderWay {
  const all = new Map<Tracked, FetchUnderWay & { tags: readonly string[] | undefined }>();
  return {
    begin(fetch) {
      const listed = { ...fetch, tags: undefined as readonly string[] | undefined };
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
      for (const [tracked, { key, host, tags, forbid }] of [...all]) {
        if (tracked === spare) continue;
        if (named.has(key) || (tags && isMember?.({ host, tags }))) forbid();
        else if (!tags && isMember && host === groups.host) forbid(isMember);
      }
    },
  };
}
