/** Rules of core/cache/outcome.ts: X-Cache, the Cache-Status member (RFC 9211) and Age for each kind of answer. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Disposition } from '../../../core/cache/decide.ts';
import type { FetchReport, NotStored } from '../../../core/cache/exchange.ts';
import type { Flight, FlightHead } from '../../../core/cache/flight.ts';
import type { Answer } from '../../../core/cache/obtain.ts';
import { memberOfFailed, outcomeOf } from '../../../core/cache/outcome.ts';
import { formatCacheStatus } from '../../../core/http/cache-status.ts';
import { cutFailure } from '../../support/fake-upstream.ts';
import { type ResponseOverrides, responseWith } from '../../support/responses.ts';

const report: FetchReport = {
  from: 'origin.test:80',
  tier: 'origin',
  fwdStatus: 200,
  behind: undefined,
  wasAged: false,
  requestTimeMs: 0,
  responseTimeMs: 0,
};
const miss: Disposition = { kind: 'miss', fwd: 'uri-miss' };

type Stored = Extract<Answer, { kind: 'stored' }>;
type Streaming = Extract<Answer, { kind: 'streaming' }>;

function stored(overrides: Partial<Stored> = {}, entry: ResponseOverrides = {}): Stored {
  return {
    kind: 'stored',
    entry: responseWith(entry),
    cleanliness: { kind: 'clean' },
    disposition: { kind: 'hit' },
    revalidated: false,
    collapsed: false,
    report: undefined,
    ...overrides,
  };
}

interface StreamingOptions
  extends Partial<Pick<Streaming, 'disposition' | 'collapsed' | 'waitedInVain' | 'isDoomed'>> {
  notStored?: NotStored | null;
  report?: Partial<FetchReport>;
  entry?: ResponseOverrides;
}

function streaming(options: StreamingOptions = {}): Streaming {
  const {
    notStored = null,
    disposition = miss,
    collapsed = false,
    waitedInVain,
    isDoomed,
  } = options;
  const entry = responseWith(options.entry);
  const head: Extract<FlightHead, { kind: 'streaming' }> = {
    kind: 'streaming',
    entry,
    notStored,
    shareable: true,
    lengthBytes: 0,
    report: { ...report, ...options.report },
    decided: undefined,
  };
  const flight = {} as Flight;
  return {
    ...{ kind: 'streaming', entry, head, flight, disposition, collapsed, leave() {} },
    ...(waitedInVain ? { waitedInVain } : {}),
    ...(isDoomed ? { isDoomed } : {}),
  };
}

/** X-Cache and the member, ten seconds after the response came. */
function words(answer: Stored | Streaming, nowMs = 10_000): string {
  const { xCache, member } = outcomeOf(answer, nowMs);
  return `${xCache}: ${formatCacheStatus({ cache: 'par', ...member })}`;
}

