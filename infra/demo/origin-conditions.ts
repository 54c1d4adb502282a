/**
 * The two preconditions that are the origin's alone (RFC 9110 §13.1.1, 13.1.4); caches send requests with them on. They let
 * a client say "only if it is still what I know", and are answered with 412 when it is not.
 */
import { anyTagMatches, strongMatch } from '../../core/http/conditional.ts';
import { parseHttpDate } from '../../core/http/date.ts';

/** Whether If-Match, else If-Unmodified-Since, lets the request be answered (RFC 9110 §13.2.2). */
export function originConditionsHold(asked: Headers, reply: Headers, nowMs: number): boolean {
  const ifMatch = asked.get('if-match');
  if (ifMatch !== null) return anyTagMatches(ifMatch, reply.get('etag') ?? undefined, strongMatch);
  const sinceMs = parseHttpDate(asked.get('if-unmodified-since') ?? '', nowMs);
  const modifiedMs = parseHttpDate(reply.get('last-modified') ?? '', nowMs);
  // RFC 9110 §13.1.4: what is no date is ignored, and so is the field where no date of modification is known.
  return sinceMs === undefined || modifiedMs === undefined || modifiedMs <= sinceMs;
}
