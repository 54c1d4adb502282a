/**
 * One fetch that any number of readers share. A flight begins before its request is sent, tells its head once that has
 * arrived, and then spools the body to readers, memory tier and disk tier at once.
 *
 * Invariants: nobody is given a byte before the head is known; a flight that nobody is interested in any more ends, unless
 * finishing it is cheap.
 */
import type { RawHeaders } from '../http/headers.ts';
import type { Position } from '../purge/command.ts';
import type { Failure } from '../upstream/upstream.ts';
import type { BodyReader } from './body-reader.ts';
import { StoredResponse } from './entry.ts';
import {
  type BodyBacking,
  type CacheRequest,
  type Decided,
  type FetchReport,
  type NotStored,
  reasonsAgainstCopies,
  type SourceResult,
} from './exchange.ts';
import { type Moment, momentOf } from './moment.ts';
import { baseKey, isLooseParts, maxParts } from './part.ts';
import { isErrorOfUpstream } from './stale-on-failure.ts';
import { type FlightDeps, startTransfer, type Transfer } from './transfer.ts';
import type { IsMeant } from './under-way.ts';

export type { FlightDeps, FlightLimits } from './transfer.ts';

export type FlightHead =
  | {
      kind: 'streaming';
      entry: StoredResponse;
      notStored: NotStored | null;
      shareable: boolean;
      /** What the upstream announced; undefined: not known in advance. */
      lengthBytes: number | undefined;
      report: FetchReport;
      /** For who has begun the flight, and for nobody who joins it. */
      personal?: RawHeaders | undefined;
      decided: Decided | undefined;
    }
  | {
      kind: 'ready';
      entry: StoredResponse;
      report: FetchReport | undefined;
      personal?: RawHeaders | undefined;
      decided: Decided | undefined;
    }
  | { kind: 'failed'; failure: Failure };

export interface Flight {
  /** The node's position before the request was sent. */
  readonly epoch: Position;
  readonly startedAt: Moment;
  readonly head: Promise<FlightHead>;
  /** A reader of the body's bytes; undefined when the beginning is gone. After `head` only. */
  read(start: number, end: number): BodyReader | undefined;
  /** Whether a newcomer can still have the body from its first byte. */
  hasBeginning(): boolean;
  /** Calls `listener` with each progress of the rows behind the body, and once now if there are any. */
  watchBacking(listener: (backing: BodyBacking) => void): void;
  /** Whether the whole body has arrived. */
  isComplete(): boolean;
  /** Resolves once the body has begun; with the failure when it broke off before its first byte. After `head` only. */
  begun(): Promise<Failure | undefined>;
  /** Says that somebody wants the flight; the returned call says that they no longer do. */
  join(): () => void;
  /**
   * What arrives is not stored: an unsafe request has changed the target meanwhile (RFC 9111 §4.4). With `isMeant` and no head yet:
   * if it turns out to be one of those.
   */
  forbidStoring(isMeant?: IsMeant): void;
  isForbidden(): boolean;
  readonly interested: number;
}

export interface FlightPlan {
  request: CacheRequest;
  epoch: Position;
  fetch: (signal: AbortSignal) => Promise<SourceResult>;
  /** Whether this worker writes to disk (the owner of the key does). */
  writesToDisk: boolean;
  /** Called once, when the flight has nothing more to give to newcomers. */
  onSettled: (flight: Flight) => void;
}

