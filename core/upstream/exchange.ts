/**
 * One request and its response on one connection: the limits in time, the framing check before anything is believed, the
 * body's flow, and what a failure at each stage means. The connection is a port of its own (`dial.ts` makes real ones), so
 * this file knows nothing of the client library but the shape of its callbacks.
 *
 * Stages: connecting → waiting → body → over. Invariant: the result is settled exactly once, before `over`; after `over`
 * callbacks are ignored and nothing of the exchange remains: no timer, no listener, no hold on the request's body.
 */
import { checkResponseFraming, type HeadLimits, isFieldValue } from '../http/framing.ts';
import { endToEnd, trimWhitespace } from '../http/headers.ts';
import type { Clock } from '../runtime/deps.ts';
import type { PooledConnection } from './connection-pool.ts';
import { abortedByCaller, failureOf, type Stage, upstreamFailure } from './failures.ts';
import { fateOf, type InterimFate, interimFields } from './interim.ts';
import type { OutgoingMessage } from './outgoing.ts';
import { createResponseBody, type FillingBody } from './response-body.ts';
import { versionFault } from './response-version.ts';
import type { Deadline, Failure, FailureKind, OnInterim, ResponseBody } from './upstream.ts';
import { createWatchdog, type Watchdog } from './watchdog.ts';

/** A connection that one exchange at a time uses. */
export interface Connection extends PooledConnection {
  /** A response has come over it before, so the peer may be closing it at this moment. */
  readonly isReused: boolean;
  /** It ended with an error, not with a close. */
  readonly wasReset: boolean;
  /** Whether its bytes have stopped being HTTP. */
  readonly isSpoilt: boolean;
  /** What the present response began with; undefined: not known. */
  readonly responseVersion: string | undefined;
  send(message: OutgoingMessage, handler: ResponseHandler): void;
}

/** The client library's handle on a running exchange. */
export interface Controller {
  readonly rawHeaders?: unknown;
  pause(): void;
  resume(): void;
  abort(reason: Error): void;
}

/** The client library's callbacks. */
export interface ResponseHandler {
  onRequestStart(controller: Controller): void;
  onBodySent(): void;
  /** The first bytes of a response have come. */
  onResponseStarted(): void;
  onResponseStart(controller: Controller, status: number, parsed: unknown, reason?: string): void;
  onResponseData(controller: Controller, piece: Buffer): void;
  onResponseEnd(): void;
  onResponseError(controller: Controller, error: Error): void;
}

export interface ExchangeOptions {
  clock: Clock;
  connection: Connection;
  message: OutgoingMessage;
  deadline: Deadline;
  signal: AbortSignal;
  headLimits: HeadLimits;
  /** Called once after an `ok` result, when the transfer is over; with the kind of failure if it is incomplete. */
  onTransferred(failed: FailureKind | undefined): void;
  onInterim: OnInterim | undefined;
  /** Told of each interim response. */
  onInterimJudged(fate: InterimFate): void;
}

export type ExchangeResult =
  | {
      ok: true;
      status: number;
      reason: string;
      headers: string[];
      body: ResponseBody;
      requestTimeMs: number;
      responseTimeMs: number;
    }
  | {
      ok: false;
      failure: Failure;
      /** The peer closed a kept connection before it can have read the request: sending it on a new one loses nothing. */
      isStale: boolean;
    };

/** Sends the message over the connection. Never rejects. */
export function exchange(options: ExchangeOptions): Promise<ExchangeResult> {
  return new Promise((resolve) => {
    const running = new Exchange(options, resolve);
    running.begin();
  });
}

/** Methods that may be sent again without asking (RFC 9110 §9.2.2). */
const idempotentMethods = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE']);

class Exchange implements ResponseHandler {
  readonly #options: ExchangeOptions;
  readonly #resolve: (result: ExchangeResult) => void;
  readonly #watchdog: Watchdog;
  #stage: Stage | 'over' = 'connecting';
  #controller: Controller | undefined;
  #body: FillingBody | undefined;
  #endsByClose = false;
  #hasAnswered = false;
  #interimResponses = 0;
  #requestTimeMs = 0;

  constructor(options: ExchangeOptions, resolve: (result: ExchangeResult) => void) {
    this.#options = options;
    this.#resolve = resolve;
    this.#watchdog = createWatchdog(options.clock);
  }

