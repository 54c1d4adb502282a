/**
 * The port through which a caching node fetches: from origins, from a ring of shields, or from a fake in a test. An expected
 * failure is a value that says where it came from and whether another try may help.
 *
 * Invariant: an implementation hands over a response only after its head has passed the framing checks, and ends a body
 * with `end` only when it was complete; anything else is `fail`.
 */
import type { Readable } from 'node:stream';
import type { RawHeaders } from '../http/headers.ts';

/** An origin as the configuration describes it. */
export interface Origin {
  url: string;
  weight: number;
  backup: boolean;
  /** `preserve`, `origin`, or the literal value of Host. */
  host: string;
}

/** What an upstream needs to know of the site that a request is for. */
export interface UpstreamSite {
  origins: readonly Origin[];
  /** Whether an edge may ask the origins itself. */
  originFallback: boolean;
}

export interface UpstreamRequest {
  method: string;
  site: UpstreamSite;
  scheme: 'http' | 'https';
  /** The host of the cache key; an origin's `host` option may replace it. */
  host: string;
  pathAndQuery: string;
  /** The cache key, for routing by rendezvous. */
  key: string;
  /** End-to-end fields without Host; forwarding fields are complete. */
  headers: RawHeaders;
  body: Readable | null;
  /** Length of the body; undefined: unknown (chunked) or none. */
  bodyBytes?: number | undefined;
  /** Fields between tiers: sent to authenticated peers only, never to an origin. */
  tierHeaders: RawHeaders;
  /** Aborts the request and its body. */
  signal: AbortSignal;
  /** Interim responses on the way; left out: nobody wants them. */
  onInterim?: OnInterim | undefined;
}

/**
 * Called with each interim response (1xx but 100 and 101) as it comes, any number of times before the result. Its fields have
 * been checked, and those of the connection and between tiers removed. Must not throw.
 */
export type OnInterim = (status: number, headers: RawHeaders) => void;

/** Limits of one request; all in milliseconds. */
export interface Deadline {
  connectMs: number;
  firstByteMs: number;
  betweenBytesMs: number;
}

export type FailureKind =
  /** No connection could be made. */
  | 'connect'
  /** A limit of the deadline passed. */
  | 'timeout'
  /** The connection ended before the response was complete. */
  | 'cut'
  /** The response broke the rules of HTTP framing. */
  | 'framing'
  /** The caller aborted. */
  | 'aborted'
  /** There is nothing that could be asked: all peers or origins are out. */
  | 'unavailable'
  /** A bound of ours was hit: too many requests under way. */
  | 'overload';

export interface Failure {
  source: 'upstream' | 'downstream' | 'internal';
  kind: FailureKind;
  /** The same request may be sent once more, elsewhere or on a fresh connection. */
  retryable: boolean;
  /** For the log; never shown to clients. */
  cause: string;
  /** There is a stored response that must not be used without validation, and this kept it from being validated. */
  unvalidated?: true;
  /** The failure is a tier's behind us, which has told of it. */
  told?: ToldBy;
}

/** How a tier told that its own upstream had failed. */
export interface ToldBy {
  /** The tier's id. */
  name: string;
  status: number;
  /** Its Proxy-Status, if it sent one. */
  proxyStatus: string | undefined;
}

export interface BodySink {
  data(piece: Buffer): void;
  /** The body is complete. */
  end(): void;
  /** The body stays incomplete: cut, timed out, aborted. */
  fail(failure: Failure): void;
}

/** A body that flows once `start` is called, exactly once; nothing is read before. */
export interface ResponseBody {
  /** What the head announced; undefined: not known in advance. */
  readonly lengthBytes: number | undefined;
  start(sink: BodySink): void;
  pause(): void;
  resume(): void;
  /** Ends the transfer; the sink hears nothing more. Idempotent. */
  abort(): void;
}

export interface UpstreamResponse {
  status: number;
  reason: string;
  /** As received, with hop-by-hop fields and tier fields removed. */
  headers: RawHeaders;
  body: ResponseBody;
  /** Who answered: an origin's `host:port` or a shield's id. */
  from: { tier: 'origin' | 'shield' | 'worker'; name: string };
  /** Fields between tiers, lower-case names; empty from origins. */
  tierHeaders: ReadonlyMap<string, string>;
  /** Just before the request was sent, and when its head had arrived; milliseconds since 1970. */
  requestTimeMs: number;
  responseTimeMs: number;
}

export type UpstreamResult =
  | { ok: true; response: UpstreamResponse }
  | { ok: false; failure: Failure };

export interface Upstream {
  /** Never rejects. */
  fetch(request: UpstreamRequest, deadline: Deadline): Promise<UpstreamResult>;
  /** Ends idle connections; requests under way may finish. */
  close(): Promise<void>;
}
