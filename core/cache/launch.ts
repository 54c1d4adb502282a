/**
 * A flight for a request: fetched by the worker that owns the key, which is asked over the mesh, or here; and what it may find
 * confirmed instead of fetching it.
 *
 * Invariant: the epoch is read before anything is sent.
 */
import { conditionsOf, isConditional } from '../http/conditional.ts';
import type { RawHeaders } from '../http/headers.ts';
import type { Position } from '../purge/command.ts';
import type { Coalescer } from './coalesce.ts';
import type { CacheRequest, SourceResult } from './exchange.ts';
import { fetchForCache } from './fetch.ts';
import { type Flight, forbidsCopies, startFlight } from './flight.ts';
import { type Candidates, candidatesFrom, noCandidates } from './nominate.ts';
import type { ObtainDeps, ObtainOptions } from './obtain.ts';
import { baseKey } from './part.ts';
import type { Lookup } from './store.ts';

/** Starts the fetch of what was looked up in vain, or is not good enough. */
export function launch(
  deps: ObtainDeps,
  request: CacheRequest,
  lookup: Lookup,
  options: ObtainOptions,
  onSettled: (flight: Flight) => void,
): Flight {
  // The parts of a URL belong to the worker that owns the URL: it sees when they do not fit together.
  const owner = options.mayAskPeers ? deps.peers.ownerOf(baseKey(request.key.text)) : undefined;
  // Before anything is sent: what is purged from here on lies above the epoch.
  const epoch: Position = deps.purges.position();
  return startFlight(deps.flights, {
    request,
    epoch,
    writesToDisk: owner === undefined,
    fetch: async (signal) => {
      const asked = owner === undefined ? undefined : await deps.peers.ask(owner, request, signal);
      if (asked && !isLostWorker(asked)) return asked;
      const candidates = candidatesOf(deps, request, lookup, options);
      const result = await fetchForCache(deps, request, candidates, epoch, signal);
      // Before the answer is sent: whoever has it must not be given by a GET what it contradicts.
      if (isOutdating(result, lookup)) await deps.invalidate([baseKey(request.key.text)]);
      return result;
    },
    onSettled,
  });
}

/** Whether what is stored may not be used any more, in no worker: a HEAD has contradicted it, or no copy may be kept now. */
function isOutdating(result: SourceResult, { stored, cleanliness }: Lookup): boolean {
  if (result.kind !== 'streaming' || !stored || cleanliness.kind === 'hard') return false;
  return result.effect?.kind === 'outdated' || forbidsCopies(result.init.status, result.notStored);
}

/** What is stored for the URL, but for what was purged, cannot be judged, or is not to be trusted. */
function candidatesOf(
  { store, coalescer }: ObtainDeps,
  request: CacheRequest,
  { stored, cleanliness, missReason }: Lookup,
  options: ObtainOptions,
): Candidates {
  if (request.unreached || options.distrustsStore) return noCandidates;
  if (!stored && missReason === 'uri-miss') {
    return { ...noCandidates, conditions: conditionsToForward(coalescer, request) };
  }
  const fitting = cleanliness.kind === 'hard' ? undefined : stored;
  // A part says nothing of another variant's.
  return request.part
    ? { fitting, others: [] }
    : candidatesFrom(fitting, store.live(request.key.text));
}

/**
 * Whoever asks under a condition for what nobody has stored may have it: then a 304 is all that has to travel (RFC 9111 §4.3.2). Once
 * in a while for a URL, for such answers fill no cache.
 */
function conditionsToForward(
  coalescer: Coalescer,
  { key, part, headers, isRefresh }: CacheRequest,
): RawHeaders {
  if (part || isRefresh || !isConditional(headers)) return [];
  return coalescer.mayForwardConditions(key.text) ? conditionsOf(headers) : [];
}

/** The owner's worker is gone or knows other sites for a moment: better two flights than no answer. */
function isLostWorker(result: SourceResult): boolean {
  return (
    result.kind === 'failed' &&
    result.failure.source === 'internal' &&
    result.failure.kind === 'unavailable'
  );
}
