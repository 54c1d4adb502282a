/** Rules of core/http/storable.ts: what a shared cache may store (RFC 9111 §3, 3.5). */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { freshnessOf } from '../../../core/http/freshness.ts';
import {
  isHeuristicallyCacheable,
  type NoStoreReason,
  type SetCookiePolicy,
  storability,
} from '../../../core/http/storable.ts';
import { effectiveCacheControl } from '../../../core/http/targeted.ts';

type Exchange = {
  method?: string;
  request?: string[];
  status?: number;
  response: string[];
  setCookie?: SetCookiePolicy;
  defaultTtlSeconds?: number;
  isKnownPart?: boolean;
};

/** Why the exchange is not stored, or 'stored'. */
function judge(exchange: Exchange): NoStoreReason | 'stored' {
  const { method = 'GET', request = [], status = 200, response, setCookie = 'refuse' } = exchange;
  const timed = { status, rawHeaders: response, requestTimeMs: 0, responseTimeMs: 0 };
  const decision = storability({
    method,
    requestHeaders: request,
    status,
    responseHeaders: response,
    setCookie,
    isKnownPart: exchange.isKnownPart ?? false,
    freshness: freshnessOf(timed, { defaultTtlSeconds: exchange.defaultTtlSeconds ?? 0 }),
    cacheControl: effectiveCacheControl(response).cacheControl,
  });
  return decision.storable ? 'stored' : decision.why;
}

const fresh = ['Cache-Control', 'max-age=60'];
const noUse = 'no-freshness-nor-validator';
const authorized = ['Authorization', 'Basic eA=='];
const cookie = ['Set-Cookie', 'a=b'];
const control = (value: string) => ['Cache-Control', value];

function hold(cases: [string, Exchange, NoStoreReason | 'stored'][]): void {
  for (const [title, exchange, expected] of cases) {
    it(`${title}: ${expected}`, () => assert.equal(judge(exchange), expected));
  }
}

describe('methods and statuses', () => {
  hold([
    ['a GET with max-age', { response: fresh }, 'stored'],
    ['a POST', { method: 'POST', response: fresh }, 'method'],
    ['a HEAD', { method: 'HEAD', response: fresh }, 'method'],
    ['an unknown method', { method: 'get', response: fresh }, 'method'],
    ['a part', { status: 206, response: fresh }, 'partial'],
    ['a part that is known', { status: 206, response: fresh, isKnownPart: true }, 'stored'],
    [
      'a part that must be understood, and is (§5.2.2.3)',
      { status: 206, response: control('must-understand, max-age=60'), isKnownPart: true },
      'stored',
    ],
    ['a 304', { status: 304, response: fresh }, 'status'],
    ['an interim response', { status: 103, response: fresh }, 'status'],
    ['a status beyond the classes', { status: 600, response: fresh }, 'status'],
    ['a redirect without freshness', { status: 302, response: ['ETag', '"a"'] }, 'status'],
    [
      'a redirect with public and a validator',
      { status: 302, response: [...control('public'), 'ETag', '"a"'] },
      'stored',
    ],
  ]);

  it('stores any final status with explicit freshness', () => {
    for (const status of [200, 201, 204, 299, 302, 307, 399, 404, 405, 499, 500, 503, 599]) {
      assert.equal(judge({ status, response: fresh }), 'stored', String(status));
    }
  });

  it('never stores an error that a client can provoke on a guess, a default or with public', () => {
    const provokable = [
      400, 403, 405, 408, 411, 412, 413, 414, 415, 416, 417, 421, 426, 428, 429, 431,
    ];
    const response = [...control('public'), 'ETag', '"a"'];
    for (const status of [...provokable, 500, 501, 502, 503, 504, 599]) {
      assert.equal(
        judge({ status, response, defaultTtlSeconds: 60 }),
        'error-status',
        String(status),
      );
    }
  });

  it('stores a 404 or 410 by the default TTL of the site', () => {
    assert.equal(judge({ status: 404, response: [], defaultTtlSeconds: 60 }), 'stored');
    assert.equal(judge({ status: 410, response: [] }), 'no-freshness-nor-validator');
  });

  it('knows the heuristically cacheable statuses (RFC 9110 §15.1)', () => {
    const known = [200, 203, 204, 206, 300, 301, 308, 404, 405, 410, 414, 501];
    for (let status = 100; status < 600; status++) {
      assert.equal(isHeuristicallyCacheable(status), known.includes(status), String(status));
    }
  });
});

