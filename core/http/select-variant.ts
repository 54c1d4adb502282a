/**
 * Which of a URL's stored responses a request selects (RFC 9111 §4.1). One rule for every place that
 * asks: memory, disk, those who wait for a flight, and explain.
 *
 * A variant matches *exactly* when the request has the same values in all fields of its Vary, or by
 * *language*: where all others are the same, and the variant is in the one language that the request
 * likes best, the difference in Accept-Language could not have led to a better answer. The RFC leaves
 * the choice by such a ranking to the cache.
 *
 * Invariant: an exact match goes before one by language, and then the most recent response first.
 */
import { combined, type RawHeaders, trimWhitespace } from './headers.ts';
import { preferredLanguage, variantKey } from './vary.ts';

/** What selecting needs to know of a stored response. */
export interface Variant {
  /** Lower-case names of the Vary fields, sorted; empty: no Vary. */
  readonly varyFields: readonly string[];
  /** `variantKey` of the request that the response was for. */
  readonly variant: string;
  /** The fields of the response. */
  readonly headers: RawHeaders;
}

/** How a stored response fits a request. */
export type VariantMatch = 'exact' | 'language' | 'none';

/** Whether and how a request selects this stored response. */
export function variantMatch(stored: Variant, requestHeaders: RawHeaders): VariantMatch {
  const { varyFields, variant } = stored;
  if (varyFields.length === 0) return 'exact';
  const asked = variantKey(varyFields, requestHeaders);
  if (asked === variant) return 'exact';
  const at = varyFields.indexOf('accept-language');
  if (at === -1) return 'none';
  const preferred = preferredLanguage(requestHeaders);
  if (preferred === undefined || preferred !== languageOf(stored.headers)) return 'none';
  return withoutLine(asked, at) === withoutLine(variant, at) ? 'language' : 'none';
}

/** Of the stored responses that the request selects and `accepts` takes, the best; undefined: none fits. */
export function selectVariant<T extends Variant & { readonly responseTimeMs: number }>(
  variants: readonly T[],
  requestHeaders: RawHeaders,
  accepts: (stored: T) => boolean = () => true,
): T | undefined {
  const variesSinceMs = lastWithVary(variants);
  let best: T | undefined;
  let bestMatch: VariantMatch = 'none';
  for (const stored of variants) {
    // Where the origin sends Vary sometimes only, its last word on it counts (§4.1): what came before
    // and without one may be for any request.
    if (stored.varyFields.length === 0 && stored.responseTimeMs < variesSinceMs) continue;
    if (!accepts(stored)) continue;
    const match = variantMatch(stored, requestHeaders);
    if (match === 'none' || (match === 'language' && bestMatch === 'exact')) continue;
    const isBetter = match !== bestMatch || !best || stored.responseTimeMs > best.responseTimeMs;
    if (!isBetter) continue;
    best = stored;
    bestMatch = match;
  }
  return best;
}

/** When the most recent response with a Vary came. */
function lastWithVary(variants: readonly (Variant & { readonly responseTimeMs: number })[]) {
  let lastMs = Number.NEGATIVE_INFINITY;
  for (const { varyFields, responseTimeMs } of variants) {
    if (varyFields.length > 0 && responseTimeMs > lastMs) lastMs = responseTimeMs;
  }
  return lastMs;
}

/** The one language of a response, in lower case; undefined: none is told, or several. */
function languageOf(responseHeaders: RawHeaders): string | undefined {
  const value = combined(responseHeaders, 'content-language');
  if (value === undefined || value.includes(',')) return undefined;
  return trimWhitespace(value).toLowerCase();
}

/** A variant key without the line of one field; it has a line for each, in the order of the fields. */
function withoutLine(key: string, at: number): string {
  const lines = key.split('\n');
  lines.splice(at, 1);
  return lines.join('\n');
}
