/** Cache control that is meant for CDNs (RFC 9213), and Surrogate-Control, which is older and by option. */
import { askedAgain, cacheControl, each, etag, reused, validated } from '../build.ts';
import type { Case, Group, Line } from '../case.ts';
import { date } from '../dates.ts';

const precedence = 'RFC 9213 §2.2';
const syntax = 'RFC 9213 §2.1';

const cdn = (value: string): Line => ['CDN-Cache-Control', value];
/** Allows nothing, and everything: what stands beside a targeted field. */
const never: Line = cacheControl('no-store');
const always: Line = cacheControl('max-age=3600');

const rules: Case[] = [
  ...each({ name: 'CDN-Cache-Control allows', spec: precedence, level: 'optional' }, reused, [
    ['cdn-max-age', 'alone', [cdn('max-age=3600')]],
    ['cdn-over-no-store', 'what no-store forbids', [cdn('max-age=3600'), never]],
    [
      'cdn-over-max-age-zero',
      'what max-age=0 forbids',
      [cdn('max-age=3600'), cacheControl('max-age=0')],
    ],
    ['cdn-over-private', 'what private forbids', [cdn('max-age=3600'), cacheControl('private')]],
    ['cdn-over-no-cache', 'what no-cache forbids', [cdn('max-age=3600'), cacheControl('no-cache')]],
    [
      'cdn-over-expires',
      'what a past Expires forbids',
      [cdn('max-age=3600'), ['Expires', date(-3600)]],
    ],
    [
      'cdn-over-s-maxage',
      'what s-maxage=0 forbids',
      [cdn('max-age=3600'), cacheControl('s-maxage=0, max-age=0')],
    ],
    ['cdn-s-maxage', 's-maxage', [cdn('s-maxage=3600'), never]],
    [
      'cdn-unknown',
      'with unknown directives',
      [cdn('foo=bar, max-age=3600, a="b", c=1.5, d=?1, e'), never],
    ],
    [
      'cdn-parameters',
      'with parameters, which mean nothing',
      [cdn('max-age=3600;foo=bar;baz'), never],
    ],
    [
      'cdn-duplicate-last',
      'by the last of two equal keys',
      [cdn('max-age=0, max-age=3600'), never],
    ],
    ['cdn-lines', 'in two lines', [cdn('foo'), cdn('max-age=3600'), never]],
    ['cdn-spaces', 'with whitespace around commas', [cdn('foo ,\t max-age=3600'), never]],
    ['cdn-huge', 'for very long', [cdn('max-age=999999999999999'), never]],
    ['cdn-2147483648', 'for 2^31', [cdn('max-age=2147483648'), never]],
    [
      'cdn-name-case',
      'whatever the case of its name',
      [['cdn-CACHE-control', 'max-age=3600'], never],
    ],
    [
      'cdn-must-revalidate',
      'must-revalidate while fresh',
      [cdn('must-revalidate, max-age=3600'), never],
    ],
    ['cdn-public', 'public', [cdn('public, max-age=3600'), never]],
  ]),
  ...each({ name: 'CDN-Cache-Control forbids', spec: precedence, level: 'required' }, askedAgain, [
    ['cdn-max-age-zero', 'max-age=0', [cdn('max-age=0'), always]],
    ['cdn-no-store', 'no-store', [cdn('no-store'), always]],
    ['cdn-private', 'private', [cdn('private'), always]],
    ['cdn-no-cache', 'no-cache', [cdn('no-cache'), always]],
    ['cdn-s-maxage-zero', 's-maxage=0', [cdn('s-maxage=0, max-age=3600'), always]],
    ['cdn-no-store-fresh', 'no-store with a lifetime', [cdn('max-age=3600, no-store'), always]],
    [
      'cdn-duplicate-zero-last',
      'max-age=0 after another',
      [cdn('max-age=3600, max-age=0'), always],
    ],
    [
      'cdn-zero-over-expires',
      'max-age=0 beside a future Expires',
      [cdn('max-age=0'), ['Expires', date(3600)]],
    ],
    [
      'cdn-age',
      'what is older than its max-age',
      [cdn('max-age=3600'), ['Age', '7200'], cacheControl('max-age=9999')],
    ],
    [
      'cdn-age-date',
      'what is older than its max-age by Date',
      [cdn('max-age=3600'), ['Date', date(-7200)], cacheControl('max-age=9999')],
    ],
    ['cdn-no-lifetime', 'what it gives no lifetime', [cdn('foo'), always]],
    [
      'cdn-no-lifetime-expires',
      'what only Expires makes fresh',
      [cdn('foo'), ['Expires', date(3600)]],
    ],
    ['cdn-negative', 'a negative max-age', [cdn('max-age=-3600'), always]],
  ]),
  validated(
    {
      id: 'cdn-no-cache-validated',
      name: 'no-cache of CDN-Cache-Control is validated',
      spec: precedence,
      level: 'optional',
    },
    [cdn('no-cache'), always, etag('"a"')],
    { 'If-None-Match': '"a"' },
  ),
  {
    id: 'cdn-304',
    name: 'CDN-Cache-Control of a 304 counts',
    spec: precedence,
    level: 'required',
    requests: [
      { origin: { lines: [cdn('max-age=0'), etag('"a"')] } },
      {
        origin: { status: 304, lines: [cdn('max-age=3600'), etag('"a"')] },
        expect: { source: 'revalidated' },
      },
      { expect: { source: 'stored' } },
    ],
  },
  {
    id: 'cdn-must-revalidate-error',
    name: 'must-revalidate of CDN-Cache-Control forbids what is stale',
    spec: precedence,
    level: 'required',
    requests: [
      { origin: { lines: [cdn('max-age=3600, must-revalidate'), ['Age', '7200'], etag('"a"')] } },
      { origin: { fault: { kind: 'refuse' } }, expect: { status: [502, 503, 504], body: null } },
    ],
  },
  {
    id: 'cdn-swr',
    name: 'stale-while-revalidate of CDN-Cache-Control counts',
    spec: precedence,
    level: 'ours',
    requests: [
      {
        origin: {
          lines: [cdn('max-age=3600, stale-while-revalidate=7200'), ['Age', '7200'], etag('"a"')],
        },
      },
      {
        origin: { status: 304, lines: [etag('"a"')] },
        expect: { source: 'stale' },
        settlesAfterAsks: 1,
      },
    ],
  },
];

