/**
 * Cache-Status (RFC 9211): one member for each cache on the way, closest to the origin first. Each tier
 * appends its own; the reasons are the RFC's tokens, and the same words appear in the access log and in
 * metric labels.
 */
import { splitList } from './headers.ts';
import { formatString, formatTokenOrString } from './structured.ts';

/** Why a request went forward (RFC 9211 §2.2). */
export type FwdReason =
  | 'bypass'
  | 'method'
  | 'uri-miss'
  | 'vary-miss'
  | 'miss'
  | 'request'
  | 'stale'
  | 'partial';

/** What one cache did with a request. */
export type CacheStatusMember = {
  /** Name of the cache: network and node. */
  readonly cache: string;
  readonly hit?: true;
  readonly fwd?: FwdReason;
  /** The status that the next hop answered, if it went forward (§2.3). */
  readonly fwdStatus?: number;
  /** Freshness left in seconds, negative when stale (§2.4). */
  readonly ttl?: number;
  /** The answer was stored (§2.5). */
  readonly stored?: true;
  /** It waited for another request's answer; false: it waited and had to go forward itself all the same (§2.6). */
  readonly collapsed?: boolean;
  /** The cache key (§2.7). */
  readonly key?: string;
  /** Anything else that explains (§2.8). */
  readonly detail?: string;
};

/** The member as it stands in the field. */
export function formatCacheStatus(member: CacheStatusMember): string {
  let text = formatTokenOrString(member.cache);
  if (member.hit) text += '; hit';
  if (member.fwd !== undefined) text += `; fwd=${member.fwd}`;
  if (member.fwdStatus !== undefined) text += `; fwd-status=${member.fwdStatus}`;
  if (member.ttl !== undefined) text += `; ttl=${Math.floor(member.ttl)}`;
  if (member.stored) text += '; stored';
  if (member.collapsed !== undefined) text += member.collapsed ? '; collapsed' : '; collapsed=?0';
  if (member.key !== undefined) text += `; key=${formatString(member.key)}`;
  if (member.detail !== undefined) text += `; detail=${formatTokenOrString(member.detail)}`;
  return text;
}

/**
 * The members of a received field, each with its name and its whole text, so that a tier can take out
 * those that only its own network may have written. A member without a readable name has the name ''.
 */
export function cacheStatusMembers(headerValue: string): { name: string; text: string }[] {
  return splitList(headerValue).map((text) => ({ name: nameOf(text), text }));
}

function nameOf(text: string): string {
  if (!text.startsWith('"')) {
    const semicolon = text.indexOf(';');
    return (semicolon === -1 ? text : text.slice(0, semicolon)).trim();
  }
  let name = '';
  for (let i = 1; i < text.length; i++) {
    const char = text[i];
    if (char === '"') return name;
    if (char === '\\') i++;
    name += text[i] ?? '';
  }
  return '';
}
