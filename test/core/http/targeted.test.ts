/** Rules of core/http/targeted.ts: CDN-Cache-Control is strict, and rules alone when valid (RFC 9213). */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type CacheControl, noDirectives } from '../../../core/http/cache-control.ts';
import { effectiveCacheControl, type Targets } from '../../../core/http/targeted.ts';

const fallback = ['Cache-Control', 'max-age=7', 'Expires', 'Thu, 01 Jan 1970 00:00:00 GMT'];

describe('a valid targeted field replaces Cache-Control and Expires (RFC 9213 §2.2)', () => {
  const valid: [string, Partial<CacheControl>][] = [
    ['max-age=60', { maxAge: 60 }],
    ['  max-age=60 ,\tno-transform  ', { maxAge: 60, noTransform: true }],
    ['max-age=999999999999999', { maxAge: 2 ** 31 }],
    ['max-age=-1', { maxAge: 'invalid' }],
    ['max-age=60;foo=bar, unknown=(1 2), other="x, y"', { maxAge: 60 }],
    // Of a repeated key the last counts: structured fields, not Cache-Control.
    ['max-age=60, max-age=5', { maxAge: 5 }],
    ['max-age=6.0, max-age=5', { maxAge: 5 }],
    ['no-store', { noStore: true }],
    ['no-store=?1', { noStore: true }],
    ['private', { private: true }],
    ['no-cache="A, b", private=c', { noCache: ['a', 'b'], private: ['c'] }],
    [
      's-maxage=1, stale-while-revalidate=2, stale-if-error=3, must-revalidate',
      {
        sMaxage: 1,
        staleWhileRevalidate: 2,
        staleIfError: 3,
        mustRevalidate: true,
      },
    ],
    ['ext=1.5, max-age=60', { maxAge: 60 }],
    ['ext;max-age=5, max-age=60', { maxAge: 60 }],
    ['no-store;x', { noStore: true }],
    ['none', {}],
    ['max-age=0', { maxAge: 0 }],
    ['max-age=2147483647', { maxAge: 2 ** 31 - 1 }],
    ['max-age=2147483648', { maxAge: 2 ** 31 }],
    ['no-cache, max-age=60', { noCache: true, maxAge: 60 }],
    ['private="", max-age=60', { private: true, maxAge: 60 }],
    ['no-cache="a b"', { noCache: true }],
    ['must-understand, no-store', { mustUnderstand: true, noStore: true }],
    ['ext="max-age=1.5", max-age=60', { maxAge: 60 }],
  ];
  for (const [value, expected] of valid) {
    it(JSON.stringify(value), () => {
      const effective = effectiveCacheControl([...fallback, 'cdn-cache-control', value]);
      assert.equal(effective.source, 'cdn-cache-control');
      assert.equal(effective.useExpires, false);
      assert.deepEqual(effective.cacheControl, { ...noDirectives, ...expected });
    });
  }

  it('joins its lines to one dictionary', () => {
    const headers = ['CDN-Cache-Control', 'max-age=60', 'CDN-Cache-Control', 'must-revalidate'];
    const { cacheControl } = effectiveCacheControl(headers);
    assert.equal(cacheControl.maxAge, 60);
    assert.equal(cacheControl.mustRevalidate, true);
  });
});

it('is ignored as a whole when one of its lines is broken or empty: lines are joined first', () => {
  for (const line of ['', 'No-Store', 'x=']) {
    const headers = ['CDN-Cache-Control', 'max-age=60', 'CDN-Cache-Control', line];
    assert.equal(effectiveCacheControl(headers).source, 'cache-control', line);
  }
});

describe('an error in syntax or type makes it count as absent (RFC 9213 §2.1, 2.2)', () => {
  const ignored = [
    '',
    '   ',
    'Max-Age=60',
    'max-age =60',
    'max-age= 60',
    'max-age=60,',
    ',max-age=60',
    'max-age=60; , no-store',
    'max-age="60"',
    'max-age=60.0',
    'max-age=60.5',
    'max-age=a60',
    'max-age=(60)',
    'max-age=:AAAA:',
    'max-age',
    'max-age=1000000000000000',
    'no-store=1',
    'no-store=?0',
    'no-store="x"',
    'no-cache=1',
    'private=(a b)',
    'max-age=60, no-store=yes',
    'max-age=60 no-store',
    "max-age='60'",
    'max-age=60, ext="open',
    'max-age=60, é=1',
    'max-age=60, ext="é"',
    'MAX-AGE=60',
    'No-Store',
    'max-age=60, no-store=no',
    'max-age=60, must-revalidate="yes"',
    'max-age=60, no-cache=1.5',
    'max-age=@60',
    'max-age=?1',
    'max-age="60", no-store',
    'max-age=60,, no-store',
    'max-age=60\u00a0',
    's-maxage=x, max-age=60',
    'stale-while-revalidate=1.0, max-age=60',
  ];
  for (const value of ignored) {
    it(JSON.stringify(value), () => {
      const effective = effectiveCacheControl([...fallback, 'CDN-Cache-Control', value]);
      assert.equal(effective.source, 'cache-control');
      assert.equal(effective.useExpires, true);
      assert.equal(effective.cacheControl.maxAge, 7);
    });
  }

  it('never throws', () => {
    fc.assert(
      fc.property(fc.string(), (value) => {
        effectiveCacheControl(['CDN-Cache-Control', value]);
      }),
    );
  });
});

describe('the target list', () => {
  const headers = [
    ...fallback,
    'CDN-Cache-Control',
    'max-age=60',
    'Surrogate-Control',
    'max-age=9',
  ];
  const surrogateNames = ['breakwater'];

  it('obeys the first valid field of it', () => {
    const targets: Targets = {
      fields: ['surrogate-control', 'cdn-cache-control'],
      surrogateNames,
    };
    assert.equal(effectiveCacheControl(headers, targets).cacheControl.maxAge, 9);
    const broken = [...fallback, 'CDN-Cache-Control', 'max-age=60', 'Surrogate-Control', 'x=='];
    assert.equal(effectiveCacheControl(broken, targets).source, 'cdn-cache-control');
  });

  it('has Surrogate-Control after CDN-Cache-Control where a site obeys both', () => {
    const targets: Targets = {
      fields: ['cdn-cache-control', 'surrogate-control'],
      surrogateNames,
    };
    assert.equal(effectiveCacheControl(headers, targets).cacheControl.maxAge, 60);
    const broken = [...fallback, 'CDN-Cache-Control', '=', 'Surrogate-Control', 'max-age=9'];
    const { cacheControl, source, useExpires } = effectiveCacheControl(broken, targets);
    assert.deepEqual([cacheControl.maxAge, source, useExpires], [9, 'surrogate-control', false]);
    const silent = [...fallback, 'Surrogate-Control', 'content="ESI/1.0"'];
    assert.equal(effectiveCacheControl(silent, targets).source, 'cache-control');
  });

  it('does not have Surrogate-Control unless it is told to', () => {
    const only = [...fallback, 'Surrogate-Control', 'max-age=9'];
    assert.equal(effectiveCacheControl(only).cacheControl.maxAge, 7);
  });

  it('is empty for a node that is no target', () => {
    const none = { fields: [], surrogateNames };
    assert.equal(effectiveCacheControl(headers, none).cacheControl.maxAge, 7);
  });
});
