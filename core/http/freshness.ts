/**
 * How long a response is fresh and how old it is (RFC 9111 §4.2), with the stale windows of RFC 5861:
 * computed once, when the response comes, and kept with the stored response as plain numbers, so that
 * a hit is a comparison of two of them.
 *
 * Invariants: no clock is read, times come in as milliseconds and results are seconds; nonsense is
 * stale, never fresh; what no directive and no site default allows is zero.
 */
import { type DeltaSeconds, MAX_DELTA_SECONDS, parseDeltaSeconds } from './cache-control.ts';
import { parseHttpDate } from './date.ts';
import { combined, first, type RawHeaders, trimWhitespace } from './headers.ts';
import { isClientProvokable, isHeuristicallyCacheable } from './status.ts';
import { tagFieldNames } from './tags.ts';
import { type EffectiveCacheControl, effectiveCacheControl } from './targeted.ts';

/** What the lifetime is made of. */
export type FreshnessSource = 's-maxage' | 'max-age' | 'expires' | 'heuristic' | 'default' | 'none';

/** All that time decides about one response; a part of what is stored with it. */
export type Freshness = {
  /** Freshness lifetime (RFC 9111 §4.2.1). */
  readonly lifetimeSeconds: number;
  /** Corrected initial age (§4.2.3) at `responseTimeMs`. */
  readonly initialAgeSeconds: number;
  readonly source: FreshnessSource;
  /** Whether the response itself names an expiry, be it a senseless one. */
  readonly explicit: boolean;
  /** Window after the lifetime in which it may be served while one request refreshes it. */
  readonly staleWhileRevalidateSeconds: number;
  /** Window after the lifetime in which it may be served when the upstream fails. */
  readonly staleIfErrorSeconds: number;
  /**
   * Never stale beyond the two windows above, not even to a client's max-stale or with the upstream
   * unreachable (§4.2.4): must-revalidate, proxy-revalidate, s-maxage or no-cache was said.
   */
  readonly mustRevalidate: boolean;
  /** Never without validation, fresh or not (§5.2.2.4). */
  readonly noCache: boolean;
  /** Lower-case names that no stored copy may carry, and can do without: qualified no-cache and private. */
  readonly excludedFields: readonly string[];
  /** A reload need not revalidate it while it is fresh (RFC 8246). */
  readonly immutable: boolean;
};

/** What a site gives to responses that say nothing themselves. Zero or absent: nothing. */
export type FreshnessDefaults = {
  readonly defaultTtlSeconds: number;
  readonly staleWhileRevalidateSeconds?: number;
  readonly staleIfErrorSeconds?: number;
};

/** A response with the times of its exchange. */
export type TimedResponse = {
  readonly status: number;
  readonly rawHeaders: RawHeaders;
  /** When the request was sent. */
  readonly requestTimeMs: number;
  /** When the response's head came. */
  readonly responseTimeMs: number;
  /** Its directives, if the caller has them already. */
  readonly effective?: EffectiveCacheControl;
};

/** Freshness and age of a response (RFC 9111 §4.2). */
export function freshnessOf(response: TimedResponse, defaults: FreshnessDefaults): Freshness {
  const effective = response.effective ?? effectiveCacheControl(response.rawHeaders);
  const directives = effective.cacheControl;
  const lifetime = lifetimeOf(response, effective, defaults.defaultTtlSeconds);
  const named = [...fieldsOf(directives.noCache), ...fieldsOf(directives.private)];
  const excludedFields = named.filter((field) => !indispensable.has(field));
  const noCache = directives.noCache === true || excludedFields.length < named.length;
  const forbidsStale = directives.mustRevalidate || directives.proxyRevalidate || noCache;
  // s-maxage brings proxy-revalidate with it (§5.2.2.10). A stale window that the same response
  // names is the more particular word and stands; a default of the site does not.
  const refusesDefaults = forbidsStale || directives.sMaxage !== undefined;
  const window = (own: DeltaSeconds | undefined, siteSeconds = 0) => {
    if (forbidsStale) return 0;
    return own === undefined ? (refusesDefaults ? 0 : siteSeconds) : secondsOf(own);
  };
  return {
    ...lifetime,
    initialAgeSeconds: correctedInitialAgeSeconds({
      raw: response.rawHeaders,
      requestTimeMs: response.requestTimeMs,
      responseTimeMs: response.responseTimeMs,
    }),
    staleWhileRevalidateSeconds: window(
      directives.staleWhileRevalidate,
      defaults.staleWhileRevalidateSeconds,
    ),
    staleIfErrorSeconds: window(directives.staleIfError, defaults.staleIfErrorSeconds),
    mustRevalidate: refusesDefaults,
    noCache,
    excludedFields,
    immutable: directives.immutable,
  };
}

/** Current age (RFC 9111 §4.2.3): the initial age and the time in store. Fractions are kept. */
export function currentAgeSeconds(
  freshness: { readonly initialAgeSeconds: number },
  responseTimeMs: number,
  nowMs: number,
): number {
  // A clock that was set back must not make a response younger than it came.
  return freshness.initialAgeSeconds + Math.max(0, nowMs - responseTimeMs) / 1000;
}

