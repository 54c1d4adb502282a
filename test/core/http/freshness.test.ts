/** Rules of core/http/freshness.ts: lifetime, age and stale windows (RFC 9111 §4.2, RFC 5861). */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { formatHttpDate } from '../../../core/http/date.ts';
import {
  correctedInitialAgeSeconds,
  currentAgeSeconds,
  dateValueMs,
  type Freshness,
  freshnessOf,
  parseAge,
} from '../../../core/http/freshness.ts';

const nowMs = Date.UTC(2026, 10, 21, 12, 0, 0);
const at = (seconds: number) => formatHttpDate(nowMs + seconds * 1000);

/** The freshness of a response that came at `nowMs` within no time. */
function judge(rawHeaders: string[], status = 200, defaults = { defaultTtlSeconds: 0 }): Freshness {
  const times = { requestTimeMs: nowMs, responseTimeMs: nowMs };
  return freshnessOf({ status, rawHeaders, ...times }, defaults);
}

const date = ['Date', at(0)];
const lifetimes: [string, string[], Pick<Freshness, 'lifetimeSeconds' | 'source'>][] = [
  [
    's-maxage before max-age',
    ['Cache-Control', 'max-age=5, s-maxage=9'],
    { lifetimeSeconds: 9, source: 's-maxage' },
  ],
  [
    'max-age before Expires',
    ['Cache-Control', 'max-age=5', 'Expires', at(60)],
    { lifetimeSeconds: 5, source: 'max-age' },
  ],
  [
    'max-age beside an invalid Expires',
    ['Cache-Control', 'max-age=5', 'Expires', '0'],
    { lifetimeSeconds: 5, source: 'max-age' },
  ],
  [
    'max-age beside an Expires in the past',
    ['Cache-Control', 'max-age=5', ...date, 'Expires', at(-60)],
    { lifetimeSeconds: 5, source: 'max-age' },
  ],
  [
    's-maxage before Expires',
    ['Cache-Control', 's-maxage=5', 'Expires', at(60)],
    { lifetimeSeconds: 5, source: 's-maxage' },
  ],
  [
    'the first valid of a repeated directive, over lines and cases',
    ['Cache-Control', 'max-age=x, MAX-AGE=5', 'cache-control', 'max-age=60'],
    { lifetimeSeconds: 5, source: 'max-age' },
  ],
  [
    'a huge number of seconds is 2^31',
    ['Cache-Control', 'max-age=99999999999999'],
    { lifetimeSeconds: 2 ** 31, source: 'max-age' },
  ],
  [
    'max-age inside a quoted string is none',
    [...date, 'Cache-Control', 'ext="max-age=3600"'],
    { lifetimeSeconds: 0, source: 'none' },
  ],
  [
    'Expires in the form of RFC 850, and Date in that of asctime',
    ['Date', 'Sat Nov 21 12:00:00 2026', 'Expires', 'Saturday, 21-Nov-26 12:01:00 GMT'],
    { lifetimeSeconds: 60, source: 'expires' },
  ],
  [
    'Expires in another zone is stale',
    [...date, 'Expires', at(60).replace('GMT', 'UTC')],
    { lifetimeSeconds: 0, source: 'expires' },
  ],
  [
    'Expires in another case',
    [...date, 'Expires', at(60).toLowerCase()],
    { lifetimeSeconds: 60, source: 'expires' },
  ],
  [
    'two Dates are none: Expires minus the receipt',
    ['Date', at(-60), 'Date', at(-60), 'Expires', at(60)],
    { lifetimeSeconds: 60, source: 'expires' },
  ],
  [
    'an invalid max-age is stale, whatever Expires says',
    ['Cache-Control', 'max-age=x', 'Expires', at(60)],
    { lifetimeSeconds: 0, source: 'max-age' },
  ],
  [
    'an invalid s-maxage is stale, whatever max-age says',
    ['Cache-Control', 's-maxage=-1, max-age=60'],
    { lifetimeSeconds: 0, source: 's-maxage' },
  ],
  ['Expires minus Date', [...date, 'Expires', at(60)], { lifetimeSeconds: 60, source: 'expires' }],
  [
    'Expires minus Date on a clock an hour behind',
    ['Date', at(-3600), 'Expires', at(-3540)],
    { lifetimeSeconds: 60, source: 'expires' },
  ],
  [
    'Expires minus the receipt without Date',
    ['Expires', at(60)],
    { lifetimeSeconds: 60, source: 'expires' },
  ],
  [
    'Expires minus the receipt with an unparsable Date',
    ['Date', 'yesterday', 'Expires', at(60)],
    { lifetimeSeconds: 60, source: 'expires' },
  ],
  [
    'Expires in the past is stale',
    [...date, 'Expires', at(-60)],
    { lifetimeSeconds: 0, source: 'expires' },
  ],
  ['Expires: 0 is stale', [...date, 'Expires', '0'], { lifetimeSeconds: 0, source: 'expires' }],
  [
    'an empty Expires is stale',
    [...date, 'Expires', ''],
    { lifetimeSeconds: 0, source: 'expires' },
  ],
  [
    'two Expires are stale',
    [...date, 'Expires', at(60), 'Expires', at(60)],
    { lifetimeSeconds: 0, source: 'expires' },
  ],
  [
    'a huge Expires is clamped',
    [...date, 'Expires', 'Fri, 31 Dec 9999 23:59:59 GMT'],
    { lifetimeSeconds: 2 ** 31, source: 'expires' },
  ],
  [
    'CDN-Cache-Control rules alone',
    ['CDN-Cache-Control', 'max-age=9', 'Cache-Control', 's-maxage=1', 'Expires', at(60)],
    { lifetimeSeconds: 9, source: 'max-age' },
  ],
  [
    'Expires does not count beside CDN-Cache-Control (RFC 9213 §2.2)',
    ['CDN-Cache-Control', 'public', 'Expires', at(60)],
    { lifetimeSeconds: 0, source: 'none' },
  ],
  ['nothing is nothing', date, { lifetimeSeconds: 0, source: 'none' }],
];

