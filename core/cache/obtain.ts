/**
 * From a request to an answer: look up, decide, and fetch where that is what was decided. A worker calls it for its clients, and
 * for other workers of the node whose keys it owns. A hit is answered without waiting.
 *
 * Invariant: purges are taken note of before the lookup, so the read sees everything that was acknowledged before it began.
 */

import { noDirectives } from '../http/cache-control.ts';
import { originConditionOf } from '../http/conditional.ts';
import { first, type RawHeaders } from '../http/headers.ts';
import { covers } from '../http/partial.ts';
import { ifRangeAllows } from '../http/range.ts';
import { assertNever, type Clock } from '../runtime/deps.ts';
import type { Failure } from '../upstream/upstream.ts';
import { type Cleanliness, cleanThrough } from './clean-through.ts';
import type { Coalescer, Joined } from './coalesce.ts';
import { type Disposition, decide } from './decide.ts';
import { hintFromStored } from './early-hints.ts';
import type { StoredResponse } from './entry.ts';
import type { CacheRequest, FetchReport, SourceResult } from './exchange.ts';
import type { FetchDeps } from './fetch.ts';
import type { Flight, FlightDeps, FlightHead } from './flight.ts';
import type { HostGroups } from './host-groups.ts';
import { launch } from './launch.ts';
import { earlier, type Moment, momentOf } from './moment.ts';
import { type Asked, afterFailure, insteadOf } from './obtain-instead.ts';
import { baseKey, isLooseParts } from './part.ts';
import type { PurgeState } from './purge-state.ts';
import type { Assembled } from './slices.ts';
import type { Lookup, Store } from './store.ts';
import type { Newer } from './superseded.ts';
import type { Tracked } from './under-way.ts';
import { type Unleased, type UnleasedUse, unleased, useOf } from './unleased.ts';

export type Answer =
  /** From a store: hit, stale, or confirmed by a 304. */
  | {
      kind: 'stored';
      entry: StoredResponse;
      cleanliness: Cleanliness;
      disposition: Disposition;
      revalidated: boolean;
      collapsed: boolean;
      /** It has waited for another request's flight that was of no use. */
      waitedInVain?: true;
      report: FetchReport | undefined;
      /** Why the upstream gave no answer, when this is served instead. */
      failure?: Failure | undefined;
      /** An unsafe request or a purge has come since it was asked for: what came is not stored. */
      isDoomed?: true;
      /** Lines that are for this client alone (personal-fields.ts). */
      personal?: RawHeaders | undefined;
      assembled?: Assembled;
    }
  /** On its way from an upstream. `leave` once the body has been taken or nobody wants it. */
  | {
      kind: 'streaming';
      entry: StoredResponse;
      head: Extract<FlightHead, { kind: 'streaming' }>;
      flight: Flight;
      disposition: Disposition;
      collapsed: boolean;
      waitedInVain?: true;
      isDoomed?: true;
      personal?: RawHeaders | undefined;
      leave: () => void;
      /** This is the first of several slices: what is sent is put together from them. */
      assembled?: Assembled;
    }
  | {
      kind: 'failed';
      failure: Failure;
      disposition: Disposition;
      collapsed: boolean;
      waitedInVain?: true;
    }
  | { kind: 'only-if-cached' }
  /** The cache takes no part: to be sent on as it is. */
  | { kind: 'pass'; disposition: Extract<Disposition, { kind: 'pass' }> };

/** The other workers of the node. */
export interface Peers {
  /** The worker that owns the key; undefined: this one. */
  ownerOf(key: string): number | undefined;
  /** Asks the owner. Never rejects. */
  ask(owner: number, request: CacheRequest, signal: AbortSignal): Promise<SourceResult>;
  /** Has the others forget what they hold under the key that is older than this response. */
  outdate(newer: Newer): void;
}

export interface ObtainDeps extends FetchDeps {
  clock: Clock;
  store: Store;
  purges: PurgeState;
  coalescer: Coalescer;
  flights: FlightDeps;
  peers: Peers;
  onRefresh: (outcome: 'started' | 'failed') => void;
  /** An early hint was made of what is stored. */
  onHints: () => void;
  /** Somebody has asked for the key: a client or a tier, not another worker, and no refresh. */
  onAsked?: (key: string) => void;
  invalidate: Invalidate;
  /** Something stored was used, or is to be validated first, because the node holds no lease. */
  onUnleased: (use: UnleasedUse) => void;
}

export interface InvalidationOptions {
  /** What is in these is dropped as well. */
  groups?: HostGroups;
  /** Of this worker: a fetch that the change itself has answered. */
  spare?: Tracked;
}

/** Drops stored responses in all workers and on disk; resolves when none is found any more. Never rejects. */
export type Invalidate = (keys: readonly string[], also?: InvalidationOptions) => Promise<void>;

export interface ObtainOptions {
  /** False for a request of another worker: its key is owned here, or its owner is gone. */
  mayAskPeers: boolean;
  /** What is stored turned out to be unreadable: fetch. */
  distrustsStore?: boolean;
  /** What has been looked up already. */
  lookup?: Lookup;
  /** Aborted when whoever asks is gone. Asked for only when something is fetched, and before: a hit needs none. */
  goneSignal?: () => AbortSignal;
}

