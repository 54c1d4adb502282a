/** The parts of an explanation in words: what would be answered, what a lifetime is made of, what purges say. Pure. */
import type {
  Decision,
  ExplainedCopy,
  ExplainedResponse,
  HitForMiss,
  NodeExplanation,
} from '../../core/purge/explanation.ts';
import { assertNever } from '../../core/runtime/deps.ts';

/** What a GET would come to. */
export function decisionText(decision: Decision | null): string {
  if (decision === null) return 'the worker that owns the key does not answer';
  switch (decision.kind) {
    case 'hit':
      return `HIT, fresh for ${secondsText(decision.ttlSeconds ?? 0)}`;
    case 'stale':
      return `STALE for ${secondsText(-(decision.ttlSeconds ?? 0))}, ${staleReasons[decision.detail ?? ''] ?? 'served'}`;
    case 'revalidate':
      return decision.fwd === 'request'
        ? 'stored, but the request wants a fresh answer: asks on'
        : 'stored, but to be validated first: asks on whether it has changed';
    case 'miss':
      return `MISS, ${missText(decision)}`;
    case 'pass':
      return `asks on without the cache${decision.detail === null ? '' : `: ${decision.detail} in the request`}`;
    case 'only-if-cached':
      return '504: the request wants what is stored only, and nothing usable is';
    default:
      return assertNever(decision.kind);
  }
}

const staleReasons: Record<string, string> = {
  revalidating: 'served while it is refreshed in the background',
  'max-stale': 'served because the request takes stale answers',
};

function missText({ fwd, detail }: Decision): string {
  if (detail === 'purged') return 'what was stored has been purged';
  if (detail === 'hit-for-miss') return 'the response is not for storing';
  return fwd === 'vary-miss' ? 'no stored variant fits' : 'nothing is stored';
}

/** Why the last response was not stored, in the words of a person; the token itself where there are none. */
export function hitForMissText({ why, leftSeconds }: HitForMiss): string {
  return `${notStoredReasons[why] ?? why} (${why}); requests do not wait for each other for ${secondsText(leftSeconds)} more`;
}

const notStoredReasons: Record<string, string> = {
  status: 'the last answer had a status that is stored only with explicit freshness',
  partial: 'the last answer was a part of the whole',
  'error-status':
    'the last answer was an error that a client can provoke, without explicit freshness',
  'no-store': 'the last answer said no-store',
  'must-understand-unknown-status':
    'the last answer said must-understand, and its status is unknown here',
  private: 'the last answer was private',
  'set-cookie': 'the last answer set a cookie, and the site does not store such answers',
  'vary-star': 'the last answer said Vary: *, which no request matches',
  'no-freshness-nor-validator': 'the last answer was neither fresh nor possible to validate',
  'too-large': 'the last answer was larger than what is stored',
  'too-many-tags': 'the last answer had more tags than are kept',
};

/** What the freshness left is made of (RFC 9111 §4.2). */
export function freshnessText(response: ExplainedResponse): string {
  const { age, lifetimeSeconds, source } = response;
  const lifetime = `lifetime ${secondsText(lifetimeSeconds)} (${sources[source]})`;
  const ageText = `age ${secondsText(age.seconds)} (${secondsText(age.initialSeconds)} when it came + ${secondsText(age.storedSeconds)} in store)`;
  return `${freshState(response)}: ${lifetime} − ${ageText}`;
}

function freshState({ copies }: ExplainedResponse): string {
  if (copies.every(({ purged }) => purged.kind === 'hard')) return 'no, purged';
  const left = Math.min(...copies.map(({ ttlSeconds }) => ttlSeconds));
  if (left > 0) return `for ${secondsText(left)} more`;
  const why = copies.some(({ purged }) => purged.kind === 'soft') ? ', by a soft purge' : '';
  return `no, stale for ${secondsText(-left)}${why}`;
}

const sources: Record<ExplainedResponse['source'], string> = {
  's-maxage': 's-maxage',
  'max-age': 'max-age',
  expires: 'Expires − Date',
  heuristic: 'a guess: a tenth of the time since Last-Modified',
  default: 'defaultTtl of the site',
  none: 'nothing gives one',
};

/** The windows of RFC 5861; without one, what RFC 9111 §4.2.4 allows. */
export function staleText(response: ExplainedResponse): string {
  const {
    staleWhileRevalidateSeconds: revalidating,
    staleIfErrorSeconds: onError,
    flags,
  } = response;
  const parts = [
    revalidating > 0 ? `${secondsText(revalidating)} while it is refreshed` : undefined,
    onError > 0 ? `${secondsText(onError)} when the upstream fails` : undefined,
  ].filter((part) => part !== undefined);
  if (parts.length > 0) return parts.join(', ');
  return flags.mustRevalidate || flags.noCache
    ? 'never'
    : 'only while the upstream cannot be reached, if the site allows it';
}

export function flagsText({ flags }: ExplainedResponse): string {
  return [
    flags.noCache ? 'no-cache: validated at each use' : undefined,
    flags.mustRevalidate ? 'must-revalidate: never stale beyond the windows above' : undefined,
    flags.immutable ? 'immutable: a reload does not reach past it while it is fresh' : undefined,
  ]
    .filter((flag) => flag !== undefined)
    .join(' · ');
}

/** What the journal says of one copy. */
export function purgedText({ purged }: ExplainedCopy): string {
  switch (purged.kind) {
    case 'clean':
      return 'clean';
    case 'soft': {
      const entry = purged.seq === null ? '' : `, entry ${purged.seq}`;
      return `soft purge${entry}: stale since ${timeText(purged.sinceMs)}`;
    }
    case 'hard':
      return purged.seq === null
        ? 'of another journal: not to be used'
        : `hard purge, entry ${purged.seq}: not to be used`;
    default:
      return assertNever(purged);
  }
}

export function placeText({ tier, worker }: ExplainedCopy): string {
  return worker === null ? tier : `${tier} of worker ${worker}`;
}

/** How far the node has followed the journal. */
export function positionText({ cursor, head, isConnected }: NodeExplanation): string {
  const applied =
    cursor === null ? 'nothing of any journal applied' : `entry ${cursor.seq} applied`;
  const contact = isConnected ? '' : '; no connection to purge-api';
  if (head === null) return `${applied}; the newest is not known${contact}`;
  if (cursor !== null && head.identity !== cursor.identity) {
    return `${applied} of another journal than the one that it is told of${contact}`;
  }
  const behind = head.seq - (cursor?.seq ?? 0);
  return `${applied}, ${behind <= 0 ? 'the newest' : `${behind} behind`}${contact}`;
}

export function varyText({ vary }: ExplainedResponse): string {
  return vary
    .map(({ field, value }) => (value === null ? `without ${field}` : `${field}: ${value}`))
    .join(' · ');
}

/** `0.4 s`, `42 s`, `3600 s`: to be added up by whoever reads it, so never in other units. */
export function secondsText(seconds: number): string {
  return `${seconds < 10 ? Number(seconds.toFixed(1)) : Math.floor(seconds)} s`;
}

export function timeText(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z');
}
