/** What each tier says that it has done (RFC 9211): one member each, closest to the origin first. */
import { cacheControl, etag, hour, staleHour } from '../build.ts';
import type { BySetup, Case, Exchange, Group, Level, Line } from '../case.ts';

const spec = 'RFC 9211 §2';

function says(
  id: string,
  name: string,
  requests: readonly Exchange[],
  level: Level = 'ours',
): Case {
  return { id: `status-says-${id}`, name, spec, level, requests };
}

const tag = etag('"a"');
const both = (edge: RegExp, tiers: RegExp): BySetup<RegExp> => ({ edge, tiers });
const vary: Line = ['Vary', 'X-V'];

const members: Case[] = [
  says('hit', 'a hit is a hit, with the time left', [
    { origin: { lines: [hour] } },
    {
      expect: {
        source: 'stored',
        xCache: 'HIT',
        cacheStatus: both(/^alone; hit; ttl=3[56]\d\d$/, /^par; hit; ttl=3[56]\d\d$/),
      },
    },
  ]),
  says('miss', 'a miss that is stored', [
    {
      origin: { lines: [hour] },
      expect: {
        source: 'origin',
        xCache: 'MISS',
        cacheStatus: both(
          /^alone; fwd=uri-miss; fwd-status=200; stored$/,
          /^eu; fwd=uri-miss; fwd-status=200; stored, par; fwd=uri-miss; fwd-status=200; stored$/,
        ),
      },
    },
  ]),
  says('status', 'fwd-status is the status of the next hop', [
    {
      origin: { status: 404, lines: [hour] },
      expect: { source: 'origin', cacheStatus: /; fwd-status=404; stored$/ },
    },
  ]),
  says('vary-miss', 'another variant is a vary-miss', [
    { lines: [['X-V', '1']], origin: { lines: [hour, vary] } },
    {
      lines: [['X-V', '2']],
      expect: {
        source: 'origin',
        cacheStatus: both(/^alone; fwd=vary-miss;/, /^eu; fwd=vary-miss;.*, par; fwd=vary-miss;/),
      },
    },
  ]),
  says('stale-304', 'a validation went forward because of staleness, and fwd-status is 304', [
    { origin: { lines: [...staleHour, tag] } },
    {
      origin: { status: 304, lines: [tag] },
      expect: {
        source: 'revalidated',
        xCache: 'REVALIDATED',
        cacheStatus: both(
          /^alone; fwd=stale; fwd-status=304;.*stored/,
          /^eu; fwd=stale; fwd-status=304;.*, par; fwd=stale;/,
        ),
      },
    },
  ]),
  says('stale-200', 'what is stale and has changed went forward because of staleness', [
    { origin: { lines: [...staleHour, tag] } },
    {
      origin: { lines: [hour, etag('"b"')] },
      expect: {
        source: 'origin',
        xCache: 'MISS',
        cacheStatus: /; fwd=stale; fwd-status=200; stored/,
      },
    },
  ]),
  says('request', 'a reload went forward because of the request', [
    { origin: { lines: [hour] } },
    {
      lines: [cacheControl('no-cache')],
      expect: {
        source: 'origin',
        cacheStatus: both(/^alone; fwd=request;/, /^eu; fwd=request;.*, par; fwd=request;/),
      },
    },
  ]),
  says('method', 'POST went forward because of its method', [
    {
      method: 'POST',
      body: 'x',
      origin: {},
      expect: {
        source: 'origin',
        xCache: 'BYPASS',
        cacheStatus: both(
          /^alone; fwd=method; fwd-status=200/,
          /^eu; fwd=method;.*, par; fwd=method;/,
        ),
      },
    },
  ]),
  says('not-stored', 'what is not stored is not said to be, and why is a detail', [
    {
      origin: { lines: [cacheControl('no-store')] },
      expect: {
        source: 'origin',
        xCache: 'BYPASS',
        cacheStatus: both(
          /^alone; fwd=uri-miss; fwd-status=200; detail=no-store$/,
          /^eu; (?!.*stored).*detail=no-store/,
        ),
      },
    },
  ]),
  says(
    'stale-while-revalidate',
    'stale that is sent at once is a hit whose time left is negative',
    [
      {
        origin: {
          lines: [cacheControl('max-age=3600, stale-while-revalidate=7200'), ['Age', '7200'], tag],
        },
      },
      {
        origin: { status: 304, lines: [tag] },
        expect: {
          source: 'stale',
          xCache: 'STALE',
          cacheStatus: /; hit; ttl=-\d+; detail=revalidating$/,
        },
      },
    ],
  ),
  says('stale-if-error', 'stale that is sent in place of an error says so', [
    {
      origin: { lines: [cacheControl('max-age=3600, stale-if-error=7200'), ['Age', '7200'], tag] },
    },
    {
      origin: { status: 503 },
      expect: {
        source: 'stale',
        status: 200,
        xCache: 'STALE',
        cacheStatus: both(
          /^alone; fwd=stale; fwd-status=503;.*detail=/,
          /^eu; fwd=stale; fwd-status=503;/,
        ),
      },
    },
  ]),
  says('collapsed', 'who waits for another’s answer says so', [
    {
      together: 2,
      origin: { lines: [hour], delayMs: 500 },
      expect: {
        asks: 1,
        cacheStatus:
          /fwd=uri-miss(; fwd-status=200; stored(; collapsed)?|; fwd-status=200; collapsed)/,
      },
    },
  ]),
  says('only-if-cached', 'a refusal to ask has no forward in it', [
    {
      lines: [cacheControl('only-if-cached')],
      origin: {},
      expect: { status: 504, body: null, asks: 0 },
    },
  ]),
  says('upstream-first', 'members of caches before us come first', [
    {
      origin: { lines: [hour, ['Cache-Status', 'Other; hit']] },
      expect: { source: 'origin', cacheStatus: /^Other; hit, (alone|eu);/ },
    },
  ]),
  says('upstream-not-on-hit', 'a hit tells of this tier only', [
    { origin: { lines: [hour, ['Cache-Status', 'Other; hit']] } },
    { expect: { source: 'stored', cacheStatus: /^(alone|par); hit/ } },
  ]),
  {
    ...says('key', 'the key is told where the site says so', [
      { origin: { lines: [hour] }, expect: { source: 'origin', cacheStatus: /; key="[^"]*keyed/ } },
      { expect: { source: 'stored', cacheStatus: /; hit;.*key="/ } },
    ]),
    site: 'keyed',
  },
  says('partial', 'a range that is not stored went forward as partial', [
    {
      lines: [['Range', 'bytes=0-1']],
      origin: { status: 206, lines: [hour, tag, ['Content-Range', 'bytes 0-1/4']], body: '01' },
      expect: { status: 206, body: '01' },
    },
    {
      lines: [['Range', 'bytes=2-3']],
      origin: { status: 206, lines: [hour, tag, ['Content-Range', 'bytes 2-3/4']], body: '23' },
      expect: {
        source: 'origin',
        status: 206,
        body: '23',
        cacheStatus: /; fwd=partial; fwd-status=206/,
      },
    },
  ]),
];

export const cacheStatus: Group = { name: 'cache-status', cases: members };