const overload: Failure = {
  source: 'internal',
  kind: 'overload',
  retryable: false,
  cause: 'too many requests wait for the same response',
};

/** Answers a request. Synchronous when nothing has to be fetched. */
export function obtain(
  deps: ObtainDeps,
  request: CacheRequest,
  options: ObtainOptions,
): Answer | Promise<Answer> {
  deps.purges.sync();
  if (options.mayAskPeers && !request.part && !request.isRefresh) deps.onAsked?.(request.key.text);
  const lookup = options.lookup ?? lookUp(deps, request);
  // A tier that is ahead of this node is not answered from what this node cannot judge.
  const usable =
    request.unreached || options.distrustsStore ? { ...lookup, stored: undefined } : lookup;
  const rules = unleased(deps.lease, request.isFromUnleased);
  const disposition = decide({
    method: request.method,
    requestDirectives: request.directives,
    originCondition: originConditionOf(request.headers),
    stored: usable.stored,
    missReason: usable.missReason,
    cleanliness: usable.cleanliness,
    isHitForMiss:
      usable.stored === undefined && deps.coalescer.hitForMiss(request.key.text) !== undefined,
    isRefresh: request.isRefresh,
    unleased: rules,
    nowMs: request.startedAtMs,
  });
  const use = useOf(disposition, rules);
  if (use) deps.onUnleased(use);
  switch (disposition.kind) {
    case 'hit':
      return fromStore(usable, disposition);
    case 'stale':
      if (disposition.why === 'revalidating') refresh(deps, request, usable.stored, options);
      return fromStore(usable, disposition);
    case 'only-if-cached':
      return fromOwner(deps, request, options);
    case 'pass':
      return { kind: 'pass', disposition };
    case 'revalidate':
    case 'miss':
      return fromUpstream(deps, request, usable, disposition, options, rules);
    default:
      return assertNever(disposition);
  }
}

/** What is stored of what is asked for. Of parts, one that covers the range, on the client's condition (RFC 9110 §13.1.5). */
function lookUp({ store }: ObtainDeps, { key, headers, part, startedAtMs }: CacheRequest): Lookup {
  if (!part) return store.find(key.text, headers);
  const isLoose = isLooseParts(part);
  return store.find(
    key.text,
    headers,
    (entry) =>
      entry.part !== undefined &&
      // Of slices too: the site may have had another size, and an upstream may have answered with other bytes.
      covers(entry.part, part.wanted) &&
      (!isLoose || ifRangeAllows(headers, entry.headers, startedAtMs)),
  );
}

function fromStore(
  { stored, cleanliness }: Lookup,
  disposition: Disposition,
): Extract<Answer, { kind: 'stored' }> {
  if (!stored) throw new Error('decided to reuse a response where none is stored');
  return {
    kind: 'stored',
    entry: stored,
    cleanliness,
    disposition,
    revalidated: false,
    collapsed: false,
    report: undefined,
  };
}

/** What the worker that owns the key holds, for it may not be on disk yet; nobody is asked beyond it (RFC 9111 §5.2.1.7). */
async function fromOwner(
  { peers, purges }: ObtainDeps,
  request: CacheRequest,
  { mayAskPeers, goneSignal }: ObtainOptions,
): Promise<Answer> {
  const owner = mayAskPeers ? peers.ownerOf(baseKey(request.key.text)) : undefined;
  if (owner === undefined) return { kind: 'only-if-cached' };
  const signal = goneSignal?.() ?? new AbortController().signal;
  const held = await peers.ask(owner, request, signal);
  if (held.kind !== 'ready') return { kind: 'only-if-cached' };
  const { entry, report, decided } = held;
  const { disposition = { kind: 'hit' }, revalidated = false, collapsed = false } = decided ?? {};
  const cleanliness = purges.judge(entry);
  return { kind: 'stored', entry, cleanliness, disposition, revalidated, collapsed, report };
}

async function fromUpstream(
  deps: ObtainDeps,
  request: CacheRequest,
  lookup: Lookup,
  disposition: Disposition,
  options: ObtainOptions,
  rules: Unleased | undefined,
): Promise<Answer> {
  const signal = options.goneSignal?.();
  if (hintFromStored(request, lookup)) deps.onHints();
  const joined = await deps.coalescer.join(request, {
    alone: fliesAlone(request, disposition),
    startedSince: startedSince(deps, request, disposition, options, rules),
    start: (onSettled) => launch(deps, request, lookup, options, onSettled),
    signal,
  });
  const asked: Asked = { request, lookup, disposition, unleased: rules };
  if (!joined) return afterFailure(asked, overload, { collapsed: false });
  const instead = await insteadOf(asked, joined);
  if (!instead) return answerOf(deps, joined, disposition);
  if (isUnvalidated(instead)) deps.onUnleased('unvalidated');
  joined.leave();
  return instead;
}

