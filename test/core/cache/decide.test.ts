/** Rules of core/cache/decide.ts: what to do with a request, given what is stored (RFC 9111 §4, RFC 5861, RFC 8246). */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Cleanliness } from '../../../core/cache/clean-through.ts';
import {
  type Disposition,
  decide,
  mayServeOnError,
  type Situation,
  stalenessSeconds,
} from '../../../core/cache/decide.ts';
import { noDirectives, parseCacheControl } from '../../../core/http/cache-control.ts';
import { type ResponseOverrides, responseWith } from '../../support/responses.ts';

const clean: Cleanliness = { kind: 'clean' };
const hard: Cleanliness = { kind: 'hard', seq: 7 };
const softAt = (sinceMs: number): Cleanliness => ({ kind: 'soft', seq: 7, sinceMs });

interface Case {
  asked?: string;
  stored?: ResponseOverrides | null;
  ageSeconds?: number;
  gives: Disposition;
  with?: Partial<Situation>;
}

/** The stored response came at time 0 and is fresh for 60 s; the request comes `ageSeconds` later. */
function decideCase({ asked, stored = {}, ageSeconds = 0, with: more }: Case): Disposition {
  return decide({
    method: 'GET',
    requestDirectives: asked === undefined ? noDirectives : parseCacheControl([asked]),
    originCondition: undefined,
    stored: stored === null ? undefined : responseWith(stored),
    missReason: 'uri-miss',
    cleanliness: clean,
    isHitForMiss: false,
    isRefresh: false,
    nowMs: ageSeconds * 1000,
    ...more,
  });
}

function table(cases: Record<string, Case>): void {
  for (const [title, one] of Object.entries(cases)) {
    it(title, () => assert.deepEqual(decideCase(one), one.gives));
  }
}

const hit: Disposition = { kind: 'hit' };
const revalidate: Disposition = { kind: 'revalidate', fwd: 'stale' };
const forced: Disposition = { kind: 'revalidate', fwd: 'request' };
const refreshing: Disposition = { kind: 'stale', why: 'revalidating' };
const maxStale: Disposition = { kind: 'stale', why: 'max-stale' };
const swr = { freshness: { staleWhileRevalidateSeconds: 30 } };

describe('methods and what is not stored', () => {
  table({
    'another method than GET and HEAD passes': {
      with: { method: 'POST' },
      gives: { kind: 'pass', fwd: 'method' },
    },
    'HEAD is answered from a stored GET (RFC 9110 §9.3.2)': {
      with: { method: 'HEAD' },
      gives: hit,
    },
    'no-store of the request passes, whatever is stored (RFC 9111 §5.2.1.5)': {
      asked: 'no-store',
      gives: { kind: 'pass', fwd: 'request', detail: 'no-store' },
    },
    'a condition for the origin only passes, whatever is stored (RFC 9111 §4.3.2)': {
      with: { originCondition: 'if-match' },
      gives: { kind: 'pass', fwd: 'request', detail: 'if-match' },
    },
    'a condition for the origin only, and the origin must not be asked (RFC 9111 §5.2.1.7)': {
      asked: 'only-if-cached',
      with: { originCondition: 'if-unmodified-since' },
      gives: { kind: 'only-if-cached' },
    },
    'nothing stored: a miss': { stored: null, gives: { kind: 'miss', fwd: 'uri-miss' } },
    'another variant stored: a vary-miss (RFC 9111 §4.1)': {
      stored: null,
      with: { missReason: 'vary-miss' },
      gives: { kind: 'miss', fwd: 'vary-miss' },
    },
    'not storable a moment ago: a miss that waits for nobody': {
      stored: null,
      with: { isHitForMiss: true },
      gives: { kind: 'miss', fwd: 'uri-miss', detail: 'hit-for-miss' },
    },
    'the same for another variant: the more specific reason (RFC 9211 §2.2)': {
      stored: null,
      with: { isHitForMiss: true, missReason: 'vary-miss' },
      gives: { kind: 'miss', fwd: 'vary-miss', detail: 'hit-for-miss' },
    },
    'only-if-cached and nothing stored (RFC 9111 §5.2.1.7)': {
      asked: 'only-if-cached',
      stored: null,
      gives: { kind: 'only-if-cached' },
    },
    'only-if-cached and fresh: a hit': { asked: 'only-if-cached', gives: hit },
    'only-if-cached and stale: 504, and nobody is asked': {
      asked: 'only-if-cached',
      ageSeconds: 60,
      gives: { kind: 'only-if-cached' },
    },
    'only-if-cached and within stale-while-revalidate': {
      asked: 'only-if-cached',
      stored: swr,
      ageSeconds: 60,
      gives: refreshing,
    },
  });
});

