/**
 * Why a URL would be answered as it would be, in one worker: what is stored and what its freshness is made of, what purges say
 * of it, and what `decide` says now. The functions of the request path are asked, so that an explanation cannot differ from
 * what is done; composed only, and nothing is fetched, moved, relabelled or made more recent.
 */
import { noDirectives, requestCacheControl } from '../http/cache-control.ts';
import { type CacheStatusMember, formatCacheStatus } from '../http/cache-status.ts';
import { originConditionOf } from '../http/conditional.ts';
import { currentAgeSeconds } from '../http/freshness.ts';
import type { RawHeaders } from '../http/headers.ts';
import { variantMatch } from '../http/select-variant.ts';
import type { Position } from '../purge/command.ts';
import type {
  Decision,
  ExplainedCopy,
  HitForMiss,
  Purged,
  ResponseFacts,
} from '../purge/explanation.ts';
import type { PurgeIndex } from '../purge/index.ts';
import { assertNever } from '../runtime/deps.ts';
import type { Failure } from '../upstream/upstream.ts';
import { cleanThrough } from './clean-through.ts';
import type { Coalescer } from './coalesce.ts';
import { type Disposition, decide, stalenessSeconds } from './decide.ts';
import type { DiskTier } from './disk-tier.ts';
import type { StoredResponse } from './entry.ts';
import type { MemoryTier } from './memory-tier.ts';
import { type PeekDeps, peek } from './peek.ts';
import { staleOnFailure } from './stale-on-failure.ts';
import type { Lookup } from './store.ts';
import { type LeaseRules, unleased } from './unleased.ts';

/** Of each tier so many parts are shown: a film may have thousands of slices. */
const maxParts = 32;

export interface ExplainDeps extends PeekDeps {
  memory: Pick<MemoryTier, 'peek' | 'partsOf'>;
  disk: Pick<DiskTier, 'lookup' | 'partsOf'> | undefined;
  nodeId: string;
  coalescer: Pick<Coalescer, 'recall'>;
  lease: LeaseRules;
}

/** A GET that nobody has sent. */
export interface ImaginedRequest {
  /** The key's text. */
  key: string;
  headers: RawHeaders;
  /** Whether directives of requests are obeyed: where the site says so, and for tiers. */
  honoursDirectives: boolean;
  /** The site's limit for what is stale while nobody can be reached; undefined: none. */
  staleWhenUnreachableMs: number | undefined;
  nowMs: number;
}

/** One copy, and the facts that it may share with others. */
export interface HeldCopy {
  facts: ResponseFacts;
  copy: Omit<ExplainedCopy, 'worker'>;
}

export interface WorkerExplanation {
  cursor: Position;
  decision: Decision;
  hitForMiss: HitForMiss | null;
  /** Memory first. */
  held: HeldCopy[];
}

/** Explains one key in one worker. The caller has taken note of purges (`PurgeState.sync`). */
export function explain(deps: ExplainDeps, request: ImaginedRequest): WorkerExplanation {
  const { index } = deps;
  const { lookup, memory, disk } = peek(deps, request.key, request.headers);
  const recalled = deps.coalescer.recall(request.key);
  const hitForMiss = recalled
    ? { why: recalled.why, leftSeconds: rounded(recalled.leftSeconds) }
    : null;
  const heldIn = (tier: 'memory' | 'disk') => (entry: StoredResponse) => ({
    facts: factsOf(entry, request),
    copy: copyOf(tier, entry, index, request.nowMs),
  });
  return {
    cursor: index.cursor,
    decision: decisionOf(deps, lookup, hitForMiss, request),
    hitForMiss,
    held: [
      ...[...memory, ...deps.memory.partsOf(request.key, maxParts)].map(heldIn('memory')),
      ...[...disk, ...(deps.disk?.partsOf(request.key, maxParts) ?? [])].map(heldIn('disk')),
    ],
  };
}

function decisionOf(
  { nodeId, lease }: ExplainDeps,
  lookup: Lookup,
  hitForMiss: HitForMiss | null,
  request: ImaginedRequest,
): Decision {
  const { stored, cleanliness, missReason } = lookup;
  const { nowMs, staleWhenUnreachableMs: limitMs } = request;
  const directives = request.honoursDirectives
    ? requestCacheControl(request.headers)
    : noDirectives;
  const disposition = decide({
    method: 'GET',
    requestDirectives: directives,
    originCondition: originConditionOf(request.headers),
    stored,
    missReason,
    cleanliness,
    isHitForMiss: hitForMiss !== null,
    isRefresh: false,
    unleased: unleased(lease, false),
    nowMs,
  });
  const onFailure = (failure: Failure | undefined) => {
    const use = { cleanliness, asked: directives, failure, limitMs, nowMs };
    return stored !== undefined && staleOnFailure({ stored, ...use }) === 'serve';
  };
  const ttlSeconds = stored ? -stalenessSeconds(stored, cleanliness, nowMs) : undefined;
  const member = memberOf(disposition, ttlSeconds);
  return {
    kind: disposition.kind,
    cacheStatus: formatCacheStatus({ cache: nodeId, ...member }),
    fwd: member.fwd ?? null,
    detail: member.detail ?? null,
    ttlSeconds: member.ttl === undefined ? null : rounded(member.ttl),
    servesOnError: onFailure(undefined),
    servesWhenUnreachable: onFailure(imaginedFailure),
  };
}

