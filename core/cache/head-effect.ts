/**
 * What the answer to a HEAD says about the stored answer to GET (RFC 9111 §4.3.5): a GET would have brought the same fields, so it
 * is freshened, or known to be outdated. Pure.
 *
 * Invariant: what only says something about the request or the server's trouble changes nothing.
 */
import { first } from '../http/headers.ts';
import { isClientProvokable } from '../http/status.ts';
import type { Position } from '../purge/command.ts';
import type { UpstreamResponse } from '../upstream/upstream.ts';
import { stalenessSeconds } from './decide.ts';
import type { StoredResponse } from './entry.ts';
import type { CacheRequest } from './exchange.ts';
import { confirmed, mayConfirm } from './receive.ts';

export type HeadEffect =
  | { kind: 'none' }
  /** The stored response with the fields of the HEAD, fresh anew. */
  | { kind: 'freshened'; entry: StoredResponse }
  /** A GET would bring something else. */
  | { kind: 'outdated' };

/** The effect on the stored response that the request selects. `epoch` is the position from before the request. */
export function effectOfHead(
  request: CacheRequest,
  stored: StoredResponse | undefined,
  response: UpstreamResponse,
  epoch: Position,
): HeadEffect {
  if (request.method !== 'HEAD' || !stored || !mayConfirm(request, stored)) return none;
  const { status } = response;
  if (status !== stored.status) return saysNothing(status) ? none : outdated;
  // The RFC speaks of 200 only: an error is confirmed by asking for it.
  if (status !== 200) return none;
  if (agrees(response, stored)) {
    const entry = confirmed(request, stored, response, epoch);
    if (entry) return { kind: 'freshened', entry };
    // RFC 9111 §3.5: what it says may be for this user alone, and then says nothing of what is for all.
    return first(request.headers, 'authorization') === undefined ? outdated : none;
  }
  // It is stale from now on. What is past all use but that in place of an error stays for that.
  const staleness = stalenessSeconds(stored, { kind: 'clean' }, response.responseTimeMs);
  return staleness < stored.freshness.staleWhileRevalidateSeconds ? outdated : none;
}

const none: HeadEffect = { kind: 'none' };
const outdated: HeadEffect = { kind: 'outdated' };

function saysNothing(status: number): boolean {
  return isClientProvokable(status) || status === 304 || status === 401 || status === 407;
}

/** RFC 9111 §4.3.5: the same values of all validators and of the length, as far as they were received. */
function agrees({ headers }: UpstreamResponse, stored: StoredResponse): boolean {
  const sameOrAbsent = (name: string, value: string | undefined) => {
    const received = first(headers, name);
    return received === undefined || received === value;
  };
  return (
    sameOrAbsent('etag', stored.etag) &&
    sameOrAbsent('last-modified', stored.lastModified) &&
    sameOrAbsent('content-length', String(stored.bodyBytes))
  );
}
