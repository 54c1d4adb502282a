/**
 * What a page of the demo site answers, and how it becomes an HTTP response: the validators and the preconditions
 * are handled here once, so that a page only says what it is.
 */
import { createHash } from 'node:crypto';
import { evaluatePreconditions } from '../../core/http/conditional.ts';
import { formatHttpDate } from '../../core/http/date.ts';
import { resolveRange, wantedRange } from '../../core/http/partial.ts';
import { contentRange, unsatisfiedContentRange } from '../../core/http/range.ts';
import { originConditionsHold } from './origin-conditions.ts';

/** A request as the pages see it. */
export interface Asked {
  method: string;
  path: string;
  headers: Headers;
  /** How many requests have reached the origin, this one included. */
  requestNumber: number;
  nowMs: number;
  /** The body of a POST, as text; empty otherwise. */
  body: string;
}

export interface Reply {
  /** Default 200. */
  status?: number;
  type: string;
  content: string | Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array>;
  /** Opens bytes `[start, end)` of the content, where ranges are answered; `content-length` tells how many there are. */
  readRange?: (start: number, end: number) => ReadableStream<Uint8Array>;
  /** The Cache-Control field; undefined: the field is absent. */
  cacheControl?: string;
  /** `content`: a strong tag made from the bytes. Otherwise the tag itself. */
  etag?: 'content' | `"${string}"`;
  lastModifiedMs?: number;
  /** The Surrogate-Key field: by these tags a purge finds the response. */
  tags?: readonly string[];
  fields?: Record<string, string>;
}

/** The reply, or what a condition of the request asks for in its place (RFC 9110 §13.2). */
export function toResponse(reply: Reply, asked: Asked): Response {
  const { status = 200, content } = reply;
  const headers = fieldsOf(reply);
  headers.set('x-origin-request', String(asked.requestNumber));
  const instead = insteadOfContent(asked, headers, status);
  if (instead !== undefined) {
    if (content instanceof ReadableStream) void content.cancel();
    headers.delete('content-length');
    headers.delete('content-type');
    return new Response(null, { status: instead, headers });
  }
  return rangeOf(reply, asked, headers) ?? new Response(content, { status, headers });
}

/** The one range that is asked for, if ranges are answered (RFC 9110 §14.2) and If-Range, if any, names this version. */
function rangeOf(reply: Reply, asked: Asked, headers: Headers): Response | undefined {
  const { readRange, content } = reply;
  const wanted =
    asked.method === 'GET' && readRange ? wantedRange([...asked.headers].flat()) : undefined;
  const condition = asked.headers.get('if-range');
  if (!readRange || !wanted || (condition !== null && condition !== headers.get('etag'))) {
    return undefined;
  }
  if (content instanceof ReadableStream) void content.cancel();
  const totalBytes = Number(headers.get('content-length'));
  const range = resolveRange(wanted, totalBytes);
  if (!range) {
    const place = unsatisfiedContentRange(totalBytes);
    return new Response(null, { status: 416, headers: { 'content-range': place } });
  }
  headers.set('content-range', contentRange(range.start, range.end, totalBytes));
  headers.set('content-length', String(range.end - range.start + 1));
  return new Response(readRange(range.start, range.end + 1), { status: 206, headers });
}

/** What the preconditions make of the answer, in the order of RFC 9110 §13.2.2: 412, 304, or undefined for the reply itself. */
function insteadOfContent(asked: Asked, headers: Headers, status: number): 304 | 412 | undefined {
  if (status < 200 || status > 299) return undefined;
  if (!originConditionsHold(asked.headers, headers, asked.nowMs)) return 412;
  if (asked.method !== 'GET' && asked.method !== 'HEAD') return undefined;
  const outcome = evaluatePreconditions({
    requestHeaders: [...asked.headers].flat(),
    etag: headers.get('etag') ?? undefined,
    lastModified: headers.get('last-modified') ?? undefined,
    status,
    nowMs: asked.nowMs,
  });
  return outcome === 'not-modified' ? 304 : undefined;
}

function fieldsOf(reply: Reply): Headers {
  const headers = new Headers({ 'content-type': reply.type, ...reply.fields });
  // Said here, so that HEAD says it too (RFC 9110 §8.6); a stream brings its own.
  if (!(reply.content instanceof ReadableStream)) {
    headers.set('content-length', String(Buffer.byteLength(reply.content)));
  }
  if (reply.cacheControl !== undefined) headers.set('cache-control', reply.cacheControl);
  if (reply.tags !== undefined) headers.set('surrogate-key', reply.tags.join(' '));
  if (reply.lastModifiedMs !== undefined) {
    headers.set('last-modified', formatHttpDate(reply.lastModifiedMs));
  }
  if (reply.etag === 'content' && !(reply.content instanceof ReadableStream)) {
    headers.set(
      'etag',
      `"${createHash('sha256').update(reply.content).digest('hex').slice(0, 16)}"`,
    );
  } else if (reply.etag !== undefined && reply.etag !== 'content') {
    headers.set('etag', reply.etag);
  }
  return headers;
}
