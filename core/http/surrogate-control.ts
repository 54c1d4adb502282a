/**
 * Surrogate-Control (W3C Note "Edge Architecture Specification", 2001, §2.2 and §2.3): the older way
 * to speak to a CDN alone. It has no strict grammar and servers use it loosely, so it is read as
 * Cache-Control is, with the Note's own words besides: `max-age=N+M`, `no-store-remote`, and `;NAME`
 * behind a directive that is meant for one surrogate.
 *
 * Invariant: a field that says nothing about storing or time, such as `content="ESI/1.0"` alone, is
 * no word about caching, and what else the response says stands.
 */
import {
  applyDirective,
  type CacheControl,
  deltaDirectives,
  directiveName,
  emptyCacheControl,
  fieldDirectives,
  flagDirectives,
  type MutableCacheControl,
} from './cache-control.ts';
import { endOfQuotedString, splitList, trimWhitespace } from './headers.ts';

/**
 * The directives of the field's lines that are for us: those without a target, and those for one of
 * `names` (lower case). Undefined: the field says nothing to us.
 */
export function parseSurrogateControl(
  lines: readonly string[],
  names: readonly string[],
): CacheControl | undefined {
  const members = lines.flatMap(splitList).map(withTarget);
  const result = emptyCacheControl();
  let says = false;
  const apply = (directive: string) => {
    if (applyMember(result, directive)) says = true;
  };
  // §2.3: a targeted directive overrides the same one without a target. Of numbers the first counts.
  for (const { directive, target } of members) {
    if (target !== undefined && names.includes(target)) apply(directive);
  }
  for (const { directive, target } of members) if (target === undefined) apply(directive);
  return says ? result : undefined;
}

/** Takes a directive over; false when it is none that concerns a cache. */
function applyMember(result: MutableCacheControl, directive: string): boolean {
  const name = directiveName(directive);
  if (name === 'no-store-remote') {
    // §2.2.2: for surrogates that are remote from the origin. Every node of a CDN may be.
    result.noStore = true;
    return true;
  }
  if (!deltaDirectives.has(name) && !fieldDirectives.has(name) && !flagDirectives.has(name)) {
    return false;
  }
  const plus = name === 'max-age' ? directive.indexOf('+') : -1;
  if (plus === -1) {
    applyDirective(result, directive);
    return true;
  }
  // §2.2.3: the second number is how long it may be served stale before it must be revalidated.
  applyDirective(result, trimWhitespace(directive.slice(0, plus)));
  applyDirective(result, `stale-while-revalidate=${trimWhitespace(directive.slice(plus + 1))}`);
  return true;
}

/** A member apart from the name, in lower case, of the surrogate that it is meant for. */
function withTarget(member: string): { directive: string; target: string | undefined } {
  const semicolon = semicolonOf(member);
  if (semicolon === -1) return { directive: member, target: undefined };
  return {
    directive: trimWhitespace(member.slice(0, semicolon)),
    target: trimWhitespace(member.slice(semicolon + 1)).toLowerCase(),
  };
}

/** The first semicolon outside a quoted string. */
function semicolonOf(member: string): number {
  for (let i = 0; i < member.length; i++) {
    const char = member[i];
    if (char === ';') return i;
    const end = char === '"' ? endOfQuotedString(member, i) : -1;
    if (end !== -1) i = end;
  }
  return -1;
}
