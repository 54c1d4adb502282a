/**
 * Sends an answer to whoever asked: conditions and ranges answered from the whole, the tier's own fields added, the body
 * pumped with back-pressure.
 *
 * Invariants: a body that fails ends the connection, so that what is cut never looks complete; 204, 304 and HEAD carry no
 * body; every answer is left (`leave`) exactly once, however the client goes.
 */
import type { ServerResponse } from 'node:http';
import {
  evaluatePreconditions,
  notModifiedHeaders,
  notModifiedHeadersForTier,
  type PreconditionOutcome,
} from '../http/conditional.ts';
import { combined, first, type RawHeaders, withoutFields } from '../http/headers.ts';
import { type BytePart, covers, resolveRange, wantedRange, withPart } from '../http/partial.ts';
import {
  type ByteRange,
  contentRange,
  ifRangeAllows,
  multipartContentType,
  multipartLengthBytes,
  multipartTail,
  parseRange,
  partHead,
  unsatisfiedContentRange,
} from '../http/range.ts';
import type { BodyReader } from './body-reader.ts';
import { readBuffer } from './body-reader.ts';
import type { StoredResponse } from './entry.ts';
import { andLength } from './hidden-fields.ts';

export interface Delivery {
  res: ServerResponse;
  method: string;
  requestHeaders: RawHeaders;
  entry: StoredResponse;
  /** Fields of this tier, at the end. */
  ownFields: readonly string[];
  /** Whether it is a tier of ours that asks. */
  isForTier: boolean;
  /** Whether the answer has just come from an upstream. */
  isFirstHand: boolean;
  /** Fields that do not go to this receiver. */
  hidden: ReadonlySet<string>;
  /** Of a 206 of ours: which bytes the body is. */
  part?: BytePart | undefined;
  /** Undefined: the length is not known yet. */
  bodyBytes: number | undefined;
  /** Whether any part can be opened at any time; false: the body is still on its way, and what has passed is gone. */
  canSeek: boolean;
  /** Opens bytes `[start, end)`; undefined when the body is gone. */
  open: (start: number, end: number) => BodyReader | undefined;
  /** A boundary for several ranges. */
  boundary: () => string;
  nowMs: number;
  /** Called once, when everything has been sent or the client is gone. */
  onDone: (result: DeliveryResult) => void;
}

export interface DeliveryResult {
  status: number;
  sentBytes: number;
  /** The body was cut, here or behind us. */
  complete: boolean;
}

/** What is sent: status, fields, and the body's parts in order. */
interface Plan {
  status: number;
  reason: string;
  headers: string[];
  /** Undefined: chunked. */
  lengthBytes: number | undefined;
  parts: (() => BodyReader | undefined)[];
}

/**
 * Sends the answer. False when its body cannot be read and nothing has been sent: the caller then does without it, and `onDone`
 * has not been called.
 */
export function deliver(delivery: Delivery): boolean {
  const { res, method } = delivery;
  if (res.destroyed) {
    // The client went while the answer was fetched.
    delivery.onDone({ status: delivery.entry.status, sentBytes: 0, complete: false });
    return true;
  }
  const plan = planOf(delivery);
  const headers = [...plan.headers, ...delivery.ownFields];
  const hasBody = method !== 'HEAD' && plan.status !== 304 && plan.status !== 204;
  if (plan.lengthBytes !== undefined && plan.status !== 304 && plan.status !== 204) {
    headers.push('Content-Length', String(plan.lengthBytes));
  }
  if (!hasBody) {
    finishWithoutBody(delivery, plan.status, plan.reason, headers);
    return true;
  }
  const firstPart = plan.parts.length > 0 ? plan.parts[0]?.() : readBuffer(Buffer.alloc(0));
  // Read before the head is sent: what turns out to be gone or damaged can still be fetched instead.
  const firstPiece = firstPart?.take();
  if (!firstPart || firstPart.state === 'failed') {
    firstPart?.close();
    return false;
  }
  res.writeHead(plan.status, plan.reason, headers);
  pump(delivery, plan, firstPart, firstPiece);
  return true;
}

