/**
 * What the steps of the engine hand to each other: a request as the cache sees it, and what fetching it gave. Both are plain
 * data but for the body, so that a worker can ask another one.
 */
import type { CacheControl } from '../http/cache-control.ts';
import type { RawHeaders } from '../http/headers.ts';
import type { NoStoreReason } from '../http/storable.ts';
import type { Position } from '../purge/command.ts';
import type { Failure, OnInterim, ResponseBody, UpstreamResponse } from '../upstream/upstream.ts';
import type { Disposition } from './decide.ts';
import type { DiskWrite } from './disk-tier.ts';
import type { StoredResponse, StoredResponseInit } from './entry.ts';
import type { HeadEffect } from './head-effect.ts';
import type { CacheKey } from './key.ts';
import type { PartRequest } from './part.ts';

/** A request that has been admitted: framing checked, host known, target in normal form. */
export interface CacheRequest {
  method: string;
  key: CacheKey;
  /** Fields as received: for preconditions, ranges and variants. */
  headers: RawHeaders;
  /** Fields as they go upstream, Host left out: end-to-end ones, forwarding fields, Via and CDN-Loop. Made when needed. */
  forwardHeaders: () => RawHeaders;
  /** Directives of the request; all absent where the site does not honour them. */
  directives: CacheControl;
  /**
   * The position of a tier that asks and that this node has not reached: its answer is fetched after the request came, labelled
   * with that position (DESIGN section 4). Null: everybody else.
   */
  unreached: Position | null;
  /** What of the representation is looked up and fetched, under a key of its own; undefined: the whole. */
  part?: PartRequest | undefined;
  /** A tier that asks and holds no lease: only the origin, or what is stored under a lease, is good enough. */
  isFromUnleased: boolean;
  /** A background refresh: stale is not good enough. */
  isRefresh: boolean;
  /** When the read began. */
  startedAtMs: number;
  /**
   * Told of interim responses on the way to the answer; left out: nobody wants them. Only the request that begins a flight
   * hears of them: before the head is known nobody knows whom else the response is for, and interim ones are not kept.
   */
  onInterim?: OnInterim | undefined;
  /** Whether a stored response that has to be asked for anew may tell its links before (`earlyHints`); once. */
  wantsHints?: boolean;
}

/** What a fetch tells about itself, for Cache-Status, the log and metrics. */
export interface FetchReport {
  /** Who answered: an origin's `host:port`, a shield's id; undefined: nobody. */
  from: string | undefined;
  tier: UpstreamResponse['from']['tier'] | undefined;
  fwdStatus: number | undefined;
  /** Cache-Status members of the tiers behind us. */
  behind: string | undefined;
  /** The response came with an Age: it has been stored on the way. */
  wasAged: boolean;
  /** What the tier behind gave is stale since then; undefined: it is not marked. */
  staleSinceMs?: number | undefined;
  requestTimeMs: number;
  responseTimeMs: number;
}

/** Why a response is not stored: what HTTP says, and what this cache adds. */
export type NotStored =
  | NoStoreReason
  /** A tier behind us answered under an older or unknown position (DESIGN section 4). */
  | 'unlabelled'
  /** Larger than one object may be. */
  | 'too-large'
  /** More or longer tags than are kept: a purge by one that is not would miss it. */
  | 'too-many-tags';

/** These lie in the request or on its way: the next request of the same URL may fare better. */
export const reasonsOfRequest: ReadonlySet<NotStored> = new Set([
  'method',
  'request-no-store',
  'authorization',
  'unlabelled',
]);

/** These say that no copy may be kept, so one that is kept from before has to go as well. */
export const reasonsAgainstCopies: ReadonlySet<NotStored> = new Set([
  'no-store',
  'private',
  'must-understand-unknown-status',
  'vary-star',
  'too-many-tags',
]);

/** What a flight's source comes to. */
export type SourceResult =
  /** A response whose body is on its way. */
  | {
      kind: 'streaming';
      init: StoredResponseInit;
      body: ResponseBody;
      /** Null: storable. */
      notStored: NotStored | null;
      /** Others who wait for the same may have it. */
      shareable: boolean;
      report: FetchReport;
      /** Lines for the client alone whose request this is (personal-fields.ts). */
      personal?: RawHeaders | undefined;
      /** What the answer to a HEAD says about the stored GET. */
      effect?: HeadEffect;
      /** How another worker of this node came to it, when it did. */
      decided?: Decided | undefined;
      /** The other worker's rows, from which the body can be read back. */
      backing?: BodyBacking | undefined;
    }
  /** A stored response that is good: revalidated, or found by another worker. */
  | {
      kind: 'ready';
      entry: StoredResponse;
      report: FetchReport | undefined;
      personal?: RawHeaders | undefined;
      decided?: Decided | undefined;
      /** Its body is that of another variant, which stays what it is. */
      isCopy?: boolean;
    }
  | { kind: 'failed'; failure: Failure };

/** Rows on disk that a body is being written to, by this worker or by another one of the node. */
export type BodyBacking = Pick<
  DiskWrite,
  'rowId' | 'committedBytes' | 'pendingBytes' | 'state' | 'onProgress'
>;

/** What the worker that owns the key decided. */
export interface Decided {
  disposition: Disposition;
  collapsed: boolean;
  waitedInVain?: true;
  /** Whether a 304 confirmed it. */
  revalidated: boolean;
  /** The upstream's trouble, when what is stored stands in. */
  failure?: Failure | undefined;
}

/** The failure of a request that nobody waits for any more. */
export const abortedFailure: Failure = {
  source: 'downstream',
  kind: 'aborted',
  retryable: false,
  cause: 'nobody waits for it any more',
};

/** The failure of an answer whose head has come and nothing more. */
export const cutBeforeFirstByte: Failure = {
  source: 'upstream',
  kind: 'cut',
  retryable: false,
  cause: 'the body ended before its first byte',
};