describe('the lifetime (RFC 9111 §4.2.1)', () => {
  for (const [title, headers, { lifetimeSeconds, source }] of lifetimes) {
    it(title, () => {
      const freshness = judge(headers);
      assert.equal(freshness.lifetimeSeconds, lifetimeSeconds);
      assert.equal(freshness.source, source);
      assert.equal(freshness.explicit, ['s-maxage', 'max-age', 'expires'].includes(source));
    });
  }
});

describe('the guess (RFC 9111 §4.2.2)', () => {
  const old = ['Date', at(0), 'Last-Modified', at(-1000)];

  it('is a tenth of the time since the last modification', () => {
    assert.equal(judge(old).lifetimeSeconds, 100);
    assert.equal(judge(old).source, 'heuristic');
    assert.equal(judge(old).explicit, false);
  });

  it('is at most a day', () => {
    const ancient = ['Date', at(0), 'Last-Modified', at(-10 * 365 * 86_400)];
    assert.equal(judge(ancient).lifetimeSeconds, 86_400);
  });

  it('is nothing for a modification in the future or one that is no date', () => {
    assert.equal(judge(['Date', at(0), 'Last-Modified', at(1000)]).lifetimeSeconds, 0);
    assert.equal(judge(['Date', at(0), 'Last-Modified', 'x']).source, 'none');
  });

  it('is made for the listed statuses that no client can provoke', () => {
    for (const status of [200, 203, 204, 300, 301, 308, 404, 410]) {
      assert.equal(judge(old, status).lifetimeSeconds, 100, String(status));
    }
    for (const status of [201, 302, 303, 307, 400, 403, 405, 414, 500, 501, 503, 599]) {
      assert.equal(judge(old, status).lifetimeSeconds, 0, String(status));
    }
  });

  it('is made for any status with public', () => {
    assert.equal(judge([...old, 'Cache-Control', 'public'], 599).lifetimeSeconds, 100);
  });

  it("gives way to the site's default TTL, which itself gives way to the response", () => {
    const site = { defaultTtlSeconds: 30 };
    assert.equal(judge(old, 200, site).lifetimeSeconds, 30);
    assert.equal(judge(old, 200, site).source, 'default');
    assert.equal(judge([], 404, site).lifetimeSeconds, 30);
    assert.equal(judge([], 503, site).lifetimeSeconds, 0);
    assert.equal(judge(['Cache-Control', 'max-age=0'], 200, site).lifetimeSeconds, 0);
  });
});

describe('the Age field (RFC 9111 §5.1)', () => {
  const cases: [string[], number][] = [
    [[], 0],
    [['Age', '7'], 7],
    [['age', ' 7\t'], 7],
    [['Age', '7, 100'], 7],
    [['Age', '7', 'Age', '100'], 7],
    [['Age', '100', 'Age', '7'], 100],
    [['Age', 'x, 7'], 0],
    [['Age', ', 7'], 0],
    [['Age', ''], 0],
    [['Age', '-7'], 0],
    [['Age', '+7'], 0],
    [['Age', '7.0'], 0],
    [['Age', '7s'], 0],
    [['Age', '7;x=1'], 0],
    [['Age', '"7"'], 0],
    [['Age', '2147483647'], 2 ** 31 - 1],
    [['Age', '2147483649'], 2 ** 31],
    [['Age', '9'.repeat(50)], 2 ** 31],
  ];
  for (const [headers, seconds] of cases) {
    it(`${JSON.stringify(headers)} is ${seconds}`, () => assert.equal(parseAge(headers), seconds));
  }
});