const imaginedFailure: Failure = {
  source: 'upstream',
  kind: 'connect',
  retryable: false,
  cause: 'imagined',
};

/** The words of `outcome.ts` for what has not happened yet: without what only an upstream's answer can add. */
function memberOf(
  disposition: Disposition,
  ttl: number | undefined,
): Omit<CacheStatusMember, 'cache'> {
  const left = ttl === undefined ? {} : { ttl };
  switch (disposition.kind) {
    case 'hit':
      return { hit: true, ...left };
    case 'stale':
      return { hit: true, ...left, detail: disposition.why };
    case 'revalidate':
      return { fwd: disposition.fwd, ...left };
    case 'miss':
    case 'pass': {
      const { fwd, detail } = disposition;
      return { fwd, ...(detail === undefined ? {} : { detail }) };
    }
    case 'only-if-cached':
      return { detail: disposition.kind };
    default:
      return assertNever(disposition);
  }
}

function factsOf(entry: StoredResponse, { headers, nowMs }: ImaginedRequest): ResponseFacts {
  const { freshness } = entry;
  const ageSeconds = currentAgeSeconds(freshness, entry.responseTimeMs, nowMs);
  return {
    status: entry.status,
    bodyBytes: entry.bodyBytes,
    part: entry.part ? `${entry.part.start}-${entry.part.end}/${entry.part.totalBytes}` : null,
    vary: varyOf(entry),
    isSelected: variantMatch(entry, headers) !== 'none',
    receivedAtMs: entry.responseTimeMs,
    age: {
      seconds: rounded(ageSeconds),
      initialSeconds: rounded(freshness.initialAgeSeconds),
      storedSeconds: rounded(ageSeconds - freshness.initialAgeSeconds),
    },
    lifetimeSeconds: freshness.lifetimeSeconds,
    source: freshness.source,
    staleWhileRevalidateSeconds: freshness.staleWhileRevalidateSeconds,
    staleIfErrorSeconds: freshness.staleIfErrorSeconds,
    flags: {
      noCache: freshness.noCache,
      mustRevalidate: freshness.mustRevalidate,
      immutable: freshness.immutable,
    },
    tags: [...entry.tags],
    etag: entry.etag ?? null,
    lastModified: entry.lastModified ?? null,
  };
}

/** The lines of `variantKey`: `field:value`, or the bare name of a field that the request did not have. */
function varyOf({ variant, varyFields }: StoredResponse): ResponseFacts['vary'] {
  const lines = variant.split('\n');
  return varyFields.map((field, i) => {
    const line = lines[i] ?? field;
    return { field, value: line === field ? null : line.slice(field.length + 1) };
  });
}

function copyOf(
  tier: 'memory' | 'disk',
  entry: StoredResponse,
  index: PurgeIndex,
  nowMs: number,
): HeldCopy['copy'] {
  const cleanliness = cleanThrough(entry, index);
  return {
    tier,
    labelSeq: entry.labelSeq,
    identity: entry.identity,
    purged: purgedOf(entry, cleanliness),
    ttlSeconds: rounded(-stalenessSeconds(entry, cleanliness, nowMs)),
  };
}

function purgedOf(entry: StoredResponse, cleanliness: Lookup['cleanliness']): Purged {
  const { staleSinceMs } = entry;
  switch (cleanliness.kind) {
    case 'hard':
      return { kind: 'hard', seq: cleanliness.seq === 0 ? null : cleanliness.seq };
    case 'soft': {
      const sinceMs = Math.min(cleanliness.sinceMs, staleSinceMs ?? cleanliness.sinceMs);
      return { kind: 'soft', seq: cleanliness.seq, sinceMs };
    }
    case 'clean':
      if (staleSinceMs === null) return { kind: 'clean' };
      return { kind: 'soft', seq: null, sinceMs: staleSinceMs };
    default:
      return assertNever(cleanliness);
  }
}

/** Seconds to the millisecond. */
function rounded(seconds: number): number {
  return Math.round(seconds * 1000) / 1000;
}
