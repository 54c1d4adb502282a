/**
 * What the answer to an unsafe request invalidates: its target, and what Location and Content-Location name on the same host
 * (RFC 9111 §4.4), and the groups of its host that it lists (RFC 9875 §3). Pure.
 *
 * Invariant: nothing of another host is named, so that no site can empty the cache of another one.
 */
import { first, type RawHeaders } from '../http/headers.ts';
import { isSafeMethod } from '../http/method.ts';
import { invalidatedGroups } from '../http/tags.ts';
import type { HostGroups } from './host-groups.ts';
import type { CacheKey, KeySpace } from './key.ts';

export interface Invalidated {
  keys: readonly string[];
  groups: HostGroups | undefined;
  /** Groups over the bound. */
  groupsLeftOut: number;
}

/** Undefined: the method is safe, or the request failed. */
export function invalidatedBy(
  { key, method }: { key: CacheKey; method: string },
  { status, headers }: { status: number; headers: RawHeaders },
  keySpace: KeySpace,
): Invalidated | undefined {
  if (isSafeMethod(method) || status < 200 || status >= 400) return undefined;
  const urls = new Set([key.url]);
  for (const name of ['location', 'content-location']) {
    const value = first(headers, name);
    const url = value === undefined ? undefined : urlOf(value, key, keySpace);
    if (url?.startsWith(`${key.host}/`)) urls.add(url);
  }
  const { groups, dropped } = invalidatedGroups(headers);
  return {
    keys: [...urls].flatMap((url) => [`http://${url}`, `https://${url}`]),
    groups: groups.length === 0 ? undefined : { host: key.host, groups },
    groupsLeftOut: dropped,
  };
}

/** Whether Content-Location says that the content is a representation of the target itself (RFC 9110 §8.7). */
export function isOfTarget(headers: RawHeaders, key: CacheKey, keySpace: KeySpace): boolean {
  const value = first(headers, 'content-location');
  if (value === undefined || !URL.canParse(value, key.text)) return false;
  const { protocol } = new URL(value, key.text);
  return protocol === `${key.scheme}:` && urlOf(value, key, keySpace) === key.url;
}

/** The URL that a field names, relative to the target, in normal form and without scheme and fragment. */
function urlOf(value: string, key: CacheKey, { normalise }: KeySpace): string | undefined {
  if (!URL.canParse(value, key.text)) return undefined;
  return normalise.url(new URL(value, key.text).href.replace(/#.*$/, ''));
}
