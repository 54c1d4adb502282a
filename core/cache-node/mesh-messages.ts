/** What travels between two workers of a node over their message port. `ask` numbers are the asker's own. */

import type { StoredResponseInit } from '../cache/entry.ts';
import type { Decided, FetchReport, NotStored } from '../cache/exchange.ts';
import type { HostGroups } from '../cache/host-groups.ts';
import type { PartRequest } from '../cache/part.ts';
import type { Newer } from '../cache/superseded.ts';
import type { CacheControl } from '../http/cache-control.ts';
import type { RawHeaders } from '../http/headers.ts';
import type { Position } from '../purge/command.ts';
import type { Failure } from '../upstream/upstream.ts';
import type { InvalidationStep } from './invalidation.ts';

/** A `CacheRequest` as plain data. */
export interface MeshRequest {
  method: string;
  scheme: 'http' | 'https';
  host: string;
  pathAndQuery: string;
  headers: RawHeaders;
  forwardHeaders: RawHeaders;
  directives: CacheControl;
  unreached: Position | null;
  part: PartRequest | undefined;
  isFromUnleased: boolean;
  isRefresh: boolean;
  /** Whether the asker wants `interim` messages, and hints of what is stored among them. */
  wantsInterim: boolean;
  wantsHints: boolean;
}

export type MeshHead =
  | {
      kind: 'streaming';
      init: StoredResponseInit;
      notStored: NotStored | null;
      shareable: boolean;
      lengthBytes: number | undefined;
      /** The owner writes the body to rows: `backing` messages tell how far, the last of them after the end. */
      isBacked: boolean;
      report: FetchReport;
      /** Only when it was this ask that has begun the fetch. */
      personal?: RawHeaders | undefined;
      decided: Decided;
    }
  | {
      kind: 'ready';
      init: StoredResponseInit;
      rowId: number | null;
      /** Null: to be read from disk. */
      body: Uint8Array | null;
      report: FetchReport | undefined;
      personal?: RawHeaders | undefined;
      decided: Decided;
    }
  | { kind: 'failed'; failure: Failure };

export type MeshMessage =
  | { type: 'ask'; ask: number; request: MeshRequest }
  /** An interim response on the way to the head. */
  | { type: 'interim'; ask: number; status: number; headers: RawHeaders }
  | { type: 'head'; ask: number; head: MeshHead }
  | { type: 'piece'; ask: number; bytes: Uint8Array }
  | { type: 'end'; ask: number }
  | { type: 'cut'; ask: number }
  /** Progress of the rows that the owner writes the body to. */
  | {
      type: 'backing';
      ask: number;
      rowId: number | null;
      committedBytes: number;
      state: 'open' | 'stored' | 'dropped';
    }
  /** The asker has taken so many bytes more. */
  | { type: 'credit'; ask: number; bytes: number }
  /** The asker wants no more of it. */
  | { type: 'cancel'; ask: number }
  /** An unsafe request has changed what is under these keys and in these groups. */
  | {
      type: 'invalidate';
      call: number;
      keys: readonly string[];
      step: InvalidationStep;
      groups: HostGroups | undefined;
    }
  /** The sender has stored this: what is older under its key may not be used before it. */
  | { type: 'outdate'; newer: Newer }
  /** What the call named is dropped. */
  | { type: 'invalidated'; call: number };

/** Bytes of one body that may be on the way between two workers. */
export const creditBytes = 1024 * 1024;