describe('freshness (RFC 9111 §4.2)', () => {
  table({
    'the last millisecond of the lifetime is fresh': { ageSeconds: 59.999, gives: hit },
    'an age that equals the lifetime is stale': { ageSeconds: 60, gives: revalidate },
    'no-cache of the response: never without validation (§5.2.2.4)': {
      stored: { freshness: { noCache: true } },
      gives: revalidate,
    },
    'a lifetime of 0 is stale from the start': {
      stored: { freshness: { lifetimeSeconds: 0 } },
      gives: revalidate,
    },
    'the age that it came with counts': {
      stored: { freshness: { initialAgeSeconds: 50 } },
      ageSeconds: 10,
      gives: revalidate,
    },
  });
});

describe('what the client asks (RFC 9111 §5.2.1)', () => {
  const immutable = { freshness: { immutable: true } };
  table({
    'no-cache revalidates what is fresh': { asked: 'no-cache', gives: forced },
    'no-cache does not reach past an immutable response (RFC 8246)': {
      asked: 'no-cache',
      stored: immutable,
      gives: hit,
    },
    'no-cache does reach past an immutable one that is stale': {
      asked: 'no-cache',
      stored: immutable,
      ageSeconds: 60,
      gives: revalidate,
    },
    'no-cache of what is stale within a window: validated, and for being stale (RFC 9211 §2.2)': {
      asked: 'no-cache',
      stored: swr,
      ageSeconds: 60,
      gives: revalidate,
    },
    'max-age: an age equal to it will do': { asked: 'max-age=10', ageSeconds: 10, gives: hit },
    'max-age: an older one is revalidated': { asked: 'max-age=10', ageSeconds: 11, gives: forced },
    'max-age=0 of a reload does not reach past an immutable response': {
      asked: 'max-age=0',
      stored: immutable,
      ageSeconds: 10,
      gives: hit,
    },
    'an invalid max-age counts as 0': { asked: 'max-age=x', ageSeconds: 1, gives: forced },
    'min-fresh: exactly so much left': { asked: 'min-fresh=10', ageSeconds: 50, gives: hit },
    'min-fresh: less left': { asked: 'min-fresh=10', ageSeconds: 50.001, gives: forced },
    'max-stale without a value takes any staleness': {
      asked: 'max-stale',
      ageSeconds: 9999,
      gives: maxStale,
    },
    'max-stale: staleness equal to it': { asked: 'max-stale=5', ageSeconds: 65, gives: maxStale },
    'max-stale: beyond it': { asked: 'max-stale=5', ageSeconds: 65.001, gives: revalidate },
    'max-stale gives way to must-revalidate (§5.2.2.2)': {
      asked: 'max-stale',
      stored: { freshness: { mustRevalidate: true } },
      ageSeconds: 61,
      gives: revalidate,
    },
    'max-stale with max-age: the age counts as well': {
      asked: 'max-stale, max-age=50',
      ageSeconds: 61,
      gives: revalidate,
    },
  });
});

describe('stale-while-revalidate (RFC 5861 §3)', () => {
  table({
    'the first stale moment is served and refreshed': {
      stored: swr,
      ageSeconds: 60,
      gives: refreshing,
    },
    'the last moment of the window': { stored: swr, ageSeconds: 89.999, gives: refreshing },
    'the window has ended': { stored: swr, ageSeconds: 90, gives: revalidate },
    'the refresh itself is not answered with what is stale': {
      stored: swr,
      ageSeconds: 60,
      with: { isRefresh: true },
      gives: revalidate,
    },
    'a client that reloads (max-age=0) gets nothing stale (§5.2.1.1)': {
      asked: 'max-age=0',
      stored: swr,
      ageSeconds: 60,
      gives: revalidate,
    },
    'a client with min-fresh gets nothing stale': {
      asked: 'min-fresh=1',
      stored: swr,
      ageSeconds: 60,
      gives: revalidate,
    },
    'a client with max-stale gets what both allow, and it is refreshed': {
      asked: 'max-stale=10',
      stored: swr,
      ageSeconds: 70,
      gives: refreshing,
    },
    'a window that the response names stands beside s-maxage': {
      stored: { freshness: { staleWhileRevalidateSeconds: 30, mustRevalidate: true } },
      ageSeconds: 60,
      gives: refreshing,
    },
  });
});