/** Starts the fetch. */
export function startFlight(deps: FlightDeps, plan: FlightPlan): Flight {
  const abort = new AbortController();
  let interested = 0;
  let mayStore = true;
  let hasHead = false;
  let isSettled = false;
  let transfer: Transfer | undefined;
  const invalidated: IsMeant[] = [];

  const settle = () => {
    if (isSettled) return;
    isSettled = true;
    plan.onSettled(flight);
  };
  const land = (result: SourceResult): FlightHead => {
    hasHead = true;
    const head = headOf(result);
    if (invalidated.some((isMeant) => outcomesOf(result, head).some(isMeant))) {
      mayStore = false;
      settle();
    }
    if (result.kind === 'ready' && mayStore) takeOver(deps, plan, result);
    if (head.kind !== 'streaming' || result.kind !== 'streaming') {
      settle();
      return head;
    }
    dropWhatMayNotStay(deps, plan, head);
    if (result.effect?.kind === 'freshened' && mayStore) takeOver(deps, plan, result.effect);
    transfer = startTransfer(deps, {
      body: result.body,
      entry: head.entry,
      mayStore: () => mayStore && head.notStored === null,
      maxVariants: variantCap(plan.request, head.entry),
      writesToDisk: plan.writesToDisk,
      backing: result.backing,
      onSettled: settle,
    });
    // A response that nobody else may have is not for newcomers.
    if (!head.shareable) settle();
    if (interested === 0) transfer.abandon();
    return head;
  };
  const flight: Flight = {
    epoch: plan.epoch,
    startedAt: momentOf(deps.clock),
    head: plan.fetch(abort.signal).then(land),
    read: (start, end) => transfer?.read(start, end),
    hasBeginning: () => transfer?.hasBeginning() === true,
    watchBacking: (listener) => transfer?.watchBacking(listener),
    isComplete: () => transfer?.isComplete() === true,
    begun: async () => transfer?.begun(),
    join() {
      interested += 1;
      let left = false;
      return () => {
        if (left) return;
        left = true;
        interested -= 1;
        if (interested > 0) return;
        if (transfer) transfer.abandon();
        else if (!hasHead) abort.abort();
      };
    },
    forbidStoring(isMeant) {
      if (isMeant && !hasHead) return void invalidated.push(isMeant);
      mayStore = false;
      settle();
    },
    isForbidden: () => !mayStore,
    get interested() {
      return interested;
    },
  };
  return flight;
}

function headOf(result: SourceResult): FlightHead {
  if (result.kind === 'failed') return result;
  if (result.kind === 'ready') return { ...result, decided: result.decided };
  return {
    kind: 'streaming',
    entry: new StoredResponse(result.init, null, null),
    notStored: result.notStored,
    shareable: result.shareable,
    lengthBytes: result.body.lengthBytes,
    report: result.report,
    personal: result.personal,
    decided: result.decided,
  };
}

/** What may be stored of it: the response, and the stored one that a HEAD freshens, with the groups that it has. */
function outcomesOf(result: SourceResult, head: FlightHead): StoredResponse[] {
  if (head.kind === 'failed') return [];
  const effect = result.kind === 'streaming' ? result.effect : undefined;
  return effect?.kind === 'freshened' ? [head.entry, effect.entry] : [head.entry];
}

type ReadyResult = Extract<SourceResult, { kind: 'ready' }>;

/** What was confirmed goes into both tiers; what another worker has on disk already, into this worker's memory only. */
function takeOver(
  { store }: FlightDeps,
  plan: FlightPlan,
  { entry, decided, isCopy }: Pick<ReadyResult, 'entry' | 'decided' | 'isCopy'>,
): void {
  const maxVariants = variantCap(plan.request, entry);
  if (decided) store.putInMemory(entry, maxVariants);
  else if (isCopy) store.copy(entry, maxVariants);
  else store.update(entry, maxVariants);
}

/**
 * A response that forbids copies forbids the older one as well, or that would be served stale in its place. But what an error
 * forbids is to keep the error: the older response is what RFC 5861 §4 serves instead of it.
 */
export function forbidsCopies(status: number, notStored: NotStored | null): boolean {
  return notStored !== null && reasonsAgainstCopies.has(notStored) && !isErrorOfUpstream(status);
}

function dropWhatMayNotStay(
  { store }: FlightDeps,
  { request, writesToDisk }: FlightPlan,
  { entry, notStored }: Extract<FlightHead, { kind: 'streaming' }>,
): void {
  if (!forbidsCopies(entry.status, notStored)) return;
  store.remove([baseKey(request.key.text)], writesToDisk);
}

/** How many responses may lie under the entry's key: variants of a URL, or its loose parts. */
function variantCap({ key, part }: CacheRequest, entry: StoredResponse): number {
  return part && entry.part && isLooseParts(part) ? maxParts : key.site.cache.vary.maxVariants;
}