function finishWithoutBody(
  { res, onDone }: Delivery,
  status: number,
  reason: string,
  headers: string[],
): void {
  res.writeHead(status, reason, headers);
  res.end();
  onDone({ status, sentBytes: 0, complete: true });
}

function planOf(delivery: Delivery): Plan {
  const { entry, method, bodyBytes } = delivery;
  const headers = withoutFields(entry.headers, leftOut(delivery));
  const whole: Plan = {
    status: entry.status,
    reason: entry.reason,
    headers,
    lengthBytes: bodyBytes,
    parts: [() => delivery.open(0, bodyBytes ?? Number.POSITIVE_INFINITY)],
  };
  if (method !== 'GET' && method !== 'HEAD') return whole;
  const condition = conditionOf(delivery);
  if (condition === 'not-modified') {
    return {
      ...whole,
      status: 304,
      reason: 'Not Modified',
      headers: delivery.isForTier
        ? notModifiedHeadersForTier(headers)
        : notModifiedHeaders(headers),
      parts: [],
    };
  }
  if (delivery.part) return partPlan(delivery, whole, delivery.part);
  return rangePlan(delivery, whole) ?? whole;
}

/**
 * What the conditions of the request make of the answer. A tier gets as it came what has just been fetched for it: it compares the
 * head of an answer to HEAD with its copy (RFC 9111 §4.3.5), and an origin that changes a body under the same validator means the
 * new one.
 */
function conditionOf(delivery: Delivery): PreconditionOutcome {
  const { entry, requestHeaders, nowMs } = delivery;
  if (delivery.isForTier && delivery.isFirstHand) return 'proceed';
  const { etag, lastModified, status } = entry;
  return evaluatePreconditions({ requestHeaders, etag, lastModified, status, nowMs, dated: entry });
}

/** Names that are not sent on: hidden ones, and the length, which is written anew where it is known. */
function leftOut({ hidden, method, bodyBytes }: Delivery): ReadonlySet<string> {
  if (method === 'HEAD' && bodyBytes === undefined) return hidden;
  return andLength(hidden);
}

/** What is wanted of a part; all of it, where the upstream has answered with other bytes than it was asked for (RFC 9110 §15.3.7). */
function partPlan(delivery: Delivery, whole: Plan, part: BytePart): Plan {
  const wanted = wantedRange(delivery.requestHeaders);
  const range = wanted && covers(part, wanted) ? resolveRange(wanted, part.totalBytes) : undefined;
  const { start, end } = range ?? part;
  return {
    ...whole,
    headers: withPart(whole.headers, { start, end, totalBytes: part.totalBytes }),
    lengthBytes: end - start + 1,
    parts: [() => delivery.open(start - part.start, end + 1 - part.start)],
  };
}

/** RFC 9110 §14: ranges of a 200 whose length is known. Undefined: the whole is sent. */
function rangePlan(delivery: Delivery, whole: Plan): Plan | undefined {
  const { entry, method, requestHeaders, bodyBytes, nowMs } = delivery;
  const asked =
    method === 'GET' && entry.status === 200 ? combined(requestHeaders, 'range') : undefined;
  if (asked === undefined || bodyBytes === undefined) return undefined;
  if (!ifRangeAllows(requestHeaders, entry.headers, nowMs)) return undefined;
  const range = parseRange(asked, bodyBytes);
  if (range.kind === 'whole') return undefined;
  if (range.kind === 'unsatisfiable') {
    return {
      status: 416,
      reason: 'Range Not Satisfiable',
      headers: ['Content-Range', unsatisfiedContentRange(bodyBytes)],
      lengthBytes: 0,
      parts: [],
    };
  }
  const partial = { ...whole, status: 206, reason: 'Partial Content' };
  const [only, second] = range.ranges;
  // The second may lie before the first; of a body that is on its way there is no going back.
  if (second && !delivery.canSeek) return undefined;
  if (only && !second) {
    return {
      ...partial,
      headers: [...whole.headers, 'Content-Range', contentRange(only.start, only.end, bodyBytes)],
      lengthBytes: only.end - only.start + 1,
      parts: [() => delivery.open(only.start, only.end + 1)],
    };
  }
  return severalRanges(delivery, partial, range.ranges, bodyBytes);
}

