/**
 * Groups of one host (RFC 9875): what a response to an unsafe request may name to be invalidated. They are matched against the
 * tags of stored responses, which Cache-Groups is one source of. Plain data, for messages between threads.
 */
export interface HostGroups {
  host: string;
  /** Compared character by character (§2.1). */
  groups: readonly string[];
}

export type Grouped = { readonly host: string; readonly tags: readonly string[] };

/** Returns whether a response is in one of the groups; those of another host are other groups (§2.1). */
export function memberOf({ host, groups }: HostGroups): (response: Grouped) => boolean {
  const named = new Set(groups);
  return (response) => response.host === host && response.tags.some((tag) => named.has(tag));
}
