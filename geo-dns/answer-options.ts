/**
 * What an answer carries in OPT beside its records, and the short answer that takes the place of one beyond the rate limit.
 * The client subnet is not here: it belongs to the answer itself.
 */
import type { Answered } from './answer.ts';
import type { JudgedCookie } from './cookies.ts';
import type { Transport } from './dns-metrics.ts';
import type { EdnsOption } from './wire/edns.ts';
import { extendedErrorOption } from './wire/extended-error.ts';
import { type Message, rcodes } from './wire/message.ts';
import { keepaliveCode, nsidCode, type Query } from './wire/query.ts';

/** What of the server goes into options. */
export interface OptionSources {
  /** What this server calls itself to those who ask; undefined: nothing. */
  nsid?: () => string | undefined;
  /** How long a TCP connection may do nothing, for clients that ask. */
  tcpIdleMs?: number;
}

/** What an answer says beside its records. */
export function optionsOf(
  { nsid, tcpIdleMs }: OptionSources,
  query: Query,
  { extendedError }: Answered,
  transport: Transport,
  cookie: JudgedCookie | undefined,
): EdnsOption[] {
  const name = query.edns?.wantsNsid ? nsid?.() : undefined;
  // Over UDP it "MUST NOT" be sent (RFC 7828 §3.2.2).
  const keepsAlive = transport === 'tcp' && query.edns?.wantsKeepalive;
  return [
    ...(keepsAlive && tcpIdleMs !== undefined ? [keepaliveOption(tcpIdleMs)] : []),
    ...(name === undefined ? [] : [{ code: nsidCode, bytes: Buffer.from(name) }]),
    ...(cookie ? [cookie.option] : []),
    ...(extendedError === undefined ? [] : [extendedErrorOption(extendedError)]),
  ];
}

/** The time has units of 100 ms (RFC 7828 §3.1). */
function keepaliveOption(idleMs: number): EdnsOption {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(Math.min(0xffff, Math.floor(idleMs / 100)));
  return { code: keepaliveCode, bytes };
}

/** `message` with options for a client that sent OPT; nobody else may be sent any (RFC 6891 §7). */
export function withOptions(message: Message, more: readonly EdnsOption[]): Message {
  const { edns } = message;
  if (!edns || more.length === 0) return message;
  return { ...message, edns: { ...edns, options: [...edns.options, ...more] } };
}

/**
 * No record, and the mark that sends a client to TCP: about as long as the query. A client that knows cookies gets
 * one, and need not leave UDP (BADCOOKIE, RFC 7873 §5.2.3).
 */
export function slippedOf(message: Message, cookie: JudgedCookie | undefined): Message {
  const header = cookie
    ? { ...message.header, authoritative: false, rcode: rcodes.BADCOOKIE }
    : { ...message.header, truncated: true };
  const empty = { ...message, header, answers: [], authorities: [], additionals: [] };
  return withOptions(empty, cookie ? [cookie.option] : []);
}
