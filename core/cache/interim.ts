/**
 * Interim responses (1xx) to whoever asked: those of the upstream as they come, and early hints of what is stored. They are
 * written onto the connection with exactly the fields that they have; Node's own way demands some and loses others.
 *
 * Invariants: nothing is written but in the turn of this answer and before its head, or it would be taken for part of another
 * one; nothing to a client of HTTP/1.0 (RFC 9110 §15.2); nothing is kept.
 */
import { STATUS_CODES } from 'node:http';
import { type RawHeaders, withoutFields } from '../http/headers.ts';
import type { AdmittedExchange } from './client-exchange.ts';
import { hiddenFields } from './hidden-fields.ts';

/** Has the request hear of interim responses on the way to its answer, and sends them on. */
export function relayInterim(exchange: AdmittedExchange): void {
  const { req, admitted } = exchange;
  const { request, tier } = admitted;
  // Nobody waits for the answer to a background refresh of an edge.
  if (req.httpVersionMinor === 0 || request.isRefresh) return;
  request.onInterim = (status, headers) => sendInterim(exchange, status, headers);
  // A tier has the stored response as well and makes its own; what is hinted at is fetched by GET only.
  request.wantsHints =
    request.key.site.cache.earlyHints && tier === null && request.method === 'GET';
}

function sendInterim(exchange: AdmittedExchange, status: number, headers: RawHeaders): void {
  const { deps, res, admitted } = exchange;
  // An answer that waits behind another one of its connection has no socket yet.
  if (!res.socket?.writable || res.headersSent) {
    deps.onInterim('unsendable');
    return;
  }
  const hidden = hiddenFields(admitted.tier !== null, admitted.request.key.site.cache);
  res.socket.write(interimHead(status, withoutFields(headers, hidden)), 'latin1');
  deps.onInterim('sent');
}

function interimHead(status: number, fields: RawHeaders): string {
  let head = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n`;
  for (let i = 0; i + 1 < fields.length; i += 2) head += `${fields[i]}: ${fields[i + 1]}\r\n`;
  return `${head}\r\n`;
}
