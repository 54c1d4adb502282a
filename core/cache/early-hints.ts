/**
 * Early hints of our own making (RFC 8297): when a stored response has to be asked for anew, the links that it had will most
 * likely be in the new one as well, and the client can use the time that the upstream takes.
 *
 * A response that a purge matched hard hints at nothing: not even its links may be used any more.
 */
import { earlyHints } from '../http/link.ts';
import type { CacheRequest } from './exchange.ts';
import type { Lookup } from './store.ts';

/** Sends the hints of the stored response, once for a request; whether there were any. */
export function hintFromStored(request: CacheRequest, { stored, cleanliness }: Lookup): boolean {
  const { onInterim, wantsHints } = request;
  // Who wants a part of a representation has begun with it before.
  if (!onInterim || !wantsHints || request.part) return false;
  if (!stored || cleanliness.kind === 'hard') return false;
  const links = earlyHints(stored.headers);
  if (links.length === 0) return false;
  request.wantsHints = false;
  // One line, so that there are no more of them than a client takes.
  onInterim(103, ['Link', links.join(', ')]);
  return true;
}
