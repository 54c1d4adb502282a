/**
 * Extended DNS errors (RFC 8914): why an answer is what it is, in more words than a response code has. For people and logs;
 * no resolver decides anything by it.
 */
import type { EdnsOption } from './edns.ts';

export const extendedErrorCode = 15;

/** The codes that we send (§4). */
export const extendedErrors = {
  notAuthoritative: 20,
  notSupported: 21,
  invalidQueryType: 30,
} as const;

export type ExtendedError = (typeof extendedErrors)[keyof typeof extendedErrors];

/** Without a text: an error over UDP shall not be much longer than what provoked it. */
export function extendedErrorOption(error: ExtendedError): EdnsOption {
  return { code: extendedErrorCode, bytes: Uint8Array.of(error >> 8, error & 255) };
}
