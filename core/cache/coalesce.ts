/**
 * One flight per key: whoever comes while the same is being fetched waits for it and is streamed to. Joining is tentative: when
 * the head has arrived, a reader leaves again if the response is another variant, may not be shared, or was fetched before
 * a purge that the reader must respect; those who leave for a purge form one new flight (DESIGN section 4).
 *
 * What turned out not to be storable is remembered for a while, so that requests for it do not wait for each other.
 */
import { LRUCache } from 'lru-cache';
import { combined } from '../http/headers.ts';
import { variantMatch } from '../http/select-variant.ts';
import { variantKey } from '../http/vary.ts';
import { formatPosition, type Position } from '../purge/command.ts';
import type { PurgeIndex } from '../purge/index.ts';
import type { Clock } from '../runtime/deps.ts';
import type { Metrics } from '../runtime/metrics.ts';
import { cleanThrough } from './clean-through.ts';
import { abortedFailure, type CacheRequest, type NotStored, reasonsOfRequest } from './exchange.ts';
import type { Flight, FlightHead } from './flight.ts';
import { isBefore, type Moment } from './moment.ts';
import { baseKey, forWhole, isLooseParts, rangeOf } from './part.ts';
import { createRefreshGate, type RefreshGate } from './refresh-gate.ts';
import { createUnderWay, type Tracked, type UnderWay } from './under-way.ts';

export interface Joined {
  flight: Flight;
  head: FlightHead;
  /** It waited for a flight that another request had begun. */
  collapsed: boolean;
  /** It has waited for one or more before, and could not use what they brought. */
  waitedInVain?: true;
  /** To be called when the reader has what it wants. */
  leave: () => void;
}

export interface JoinOptions {
  /** Does not take part: own flight, invisible to others. */
  alone: boolean;
  /** A flight that has begun before will not do; undefined: any will. */
  startedSince: Moment | undefined;
  start: (onSettled: (flight: Flight) => void) => Flight;
  /** Aborted when whoever asks is gone: it then waits for nothing more. */
  signal?: AbortSignal | undefined;
}

export interface Coalescer {
  /** Joins the flight of the request's key or starts one. Undefined: too many wait already. */
  join(request: CacheRequest, options: JoinOptions): Promise<Joined | undefined>;
  /** Whether a flight of the whole representation is under way that the request could join. */
  isWholeUnderWay(request: CacheRequest): boolean;
  /** Why the key's response was not storable a moment ago; undefined: nothing is known. */
  hitForMiss(key: string): NotStored | undefined;
  /** The same with how long it will be remembered, in seconds; it does not count as a use. */
  recall(key: string): { why: NotStored; leftSeconds: number } | undefined;
  /** Whether the client's conditions may go upstream for a URL of which nothing is stored; once in a while only. */
  mayForwardConditions(key: string): boolean;
  /** Forbids flights of these keys and groups to store, and newcomers to join them. */
  invalidate: UnderWay['forbid'];
  /** What is fetched and may be stored, flights included. */
  readonly underWay: UnderWay;
  readonly refreshes: RefreshGate;
  /** Flights that have not settled, those that fly alone included. */
  readonly flights: number;
}

/** After this many tentative joins a reader fetches for itself. */
const maxAttempts = 4;
const hitForMissMs = 120_000;
const rememberedKeys = 10_000;

/** To a condition or to a range. */
const statusesOfOne: ReadonlySet<number> = new Set([304, 412, 416]);