describe('what was stored', () => {
  const revalidate: Disposition = { kind: 'revalidate', fwd: 'stale' };
  const cases: [string, Stored, string][] = [
    ['a hit', stored(), 'HIT: par; hit; ttl=50'],
    [
      'stale while it is refreshed: nobody was asked',
      stored(
        { disposition: { kind: 'stale', why: 'revalidating' } },
        { freshness: { lifetimeSeconds: 8 } },
      ),
      'STALE: par; hit; ttl=-2; detail=revalidating',
    ],
    [
      'stale because the upstream failed: it was asked, so no hit (RFC 9211 §2.1)',
      stored(
        {
          disposition: { kind: 'stale', why: 'upstream-error', fwd: 'stale' },
          report: { ...report, fwdStatus: 503 },
        },
        { freshness: { lifetimeSeconds: 8 } },
      ),
      'STALE: par; fwd=stale; fwd-status=503; ttl=-2; detail=upstream-error',
    ],
    [
      'stale because a tier behind told that its upstream had failed: its status is the next hop’s',
      stored(
        {
          disposition: { kind: 'stale', why: 'upstream-error', fwd: 'stale' },
          failure: { ...cutFailure, told: { name: 'eu', status: 502, proxyStatus: undefined } },
        },
        { freshness: { lifetimeSeconds: 8 } },
      ),
      'STALE: par; fwd=stale; fwd-status=502; ttl=-2; detail=upstream-error',
    ],
    [
      'fresh, though it could not be validated as the client wanted',
      stored({
        disposition: { kind: 'stale', why: 'upstream-error', fwd: 'request' },
        failure: cutFailure,
      }),
      'HIT: par; fwd=request; ttl=50; detail=upstream-error',
    ],
    [
      'confirmed by a 304',
      stored({ disposition: revalidate, revalidated: true, report: { ...report, fwdStatus: 304 } }),
      'REVALIDATED: par; fwd=stale; fwd-status=304; ttl=50; stored',
    ],
    [
      'confirmed by a 304 that another request had asked for',
      stored({
        disposition: revalidate,
        revalidated: true,
        collapsed: true,
        report: { ...report, fwdStatus: 304 },
      }),
      'REVALIDATED: par; fwd=stale; fwd-status=304; ttl=50; stored; collapsed',
    ],
    [
      'confirmed by a 304, and no longer to be kept',
      stored({ disposition: revalidate, revalidated: true, report, isDoomed: true }),
      'REVALIDATED: par; fwd=stale; fwd-status=200; ttl=50',
    ],
    [
      'confirmed by a tier that marked it as stale',
      stored({ disposition: revalidate, revalidated: true, report }, { staleSinceMs: 4000 }),
      'STALE: par; fwd=stale; fwd-status=200; ttl=-6; stored',
    ],
    [
      'forced by the client',
      stored({ disposition: { kind: 'revalidate', fwd: 'request' }, revalidated: true, report }),
      'REVALIDATED: par; fwd=request; fwd-status=200; ttl=50; stored',
    ],
    [
      'confirmed, though the origin gives it no lifetime: as new as it can be',
      stored(
        { disposition: revalidate, revalidated: true, report },
        { freshness: { lifetimeSeconds: 0 } },
      ),
      'REVALIDATED: par; fwd=stale; fwd-status=200; ttl=-10; stored',
    ],
  ];
  for (const [title, answer, expected] of cases) {
    it(title, () => assert.equal(words(answer), expected));
  }
});

describe('what was fetched', () => {
  const cases: [string, StreamingOptions, string][] = [
    ['a miss', {}, 'MISS: par; fwd=uri-miss; fwd-status=200; stored'],
    [
      'a miss that waited',
      { collapsed: true },
      'MISS: par; fwd=uri-miss; fwd-status=200; stored; collapsed',
    ],
    [
      'a miss because of a purge',
      { disposition: { kind: 'miss', fwd: 'uri-miss', detail: 'purged' } },
      'MISS: par; fwd=uri-miss; fwd-status=200; stored; detail=purged',
    ],
    [
      'what was not storable a moment ago and is now',
      { disposition: { kind: 'miss', fwd: 'uri-miss', detail: 'hit-for-miss' } },
      'MISS: par; fwd=uri-miss; fwd-status=200; stored; detail=hit-for-miss',
    ],
    [
      'what was not storable a moment ago and is not now: the reason',
      {
        disposition: { kind: 'miss', fwd: 'uri-miss', detail: 'hit-for-miss' },
        notStored: 'private',
      },
      'BYPASS: par; fwd=uri-miss; fwd-status=200; detail=private',
    ],
    [
      'a miss that waited in vain before (RFC 9211 §2.6)',
      { waitedInVain: true },
      'MISS: par; fwd=uri-miss; fwd-status=200; stored; collapsed=?0',
    ],
    [
      'what a purge or an unsafe request keeps from being stored',
      { isDoomed: true },
      'MISS: par; fwd=uri-miss; fwd-status=200',
    ],
    ['an answer to HEAD', { notStored: 'method' }, 'MISS: par; fwd=uri-miss; fwd-status=200'],
    [
      'what a tier behind served although stale',
      { entry: { staleSinceMs: 4000 } },
      'STALE: par; fwd=uri-miss; fwd-status=200; stored',
    ],
    [
      'what the origin gives no lifetime is not stale for that',
      { entry: { freshness: { lifetimeSeconds: 0 } } },
      'MISS: par; fwd=uri-miss; fwd-status=200; stored',
    ],
  ];
  for (const [title, options, expected] of cases) {
    it(title, () => assert.equal(words(streaming(options)), expected));
  }
});

