/** An upstream whose every answer the test gives itself, at once by a script or whenever it wants. */
import type {
  BodySink,
  Failure,
  ResponseBody,
  Upstream,
  UpstreamRequest,
  UpstreamResponse,
  UpstreamResult,
} from '../../core/upstream/upstream.ts';

export interface FakeResponse {
  status?: number;
  headers?: string[];
  /** Sent at once and whole; left out: the test pushes pieces itself. */
  body?: string | Buffer;
  /** What the head announces; default: the length of `body`, else nothing. */
  lengthBytes?: number | undefined;
  tier?: 'origin' | 'shield';
  /** Lower-case names. */
  tierHeaders?: Record<string, string>;
}

/** The far end of a body. */
export interface FakeBody {
  push(piece: string | Buffer): void;
  end(): void;
  fail(): void;
  readonly isPaused: boolean;
  readonly isAborted: boolean;
}

export interface FakeCall {
  readonly request: UpstreamRequest;
  respond(response?: FakeResponse): FakeBody;
  fail(failure?: Partial<Failure>): void;
  /** The value of a request field. */
  field(lowerName: string): string | undefined;
}

export interface FakeUpstream extends Upstream {
  readonly calls: FakeCall[];
  /** Answers each call as it comes; undefined: the test does. */
  script: ((call: FakeCall) => void) | undefined;
  /** The call of this number, from 0. */
  call(index: number): FakeCall;
}

export const cutFailure: Failure = {
  source: 'upstream',
  kind: 'cut',
  retryable: false,
  cause: 'cut by the test',
};

export function createFakeUpstream(nowMs: () => number): FakeUpstream {
  const calls: FakeCall[] = [];
  const upstream: FakeUpstream = {
    calls,
    script: undefined,
    call(index) {
      const call = calls[index];
      if (!call) throw new Error(`there were ${calls.length} calls only`);
      return call;
    },
    fetch(request) {
      const { promise, resolve } = Promise.withResolvers<UpstreamResult>();
      const call = createCall(request, nowMs, resolve);
      calls.push(call);
      request.signal.addEventListener('abort', () =>
        call.fail({ source: 'downstream', kind: 'aborted', cause: 'aborted by the caller' }),
      );
      upstream.script?.(call);
      return promise;
    },
    close: () => Promise.resolve(),
  };
  return upstream;
}

function createCall(
  request: UpstreamRequest,
  nowMs: () => number,
  resolve: (result: UpstreamResult) => void,
): FakeCall {
  const requestTimeMs = nowMs();
  return {
    request,
    respond(given = {}) {
      const body = createFakeBody(lengthOf(given));
      resolve({ ok: true, response: responseOf(given, body, requestTimeMs, nowMs()) });
      if (given.body === undefined) return body;
      body.push(given.body);
      body.end();
      return body;
    },
    fail: (failure) => resolve({ ok: false, failure: { ...cutFailure, ...failure } }),
    field: (lowerName) => {
      const at = request.headers.findIndex((t, i) => i % 2 === 0 && t.toLowerCase() === lowerName);
      return at < 0 ? undefined : request.headers[at + 1];
    },
  };
}

function lengthOf(given: FakeResponse): number | undefined {
  if ('lengthBytes' in given) return given.lengthBytes;
  return given.body === undefined ? undefined : Buffer.byteLength(given.body);
}

function responseOf(
  given: FakeResponse,
  body: ResponseBody,
  requestTimeMs: number,
  responseTimeMs: number,
): UpstreamResponse {
  const tier = given.tier ?? 'origin';
  return {
    status: given.status ?? 200,
    reason: '',
    headers: given.headers ?? [],
    body,
    from: { tier, name: tier === 'origin' ? 'origin.test:80' : 'eu' },
    tierHeaders: new Map(Object.entries(given.tierHeaders ?? {})),
    requestTimeMs,
    responseTimeMs,
  };
}

/** Keeps the promises of the port: nothing before `start` or while paused, nothing after `abort`. */
export function createFakeBody(lengthBytes?: number): FakeBody & ResponseBody {
  let sink: BodySink | undefined;
  let isPaused = false;
  let isAborted = false;
  let last: ((sink: BodySink) => void) | undefined;
  const waiting: Buffer[] = [];
  const flow = () => {
    while (sink && !isPaused && !isAborted) {
      const piece = waiting.shift();
      if (!piece) break;
      sink.data(piece);
    }
    if (!sink || isPaused || isAborted || waiting.length > 0) return;
    const finish = last;
    last = undefined;
    finish?.(sink);
  };
  return {
    lengthBytes,
    start(to) {
      sink = to;
      queueMicrotask(flow);
    },
    pause() {
      isPaused = true;
    },
    resume() {
      isPaused = false;
      queueMicrotask(flow);
    },
    abort() {
      isAborted = true;
    },
    push(piece) {
      waiting.push(Buffer.from(piece));
      flow();
    },
    end() {
      last = (to) => to.end();
      flow();
    },
    fail() {
      waiting.length = 0;
      isPaused = false;
      last = (to) => to.fail(cutFailure);
      flow();
    },
    get isPaused() {
      return isPaused;
    },
    get isAborted() {
      return isAborted;
    },
  };
}