/** What is no valid field counts as absent: shown once beside what allows, and once beside what forbids. */
const invalid: readonly (readonly [
  id: string,
  what: string,
  allowing: string,
  forbidding: string,
])[] = [
  ['empty', 'empty', '', ''],
  ['key-case', 'a key in upper case', 'Max-Age=3600', 'Max-Age=0'],
  ['string', 'a String for a number', 'max-age="3600"', 'max-age="0"'],
  ['decimal', 'a Decimal for a number', 'max-age=3600.0', 'max-age=0.0'],
  ['decimal-fraction', 'a Decimal with a fraction', 'max-age=3600.5', 'max-age=0.5'],
  ['token', 'a Token for a number', 'max-age=a3600', 'max-age=a0'],
  ['boolean', 'a Boolean for a number', 'max-age', 'max-age'],
  ['false', 'a Boolean that is false for a number', 'max-age=?0', 'max-age=?0'],
  ['bytes', 'bytes for a number', 'max-age=:MzYwMA==:', 'max-age=:MA==:'],
  ['inner-list', 'a list for a number', 'max-age=(3600)', 'max-age=(0)'],
  ['trailing-letter', 'a letter after the digits', 'max-age=3600a', 'max-age=0a'],
  ['single-quoted', 'single quotes', "max-age='3600'", "max-age='0'"],
  ['space-before-equals', 'a space before "="', 'max-age =3600', 'max-age =0'],
  ['space-after-equals', 'a space after "="', 'max-age= 3600', 'max-age= 0'],
  ['spaces-around-equals', 'spaces around "="', 'max-age = 3600', 'max-age = 0'],
  ['trailing-comma', 'a comma at the end', 'max-age=3600,', 'max-age=0,'],
  ['leading-comma', 'a comma at the beginning', ', max-age=3600', ', max-age=0'],
  ['two-commas', 'two commas', 'foo,, max-age=3600', 'foo,, max-age=0'],
  [
    'semicolon',
    'a semicolon for a comma, before a space and "="',
    'max-age=3600 ; a = b',
    'max-age=0 ; a = b',
  ],
  ['other-broken', 'an error in another member', 'max-age=3600, a=', 'max-age=0, a='],
  ['open-quote', 'a String that is not closed', 'max-age=3600, a="b', 'max-age=0, a="b'],
  [
    'sixteen-digits',
    'an Integer of sixteen digits',
    'max-age=3600000000000000',
    'max-age=-1000000000000000',
  ],
  ['plus', 'a plus sign', 'max-age=+3600', 'max-age=+0'],
  ['number-key', 'a key that begins with a digit', 'max-age=3600, 1a', 'max-age=0, 1a'],
  ['bytes-beyond', 'bytes beyond ASCII', 'max-age=3600, a="\xe4"', 'max-age=0, a="\xe4"'],
];