function severalRanges(
  delivery: Delivery,
  partial: Plan,
  ranges: readonly ByteRange[],
  bodyBytes: number,
): Plan {
  const boundary = delivery.boundary();
  const type = first(delivery.entry.headers, 'content-type');
  const text = (latin1: string) => () => readBuffer(Buffer.from(latin1, 'latin1'));
  return {
    ...partial,
    headers: [
      ...withoutFields(partial.headers, new Set(['content-type'])),
      'Content-Type',
      multipartContentType(boundary),
    ],
    lengthBytes: multipartLengthBytes(boundary, type, ranges, bodyBytes),
    parts: [
      ...ranges.flatMap((range) => [
        text(partHead(boundary, type, range, bodyBytes)),
        () => delivery.open(range.start, range.end + 1),
      ]),
      text(multipartTail(boundary)),
    ],
  };
}

/** Moves the parts to the client, one after the other, as fast as it takes them. */
function pump(
  { res, onDone }: Delivery,
  plan: Plan,
  firstPart: BodyReader,
  firstPiece: Buffer | undefined,
): void {
  let reader = firstPart;
  let taken = firstPiece;
  let next = 1;
  let sentBytes = 0;
  let finished = false;
  const finish = (complete: boolean) => {
    if (finished) return;
    finished = true;
    reader.close();
    onDone({ status: plan.status, sentBytes, complete });
  };
  const cut = () => {
    finish(false);
    cutOff(res, plan);
  };
  const nextPart = (): boolean => {
    reader.close();
    const opened = plan.parts[next]?.();
    next += 1;
    if (opened) reader = opened;
    return opened !== undefined;
  };
  const run = () => {
    while (!finished) {
      const piece = taken ?? reader.take();
      taken = undefined;
      if (piece) {
        sentBytes += piece.length;
        // The last piece goes with the end, in one write.
        if (next >= plan.parts.length && reader.state === 'ended') {
          endWith(piece);
          return;
        }
        if (res.write(piece)) continue;
        res.once('drain', run);
        return;
      }
      if (reader.state === 'open') {
        // The head does not wait for a body that may be long in coming.
        if (sentBytes === 0) flushHead(res);
        reader.onReadable = run;
        return;
      }
      if (reader.state === 'ended' && next >= plan.parts.length) {
        endWith(undefined);
        return;
      }
      if (reader.state === 'failed' || !nextPart()) {
        cut();
        return;
      }
    }
  };
  const endWith = (piece: Buffer | undefined) => {
    const promised = plan.lengthBytes;
    if (promised !== undefined && promised !== sentBytes) {
      cut();
      return;
    }
    res.once('finish', () => finish(true));
    res.end(piece);
  };
  onGone(res, () => finish(res.writableFinished));
  run();
}

/** Sends the head. `flushHeaders` would write it as UTF-8, and a character of a field is a byte (RFC 9110 §5.5). */
function flushHead(res: ServerResponse): void {
  if (!res.destroyed) res.write('', 'latin1');
}

/** Ends a body early, so that it shows. What only the close would have ended (for HTTP/1.0) needs a reset (RFC 9112 §8). */
function cutOff(res: ServerResponse, { lengthBytes }: Plan): void {
  if (lengthBytes === undefined && !res.chunkedEncoding) res.socket?.resetAndDestroy();
  res.destroy();
}

/**
 * Calls `run` when the answer has been sent or the client is gone; perhaps twice. An answer that waits behind another one of the
 * same connection has no socket yet and hears nothing of its end, but the request does.
 */
export function onGone(res: ServerResponse, run: () => void): void {
  const { req } = res;
  res.once('close', run);
  req.once('close', () => {
    if (req.socket.destroyed) run();
  });
}
