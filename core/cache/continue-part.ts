/**
 * Completing what is stored in part (RFC 9111 §3.4): when the bytes that a request wants begin in a stored part, only what is
 * missing behind it is asked for, and both together are the response, to be sent and stored as one.
 *
 * Invariants: joined only under the same strong validator, which the upstream has just confirmed; a gap, an overlap or another
 * size is no continuation.
 */
import { updateStoredHeaders } from '../http/conditional.ts';
import {
  covers,
  isWhole,
  joinedPart,
  lengthOf,
  missingBehind,
  rangeField,
  type WantedRange,
  withPart,
} from '../http/partial.ts';
import { ifRangeAllows } from '../http/range.ts';
import { selectVariant } from '../http/select-variant.ts';
import type { BodySink, ResponseBody, UpstreamResponse } from '../upstream/upstream.ts';
import type { BodyReader } from './body-reader.ts';
import type { StoredResponse } from './entry.ts';
import { exactBody, mayHaveLength } from './exact-body.ts';
import type { CacheRequest } from './exchange.ts';
import { isLooseParts, partsKey } from './part.ts';
import type { Store } from './store.ts';

/** A stored part, and what is to be asked for behind it. */
export interface Continuation {
  before: StoredResponse;
  /** What both together must have: fewer bytes are no answer to whoever has asked for the whole. */
  wanted: WantedRange;
  /** Range and If-Range, flat. */
  fields: string[];
}

const wholeRange: WantedRange = { kind: 'from', start: 0, end: Number.POSITIVE_INFINITY };

/** A part that the request could be answered from by asking for less; undefined: all of it must be fetched. */
export function findContinuation(store: Store, request: CacheRequest): Continuation | undefined {
  const { key, part, headers, method } = request;
  if (method !== 'GET' || request.unreached || (part && !isLooseParts(part))) return undefined;
  const wanted = part?.wanted ?? wholeRange;
  const continues = (entry: StoredResponse) =>
    entry.part !== undefined &&
    isStrong(entry.etag) &&
    missingBehind(entry.part, wanted) !== undefined &&
    // What is joined has the stored tag. A client that wants its part under another one is sent the whole (RFC 9110 §13.1.5).
    (part === undefined || ifRangeAllows(headers, entry.headers, request.startedAtMs)) &&
    // Loose parts are joined in memory-sized pieces only: the bytes of the stored one are written again.
    (part === undefined || entry.part.end - entry.part.start < store.memoryObjectBytes);
  const stored = selectVariant(store.live(partsKey(key.text)), headers, continues);
  const missing = stored?.part && missingBehind(stored.part, wanted);
  if (!stored?.etag || !missing) return undefined;
  const isToEnd = missing.end === (stored.part?.totalBytes ?? 0) - 1;
  const range: WantedRange = {
    kind: 'from',
    start: missing.start,
    end: isToEnd ? Number.POSITIVE_INFINITY : missing.end,
  };
  return { before: stored, wanted, fields: ['Range', rangeField(range), 'If-Range', stored.etag] };
}

/** Stored part and answer as one response; undefined: the answer is no continuation of it, or its bytes are gone. */
export function continued(
  store: Store,
  { before, wanted }: Continuation,
  response: UpstreamResponse,
): UpstreamResponse | undefined {
  if (response.status !== 206) return undefined;
  const part = joinedPart(before.headers, response.headers);
  if (!part || !before.part || !covers(part, wanted)) return undefined;
  const missingBytes = part.end - before.part.end;
  if (!mayHaveLength(response.body, missingBytes)) return undefined;
  const beginning = store.read(before, 0, before.bodyBytes);
  if (!beginning) return undefined;
  const whole = isWhole(part);
  return {
    ...response,
    status: whole ? 200 : 206,
    reason: whole ? 'OK' : 'Partial Content',
    headers: withPart(updateStoredHeaders(before.headers, response.headers, 'store'), part),
    body: concatenated(beginning, exactBody(response.body, missingBytes), lengthOf(part)),
  };
}

function isStrong(etag: string | undefined): boolean {
  return etag?.startsWith('"') === true;
}

/** A body that begins with what is stored and goes on with what arrives. */
function concatenated(
  beginning: BodyReader,
  rest: ResponseBody,
  lengthBytes: number,
): ResponseBody {
  let sink: BodySink | undefined;
  let isPaused = false;
  let isInRest = false;
  let isAborted = false;
  const flow = () => {
    while (sink && !isPaused && !isInRest && !isAborted) {
      const piece = beginning.take();
      if (piece) sink.data(piece);
      else if (beginning.state === 'open') {
        beginning.onReadable = flow;
        return;
      } else if (beginning.state === 'failed') {
        isAborted = true;
        rest.abort();
        sink.fail(unreadable);
      } else {
        isInRest = true;
        rest.start(sink);
      }
    }
  };
  return {
    lengthBytes,
    start(to) {
      sink = to;
      // Later, so that the caller has the body in hand before its first byte comes.
      queueMicrotask(flow);
    },
    pause() {
      isPaused = true;
      if (isInRest) rest.pause();
    },
    resume() {
      if (!isPaused) return;
      isPaused = false;
      if (isInRest) rest.resume();
      else queueMicrotask(flow);
    },
    abort() {
      isAborted = true;
      beginning.close();
      rest.abort();
    },
  };
}

const unreadable = {
  source: 'internal',
  kind: 'cut',
  retryable: false,
  cause: 'a stored part could not be read to its end',
} as const;