  begin(): void {
    const { connection, message, deadline, signal } = this.#options;
    if (signal.aborted) {
      this.#giveUp(abortedByCaller);
      return;
    }
    signal.addEventListener('abort', this.#onAbort, { once: true });
    this.#watchdog.watch(deadline.connectMs, () =>
      this.#giveUp(
        upstreamFailure(
          'connect',
          `no connection within ${deadline.connectMs} ms`,
          this.#mayResend(),
        ),
      ),
    );
    connection.send(message, this);
  }

  onRequestStart(controller: Controller): void {
    if (this.#stage !== 'connecting') throw new Error('the request was given up');
    this.#controller = controller;
    this.#stage = 'waiting';
    this.#requestTimeMs = this.#options.clock.nowMs();
    this.#watchdog.watch(this.#options.deadline.firstByteMs, () => this.#noHead());
  }

  onBodySent(): void {
    this.#watchdog.touch();
  }

  onResponseStarted(): void {
    this.#hasAnswered = true;
  }

  onResponseStart(controller: Controller, status: number, _parsed: unknown, reason = ''): void {
    if (this.#stage !== 'waiting') return;
    if (status < 200) {
      this.#interim(status, decodeHead(controller.rawHeaders));
      return;
    }
    const { clock, message, headLimits } = this.#options;
    const raw = decodeHead(controller.rawHeaders);
    const framing = checkResponseFraming(status, raw, message.method, headLimits);
    const fault = versionFault(this.#options.connection.responseVersion, raw);
    if (!framing.ok || fault !== undefined) {
      this.#giveUp(upstreamFailure('framing', framing.ok ? (fault ?? '') : framing.detail));
      return;
    }
    const lengthBytes = framing.body === 'none' ? 0 : framing.lengthBytes;
    this.#endsByClose = framing.body === 'close';
    this.#stage = 'body';
    this.#body = this.#openBody(controller, lengthBytes);
    this.#resolve({
      ok: true,
      status,
      // What is no legal reason phrase is left out: it means nothing to anybody (RFC 9110 §15).
      reason: isFieldValue(reason) ? reason : '',
      headers: endToEnd(trimmedValues(raw)),
      body: this.#body,
      requestTimeMs: this.#requestTimeMs,
      responseTimeMs: clock.nowMs(),
    });
  }

  onResponseData(_controller: Controller, piece: Buffer): void {
    this.#watchdog.touch();
    this.#body?.push(piece);
  }

  onResponseEnd(): void {
    const body = this.#body;
    if (this.#stage !== 'body' || !body) return;
    // RFC 9112 §8: a body that the close ends is complete unless the transport says otherwise; the parser takes a reset for
    // a close.
    if (this.#endsByClose && this.#options.connection.wasReset) {
      this.#fail(upstreamFailure('cut', 'the connection was reset within the body'));
      return;
    }
    this.#over(body.finish() ? undefined : 'cut');
  }

  onResponseError(_controller: Controller, error: Error): void {
    if (this.#stage === 'over') return;
    const { isReused } = this.#options.connection;
    const isUnanswered = this.#stage !== 'body' && !this.#hasAnswered;
    const failure = failureOf(error, this.#stage, this.#mayResend());
    this.#fail(failure, isReused && isUnanswered && failure.retryable);
  }

  readonly #onAbort = () => this.#giveUp(abortedByCaller);

  /** Interim responses are no sign of life, or the limit of the first byte could be held off forever. */
  #interim(status: number, raw: string[]): void {
    // RFC 9110 §15.2.2: it was not asked for, and whatever follows is no HTTP/1.1.
    if (status === 101) {
      this.#giveUp(upstreamFailure('framing', 'a switch of protocols that was not asked for'));
      return;
    }
    const { onInterim, onInterimJudged, headLimits } = this.#options;
    const head = { status, headers: raw, before: this.#interimResponses, isWanted: !!onInterim };
    this.#interimResponses += 1;
    const fate = fateOf(head, headLimits);
    onInterimJudged(fate);
    if (fate === 'forwarded') onInterim?.(status, interimFields(trimmedValues(raw)));
  }

  #openBody(controller: Controller, lengthBytes: number | undefined): FillingBody {
    const { betweenBytesMs } = this.#options.deadline;
    const body = createResponseBody(
      {
        pause: () => {
          this.#watchdog.suspend();
          controller.pause();
        },
        resume: () => {
          this.#watchdog.resume();
          controller.resume();
        },
        abort: () => this.#giveUp(abortedByCaller),
        isSpoilt: () => this.#options.connection.isSpoilt,
      },
      lengthBytes,
    );
    // A body without bytes is over now, started or not, and its connection free.
    if (lengthBytes !== 0) controller.pause();
    this.#watchdog.watch(betweenBytesMs, () =>
      this.#giveUp(upstreamFailure('timeout', `nothing of the body for ${betweenBytesMs} ms`)),
    );
    return body;
  }

  #noHead(): void {
    const { deadline } = this.#options;
    const { relayed } = this.#options.message;
    const cause = `no response head within ${deadline.firstByteMs} ms`;
    // The peer cannot answer a request of which the client still owes a part.
    this.#giveUp(
      relayed?.isStarved
        ? { source: 'downstream', kind: 'timeout', retryable: false, cause: `${cause}: ${OWED}` }
        : upstreamFailure('timeout', cause, this.#mayResend()),
    );
  }

  /** Before a connection stood only a body that was read forbids it; after, whatever is not idempotent does. */
  #mayResend(): boolean {
    const { method, relayed } = this.#options.message;
    if (this.#stage === 'connecting') return !relayed?.wasRead;
    return !relayed && idempotentMethods.has(method);
  }

  /** Ends the exchange from this side, and the connection with it. */
  #giveUp(failure: Failure): void {
    if (this.#stage === 'over') return;
    const controller = this.#controller;
    this.#fail(failure);
    if (controller) controller.abort(new Error(failure.cause));
    else this.#options.connection.destroy();
  }

  #fail(failure: Failure, isStale = false): void {
    const body = this.#body;
    this.#over(failure.kind);
    if (body) body.fail(failure);
    else this.#resolve({ ok: false, failure, isStale });
  }

  #over(failed: FailureKind | undefined): void {
    this.#stage = 'over';
    this.#watchdog.stop();
    this.#options.signal.removeEventListener('abort', this.#onAbort);
    this.#options.message.relayed?.release();
    if (this.#body) this.#options.onTransferred(failed);
  }
}

const OWED = 'the client has not sent the rest of its body';

/** The client library hands over the lines as bytes, in order, with case and repeats as they came. */
function decodeHead(rawHeaders: unknown): string[] {
  return ((rawHeaders ?? []) as Buffer[]).map((part) => part.toString('latin1'));
}

/** Whitespace after a value is not part of it (RFC 9110 §5.5); it is kept until the framing has been judged. */
function trimmedValues(raw: string[]): string[] {
  return raw.map((part, index) => (index % 2 === 1 ? trimWhitespace(part) : part));
}