const broken: Case[] = invalid.flatMap(([id, what, allowing, forbidding]) => [
  askedAgain(
    {
      id: `cdn-invalid-${id}-forbidden`,
      name: `an invalid CDN-Cache-Control allows nothing: ${what}`,
      spec: syntax,
      level: 'required',
    },
    [cdn(allowing), cacheControl('max-age=0')],
  ),
  reused(
    {
      id: `cdn-invalid-${id}-allowed`,
      name: `an invalid CDN-Cache-Control forbids nothing: ${what}`,
      spec: syntax,
      level: 'optional',
    },
    [cdn(forbidding), always],
  ),
]);

const flags: Case[] = each(
  { name: 'a directive of the wrong type makes the field invalid', spec: syntax, level: 'ours' },
  reused,
  [
    ['cdn-no-store-false', 'no-store=?0', [cdn('no-store=?0, max-age=0'), always]],
    ['cdn-no-store-number', 'no-store=1', [cdn('no-store=1'), always]],
    ['cdn-private-number', 'private=1', [cdn('private=1'), always]],
  ],
);

const passing: Case[] = [
  {
    id: 'cdn-passed-on',
    name: 'CDN-Cache-Control is passed on',
    spec: 'RFC 9213 §2',
    level: 'ours',
    requests: [
      {
        origin: { lines: [cdn('max-age=3600'), never] },
        expect: { source: 'origin', fields: { 'CDN-Cache-Control': 'max-age=3600' } },
      },
      {
        expect: {
          source: 'stored',
          fields: { 'CDN-Cache-Control': 'max-age=3600', 'Cache-Control': 'no-store' },
        },
      },
    ],
  },
  {
    id: 'cdn-stripped',
    name: 'CDN-Cache-Control is obeyed and not shown, where the site says so',
    spec: 'RFC 9213 §2',
    level: 'ours',
    site: 'bare',
    requests: [
      {
        origin: { lines: [cdn('max-age=3600'), never] },
        expect: { source: 'origin', absent: ['CDN-Cache-Control'] },
      },
      {
        expect: {
          source: 'stored',
          absent: ['CDN-Cache-Control'],
          fields: { 'Cache-Control': 'no-store' },
        },
      },
    ],
  },
];

const surrogateSpec = 'Surrogate-Control (Edge Architecture Specification 1.0)';
const surrogate = (value: string): Line => ['Surrogate-Control', value];

const surrogates: Case[] = [
  reused(
    {
      id: 'surrogate-max-age',
      name: 'Surrogate-Control allows what Cache-Control forbids, where the site says so',
      spec: surrogateSpec,
      level: 'ours',
      site: 'surrogate',
    },
    [surrogate('max-age=3600'), never],
    { expect: { absent: ['Surrogate-Control'] } },
  ),
  askedAgain(
    {
      id: 'surrogate-no-store',
      name: 'Surrogate-Control forbids what Cache-Control allows, where the site says so',
      spec: surrogateSpec,
      level: 'ours',
      site: 'surrogate',
    },
    [surrogate('no-store'), always],
  ),
  reused(
    {
      id: 'surrogate-after-cdn',
      name: 'CDN-Cache-Control comes before Surrogate-Control',
      spec: surrogateSpec,
      level: 'ours',
      site: 'surrogate',
    },
    [cdn('max-age=3600'), surrogate('no-store'), never],
  ),
  askedAgain(
    {
      id: 'surrogate-off',
      name: 'Surrogate-Control means nothing where the site does not say so',
      spec: surrogateSpec,
      level: 'ours',
    },
    [surrogate('max-age=3600'), never],
  ),
];

export const targeted: Group = {
  name: 'targeted',
  cases: [...rules, ...broken, ...flags, ...passing, ...surrogates],
};
