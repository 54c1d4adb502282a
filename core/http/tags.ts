/**
 * Surrogate tags: the names by which a purge finds responses. From Surrogate-Key and Cache-Tag
 * (separated by spaces or commas) and Cache-Groups (RFC 9875, a structured list of strings); one
 * name space, compared character by character. Bytes beyond ASCII are UTF-8, as in the purge that
 * names them, or else Latin-1.
 *
 * Invariant: bounded. A response with more or longer tags is told (`dropped`), so that the caller can
 * refuse to store what a purge might miss.
 */
import { isUtf8 } from 'node:buffer';
import { combined, headerValues, type RawHeaders } from './headers.ts';
import { parseStructuredList } from './structured.ts';

/** The tags of a response, each once, and how many were over a bound. */
export type SurrogateTags = { readonly tags: readonly string[]; readonly dropped: number };

/** Most tags of one response. */
export const MAX_TAGS = 1000;
/** Longest tag. */
export const MAX_TAG_BYTES = 1024;

/** Most groups that one response invalidates; RFC 9875 §3 wants 32 at least. */
export const MAX_INVALIDATED_GROUPS = 128;

/** Lower-case names of the fields that carry tags; not for clients without a debug token. */
export const tagFieldNames: ReadonlySet<string> = new Set([
  'surrogate-key',
  'cache-tag',
  'cache-groups',
]);

/** The tags that a response's fields give it. A Cache-Groups that breaks its grammar gives none. */
export function surrogateTags(raw: RawHeaders): SurrogateTags {
  const found = new Set<string>();
  let dropped = 0;
  const add = (bytes: string) => {
    const tag = textOf(bytes);
    if (found.has(tag)) return;
    if (bytes.length > MAX_TAG_BYTES || found.size >= MAX_TAGS) dropped++;
    else found.add(tag);
  };
  for (const name of ['surrogate-key', 'cache-tag']) {
    for (const value of headerValues(raw, name)) splitTags(value, add);
  }
  for (const group of groupsOf(raw, 'cache-groups')) add(group);
  return found.size === 0 && dropped === 0 ? noTags : { tags: [...found], dropped };
}

/**
 * The groups that the response to an unsafe request invalidates (RFC 9875 §3), each once, and how many were over the bound. The
 * field must be ignored on responses to safe requests, which is the caller's business.
 */
export function invalidatedGroups(raw: RawHeaders): { groups: string[]; dropped: number } {
  const all = [...new Set(groupsOf(raw, 'cache-group-invalidation'))];
  const groups = all.slice(0, MAX_INVALIDATED_GROUPS);
  return { groups, dropped: all.length - groups.length };
}

/** The text of a part of a field, which was received with one character a byte. */
function textOf(latin1: string): string {
  if (!beyondAscii.test(latin1)) return latin1;
  const bytes = Buffer.from(latin1, 'latin1');
  return isUtf8(bytes) ? bytes.toString('utf8') : latin1;
}

const beyondAscii = /[\x80-\xff]/;

const noTags: SurrogateTags = { tags: [], dropped: 0 };

/** Calls `add` for each run of characters between spaces, tabs and commas. */
function splitTags(value: string, add: (tag: string) => void): void {
  let start = 0;
  for (let i = 0; i <= value.length; i++) {
    const code = value.charCodeAt(i);
    const isSeparator = i === value.length || code === 0x20 || code === 0x2c || code === 0x09;
    if (!isSeparator) continue;
    if (i > start) add(value.slice(start, i));
    start = i + 1;
  }
}

/** RFC 9875 §2 and §3: members that are no String make the whole field be ignored; parameters mean nothing. */
function groupsOf(raw: RawHeaders, name: string): string[] {
  const value = combined(raw, name);
  const list = value === undefined ? undefined : parseStructuredList(value);
  if (list === undefined) return [];
  const groups: string[] = [];
  for (const [item] of list) {
    if (typeof item !== 'string') return [];
    if (item !== '') groups.push(item);
  }
  return groups;
}