describe('what is not stored', () => {
  const xCache: Record<NotStored, 'MISS' | 'BYPASS'> = {
    method: 'MISS',
    status: 'MISS',
    partial: 'MISS',
    'error-status': 'MISS',
    'request-no-store': 'BYPASS',
    'no-store': 'BYPASS',
    'must-understand-unknown-status': 'BYPASS',
    private: 'BYPASS',
    authorization: 'BYPASS',
    'set-cookie': 'BYPASS',
    'vary-star': 'BYPASS',
    'no-freshness-nor-validator': 'MISS',
    unlabelled: 'MISS',
    'too-large': 'MISS',
    'too-many-tags': 'MISS',
  };
  for (const [notStored, word] of Object.entries(xCache) as [NotStored, string][]) {
    it(`${notStored}: ${word}, and the reason is told`, () => {
      const detail = notStored === 'method' ? '' : `; detail=${notStored}`;
      const expected = `${word}: par; fwd=uri-miss; fwd-status=200${detail}`;
      assert.equal(words(streaming({ notStored })), expected);
    });
  }
});

describe('what has failed', () => {
  const told = { name: 'eu', status: 502, proxyStatus: undefined };
  const cases: [string, Parameters<typeof memberOfFailed>[0], string][] = [
    [
      'why it went forward, and the kind of failure',
      { disposition: miss, failure: cutFailure, collapsed: false },
      'par; fwd=uri-miss; detail=cut',
    ],
    [
      'together with others, with the status of the tier that has told of it',
      { disposition: miss, failure: { ...cutFailure, told }, collapsed: true },
      'par; fwd=uri-miss; fwd-status=502; collapsed; detail=cut',
    ],
    [
      'what could not be validated',
      {
        disposition: { kind: 'revalidate', fwd: 'stale' },
        failure: { ...cutFailure, unvalidated: true },
        collapsed: false,
      },
      'par; fwd=stale; detail=unvalidated',
    ],
  ];
  for (const [title, failed, expected] of cases) {
    it(title, () => {
      assert.equal(formatCacheStatus({ cache: 'par', ...memberOfFailed(failed) }), expected);
    });
  }
});

describe('Age (RFC 9111 §5.1)', () => {
  const ageOf = (answer: Stored | Streaming) => outcomeOf(answer, 10_000).ageSeconds;

  it('of what was stored is its age', () => {
    assert.equal(ageOf(stored({}, { freshness: { initialAgeSeconds: 5 } })), 15);
  });

  it('of what comes first-hand is not told', () => {
    assert.equal(ageOf(streaming()), undefined);
  });

  it('of what was stored on the way, or waited for, is told', () => {
    assert.equal(ageOf(streaming({ report: { wasAged: true } })), 10);
    assert.equal(ageOf(streaming({ collapsed: true })), 10);
  });
});

describe('since when what is sent is stale', () => {
  const sinceOf = (answer: Stored | Streaming) => outcomeOf(answer, 10_000).staleSinceMs;
  const stale: Disposition = { kind: 'stale', why: 'revalidating' };

  it('since its lifetime ended', () => {
    assert.equal(
      sinceOf(stored({ disposition: stale }, { freshness: { lifetimeSeconds: 8 } })),
      8000,
    );
  });

  it('since the soft purge, if that was before', () => {
    const entry = { freshness: { lifetimeSeconds: 8 }, staleSinceMs: 3000 };
    assert.equal(sinceOf(stored({ disposition: stale }, entry)), 3000);
  });

  it('nothing for what is fresh', () => {
    assert.equal(sinceOf(stored()), undefined);
  });
});

describe('the members of the tiers behind', () => {
  const behindOf = (answer: Stored | Streaming) => outcomeOf(answer, 10_000).behind;
  const behind = 'eu; hit; ttl=3';

  it('are told when they took part', () => {
    assert.equal(behindOf(streaming({ report: { behind } })), behind);
    const disposition: Disposition = { kind: 'revalidate', fwd: 'stale' };
    assert.equal(behindOf(stored({ disposition, report: { ...report, behind } })), behind);
  });

  it('and not on a hit', () => {
    assert.equal(behindOf(stored({ report: { ...report, behind } })), undefined);
  });
});
