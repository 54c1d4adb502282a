/**
 * The request as it goes onto a connection: Host first, fields of the connection before removed, the body only where it has a
 * meaning. Heads are never relayed but written anew from their parts; what a peer must not see of tiers and clients
 * has been removed by the caller.
 */
import { endToEnd, type RawHeaders, withoutFields } from '../http/headers.ts';
import { type RelayedBody, relayBody } from './request-body.ts';
import type { UpstreamRequest } from './upstream.ts';

export interface DialRequest extends UpstreamRequest {
  hostHeader: string;
}

export interface OutgoingMessage {
  method: string;
  path: string;
  headers: RawHeaders;
  relayed: RelayedBody | undefined;
}

/** Whether the request has a body that is sent on: one of GET or HEAD has no meaning (RFC 9110 §9.3.1) and is not. */
export function carriesBody({ method, body, bodyBytes }: UpstreamRequest): boolean {
  const isMeant = method !== 'GET' && method !== 'HEAD' && method !== 'TRACE';
  return isMeant && body !== null && bodyBytes !== 0;
}

/** Host and length are set anew; an expectation was for the connection before (RFC 9110 §10.1.1), which has answered it. */
const replacedFields = new Set(['host', 'content-length', 'expect']);

/** The message of a request. Its body is not touched until a connection asks for it. */
export function outgoing(request: DialRequest): OutgoingMessage {
  const relayed = carriesBody(request) && request.body ? relayBody(request.body) : undefined;
  const headers = ['host', request.hostHeader];
  if (relayed && request.bodyBytes !== undefined) {
    headers.push('content-length', String(request.bodyBytes));
  }
  headers.push(...withoutFields(endToEnd(request.headers), replacedFields));
  return { method: request.method, path: request.pathAndQuery, headers, relayed };
}