/** It was to be validated for want of a lease, and could not be. */
function isUnvalidated(answer: Answer): boolean {
  return (
    answer.kind === 'stored' &&
    answer.disposition.kind === 'stale' &&
    answer.disposition.why === 'no-lease'
  );
}

/** The flights that will do, by their start: any (undefined), or those that have not missed what they are wanted for. */
function startedSince(
  { clock, peers }: ObtainDeps,
  request: CacheRequest,
  disposition: Disposition,
  { mayAskPeers }: ObtainOptions,
  rules: Unleased | undefined,
): Moment | undefined {
  if (isForced(request, disposition)) return momentOf(clock);
  // Its position is of no journal that is known here, so no purge says whether what began before is still good.
  if (request.unreached && request.isFromUnleased) return momentOf(clock);
  // The owner is asked, and joins what is recent: joining here as well would make it twice as old.
  if (rules && mayAskPeers && peers.ownerOf(baseKey(request.key.text)) !== undefined) {
    return momentOf(clock);
  }
  // Without a lease what is joined must be no older than what is served from the store.
  return rules && earlier(momentOf(clock), rules.revalidateMs);
}

/** RFC 9111 §5.2.1.1, 5.2.1.4: the client wants to be told what the origin says from here on, not a moment ago. */
function isForced({ directives }: CacheRequest, disposition: Disposition): boolean {
  if (disposition.kind !== 'revalidate') return false;
  return disposition.fwd === 'request' || directives.noCache !== undefined;
}

/** Requests whose answer may be for one user only, and those of which it is known, do not wait for each other. */
function fliesAlone(request: CacheRequest, disposition: Disposition): boolean {
  if (disposition.kind === 'miss' && disposition.detail === 'hit-for-miss') return true;
  if (request.method !== 'GET') return true;
  return first(request.headers, 'authorization') !== undefined;
}

function answerOf(deps: ObtainDeps, joined: Joined, own: Disposition): Answer {
  const { head, flight } = joined;
  const decided = head.kind === 'failed' ? undefined : head.decided;
  const collapsed = joined.collapsed || decided?.collapsed === true;
  const way = {
    disposition: decided?.disposition ?? own,
    collapsed,
    ...(joined.waitedInVain || decided?.waitedInVain ? { waitedInVain: true as const } : {}),
  };
  if (head.kind === 'failed') {
    joined.leave();
    return { kind: 'failed', failure: head.failure, ...way };
  }
  const { entry } = head;
  const isDoomed = flight.isForbidden() || cleanThrough(entry, deps.purges.index).kind === 'hard';
  const delivered = {
    entry,
    ...way,
    personal: collapsed ? undefined : head.personal,
    ...(isDoomed ? { isDoomed: true as const } : {}),
  };
  if (head.kind === 'streaming') {
    return { kind: 'streaming', head, flight, leave: joined.leave, ...delivered };
  }
  joined.leave();
  return {
    kind: 'stored',
    cleanliness: deps.purges.judge(entry),
    revalidated: decided ? decided.revalidated : true,
    report: head.report,
    failure: decided?.failure,
    ...delivered,
  };
}

/** RFC 5861 §3: refreshes in the background, once at a time for a response. */
function refresh(
  deps: ObtainDeps,
  request: CacheRequest,
  stored: StoredResponse | undefined,
  { mayAskPeers }: ObtainOptions,
): void {
  const { refreshes } = deps.coalescer;
  if (!stored || !refreshes.claim(stored)) return;
  deps.onRefresh('started');
  // What this client asks of its own answer is none of the refresh's business, nor does it end with the client.
  const own = { method: 'GET', directives: noDirectives, isRefresh: true, onInterim: undefined };
  const answer = obtain(deps, { ...request, ...own }, { mayAskPeers });
  void Promise.resolve(answer).then((got) => {
    if (got.kind === 'streaming') drain(got, () => refreshes.release(stored));
    else refreshes.release(stored);
    if (got.kind === 'failed' || isUpstreamError(got)) deps.onRefresh('failed');
  });
}

function isUpstreamError(answer: Answer): boolean {
  if (answer.kind === 'streaming') return answer.entry.status >= 500;
  return answer.kind === 'stored' && answer.disposition.kind === 'stale';
}

/** Reads a body that only the stores want; `onDone` hears whether it was whole. The returned function gives it up. */
export function drain(
  { flight, leave }: Extract<Answer, { kind: 'streaming' }>,
  onDone: (isWhole: boolean) => void,
): () => void {
  const reader = flight.read(0, Number.POSITIVE_INFINITY);
  const pump = () => {
    while (reader?.take()) {
      // Nothing to do with the piece: taking it moves the window on.
    }
    if (reader?.state === 'open') {
      reader.onReadable = pump;
      return;
    }
    end(reader?.state === 'ended');
  };
  let isOver = false;
  const end = (isWhole: boolean) => {
    if (isOver) return;
    isOver = true;
    reader?.close();
    leave();
    onDone(isWhole);
  };
  pump();
  return () => end(false);
}