/** RFC 9111 §4.2.3, in seconds. */
export function correctedInitialAgeSeconds(exchange: {
  readonly raw: RawHeaders;
  readonly requestTimeMs: number;
  readonly responseTimeMs: number;
}): number {
  const dateMs = dateValueMs(exchange.raw, exchange.responseTimeMs);
  // Date counts whole seconds, so that a fraction of the difference is the field's, not an age.
  const apparentAge = Math.max(0, Math.floor((exchange.responseTimeMs - dateMs) / 1000));
  const responseDelay = Math.max(0, exchange.responseTimeMs - exchange.requestTimeMs) / 1000;
  return Math.max(apparentAge, parseAge(exchange.raw) + responseDelay);
}

/**
 * The Age field in seconds (RFC 9111 §5.1): first line, first list member, digits only, else 0 as if
 * absent; above 2^31 it is 2^31, which no lifetime outlives.
 */
export function parseAge(raw: RawHeaders): number {
  const line = first(raw, 'age');
  if (line === undefined) return 0;
  const comma = line.indexOf(',');
  const seconds = parseDeltaSeconds(trimWhitespace(comma === -1 ? line : line.slice(0, comma)));
  return seconds === 'invalid' ? 0 : seconds;
}

/** The Date field; one that is absent, unparsable or repeated counts as the time of receipt. */
export function dateValueMs(raw: RawHeaders, responseTimeMs: number): number {
  const text = combined(raw, 'date');
  const dateMs = text === undefined ? undefined : parseHttpDate(text, responseTimeMs);
  return dateMs ?? responseTimeMs;
}

type Lifetime = Pick<Freshness, 'lifetimeSeconds' | 'source' | 'explicit'>;

/** RFC 9111 §4.2.1: the first that applies, for a shared cache. */
function lifetimeOf(
  response: TimedResponse,
  { cacheControl, useExpires }: EffectiveCacheControl,
  defaultTtlSeconds: number,
): Lifetime {
  const { rawHeaders, responseTimeMs, status } = response;
  if (cacheControl.sMaxage !== undefined) {
    return explicitLifetime('s-maxage', secondsOf(cacheControl.sMaxage));
  }
  if (cacheControl.maxAge !== undefined) {
    return explicitLifetime('max-age', secondsOf(cacheControl.maxAge));
  }
  const expires = useExpires ? combined(rawHeaders, 'expires') : undefined;
  if (expires !== undefined) {
    // Several lines join to something that is no date, and so to a stale response.
    const expiresMs = parseHttpDate(expires, responseTimeMs);
    const dateMs = dateValueMs(rawHeaders, responseTimeMs);
    const seconds = expiresMs === undefined ? 0 : Math.floor((expiresMs - dateMs) / 1000);
    return explicitLifetime('expires', Math.min(MAX_DELTA_SECONDS, Math.max(0, seconds)));
  }
  const mayGuess = isHeuristicallyCacheable(status) && !isClientProvokable(status);
  if (!mayGuess && !cacheControl.public) return noLifetime;
  // The operator's word comes before a guess.
  if (defaultTtlSeconds > 0) {
    return { lifetimeSeconds: defaultTtlSeconds, source: 'default', explicit: false };
  }
  return heuristicLifetime(rawHeaders, responseTimeMs);
}

const DAY_SECONDS = 86_400;
const noLifetime: Lifetime = { lifetimeSeconds: 0, source: 'none', explicit: false };

/** A tenth of the time since the last modification (RFC 9111 §4.2.2), at most a day. */
function heuristicLifetime(rawHeaders: RawHeaders, responseTimeMs: number): Lifetime {
  const text = combined(rawHeaders, 'last-modified');
  const modifiedMs = text === undefined ? undefined : parseHttpDate(text, responseTimeMs);
  if (modifiedMs === undefined) return noLifetime;
  const unchangedSeconds = (dateValueMs(rawHeaders, responseTimeMs) - modifiedMs) / 1000;
  const seconds = Math.min(DAY_SECONDS, Math.max(0, Math.floor(unchangedSeconds / 10)));
  return { lifetimeSeconds: seconds, source: 'heuristic', explicit: false };
}

function explicitLifetime(source: FreshnessSource, lifetimeSeconds: number): Lifetime {
  return { lifetimeSeconds, source, explicit: true };
}

/** An invalid number is stale (RFC 9111 §4.2.1). */
function secondsOf(value: DeltaSeconds): number {
  return value === 'invalid' ? 0 : value;
}

function fieldsOf(value: true | readonly string[] | undefined): readonly string[] {
  return value === undefined || value === true ? [] : value;
}

/**
 * Fields without which a stored copy would mean something else. A qualified no-cache that names one
 * cannot be obeyed by leaving the field out, so it counts for the whole response.
 */
export const indispensable: ReadonlySet<string> = new Set([
  'cache-control',
  'cdn-cache-control',
  'content-encoding',
  'content-length',
  'content-range',
  'content-type',
  'date',
  'expires',
  'location',
  'surrogate-control',
  'vary',
  // The next tier finds what a purge names by these.
  ...tagFieldNames,
]);
