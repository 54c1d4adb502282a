/** What a cache knows about request methods (RFC 9110 §9.2.1, RFC 9111 §4.4). */

/**
 * Whether a request only reads. Those that IANA's registry of methods calls safe are; any other may change its target, which a
 * cache has to assume of methods that it does not know. Methods are compared as they are: `get` is not GET.
 */
export function isSafeMethod(method: string): boolean {
  return safeMethods.has(method);
}

const safeMethods: ReadonlySet<string> = new Set([
  'GET',
  'HEAD',
  'OPTIONS',
  'PRI',
  'PROPFIND',
  'QUERY',
  'REPORT',
  'SEARCH',
  'TRACE',
]);