describe('directives', () => {
  hold([
    ['no-store', { response: control('no-store, max-age=60') }, 'no-store'],
    [
      'no-store in the request (§5.2.1.5)',
      { request: control('no-store'), response: fresh },
      'request-no-store',
    ],
    ['no-cache in the request', { request: control('no-cache'), response: fresh }, 'stored'],
    ['private', { response: control('private, max-age=60') }, 'private'],
    ['private for a field', { response: control('private="x-user", max-age=60') }, 'stored'],
    [
      'private for a field that cannot be left out',
      { response: control('private="content-type", max-age=60') },
      'private',
    ],
    ['no-cache with a validator', { response: [...control('no-cache'), 'ETag', '"a"'] }, 'stored'],
    [
      'no-cache without a validator',
      { response: control('no-cache, max-age=60') },
      'no-freshness-nor-validator',
    ],
    [
      'must-understand over no-store, known status (§5.2.2.3)',
      { response: control('must-understand, no-store, max-age=60') },
      'stored',
    ],
    [
      'must-understand over no-store, unknown status',
      { status: 299, response: control('no-store, must-understand, max-age=60') },
      'must-understand-unknown-status',
    ],
    [
      'must-understand, known status',
      { status: 404, response: control('must-understand, max-age=60') },
      'stored',
    ],
    ['public without freshness or validator', { response: control('public') }, noUse],
    [
      'public with a validator',
      { response: [...control('public'), 'Last-Modified', 'Thu, 01 Jan 1970 00:00:00 GMT'] },
      'stored',
    ],
    ['no-cache for a field, as a token', { response: control('no-cache=a, max-age=60') }, 'stored'],
    ['no-cache in single quotes', { response: control("no-cache='a', max-age=60") }, noUse],
    ['private in single quotes', { response: control("private='a', max-age=60") }, 'private'],
    [
      'private for a tag, without which a purge would miss the copy',
      { response: control('private="surrogate-key", max-age=60') },
      'private',
    ],
    [
      'must-understand, unknown status',
      { status: 299, response: control('must-understand, max-age=60') },
      'must-understand-unknown-status',
    ],
    ['no-store to us alone', { response: [...fresh, 'CDN-Cache-Control', 'no-store'] }, 'no-store'],
    [
      'no-store to all but us (RFC 9213)',
      { response: [...control('no-store'), 'CDN-Cache-Control', 'max-age=60'] },
      'stored',
    ],
  ]);
});

describe('Authorization (§3.5)', () => {
  hold([
    ['nothing allows it', { request: authorized, response: fresh }, 'authorization'],
    ['public', { request: authorized, response: control('public, max-age=60') }, 'stored'],
    [
      'must-revalidate',
      { request: authorized, response: control('must-revalidate, max-age=60') },
      'stored',
    ],
    ['s-maxage', { request: authorized, response: control('s-maxage=60') }, 'stored'],
    [
      'proxy-revalidate does not',
      { request: authorized, response: control('proxy-revalidate, max-age=60') },
      'authorization',
    ],
    [
      'an empty Authorization is one',
      { request: ['authorization', ''], response: fresh },
      'authorization',
    ],
  ]);
});

describe('Set-Cookie, as the site says', () => {
  hold([
    ['refuse', { response: [...fresh, ...cookie] }, 'set-cookie'],
    [
      'refuse, with public all the same',
      { response: [...control('public, max-age=60'), ...cookie] },
      'set-cookie',
    ],
    [
      'refuse, but the origin keeps the cookie out of stores',
      { response: [...control('max-age=60, no-cache="Set-Cookie"'), ...cookie] },
      'stored',
    ],
    ['strip', { response: [...fresh, ...cookie], setCookie: 'strip' }, 'stored'],
    ['store', { response: [...fresh, ...cookie], setCookie: 'store' }, 'stored'],
  ]);
});

describe('what is useless', () => {
  hold([
    ['Vary: * (§4.1)', { response: [...fresh, 'Vary', 'Accept', 'Vary', 'x, *'] }, 'vary-star'],
    [
      'Vary by what is another one for each client',
      { response: [...fresh, 'Vary', 'X-Forwarded-For'] },
      'vary-star',
    ],
    ['nothing said', { response: [] }, 'no-freshness-nor-validator'],
    [
      'max-age=0 without validator',
      { response: control('max-age=0') },
      'no-freshness-nor-validator',
    ],
    [
      'an invalid max-age without validator',
      { response: control('max-age=x') },
      'no-freshness-nor-validator',
    ],
    ['max-age=0 with ETag', { response: [...control('max-age=0'), 'ETag', '"a"'] }, 'stored'],
    [
      'nothing but Last-Modified',
      { response: ['Last-Modified', 'Thu, 01 Jan 1970 00:00:00 GMT'] },
      'stored',
    ],
    [
      'too old on arrival, and never to be stale',
      { response: [...control('max-age=60, must-revalidate'), 'Age', '60'] },
      'no-freshness-nor-validator',
    ],
    [
      'an age above 2^31, whatever the lifetime (§1.2.2), and never to be stale',
      { response: [...control('s-maxage=99999999999999'), 'Age', '2147483649'] },
      'no-freshness-nor-validator',
    ],
    [
      'too old on arrival, but of use when nobody can be reached (§4.2.4)',
      { response: [...fresh, 'Age', '60'] },
      'stored',
    ],
    ['a second before that', { response: [...fresh, 'Age', '59'] }, 'stored'],
    [
      'stale on arrival, but within a window',
      { response: control('max-age=0, stale-while-revalidate=5') },
      'stored',
    ],
  ]);
});
