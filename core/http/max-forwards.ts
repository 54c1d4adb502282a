/**
 * Max-Forwards (RFC 9110 §7.6.2): how many more hops an OPTIONS may take, so that a client can ask each one on the way. TRACE has
 * it too, but is not served.
 */
import { first, type RawHeaders } from './headers.ts';

/** Hops that are left to the request; undefined: nothing limits them, or the field is no number and so ignored. */
export function maxForwards(method: string, headers: RawHeaders): number | undefined {
  const value = method === 'OPTIONS' ? first(headers, 'max-forwards') : undefined;
  return value !== undefined && /^\d{1,9}$/.test(value) ? Number(value) : undefined;
}

/** The same fields for the next hop, with one hop less. To be asked only while hops are left. */
export function withOneHopLess(method: string, headers: RawHeaders): RawHeaders {
  const left = maxForwards(method, headers);
  if (left === undefined) return headers;
  return headers.map((text, i) =>
    i % 2 === 1 && headers[i - 1]?.toLowerCase() === 'max-forwards' ? String(left - 1) : text,
  );
}
