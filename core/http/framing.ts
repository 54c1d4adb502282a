/**
 * The strict check of a message's head before anything believes it (RFC 9112 §6.3, RFC 9110 §5.5):
 * two parsers that disagree on where a message ends are how requests are smuggled and caches are
 * poisoned, so whatever could be read in two ways is refused. Used in both directions; towards
 * origins on undici's raw headers, because llhttp passes more than this.
 *
 * Invariant: refusals are for the whole message; nothing is ever repaired.
 */

import { isNamed, type RawHeaders } from './headers.ts';
import { parseHost } from './host.ts';

export { type HostPort, parseHost } from './host.ts';

/** How much of a head is accepted. Sizes count names, values and four bytes for each line. */
export type HeadLimits = {
  readonly maxFields: number;
  readonly maxHeadBytes: number;
  readonly maxTargetBytes: number;
};

/** What holds when a site configures nothing else. */
export const defaultHeadLimits: HeadLimits = {
  maxFields: 100,
  maxHeadBytes: 16 * 1024,
  maxTargetBytes: 8 * 1024,
};

/** A refusal has the status to answer with, and a short reason for log and problem body. */
export type RequestFraming =
  | { readonly ok: true }
  | { readonly ok: false; readonly status: 400 | 414 | 431; readonly detail: string };

/** How the response's body ends, or why the response is not to be believed (502). */
export type ResponseFraming =
  | {
      readonly ok: true;
      readonly body: 'none' | 'length' | 'chunked' | 'close';
      /** With body 'length' only. */
      readonly lengthBytes?: number;
    }
  | { readonly ok: false; readonly detail: string };

/** Judges a request's head; on a refusal, answer with the status and close. */
export function checkRequestFraming(
  method: string,
  rawHeaders: RawHeaders,
  target: string,
  limits: HeadLimits = defaultHeadLimits,
): RequestFraming {
  if (!isToken(method)) return refusal(400, 'invalid method');
  if (target.length > limits.maxTargetBytes) return refusal(414, 'target too long');
  if (!isVisible(target)) return refusal(400, 'invalid target');
  const overflow = checkSize(rawHeaders, limits);
  if (overflow !== undefined) return refusal(431, overflow);
  const head = readHead(rawHeaders);
  if (!head.ok) return refusal(400, head.detail);
  if (head.hosts !== 1) return refusal(400, head.hosts === 0 ? 'Host missing' : 'several Hosts');
  if (parseHost(head.host) === undefined) return refusal(400, 'invalid Host');
  return acceptedRequest;
}

/**
 * Judges a response's head. `requestMethod` matters for HEAD, whose answer has no body whatever its
 * fields say (RFC 9112 §6.3).
 */
export function checkResponseFraming(
  status: number,
  rawHeaders: RawHeaders,
  requestMethod = 'GET',
  limits: HeadLimits = defaultHeadLimits,
): ResponseFraming {
  if (!Number.isInteger(status) || status < 100 || status > 999) {
    return { ok: false, detail: 'invalid status' };
  }
  const overflow = checkSize(rawHeaders, limits);
  if (overflow !== undefined) return { ok: false, detail: overflow };
  const head = readHead(rawHeaders);
  if (!head.ok) return { ok: false, detail: head.detail };
  if (status < 200 || status === 204) {
    // RFC 9112 §6.1 and RFC 9110 §8.6: neither field belongs here, and a body would be read as the
    // next response. A length of zero says only what is true.
    if (head.isChunked) return { ok: false, detail: `Transfer-Encoding in a ${status}` };
    if ((head.lengthBytes ?? 0) > 0) return { ok: false, detail: `Content-Length in a ${status}` };
    return withoutBody;
  }
  if (status === 304 || requestMethod === 'HEAD') return withoutBody;
  if (head.isChunked) return chunkedBody;
  if (head.lengthBytes === undefined) return closedBody;
  return { ok: true, body: 'length', lengthBytes: head.lengthBytes };
}

/** Whether a text is a token (RFC 9110 §5.6.2): a method or a field name. */
export function isToken(text: string): boolean {
  if (text.length === 0) return false;
  for (let i = 0; i < text.length; i++) {
    if (tokenCharacters[text.charCodeAt(i)] !== 1) return false;
  }
  return true;
}

