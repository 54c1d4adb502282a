/**
 * Requests for a range: from a stored whole, else from slices where the site is sliced, else from parts that others have asked
 * for, else as the client asks for it. Everything else goes straight to `obtain`.
 */
import { combined } from '../http/headers.ts';
import { type WantedRange, wantedRanges } from '../http/partial.ts';
import type { CacheRequest } from './exchange.ts';
import { type Answer, type ObtainDeps, type ObtainOptions, obtain } from './obtain.ts';
import { forPart, forWhole, partRequest } from './part.ts';
import { obtainSliced } from './slices.ts';

/** Answers a request of a client or of a tier, range or not. Synchronous when nothing has to be fetched. */
export function obtainRange(
  deps: ObtainDeps,
  request: CacheRequest,
  options: ObtainOptions,
): Answer | Promise<Answer> {
  const ranges = rangesOf(request);
  if (!ranges) return obtain(deps, request, options);
  deps.purges.sync();
  const whole = fromWhole(deps, request, options);
  if (whole) return whole;
  const { sliceBytes } = request.key.site.cache;
  if (sliceBytes !== undefined) return obtainSliced(deps, request, ranges, sliceBytes, options);
  const [only, second] = ranges;
  // Several ranges have no form that could be stored: they are answered from the whole.
  if (!only || second) return obtain(deps, request, options);
  return obtain(deps, forPart(request, partRequest(only)), options);
}

/** The ranges that are to be answered as such; undefined: the whole is wanted (RFC 9110 §14.2: Range is for GET). */
function rangesOf({ method, headers }: CacheRequest): WantedRange[] | undefined {
  const field = method === 'GET' ? combined(headers, 'range') : undefined;
  return field === undefined ? undefined : wantedRanges(field);
}

/** Answers a request of another worker. What it asks for in part may be here whole, or on its way. */
export function obtainForPeer(deps: ObtainDeps, request: CacheRequest): Answer | Promise<Answer> {
  const options = { mayAskPeers: false };
  if (!request.part) return obtain(deps, request, options);
  deps.purges.sync();
  return fromWhole(deps, forWhole(request), options) ?? obtain(deps, request, options);
}

/** From the whole, where it is stored or on its way; undefined: there is none that could be used. */
function fromWhole(
  deps: ObtainDeps,
  request: CacheRequest,
  options: ObtainOptions,
): Answer | Promise<Answer> | undefined {
  // What this node cannot judge, or has found unreadable, is not even looked at.
  if (request.unreached || options.distrustsStore) return undefined;
  const lookup = deps.store.find(request.key.text, request.headers);
  const isUsable = lookup.stored !== undefined && lookup.cleanliness.kind !== 'hard';
  if (isUsable) return obtain(deps, request, { ...options, lookup });
  // Be it because the upstream knows no ranges: it is fetched once.
  return deps.coalescer.isWholeUnderWay(request) ? obtain(deps, request, options) : undefined;
}
