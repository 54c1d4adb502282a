/**
 * The body of a response between the connection that fills it and the sink that takes it. It keeps the promises of the port
 * whatever the connection does: nothing before `start`, nothing while paused (what the connection still had in hand waits
 * here: at most the buffer of one socket), one `end` or `fail`, nothing after `abort`, and no `end` unless the count is right.
 */
import { upstreamFailure } from './failures.ts';
import type { BodySink, Failure, ResponseBody } from './upstream.ts';

/** What the body asks of its connection. */
export interface Flow {
  pause(): void;
  resume(): void;
  /** Ends the transfer and the connection. */
  abort(): void;
  /** Whether something that is no message came behind the body. Known only once the piece that ended the body has been read. */
  isSpoilt(): boolean;
}

/** The connection's side. */
export interface FillingBody extends ResponseBody {
  push(piece: Buffer): void;
  /** Nothing more comes. False when that is too early: the sink hears `fail`. */
  finish(): boolean;
  fail(failure: Failure): void;
}

/** Creates a body that waits for its `start`; the flow is paused already. */
export function createResponseBody(flow: Flow, lengthBytes: number | undefined): FillingBody {
  let sink: BodySink | undefined;
  let waiting: Buffer[] = [];
  let receivedBytes = 0;
  let isPaused = false;
  let outcome: 'end' | Failure | undefined;
  let isClosed = false;

  /** Whether the sink takes something now; asked again after each call, for the sink may pause or abort within it. */
  const taker = () => (isPaused || isClosed ? undefined : sink);

  const flush = () => {
    for (let to = taker(); to && waiting.length > 0; to = taker()) {
      const piece = waiting.shift();
      if (piece) to.data(piece);
    }
    const to = taker();
    if (!to || outcome === undefined || waiting.length > 0) return;
    isClosed = true;
    if (outcome === 'end') to.end();
    else to.fail(outcome);
  };

  /** Later, because flowing on from within another connection's callback would enter the parser twice. */
  const flowOn = () =>
    queueMicrotask(() => {
      flush();
      if (!isPaused && !isClosed && outcome === undefined) flow.resume();
    });

  const fail = (failure: Failure) => {
    if (isClosed || outcome !== undefined) return;
    outcome = failure;
    // The body stays incomplete, so what waits is worth nothing; a paused sink hears of it at once.
    waiting = [];
    isPaused = false;
    flush();
  };

  /** RFC 9112 §6.3: bytes behind the end of a body belong to nothing; who sends them has miscounted somewhere. */
  const settle = () => {
    if (flow.isSpoilt() && !isClosed) {
      outcome = undefined;
      fail(upstreamFailure('framing', 'more bytes than the length of the body'));
    } else flush();
  };

  return {
    lengthBytes,
    start(to) {
      if (sink) throw new Error('a response body can be started only once');
      sink = to;
      flowOn();
    },
    pause() {
      isPaused = true;
      if (!isClosed && outcome === undefined) flow.pause();
    },
    resume() {
      if (!isPaused) return;
      isPaused = false;
      flowOn();
    },
    abort() {
      if (isClosed) return;
      isClosed = true;
      waiting = [];
      if (outcome === undefined) flow.abort();
    },
    push(piece) {
      // The parser hands over an empty piece when a connection ends while it is paused.
      if (isClosed || outcome !== undefined || piece.length === 0) return;
      receivedBytes += piece.length;
      waiting.push(piece);
      // The last byte makes the body complete for everybody, so it waits for what came with it.
      if (receivedBytes === lengthBytes) queueMicrotask(settle);
      else flush();
    },
    finish() {
      if (isClosed || outcome !== undefined) return false;
      if (lengthBytes !== undefined && receivedBytes !== lengthBytes) {
        fail(upstreamFailure('cut', `received ${receivedBytes} bytes instead of ${lengthBytes}`));
        return false;
      }
      outcome = 'end';
      queueMicrotask(settle);
      return true;
    },
    fail,
  };
}