/** Creates the coalescer of a worker. */
export function createCoalescer(
  deps: { clock: Clock; metrics: Metrics; purges: { readonly index: PurgeIndex } },
  limits: { maxWaiters: number },
): Coalescer {
  /** Flights that can be joined, by name. */
  const flights = new Map<string, Flight>();
  /** All that have not settled: those that fly alone may not store what was invalidated either. */
  const tracked = new Map<Flight, Tracked>();
  const underWay = createUnderWay();
  // By key: the Vary fields seen last, so that different variants fly side by side.
  const varyHints = new LRUCache<string, readonly string[]>({ max: rememberedKeys });
  const misses = new LRUCache<string, { why: NotStored; untilMs: number }>({ max: rememberedKeys });
  const forwarded = new LRUCache<string, number>({ max: rememberedKeys });
  const countCollapsed = deps.metrics.counter(
    'breakwater_cache_collapsed_requests_total',
    'Requests that waited for the flight of another one, by what became of the wait.',
    ['outcome'],
  );
  const countUnstored = deps.metrics.counter(
    'breakwater_cache_unstored_responses_total',
    'Responses from upstream that were not stored, by reason.',
    ['reason'],
  );

  const remember = (request: CacheRequest, head: FlightHead) => {
    if (head.kind !== 'streaming') return;
    const { text } = request.key;
    if (head.entry.varyFields.length > 0) {
      varyHints.set(text, head.entry.varyFields);
      varyHints.set(baseKey(text), head.entry.varyFields);
    }
    // Of the URL nothing is known by an answer to one client's condition or range.
    if (statusesOfOne.has(head.entry.status)) return;
    if (head.notStored === null) {
      misses.delete(text);
      return;
    }
    countUnstored({ reason: head.notStored });
    // A failure that is shared is none of the URL's: whoever comes next waits with the others again.
    if (head.shareable || reasonsOfRequest.has(head.notStored)) return;
    misses.set(text, { why: head.notStored, untilMs: deps.clock.monotonicMs() + hitForMissMs });
  };

  const launch = (request: CacheRequest, name: string | undefined, start: JoinOptions['start']) => {
    let listedAs = name;
    const flight = start((settled) => {
      tracked.get(settled)?.over();
      tracked.delete(settled);
      if (listedAs !== undefined && flights.get(listedAs) === settled) flights.delete(listedAs);
    });
    const { text, host } = request.key;
    const key = baseKey(text);
    tracked.set(flight, underWay.begin({ key, host, forbid: flight.forbidStoring }));
    if (listedAs !== undefined) flights.set(listedAs, flight);
    // Before any waiter looks at the head, so that those who leave go to the right flight.
    void flight.head.then((head) => {
      tracked.get(flight)?.tell(head.kind === 'failed' ? [] : head.entry.tags);
      remember(request, head);
      if (listedAs === undefined || flights.get(listedAs) !== flight) return;
      // Now it is known which requests it is for: those who come from here on look under this name.
      flights.delete(listedAs);
      const carries = isWholeInstead(request, head) ? forWhole(request) : request;
      listedAs = flightName(carries, varyHints.get(request.key.text));
      if (!flights.has(listedAs)) flights.set(listedAs, flight);
    });
    return flight;
  };

  return {
    async join(request, options) {
      const { alone, startedSince, signal, start } = options;
      if (alone) return board(launch(request, undefined, start), false, signal);
      const cursor = deps.purges.index.cursor;
      for (let attempt = 0; attempt < maxAttempts; attempt += 1) {
        const name = flightName(request, varyHints.get(request.key.text));
        const known = flights.get(name);
        if (!known || (startedSince && isBefore(known.startedAt, startedSince))) {
          return after(attempt, await board(launch(request, name, start), false, signal));
        }
        if (known.interested >= limits.maxWaiters) {
          countCollapsed({ outcome: 'refused' });
          return undefined;
        }
        const joined = await board(known, true, signal);
        if (signal?.aborted)
          return { ...joined, head: { kind: 'failed', failure: abortedFailure } };
        const outcome = stays(request, joined, cursor, deps.purges.index);
        countCollapsed({ outcome });
        if (outcome === 'joined') return after(attempt, joined);
        joined.leave();
        if (outcome === 'unshareable') break;
        // The first who leaves for such a reason makes room for a flight that the others then join.
        if (useless.has(outcome) && flights.get(name) === known) flights.delete(name);
      }
      return after(1, await board(launch(request, undefined, start), false, signal));
    },
    isWholeUnderWay(request) {
      const whole = forWhole(request);
      return flights.has(flightName(whole, varyHints.get(whole.key.text)));
    },
    hitForMiss(key) {
      const known = misses.get(key);
      if (!known || known.untilMs <= deps.clock.monotonicMs()) return undefined;
      return known.why;
    },
    recall(key) {
      const known = misses.peek(key);
      const leftMs = (known?.untilMs ?? 0) - deps.clock.monotonicMs();
      return known && leftMs >= 0 ? { why: known.why, leftSeconds: leftMs / 1000 } : undefined;
    },
    mayForwardConditions(key) {
      const now = deps.clock.monotonicMs();
      if (now - (forwarded.get(key) ?? Number.NEGATIVE_INFINITY) < hitForMissMs) return false;
      forwarded.set(key, now);
      return true;
    },
    invalidate(keys, also) {
      for (const key of keys) varyHints.delete(key);
      underWay.forbid(keys, also);
    },
    underWay,
    refreshes: createRefreshGate(deps),
    get flights() {
      return tracked.size;
    },
  };
}

