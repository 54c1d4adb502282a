/**
 * What was done with a request, in the words that the response headers, the access log and the metrics share. Pure.
 */
import type { CacheStatusMember } from '../http/cache-status.ts';
import { currentAgeSeconds } from '../http/freshness.ts';
import type { Failure } from '../upstream/upstream.ts';
import type { Cleanliness } from './clean-through.ts';
import { type Disposition, stalenessSeconds } from './decide.ts';
import type { NotStored } from './exchange.ts';
import type { Answer } from './obtain.ts';

/** X-Cache (DESIGN section 2). */
export type XCache = 'HIT' | 'MISS' | 'STALE' | 'REVALIDATED' | 'BYPASS' | 'ERROR';

/** What a member of Cache-Status says beside the name of the cache. */
export type Member = Omit<CacheStatusMember, 'cache'>;

export interface Outcome {
  xCache: XCache;
  /** This tier's member of Cache-Status, and those of the tiers behind. */
  member: Member;
  behind: string | undefined;
  /** Undefined: no Age is sent, because nothing has been stored on the way. */
  ageSeconds: number | undefined;
  /**
   * Since when what is sent in place of something newer is stale; undefined: it is fresh, or as new as the upstream has it
   * (which may give it no lifetime at all).
   */
  staleSinceMs: number | undefined;
}

/**
 * What is not stored: BYPASS where request or response wants it so, and the cache could as well not be there; MISS where it is
 * by chance, by our bounds, or because nothing could be done with it.
 */
const fetchedWords: Record<NotStored, XCache> = {
  method: 'MISS',
  status: 'MISS',
  partial: 'MISS',
  'error-status': 'MISS',
  'request-no-store': 'BYPASS',
  'no-store': 'BYPASS',
  'must-understand-unknown-status': 'BYPASS',
  private: 'BYPASS',
  authorization: 'BYPASS',
  'set-cookie': 'BYPASS',
  'vary-star': 'BYPASS',
  'no-freshness-nor-validator': 'MISS',
  unlabelled: 'MISS',
  'too-large': 'MISS',
  'too-many-tags': 'MISS',
};

type Delivered = Extract<Answer, { kind: 'stored' | 'streaming' }>;

/** How a request went its way. */
type Way = Pick<Delivered, 'disposition' | 'collapsed' | 'waitedInVain'>;

/** Describes a request that the upstream's failure has left without a response. */
export function memberOfFailed({ failure, ...way }: Way & { failure: Failure }): Member {
  const status = failure.told?.status;
  return {
    ...forwarded(way),
    ...(status === undefined ? {} : { fwdStatus: status }),
    detail: failure.unvalidated ? 'unvalidated' : failure.kind,
  };
}

/** Describes an answer that has a response. */
export function outcomeOf(answer: Delivered, nowMs: number): Outcome {
  const { entry } = answer;
  const age = currentAgeSeconds(entry.freshness, entry.responseTimeMs, nowMs);
  const cleanliness = answer.kind === 'stored' ? answer.cleanliness : clean;
  const staleness = stalenessSeconds(entry, cleanliness, nowMs);
  const { disposition } = answer;
  const isStale = disposition.kind === 'stale' || entry.staleSinceMs !== null;
  const isUnvalidated = disposition.kind === 'stale' && disposition.why === 'no-lease';
  const common = {
    behind: behindOf(answer),
    staleSinceMs:
      isUnvalidated || (isStale && staleness >= 0)
        ? Math.floor(nowMs - Math.max(0, staleness) * 1000)
        : undefined,
  };
  const said =
    answer.kind === 'stored' ? storedOutcome(answer, -staleness) : fetchedOutcome(answer);
  const isFirstHand =
    answer.kind === 'streaming' && !answer.head.report.wasAged && !answer.collapsed;
  return {
    ...common,
    ...said,
    // What a tier behind has marked is stale here as well, whatever way it came.
    xCache: common.staleSinceMs === undefined ? said.xCache : 'STALE',
    ageSeconds: isFirstHand ? undefined : age,
  };
}

