/**
 * Targeted cache control (RFC 9213): `CDN-Cache-Control` is a strict Structured Field dictionary that,
 * when it is valid, replaces Cache-Control and Expires for us entirely. An error in its syntax, or a
 * known directive with a value of the wrong type, makes it count as absent (§2.1, §2.2): two CDNs
 * must not read the same field differently. Where a site says so, Surrogate-Control does the same
 * after it, by its own grammar.
 */
import {
  type CacheControl,
  deltaDirectives,
  emptyCacheControl,
  fieldDirectives,
  flagDirectives,
  MAX_DELTA_SECONDS,
  type MutableCacheControl,
  mergeFieldNames,
  parseCacheControl,
} from './cache-control.ts';
import { combined, headerValues, type RawHeaders, splitList } from './headers.ts';
import { isStructuredToken, parseStructuredDictionary } from './structured.ts';
import { parseSurrogateControl } from './surrogate-control.ts';

/** What rules a response for us, and where it was said. */
export type EffectiveCacheControl = {
  readonly cacheControl: CacheControl;
  /** The lower-case name of the field it comes from. */
  readonly source: TargetedField | 'cache-control';
  /** Whether Expires counts beside it; never beside a targeted field (RFC 9213 §2.2). */
  readonly useExpires: boolean;
};

/** Which fields are meant for us (RFC 9213 §2.2). */
export type Targets = {
  /** The target list: lower-case names of fields, the most applicable first. */
  readonly fields: readonly TargetedField[];
  /** Lower-case names by which Surrogate-Control may mean us. */
  readonly surrogateNames: readonly string[];
};

export type TargetedField = 'cdn-cache-control' | 'surrogate-control';

/** The targeted fields that a CDN obeys when nothing else is configured. */
export const defaultTargets: Targets = { fields: ['cdn-cache-control'], surrogateNames: [] };

/**
 * The directives that rule a response: the first valid field of the target list, else Cache-Control.
 */
export function effectiveCacheControl(
  rawHeaders: RawHeaders,
  targets: Targets = defaultTargets,
): EffectiveCacheControl {
  for (const source of targets.fields) {
    const cacheControl =
      source === 'surrogate-control'
        ? parseSurrogateControl(headerValues(rawHeaders, source), targets.surrogateNames)
        : parseTargeted(combined(rawHeaders, source));
    if (cacheControl !== undefined) return { cacheControl, source, useExpires: false };
  }
  const cacheControl = parseCacheControl(headerValues(rawHeaders, 'cache-control'));
  return { cacheControl, source: 'cache-control', useExpires: true };
}

/** The directives of a targeted field, or undefined when it must be ignored. */
function parseTargeted(value: string | undefined): CacheControl | undefined {
  if (value === undefined) return undefined;
  const dictionary = parseStructuredDictionary(value);
  // An empty field is ignored like a broken one (RFC 9213 §2.2).
  if (dictionary === undefined || dictionary.size === 0) return undefined;
  const result = emptyCacheControl();
  const decimals = value.includes('.') ? decimalKeys(value) : undefined;
  for (const [name, member] of dictionary) {
    const bareItem: unknown = member[0];
    if (decimals?.has(name) && deltaDirectives.has(name)) return undefined;
    if (!applyMember(result, name, bareItem)) return undefined;
  }
  return result;
}

/** Whether the member's type fits its directive; unknown directives always do. Parameters mean nothing. */
function applyMember(result: MutableCacheControl, name: string, bareItem: unknown): boolean {
  const flag = flagDirectives.get(name);
  if (flag !== undefined) {
    if (bareItem !== true) return false;
    result[flag] = true;
    return true;
  }
  const delta = deltaDirectives.get(name);
  if (delta !== undefined) {
    if (typeof bareItem !== 'number' || !Number.isInteger(bareItem)) return false;
    // A negative Integer has the right type and no meaning: stale, as in Cache-Control.
    result[delta] = bareItem < 0 ? 'invalid' : Math.min(bareItem, MAX_DELTA_SECONDS);
    return true;
  }
  const fieldDirective = fieldDirectives.get(name);
  if (fieldDirective === undefined) return true;
  if (bareItem !== true && typeof bareItem !== 'string' && !isStructuredToken(bareItem)) {
    return false;
  }
  const names = bareItem === true ? undefined : bareItem.toString();
  result[fieldDirective] = mergeFieldNames(undefined, names);
  return true;
}

/**
 * The keys whose value is a Decimal such as 60.0: the parser yields the number 60 for it, but its
 * type is wrong for delta-seconds (RFC 9213 §2.1). Of a repeated key the last member counts.
 */
function decimalKeys(value: string): Set<string> {
  const keys = new Set<string>();
  for (const member of splitList(value)) {
    const equals = member.indexOf('=');
    if (equals === -1) continue;
    const semicolon = member.indexOf(';');
    if (semicolon !== -1 && semicolon < equals) continue;
    const key = member.slice(0, equals);
    const item = member.slice(equals + 1, semicolon === -1 ? member.length : semicolon);
    if (item.includes('.')) keys.add(key);
    else keys.delete(key);
  }
  return keys;
}