/** Waits for the head; a reader that goes while it waits is not counted any more. */
async function board(
  flight: Flight,
  collapsed: boolean,
  signal: AbortSignal | undefined,
): Promise<Joined> {
  const leave = flight.join();
  if (signal?.aborted) leave();
  else signal?.addEventListener('abort', leave, { once: true });
  const head = await flight.head;
  signal?.removeEventListener('abort', leave);
  return { flight, head, collapsed, leave };
}

/** What came of the attempt after so many that were in vain. */
function after(attempts: number, joined: Joined): Joined {
  return attempts === 0 ? joined : { ...joined, waitedInVain: true };
}

type JoinOutcome =
  | 'joined'
  | 'unshareable'
  | 'other-variant'
  | 'purged'
  | 'invalidated'
  /** It was an answer to another client's condition. */
  | 'not-modified'
  | 'aborted'
  | 'too-late';

/** Of no use to anybody who comes now. */
const useless: ReadonlySet<JoinOutcome> = new Set([
  'purged',
  'invalidated',
  'not-modified',
  'too-late',
]);

/** Whether a tentative reader stays, now that the head is known. */
function stays(
  request: CacheRequest,
  { flight, head }: Joined,
  cursor: Position,
  index: PurgeIndex,
): JoinOutcome {
  // A failure is shared: sending all who wait to a failing upstream would keep it down.
  if (head.kind === 'failed') return head.failure.kind === 'aborted' ? 'aborted' : 'joined';
  if (head.kind === 'streaming' && head.entry.status === 304) return 'not-modified';
  if (head.kind === 'streaming' && !head.shareable) return 'unshareable';
  const { entry } = head;
  if (variantMatch(entry, request.headers) === 'none') return 'other-variant';
  if (!request.unreached && wasPurged(head, cursor, index)) return 'purged';
  // An unsafe request has changed it since it was asked for, perhaps before this reader came (RFC 9111 §4.4).
  if (flight.isForbidden()) return 'invalidated';
  return head.kind === 'ready' || flight.hasBeginning() ? 'joined' : 'too-late';
}

/** Whether a purge that the reader must respect lies above the position that the response is valid for. */
function wasPurged(
  head: Exclude<FlightHead, { kind: 'failed' }>,
  cursor: Position,
  index: PurgeIndex,
): boolean {
  const { entry } = head;
  if (entry.identity !== cursor.identity) return true;
  if (cursor.seq <= entry.labelSeq) return false;
  const { kind } = cleanThrough(entry, index);
  // What another worker has judged to be usable although stale comes marked as such.
  const isMarked = head.decided?.disposition.kind === 'stale';
  return kind === 'hard' || (kind === 'soft' && !isMarked);
}

/** Flights are told apart by key, method, variant as far as it is known, and the position of a tier that is ahead of us. */
function flightName(request: CacheRequest, varyFields: readonly string[] | undefined): string {
  let name = request.key.text;
  if (request.method !== 'GET') name += `\nmethod:${request.method}`;
  if (request.part && isLooseParts(request.part)) name += `\n${rangeName(request)}`;
  if (request.unreached) name += `\nposition:${formatPosition(request.unreached)}`;
  if (varyFields) name += `\n${variantKey(varyFields, request.headers)}`;
  return name;
}

/** A part was asked for, and the whole is what comes. */
function isWholeInstead({ part }: CacheRequest, head: FlightHead): boolean {
  return part !== undefined && head.kind !== 'failed' && head.entry.part === undefined;
}

/** The range, and the condition under which the client wants it instead of the whole. */
function rangeName({ part, headers }: CacheRequest): string {
  return `range:${part ? rangeOf(part) : ''} ${combined(headers, 'if-range') ?? ''}`;
}
