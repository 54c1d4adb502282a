/** Rules of core/http/cache-control.ts: RFC 9111 §5.2, read leniently. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  type CacheControl,
  noDirectives,
  parseCacheControl,
  parseDeltaSeconds,
  requestCacheControl,
} from '../../../core/http/cache-control.ts';

type Case = [title: string, lines: string[], expected: Partial<CacheControl>];

function holds(cases: Case[]): void {
  for (const [title, lines, expected] of cases) {
    it(`${title}: ${JSON.stringify(lines)}`, () => {
      assert.deepEqual(parseCacheControl(lines), { ...noDirectives, ...expected });
    });
  }
}

describe('numbers', () => {
  holds([
    ['reads seconds', ['max-age=60'], { maxAge: 60 }],
    ['takes names in any case', ['MaX-aGe=60, S-MAXAGE=5'], { maxAge: 60, sMaxage: 5 }],
    ['takes a quoted number (§5.2)', ['max-age="60"'], { maxAge: 60 }],
    ['takes leading zeros', ['max-age=0060'], { maxAge: 60 }],
    ['clamps at 2^31 (§1.2.2)', ['max-age=99999999999999999999'], { maxAge: 2 ** 31 }],
    ['clamps 2^63', ['max-age=9223372036854775808'], { maxAge: 2 ** 31 }],
    ['clamps 99999999999999', ['max-age=99999999999999'], { maxAge: 2 ** 31 }],
    ['clamps 2^31 + 1', ['max-age=2147483649'], { maxAge: 2 ** 31 }],
    ['keeps 2^31', ['max-age=2147483648'], { maxAge: 2 ** 31 }],
    ['keeps 2^31 - 1', ['max-age=2147483647'], { maxAge: 2 ** 31 - 1 }],
    ['takes a quoted number with escapes', ['max-age="\\6\\0"'], { maxAge: 60 }],
    ['is invalid when negative', ['max-age=-1'], { maxAge: 'invalid' }],
    ['is invalid when signed', ['max-age=+60'], { maxAge: 'invalid' }],
    ['is invalid with a fraction', ['max-age=60.0'], { maxAge: 'invalid' }],
    ['is invalid with letters before', ['max-age=a60'], { maxAge: 'invalid' }],
    ['is invalid with letters after', ['max-age=60s'], { maxAge: 'invalid' }],
    ['is invalid with letters after, shorter', ['max-age=100a'], { maxAge: 'invalid' }],
    ['is invalid with a fraction that is one', ['max-age=1.5'], { maxAge: 'invalid' }],
    ['is invalid with a quote at one end', ['max-age="60'], { maxAge: 'invalid' }],
    ['is invalid with empty single quotes', ["max-age=''"], { maxAge: 'invalid' }],
    ['is invalid in other digits', ['max-age=\u0661\u0662'], { maxAge: 'invalid' }],
    ['is invalid with an exponent', ['max-age=1e3'], { maxAge: 'invalid' }],
    ['is invalid when empty', ['max-age='], { maxAge: 'invalid' }],
    ['is invalid when quoted and empty', ['max-age=""'], { maxAge: 'invalid' }],
    ['is invalid without a value', ['max-age'], { maxAge: 'invalid' }],
    ['is invalid in single quotes', ["max-age='60'"], { maxAge: 'invalid' }],
    ['is invalid with a space before =', ['max-age =60'], { maxAge: 'invalid' }],
    ['is invalid with a space after =', ['max-age= 60'], { maxAge: 'invalid' }],
    ['is invalid with a second value', ['max-age=60 5'], { maxAge: 'invalid' }],
    [
      'reads the windows of RFC 5861',
      ['stale-while-revalidate=5, stale-if-error=9'],
      {
        staleWhileRevalidate: 5,
        staleIfError: 9,
      },
    ],
  ]);
});

describe('repeated numbers (§4.2.1): the first valid one', () => {
  holds([
    ['on one line', ['max-age=60, max-age=5'], { maxAge: 60 }],
    ['on several lines', ['max-age=0', 'max-age=60'], { maxAge: 0 }],
    ['passing over an invalid one', ['max-age=x, max-age=5'], { maxAge: 5 }],
    ['an invalid one after it', ['max-age=5, max-age=x'], { maxAge: 5 }],
    ['none is valid', ['max-age=x, max-age=y'], { maxAge: 'invalid' }],
  ]);
});

describe('flags and field lists', () => {
  holds([
    [
      'reads every flag',
      [
        'no-store, no-transform, must-revalidate, proxy-revalidate, public, only-if-cached',
        'must-understand, IMMUTABLE',
      ],
      {
        noStore: true,
        noTransform: true,
        mustRevalidate: true,
        proxyRevalidate: true,
        public: true,
        onlyIfCached: true,
        mustUnderstand: true,
        immutable: true,
      },
    ],
    ['obeys a flag with a value all the same', ['no-store=0'], { noStore: true }],
    ['obeys a flag with whitespace before =', ['no-store =x'], { noStore: true }],
    ['reads no-cache and private', ['no-cache, private'], { noCache: true, private: true }],
    ['reads field names', ['no-cache="A, b"'], { noCache: ['a', 'b'] }],
    ['reads a single field name as a token', ['private=X-User'], { private: ['x-user'] }],
    ['joins repeated field names', ['no-cache="a", no-cache="B, a"'], { noCache: ['a', 'b'] }],
    ['lets the whole win over fields', ['no-cache="a", no-cache'], { noCache: true }],
    ['lets the whole win, other order', ['private, private="a"'], { private: true }],
    ['takes an empty list for the whole', ['no-cache=""'], { noCache: true }],
    ['takes single quotes for the whole', ["no-cache='a'"], { noCache: true }],
    ['takes single quotes with a comma for the whole', ["private='a, b'"], { private: true }],
    ['takes an open quote for the whole', ['private="a'], { private: true }],
    ['takes what are no field names for the whole', ['no-cache="a b"'], { noCache: true }],
    ['takes an empty value for the whole', ['private='], { private: true }],
    ['takes a list with whitespace before it for the whole', ['private= "a"'], { private: true }],
    ['drops empty names from a list', ['no-cache=" , a,"'], { noCache: ['a'] }],
  ]);
});

describe('what must not count', () => {
  holds([
    [
      'a directive inside a quoted string',
      ['ext="no-store, max-age=60", max-age=1'],
      { maxAge: 1 },
    ],
    ['one with escaped quotes inside', ['ext="a\\", no-store, b=\\"", max-age=1'], { maxAge: 1 }],
    [
      'a number inside a quoted string',
      ['ext="max-age=3600", x="s-maxage=1"', 'max-age=1'],
      { maxAge: 1 },
    ],
    ['one inside a quoted string alone', ['ext="max-age=3600"'], {}],
    ['one inside an unknown value', ['ext=max-age=3600, ext2=no-store'], {}],
    ['an unknown directive', ['foo, bar=1, x-no-store'], {}],
    ['a longer name', ['max-age2=60, no-stores'], {}],
    ['an empty field', ['', ' , ,'], {}],
    ['a semicolon as separator', ['max-age=60; no-store'], { maxAge: 'invalid' }],
  ]);

  it('takes single quotes for no quotes: what they enclose counts', () => {
    assert.equal(parseCacheControl(["ext='a, no-store'"]).noStore, false, "it is `no-store'`");
    assert.equal(parseCacheControl(["ext='a, no-store, b'"]).noStore, true);
    assert.equal(parseCacheControl(["ext='max-age=3600', max-age=1"]).maxAge, 1);
  });

  it('does not let an open quote hide a restriction', () => {
    assert.equal(parseCacheControl(['ext="a, no-store']).noStore, true);
    assert.equal(parseCacheControl(['ext="a', 'no-store']).noStore, true);
  });

  it('never throws', () => {
    fc.assert(
      fc.property(fc.array(fc.string()), (lines) => {
        parseCacheControl(lines);
      }),
    );
  });
});

describe('requests', () => {
  holds([
    ['max-stale without a value is any staleness (§5.2.1.2)', ['max-stale'], { maxStale: true }],
    ['max-stale with seconds', ['max-stale=9'], { maxStale: 9 }],
    ['a senseless max-stale allows nothing', ['max-stale=x, min-fresh=-1'], {}],
    ['min-fresh', ['min-fresh=5, min-fresh=6'], { minFresh: 5 }],
  ]);

  it('takes Pragma: no-cache for no-cache only without Cache-Control (§5.4)', () => {
    assert.equal(requestCacheControl(['Pragma', 'x, No-Cache']).noCache, true);
    assert.equal(
      requestCacheControl(['Pragma', 'no-cache', 'Cache-Control', 'max-age=1']).noCache,
      undefined,
    );
    assert.equal(requestCacheControl(['Pragma', 'x']), noDirectives);
  });

  it('costs nothing without either', () => {
    assert.equal(requestCacheControl(['Host', 'a.test']), noDirectives);
  });
});

it('reads digits of any length as seconds up to 2^31, all else as invalid', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 10n ** 400n }), (n) => {
      const expected = n > 2n ** 31n ? 2 ** 31 : Number(n);
      assert.equal(parseDeltaSeconds(n.toString()), expected);
      assert.equal(parseDeltaSeconds(`-${n}`), 'invalid');
    }),
  );
});
