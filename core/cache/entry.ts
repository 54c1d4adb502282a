/**
 * A stored response: what RFC 9111 §3 calls one, plus what purging needs. The same value lives in the memory tier (with its
 * body) and stands for a row of the disk tier (`body` null, `rowId` set). Headers are final when stored, so a hit only adds
 * `Age`, `Date` stays untouched, and the tier's own fields.
 *
 * Invariants: `labelSeq` only grows, and only after `cleanThrough` found nothing; a response once marked stale
 * (`staleSinceMs`) stays so until it is replaced.
 */
import type { Freshness } from '../http/freshness.ts';
import type { RawHeaders } from '../http/headers.ts';
import type { BytePart } from '../http/partial.ts';

export interface StoredResponseInit {
  /** `scheme://host/path?query` in normal form. */
  key: string;
  host: string;
  /** Key without the scheme: what purges match. */
  url: string;
  /** Lower-case names of the Vary fields, sorted; empty: no Vary. */
  varyFields: readonly string[];
  /** `variantKey(varyFields, request)` of http/vary. */
  variant: string;
  status: number;
  reason: string;
  headers: RawHeaders;
  tags: readonly string[];
  requestTimeMs: number;
  responseTimeMs: number;
  freshness: Freshness;
  etag: string | undefined;
  lastModified: string | undefined;
  bodyBytes: number;
  /** Of a 206: which bytes the body is. Undefined: it is the whole. */
  part: BytePart | undefined;
  /** The journal's identity under which the label counts. */
  identity: string;
  /** Valid through this entry of the journal. */
  labelSeq: number;
  /** From when a soft purge made it stale; null: it did not. */
  staleSinceMs: number | null;
}

export class StoredResponse implements StoredResponseInit {
  readonly key: string;
  readonly host: string;
  readonly url: string;
  readonly varyFields: readonly string[];
  readonly variant: string;
  readonly status: number;
  readonly reason: string;
  readonly headers: RawHeaders;
  readonly tags: readonly string[];
  readonly requestTimeMs: number;
  readonly responseTimeMs: number;
  readonly freshness: Freshness;
  readonly etag: string | undefined;
  readonly lastModified: string | undefined;
  /** Set once more when a body of unknown length has arrived whole. */
  bodyBytes: number;
  readonly part: BytePart | undefined;
  readonly identity: string;
  labelSeq: number;
  staleSinceMs: number | null;
  /** The whole body in memory; null: it is on disk only. */
  body: Buffer | null;
  /** The row of the disk tier; null: not (yet) on disk. */
  rowId: number | null;

  constructor(init: StoredResponseInit, body: Buffer | null, rowId: number | null) {
    this.key = init.key;
    this.host = init.host;
    this.url = init.url;
    this.varyFields = init.varyFields;
    this.variant = init.variant;
    this.status = init.status;
    this.reason = init.reason;
    this.headers = init.headers;
    this.tags = init.tags;
    this.requestTimeMs = init.requestTimeMs;
    this.responseTimeMs = init.responseTimeMs;
    this.freshness = init.freshness;
    this.etag = init.etag;
    this.lastModified = init.lastModified;
    this.bodyBytes = init.bodyBytes;
    this.part = init.part;
    this.identity = init.identity;
    this.labelSeq = init.labelSeq;
    this.staleSinceMs = init.staleSinceMs;
    this.body = body;
    this.rowId = rowId;
  }

  /** Bytes that the response takes of a memory budget, body and bookkeeping. */
  get memoryBytes(): number {
    let bytes = 600 + (this.body?.length ?? 0) + 2 * (this.key.length + this.variant.length);
    for (const text of this.headers) bytes += 2 * text.length;
    for (const tag of this.tags) bytes += 2 * tag.length;
    return bytes;
  }
}

/** The plain data of a response, for a row or a message between threads: exactly the fields of an init. */
export function initOf(entry: StoredResponseInit): StoredResponseInit {
  return {
    key: entry.key,
    host: entry.host,
    url: entry.url,
    varyFields: entry.varyFields,
    variant: entry.variant,
    status: entry.status,
    reason: entry.reason,
    headers: entry.headers,
    tags: entry.tags,
    requestTimeMs: entry.requestTimeMs,
    responseTimeMs: entry.responseTimeMs,
    freshness: entry.freshness,
    etag: entry.etag,
    lastModified: entry.lastModified,
    bodyBytes: entry.bodyBytes,
    part: entry.part,
    identity: entry.identity,
    labelSeq: entry.labelSeq,
    staleSinceMs: entry.staleSinceMs,
  };
}
