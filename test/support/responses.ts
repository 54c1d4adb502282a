/** Stored responses for tests, with everything that a test does not care about filled in. */
import { StoredResponse, type StoredResponseInit } from '../../core/cache/entry.ts';
import type { Freshness } from '../../core/http/freshness.ts';

export const journal = 'journal-a';

/** Fresh for a minute, nothing else said. */
export const minuteFresh: Freshness = {
  lifetimeSeconds: 60,
  initialAgeSeconds: 0,
  source: 'max-age',
  explicit: true,
  staleWhileRevalidateSeconds: 0,
  staleIfErrorSeconds: 0,
  mustRevalidate: false,
  noCache: false,
  excludedFields: [],
  immutable: false,
};

export type ResponseOverrides = Partial<Omit<StoredResponseInit, 'freshness'>> & {
  freshness?: Partial<Freshness>;
};

export function initWith(overrides: ResponseOverrides = {}): StoredResponseInit {
  const { freshness, ...rest } = overrides;
  return {
    key: 'http://www.demo.test/',
    host: 'www.demo.test',
    url: 'www.demo.test/',
    varyFields: [],
    variant: '',
    status: 200,
    reason: 'OK',
    headers: ['Content-Type', 'text/plain'],
    tags: [],
    requestTimeMs: 0,
    responseTimeMs: 0,
    freshness: { ...minuteFresh, ...freshness },
    etag: undefined,
    lastModified: undefined,
    bodyBytes: 0,
    part: undefined,
    identity: journal,
    labelSeq: 0,
    staleSinceMs: null,
    ...rest,
  };
}

/** A response with its body in memory; `body: null` leaves it without one. */
export function responseWith(
  overrides: ResponseOverrides = {},
  body: string | Buffer | null = '',
): StoredResponse {
  const bytes = body === null ? null : Buffer.from(body);
  const bodyBytes = bytes ? { bodyBytes: bytes.length } : {};
  return new StoredResponse(initWith({ ...bodyBytes, ...overrides }), bytes, null);
}
