/**
 * The Link field (RFC 8288), as far as early hints need it (RFC 8297): which of its members tell a client what to fetch or to
 * connect to before the response is there. A member is kept as it was written; what cannot be read ends its line, for what
 * follows it could be anything.
 */

import { isToken } from './framing.ts';
import { endOfQuotedString, headerValues, type RawHeaders, trimWhitespace } from './headers.ts';

/** Members of Link that are worth an early hint, in their order and as they were written. */
export function earlyHints(raw: RawHeaders): string[] {
  return headerValues(raw, 'link')
    .flatMap(parseLine)
    .filter(isHint)
    .map(({ text }) => text);
}

/** RFC 8297 §2: what a client may begin with although the response may still turn out to be another one. */
const hintedRelations: ReadonlySet<string> = new Set(['preload', 'modulepreload', 'preconnect']);

interface Link {
  text: string;
  /** Lower-case names; of several of a name the first counts (RFC 8288 §3.3). */
  params: ReadonlyMap<string, string>;
}

/** RFC 8288 §3.3: `rel` is a list of relations, their case does not matter. */
function isHint({ params }: Link): boolean {
  // RFC 8288 §3.2: with an anchor it speaks of another page than the one that is asked for.
  if (params.has('anchor')) return false;
  const relations =
    params
      .get('rel')
      ?.toLowerCase()
      .split(/[ \t]+/) ?? [];
  return relations.some((relation) => hintedRelations.has(relation));
}

/** The members of one line (RFC 8288 §3, appendix B.2). Linear in its length. */
function parseLine(line: string): Link[] {
  const links: Link[] = [];
  let at = 0;
  while (at < line.length) {
    at = skip(line, at, ', \t');
    if (at === line.length) break;
    const end = endOfMember(line, at);
    if (end === undefined) break;
    const text = trimWhitespace(line.slice(at, end));
    const params = paramsOf(text);
    if (!params) break;
    links.push({ text, params });
    at = end;
  }
  return links;
}

/** Where the member that begins here ends: at a comma outside of the target and of quoted strings. */
function endOfMember(line: string, start: number): number | undefined {
  if (line[start] !== '<') return undefined;
  const target = until(line, start + 1, '<>');
  if (line[target] !== '>') return undefined;
  for (let at = target + 1; at < line.length; at += 1) {
    if (line[at] === ',') return at;
    if (line[at] !== '"') continue;
    at = endOfQuotedString(line, at);
    if (at === -1) return undefined;
  }
  return line.length;
}

/** `<target>` and then `; name`, `; name=token` or `; name="string"`, any number of times; undefined: it is something else. */
function paramsOf(member: string): ReadonlyMap<string, string> | undefined {
  const params = new Map<string, string>();
  let at = skip(member, member.indexOf('>') + 1, ' \t');
  while (at < member.length) {
    if (member[at] !== ';') return undefined;
    const nameStart = skip(member, at + 1, ' \t');
    const nameEnd = until(member, nameStart, '=; \t');
    at = skip(member, nameEnd, ' \t');
    // A semicolon with nothing behind it is allowed.
    if (nameStart === nameEnd && member[at] !== '=') continue;
    const name = member.slice(nameStart, nameEnd).toLowerCase();
    if (!isToken(name)) return undefined;
    let value = '';
    if (member[at] === '=') {
      const start = skip(member, at + 1, ' \t');
      const end = endOfValue(member, start);
      if (end === undefined) return undefined;
      value = unquoted(member.slice(start, end));
      at = skip(member, end, ' \t');
    }
    if (!params.has(name)) params.set(name, value);
  }
  return params;
}

/** A value that is neither a token nor quoted (`type=font/woff2`) is common and can be read in one way only. */
function endOfValue(member: string, start: number): number | undefined {
  if (member[start] !== '"') return until(member, start, '; \t');
  const close = endOfQuotedString(member, start);
  return close === -1 ? undefined : close + 1;
}

function unquoted(text: string): string {
  return text.startsWith('"') ? text.slice(1, -1).replace(/\\(.)/g, '$1') : text;
}

function skip(text: string, start: number, over: string): number {
  let at = start;
  while (at < text.length && over.includes(text[at] ?? '')) at += 1;
  return at;
}

function until(text: string, start: number, stops: string): number {
  let at = start;
  while (at < text.length && !stops.includes(text[at] ?? '')) at += 1;
  return at;
}