describe('purges', () => {
  table({
    'a hard match is not used, not even as stale': {
      stored: swr,
      with: { cleanliness: hard },
      gives: { kind: 'miss', fwd: 'uri-miss', detail: 'purged' },
    },
    'a hard match is not used for max-stale': {
      asked: 'max-stale',
      with: { cleanliness: hard },
      gives: { kind: 'miss', fwd: 'uri-miss', detail: 'purged' },
    },
    'a hard match and only-if-cached': {
      asked: 'only-if-cached',
      with: { cleanliness: hard },
      gives: { kind: 'only-if-cached' },
    },
    'a soft match is stale at once, however fresh': {
      ageSeconds: 5,
      with: { cleanliness: softAt(5000) },
      gives: revalidate,
    },
    'the window of stale-while-revalidate begins with the soft purge': {
      stored: swr,
      ageSeconds: 34.999,
      with: { cleanliness: softAt(5000) },
      gives: refreshing,
    },
    'and ends so much later': {
      stored: swr,
      ageSeconds: 35,
      with: { cleanliness: softAt(5000) },
      gives: revalidate,
    },
    'a response that came marked as stale is stale': {
      stored: { staleSinceMs: 1000 },
      ageSeconds: 5,
      gives: revalidate,
    },
    'it protects no immutable response from no-cache': {
      asked: 'no-cache',
      stored: { freshness: { immutable: true } },
      with: { cleanliness: softAt(0) },
      gives: revalidate,
    },
  });
});

describe('seconds since a response became stale', () => {
  const cases: [string, ResponseOverrides, Cleanliness, number, number][] = [
    ['negative while fresh', {}, clean, 10, -50],
    ['0 when the lifetime is over', {}, clean, 60, 0],
    ['positive after', {}, clean, 61, 1],
    ['since the soft purge', {}, softAt(4000), 10, 6],
    ['since its mark', { staleSinceMs: 4000 }, clean, 10, 6],
    ['since the earlier of both', { staleSinceMs: 4000 }, softAt(2000), 10, 8],
    ['since its lifetime ended, if that was before the purge', {}, softAt(70_000), 80, 20],
    ['0 for a purge that the clock has not reached', {}, softAt(20_000), 10, 0],
    ['a clock that was set back makes nothing younger', {}, clean, -100, -60],
  ];
  for (const [title, stored, cleanliness, atSeconds, expected] of cases) {
    it(title, () => {
      const seconds = stalenessSeconds(responseWith(stored), cleanliness, atSeconds * 1000);
      assert.equal(seconds, expected);
    });
  }
});

describe('what may be served when the upstream fails (RFC 5861 §4, RFC 9111 §4.2.4)', () => {
  const sie = { staleIfErrorSeconds: 30 };
  const cases: [string, boolean, ResponseOverrides['freshness'], string, number, Cleanliness?][] = [
    ['what is fresh', true, {}, '', 59],
    ['nothing stale without a directive', false, {}, '', 60],
    ['within stale-if-error', true, sie, '', 89],
    ['not at its end', false, sie, '', 90],
    ['within the window of the client', true, {}, 'stale-if-error=30', 89],
    ['the longer of both', true, sie, 'stale-if-error=60', 100],
    [
      'not the client’s against must-revalidate',
      false,
      { mustRevalidate: true },
      'stale-if-error=30',
      61,
    ],
    ['the response’s own beside s-maxage', true, { ...sie, mustRevalidate: true }, '', 61],
    ['no-cache never', false, { ...sie, noCache: true }, '', 1],
    ['a hard match never', false, sie, '', 1, hard],
    ['a soft match within the window', true, sie, '', 10, softAt(5000)],
    ['a soft match beyond it', false, sie, '', 35, softAt(5000)],
    ['an invalid window of the client is none', false, {}, 'stale-if-error=x', 61],
  ];
  for (const [title, expected, freshness, asked, atSeconds, cleanliness = clean] of cases) {
    it(title, () => {
      const stored = responseWith(freshness ? { freshness } : {});
      const directives = parseCacheControl([asked]);
      assert.equal(mayServeOnError(stored, cleanliness, directives, atSeconds * 1000), expected);
    });
  }
});
