/**
 * What the version of a response has to say about its framing. The parser takes more than HTTP/1 for a response, and does not hand
 * the version on; so it is read off the bytes on their way there (`continue-filter.ts`).
 */
import { first, type RawHeaders } from '../http/headers.ts';

/** Why a response of this version must not be believed; undefined: nothing is wrong. */
export function versionFault(version: string | undefined, headers: RawHeaders): string | undefined {
  if (version === undefined || version === 'HTTP/1.1') return undefined;
  if (version !== 'HTTP/1.0') return 'another protocol than HTTP/1';
  // RFC 9112 §6.1: HTTP/1.0 has no codings, so another recipient would take the chunks for the body.
  const isCoded = first(headers, 'transfer-encoding') !== undefined;
  return isCoded ? 'Transfer-Encoding in HTTP/1.0' : undefined;
}
