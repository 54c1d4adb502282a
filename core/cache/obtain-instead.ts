/**
 * Answers in place of what an upstream did not give, or gave as an error: something stored, or the failure with what it means for
 * what is stored.
 */
import type { Failure } from '../upstream/upstream.ts';
import type { Joined } from './coalesce.ts';
import type { Disposition } from './decide.ts';
import { type CacheRequest, cutBeforeFirstByte, type FetchReport } from './exchange.ts';
import type { Answer } from './obtain.ts';
import { isErrorOfUpstream, type StaleVerdict, staleOnFailure } from './stale-on-failure.ts';
import type { Lookup } from './store.ts';
import { lacksLease, type Unleased } from './unleased.ts';

/** A request that went to the upstream. */
export interface Asked {
  request: CacheRequest;
  lookup: Lookup;
  disposition: Disposition;
  /** The rules of a node without a lease; undefined: it holds one. */
  unleased: Unleased | undefined;
}

type Way = Pick<Joined, 'collapsed' | 'waitedInVain'>;

/** What is answered instead of what a flight has brought; undefined: that is the answer. */
export async function insteadOf(asked: Asked, joined: Joined): Promise<Answer | undefined> {
  const { head } = joined;
  if (head.kind === 'failed') return afterFailure(asked, head.failure, joined);
  if (head.kind === 'ready') return undefined;
  if (isErrorOfUpstream(head.entry.status)) {
    const serves = verdictOn(asked, undefined) === 'serve';
    return serves ? served(asked, joined, { report: head.report }) : undefined;
  }
  const failure = await brokenOff(asked, joined);
  return failure && afterFailure(asked, failure, joined);
}

/** The answer where there was none from the upstream. */
export function afterFailure(asked: Asked, failure: Failure, way: Way): Answer {
  const verdict = verdictOn(asked, failure);
  if (verdict === 'serve') return served(asked, way, { failure });
  const { disposition } = asked;
  const told = verdict === 'unvalidated' ? { ...failure, unvalidated: true as const } : failure;
  return { kind: 'failed', failure: told, disposition, ...wayOf(way) };
}

/** A body that breaks off before its first byte is as good as none, where it matters to what is stored that none has come. */
async function brokenOff(asked: Asked, { head, flight }: Joined): Promise<Failure | undefined> {
  if (head.kind !== 'streaming' || head.notStored !== null) return undefined;
  if (verdictOn(asked, cutBeforeFirstByte) === 'withhold') return undefined;
  return flight.begun();
}

function verdictOn(
  { request, lookup: { stored, cleanliness } }: Asked,
  failure: Failure | undefined,
): StaleVerdict {
  // Whoever refreshes in the background has what is stale already.
  if (!stored || request.isRefresh) return 'withhold';
  return staleOnFailure({
    stored,
    cleanliness,
    asked: request.directives,
    failure,
    limitMs: request.key.site.cache.staleWhenUnreachableMs,
    nowMs: request.startedAtMs,
  });
}

function served(
  { request, lookup: { stored, cleanliness }, disposition, unleased }: Asked,
  way: Way,
  told: { failure?: Failure; report?: FetchReport },
): Answer {
  if (!stored) throw new Error('decided to serve a response where none is stored');
  const fwd = disposition.kind === 'revalidate' ? disposition.fwd : 'stale';
  return {
    kind: 'stored',
    entry: stored,
    cleanliness,
    // Whatever it was to be validated for.
    disposition: lacksLease(stored, unleased, request.startedAtMs)
      ? { kind: 'stale', why: 'no-lease', fwd: 'stale' }
      : { kind: 'stale', why: 'upstream-error', fwd },
    revalidated: false,
    report: told.report,
    failure: told.failure,
    ...wayOf(way),
  };
}

function wayOf({ collapsed, waitedInVain }: Way): Way {
  return { collapsed, ...(waitedInVain ? { waitedInVain } : {}) };
}