/** Whether a field value has no control character but HTAB (RFC 9110 §5.5), and is Latin-1. */
export function isFieldValue(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if ((code < 0x20 && code !== 0x09) || code === 0x7f || code > 0xff) return false;
  }
  return true;
}

const acceptedRequest: RequestFraming = { ok: true };
const withoutBody: ResponseFraming = { ok: true, body: 'none' };
const chunkedBody: ResponseFraming = { ok: true, body: 'chunked' };
const closedBody: ResponseFraming = { ok: true, body: 'close' };

/** More digits than this are no length that anybody sends, and no safe integer. */
const MAX_LENGTH_DIGITS = 15;

const tokenCharacters = new Uint8Array(256);
for (const char of "!#$%&'*+-.^_`|~0123456789") tokenCharacters[char.charCodeAt(0)] = 1;
for (let i = 0; i < 26; i++) {
  tokenCharacters[0x41 + i] = 1;
  tokenCharacters[0x61 + i] = 1;
}

function refusal(status: 400 | 414 | 431, detail: string): RequestFraming {
  return { ok: false, status, detail };
}

function checkSize(rawHeaders: RawHeaders, limits: HeadLimits): string | undefined {
  if (rawHeaders.length > limits.maxFields * 2) return 'too many fields';
  let bytes = 0;
  for (const text of rawHeaders) bytes += text.length + 2;
  return bytes > limits.maxHeadBytes ? 'head too large' : undefined;
}

type Head =
  | {
      readonly ok: true;
      readonly isChunked: boolean;
      readonly lengthBytes: number | undefined;
      readonly hosts: number;
      readonly host: string;
    }
  | { readonly ok: false; readonly detail: string };

/** One walk over the lines: syntax of each, and what frames the message. */
function readHead(rawHeaders: RawHeaders): Head {
  let lengthText: string | undefined;
  let codingText: string | undefined;
  let hosts = 0;
  let host = '';
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] ?? '';
    const value = rawHeaders[i + 1] ?? '';
    // A space before the colon or a folded line shows as a name that is no token.
    if (!isToken(name)) return { ok: false, detail: 'invalid field name' };
    if (!isFieldValue(value)) return { ok: false, detail: 'invalid field value' };
    if (isNamed(name, 'content-length')) {
      // Even equal ones: whoever sends two has two minds about the end (RFC 9110 §8.6).
      if (lengthText !== undefined) return { ok: false, detail: 'several Content-Lengths' };
      lengthText = value;
    } else if (isNamed(name, 'transfer-encoding')) {
      if (codingText !== undefined) return { ok: false, detail: 'several Transfer-Encodings' };
      codingText = value;
    } else if (isNamed(name, 'host')) {
      hosts++;
      host = value;
    }
  }
  return judgeFraming(lengthText, codingText, hosts, host);
}

function judgeFraming(
  lengthText: string | undefined,
  codingText: string | undefined,
  hosts: number,
  host: string,
): Head {
  if (codingText !== undefined && lengthText !== undefined) {
    return { ok: false, detail: 'Content-Length with Transfer-Encoding' };
  }
  // Compared whole: "chunked<TAB>" or "gzip, chunked" are other things to other parsers. Only the
  // case is free, as for every coding name (RFC 9112 §7).
  if (codingText !== undefined && codingText.toLowerCase() !== 'chunked') {
    return { ok: false, detail: 'Transfer-Encoding is not chunked' };
  }
  const lengthBytes = lengthText === undefined ? undefined : parseLength(lengthText);
  if (lengthText !== undefined && lengthBytes === undefined) {
    return { ok: false, detail: 'invalid Content-Length' };
  }
  return { ok: true, isChunked: codingText !== undefined, lengthBytes, hosts, host };
}

function parseLength(text: string): number | undefined {
  if (text.length === 0 || text.length > MAX_LENGTH_DIGITS) return undefined;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code < 0x30 || code > 0x39) return undefined;
  }
  return Number(text);
}

/** Printable ASCII without the space: what a request target may consist of (RFC 3986 §2). */
function isVisible(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code < 0x21 || code > 0x7e) return false;
  }
  return text.length > 0;
}
