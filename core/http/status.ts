/**
 * What a cache knows about status codes (RFC 9110 §15, RFC 9111 §3 and §4.2.2), in one table, because
 * freshness and storability both ask.
 */

/** Whether RFC 9110 §15.1 lets a cache guess a lifetime for it. */
export function isHeuristicallyCacheable(status: number): boolean {
  return heuristicallyCacheable.has(status);
}

/**
 * Whether a client can provoke this error by a malformed or hostile request, so that storing it on a
 * guess would let one client break a page for all (cache-poisoned denial of service).
 */
export function isClientProvokable(status: number): boolean {
  return clientProvokable.has(status) || (status >= 500 && status <= 599);
}

/** Whether this cache knows the caching rules of the status: what must-understand asks (§5.2.2.3). */
export function isUnderstood(status: number): boolean {
  return understood.has(status);
}

const heuristicallyCacheable: ReadonlySet<number> = new Set([
  200, 203, 204, 206, 300, 301, 308, 404, 405, 410, 414, 501,
]);

const clientProvokable: ReadonlySet<number> = new Set([
  400, 403, 405, 408, 411, 412, 413, 414, 415, 416, 417, 421, 426, 428, 429, 431,
]);

/**
 * The final statuses of RFC 9110, 6585, 7725 and 8470 whose caching needs nothing special, and 206,
 * whose rules are kept (partial.ts).
 */
const understood: ReadonlySet<number> = new Set([
  200, 201, 202, 203, 204, 205, 206, 300, 301, 302, 303, 305, 307, 308, 400, 401, 402, 403, 404,
  405, 406, 407, 408, 409, 410, 411, 412, 413, 414, 415, 416, 417, 421, 422, 425, 426, 428, 429,
  431, 451, 500, 501, 502, 503, 504, 505, 506, 511,
]);
