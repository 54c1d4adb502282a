/**
 * What becomes of an interim response (1xx) of a peer: handed on as it comes, or dropped and counted. It is told to whoever asked
 * and to nobody else, and nothing of it is part of the response that follows (RFC 9110 §15.2).
 *
 * Invariants: what is handed on has passed the check that every head has to pass, so it can be written as it is; an illegal
 * one is dropped and never a reason to refuse the final response, whose own head is judged when it comes.
 */
import { checkResponseFraming, type HeadLimits } from '../http/framing.ts';
import { endToEnd, type RawHeaders, withoutFields } from '../http/headers.ts';
import { withoutTierFields } from './tier-fields.ts';

export type InterimFate =
  | 'forwarded'
  /** Nobody wants it: a background refresh, or a client of HTTP/1.0. */
  | 'unwanted'
  /** Its head breaks the rules of HTTP. */
  | 'malformed'
  /** Beyond the bound for one response. */
  | 'too-many';

/** More of them before one response are dropped: a peer that sends them without end must not keep its client busy. */
export const maxInterimResponses = 16;

export interface InterimHead {
  status: number;
  /** As received. */
  headers: RawHeaders;
  /** How many have come before it for the same response. */
  before: number;
  isWanted: boolean;
}

/** Judges an interim head. */
export function fateOf(head: InterimHead, limits: HeadLimits): InterimFate {
  if (!checkResponseFraming(head.status, head.headers, 'GET', limits).ok) return 'malformed';
  if (head.before >= maxInterimResponses) return 'too-many';
  return head.isWanted ? 'forwarded' : 'unwanted';
}

/**
 * The fields that are handed on: without those of the connection and those between tiers, which mean nothing before the final
 * response, and without a length, which has no place here even if it is zero (RFC 9110 §8.6).
 */
export function interimFields(headers: RawHeaders): RawHeaders {
  return withoutFields(withoutTierFields(endToEnd(headers)), lengthField);
}

const lengthField: ReadonlySet<string> = new Set(['content-length']);
