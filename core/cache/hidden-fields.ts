/**
 * Which fields of a response are not for whoever asks. Between our tiers every field travels: the next
 * tier judges by it. A client gets neither the tags by which purges find what is stored, nor the words
 * that were meant for this network alone.
 */
import { tagFieldNames } from '../http/tags.ts';
import type { CacheRules } from '../topology/schema.ts';

/** Lower-case names that do not go to a tier, or to a client of a site with these rules. */
export function hiddenFields(
  isTier: boolean,
  { cdnCacheControl, surrogateControl }: CacheRules,
): ReadonlySet<string> {
  if (isTier) return nothing;
  if (cdnCacheControl === 'strip') return surrogateControl ? tagsAndBoth : tagsAndCdn;
  return surrogateControl ? tagsAndSurrogate : tagFieldNames;
}

/** The same and the length, which is written anew where it is known. */
export function andLength(hidden: ReadonlySet<string>): ReadonlySet<string> {
  return lengthToo.get(hidden) ?? new Set([...hidden, 'content-length']);
}

const nothing: ReadonlySet<string> = new Set();
const tagsAndCdn: ReadonlySet<string> = new Set([...tagFieldNames, 'cdn-cache-control']);
const tagsAndSurrogate: ReadonlySet<string> = new Set([...tagFieldNames, 'surrogate-control']);
const tagsAndBoth: ReadonlySet<string> = new Set([...tagsAndCdn, 'surrogate-control']);

/** Made once, because every hit needs one. */
const lengthToo: ReadonlyMap<ReadonlySet<string>, ReadonlySet<string>> = new Map(
  [nothing, tagFieldNames, tagsAndCdn, tagsAndSurrogate, tagsAndBoth].map((hidden) => [
    hidden,
    new Set([...hidden, 'content-length']),
  ]),
);