describe('the age (RFC 9111 §4.2.3)', () => {
  const initial = (raw: string[], delayMs = 0) =>
    correctedInitialAgeSeconds({ raw, requestTimeMs: nowMs - delayMs, responseTimeMs: nowMs });

  it('is the larger of the apparent age and the Age received with the time of the exchange', () => {
    assert.equal(initial(['Date', at(-10), 'Age', '4'], 2000), 10);
    assert.equal(initial(['Date', at(-5), 'Age', '4'], 2000), 6);
    assert.equal(initial(['Date', at(0), 'Age', '0']), 0);
  });

  it('takes a Date in the future, absent, twice or unreadable for the time of receipt', () => {
    assert.equal(initial(['Date', at(100)], 500), 0.5);
    assert.equal(initial([], 500), 0.5);
    assert.equal(initial(['Date', 'x']), 0);
    assert.equal(initial(['Date', at(-100), 'Date', at(-100)]), 0);
    assert.equal(dateValueMs(['Date', at(-5)], nowMs), nowMs - 5000);
  });

  it('does not count the fraction of a second that Date cannot say', () => {
    const raw = ['Date', at(0)];
    const times = { requestTimeMs: nowMs + 900, responseTimeMs: nowMs + 900 };
    assert.equal(correctedInitialAgeSeconds({ raw, ...times }), 0);
  });

  it('grows with the time in store, and does not shrink when the clock is set back', () => {
    const freshness = judge(['Date', at(0), 'Age', '4']);
    assert.equal(currentAgeSeconds(freshness, nowMs, nowMs + 1500), 5.5);
    assert.equal(currentAgeSeconds(freshness, nowMs, nowMs - 1500), 4);
  });

  it('is never negative nor NaN, whatever the fields say', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), fc.integer(), (date, age, delayMs) => {
        assert.equal(initial(['Date', date, 'Age', age], delayMs) >= 0, true);
      }),
    );
  });
});

describe('stale windows (RFC 5861; RFC 9111 §4.2.4)', () => {
  const site = { defaultTtlSeconds: 0, staleWhileRevalidateSeconds: 60, staleIfErrorSeconds: 90 };
  const cases: [string, string, number, number, boolean][] = [
    ['a site gives what the response does not say', 'max-age=1', 60, 90, false],
    [
      'the response before the site',
      'max-age=1, stale-while-revalidate=5, stale-if-error=6',
      5,
      6,
      false,
    ],
    ['zero is said too', 'stale-while-revalidate=0, stale-if-error=0', 0, 0, false],
    ['an invalid window is none', 'stale-while-revalidate=x, stale-if-error=', 0, 0, false],
    ['must-revalidate', 'must-revalidate, stale-while-revalidate=5, stale-if-error=6', 0, 0, true],
    ['proxy-revalidate', 'proxy-revalidate, stale-while-revalidate=5', 0, 0, true],
    ['no-cache', 'no-cache, stale-while-revalidate=5', 0, 0, true],
    ["s-maxage refuses the site's windows (§5.2.2.10)", 's-maxage=1', 0, 0, true],
    [
      's-maxage with windows of its own',
      's-maxage=1, stale-while-revalidate=5, stale-if-error=6',
      5,
      6,
      true,
    ],
  ];
  for (const [title, cacheControl, whileRevalidate, ifError, mustRevalidate] of cases) {
    it(title, () => {
      const freshness = judge(['Cache-Control', cacheControl], 200, site);
      assert.equal(freshness.staleWhileRevalidateSeconds, whileRevalidate);
      assert.equal(freshness.staleIfErrorSeconds, ifError);
      assert.equal(freshness.mustRevalidate, mustRevalidate);
    });
  }

  it('are zero when nobody gives any', () => {
    const freshness = judge(['Cache-Control', 'max-age=1']);
    assert.equal(freshness.staleWhileRevalidateSeconds, 0);
    assert.equal(freshness.staleIfErrorSeconds, 0);
  });
});

describe('no-cache, private fields, immutable', () => {
  it('no-cache forbids reuse without validation; with field names only these fields (§5.2.2.4)', () => {
    assert.equal(judge(['Cache-Control', 'no-cache, max-age=9']).noCache, true);
    const qualified = judge([
      'Cache-Control',
      'no-cache="Set-Cookie", private="x-user", max-age=9',
    ]);
    assert.equal(qualified.noCache, false);
    assert.deepEqual(qualified.excludedFields, ['set-cookie', 'x-user']);
  });

  it('takes no-cache for the whole when it names a field that cannot be left out', () => {
    assert.equal(judge(['Cache-Control', 'no-cache="Content-Encoding"']).noCache, true);
    assert.equal(judge(['Cache-Control', 'no-cache=date']).noCache, true);
    for (const name of ['Surrogate-Key', 'Cache-Tag', 'Cache-Groups', 'Surrogate-Control']) {
      assert.equal(judge(['Cache-Control', `no-cache="${name}"`]).noCache, true, name);
    }
    const { noCache, excludedFields } = judge(['Cache-Control', 'no-cache="Vary, x"']);
    assert.equal(noCache, true);
    assert.deepEqual(excludedFields, ['x'], 'and keeps that field');
  });

  it('tells immutable (RFC 8246)', () => {
    assert.equal(judge(['Cache-Control', 'max-age=9, immutable']).immutable, true);
    assert.equal(judge(['Cache-Control', 'max-age=9']).immutable, false);
  });
});
