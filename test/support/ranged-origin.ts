/** A script for the fake upstream: a representation that is served whole or in the range that is asked for (RFC 9110 §14). */
import { first } from '../../core/http/headers.ts';
import { resolveRange, wantedRange } from '../../core/http/partial.ts';
import type { FakeCall } from './fake-upstream.ts';

export interface Ranged {
  body: string;
  etag: string | undefined;
  /** Further fields of the answer, flat. */
  headers: string[];
}

/** Answers a call from what the representation is at that moment. */
export function serveRanged(ranged: Ranged): (call: FakeCall) => void {
  return (call) => {
    const { body, etag } = ranged;
    const request = call.request.headers;
    const headers = [...ranged.headers, ...(etag === undefined ? [] : ['ETag', etag])];
    if (etag !== undefined && first(request, 'if-none-match') === etag) {
      return void call.respond({ status: 304, headers, body: '' });
    }
    const condition = first(request, 'if-range');
    const wanted = condition === undefined || condition === etag ? wantedRange(request) : undefined;
    if (!wanted) return void call.respond({ headers, body });
    const range = resolveRange(wanted, body.length);
    if (!range) {
      const unsatisfied = ['Content-Range', `bytes */${body.length}`];
      return void call.respond({ status: 416, headers: unsatisfied, body: '' });
    }
    const place = ['Content-Range', `bytes ${range.start}-${range.end}/${body.length}`];
    const piece = body.slice(range.start, range.end + 1);
    return void call.respond({ status: 206, headers: [...headers, ...place], body: piece });
  };
}