const clean: Cleanliness = { kind: 'clean' };

type Said = Pick<Outcome, 'xCache' | 'member'>;

function fetchedOutcome(answer: Extract<Answer, { kind: 'streaming' }>): Said {
  const { notStored, report } = answer.head;
  return {
    xCache: xCacheOfFetched(answer, notStored),
    member: {
      ...forwarded(answer),
      ...(report.fwdStatus === undefined ? {} : { fwdStatus: report.fwdStatus }),
      ...(notStored === null && !answer.isDoomed ? { stored: true as const } : {}),
      ...detailOf(answer, notStored),
    },
  };
}

function storedOutcome(answer: Extract<Answer, { kind: 'stored' }>, ttlSeconds: number): Said {
  const { disposition, report } = answer;
  const ttl = Math.floor(ttlSeconds);
  if (disposition.kind === 'hit') return { xCache: 'HIT', member: { hit: true, ttl } };
  const status = report?.fwdStatus ?? answer.failure?.told?.status;
  const fwdStatus = status === undefined ? {} : { fwdStatus: status };
  if (disposition.kind === 'stale') {
    // RFC 9211 §2.1: `hit` says that nobody was asked, so it never stands beside `fwd`.
    const wasAsked = 'fwd' in disposition;
    const way = wasAsked ? { ...forwarded(answer), ...fwdStatus } : { hit: true as const };
    // What the client wanted validated may be fresh all the same.
    const xCache = ttlSeconds > 0 ? 'HIT' : 'STALE';
    return { xCache, member: { ...way, ttl, detail: disposition.why } };
  }
  const stored = answer.revalidated && !answer.isDoomed ? { stored: true as const } : {};
  const detail = noLeaseOf(disposition);
  return {
    xCache: answer.revalidated ? 'REVALIDATED' : 'HIT',
    member: { ...forwarded(answer), ...fwdStatus, ttl, ...stored, ...detail },
  };
}

function xCacheOfFetched(
  { disposition }: Extract<Answer, { kind: 'streaming' }>,
  notStored: NotStored | null,
): XCache {
  if (disposition.kind === 'pass') return 'BYPASS';
  return notStored === null ? 'MISS' : fetchedWords[notStored];
}

/** Why it went forward (RFC 9211 §2.2), and whether together with others. */
function forwarded({
  disposition,
  collapsed,
  waitedInVain,
}: Way): Pick<Member, 'fwd' | 'collapsed'> {
  if (!('fwd' in disposition)) return {};
  const { fwd } = disposition;
  // RFC 9211 §2.6: false says that it was tried, and a new request had to be made.
  return collapsed || waitedInVain ? { fwd, collapsed } : { fwd };
}

/** Why it was fetched, if a purge was the reason; else why it is not stored; else what was known before. */
function detailOf(
  { disposition }: Extract<Answer, { kind: 'streaming' }>,
  notStored: NotStored | null,
): { detail?: string } {
  const known = disposition.kind === 'miss' ? disposition.detail : undefined;
  if (known === 'purged') return { detail: known };
  const noLease = noLeaseOf(disposition);
  if (noLease) return noLease;
  // That HEAD stores nothing needs no word.
  if (notStored !== null && notStored !== 'method') return { detail: notStored };
  return known === undefined ? {} : { detail: known };
}

/** Said by the tier that holds no lease; it would have been a hit otherwise. */
function noLeaseOf(disposition: Disposition): { detail: string } | undefined {
  return disposition.kind === 'revalidate' && disposition.detail
    ? { detail: disposition.detail }
    : undefined;
}

function behindOf(answer: Delivered): string | undefined {
  if (answer.kind === 'streaming') return answer.head.report.behind;
  return answer.disposition.kind === 'hit' ? undefined : answer.report?.behind;
}
