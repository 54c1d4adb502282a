/** What may be shared among clients: answers to requests with Authorization (RFC 9111 §3.5), and answers that set cookies (§7.3). */
import { askedAgain, cacheControl, each, etag, hour, reused, staleHour } from '../build.ts';
import type { Case, Group, Line } from '../case.ts';
import { date } from '../dates.ts';

const authorised = 'RFC 9111 §3.5';
const who: Line = ['Authorization', 'Basic YTpi'];
const other: Line = ['Authorization', 'Basic Yzpk'];

const authorizations: Case[] = [
  ...each(
    {
      name: 'an answer to a request with Authorization is not shared',
      spec: authorised,
      level: 'required',
    },
    (about, lines) => askedAgain(about, lines, { first: [who], second: [other] }),
    [
      ['auth-max-age', 'with max-age', [hour]],
      ['auth-expires', 'with Expires', [['Expires', date(3600)]]],
      ['auth-private', 'with private', [cacheControl('private, max-age=3600')]],
      ['auth-heuristic', 'with a Last-Modified', [['Last-Modified', date(-86_400 * 100)]]],
      [
        'auth-proxy-revalidate',
        'with proxy-revalidate',
        [cacheControl('max-age=3600, proxy-revalidate')],
      ],
      ['auth-no-cache', 'with no-cache', [cacheControl('no-cache'), etag('"a"')]],
    ],
  ),
  ...each(
    {
      name: 'an answer to a request with Authorization is shared',
      spec: authorised,
      level: 'optional',
    },
    (about, lines) => reused(about, lines, { first: [who], second: [other] }),
    [
      ['auth-public', 'with public', [cacheControl('public, max-age=3600')]],
      [
        'auth-must-revalidate',
        'with must-revalidate',
        [cacheControl('must-revalidate, max-age=3600')],
      ],
      ['auth-s-maxage', 'with s-maxage', [cacheControl('s-maxage=3600')]],
    ],
  ),
  askedAgain(
    {
      id: 'auth-not-for-others',
      name: 'nor is it given to who has no Authorization',
      spec: authorised,
      level: 'required',
    },
    [hour],
    { first: [who] },
  ),
  reused(
    {
      id: 'auth-public-for-others',
      name: 'with public it is given to who has no Authorization',
      spec: authorised,
      level: 'optional',
    },
    [cacheControl('public, max-age=3600')],
    { first: [who] },
  ),
  reused(
    {
      id: 'auth-from-shared',
      name: 'what is stored without Authorization answers a request with it',
      spec: authorised,
      level: 'optional',
    },
    [hour],
    { second: [who] },
  ),
  askedAgain(
    {
      id: 'auth-same-again',
      name: 'nor is it given to the same client again',
      spec: authorised,
      level: 'ours',
    },
    [hour],
    { both: [who] },
  ),
  askedAgain(
    {
      id: 'auth-vary',
      name: 'Vary: Authorization does not make it sharable',
      spec: authorised,
      level: 'required',
    },
    [hour, ['Vary', 'Authorization']],
    { first: [who], second: [other] },
  ),
  {
    id: 'auth-forwarded',
    name: 'Authorization reaches the origin',
    spec: 'RFC 9110 §11.6.2',
    level: 'required',
    requests: [
      {
        lines: [who],
        origin: {},
        expect: { source: 'origin', asked: { fields: { Authorization: 'Basic YTpi' } } },
      },
    ],
  },
  {
    id: 'auth-401-kept',
    name: 'a 401 with its challenge is passed on and not reused on a guess',
    spec: 'RFC 9110 §15.5.2',
    level: 'required',
    requests: [
      {
        origin: {
          status: 401,
          lines: [
            ['WWW-Authenticate', 'Basic realm="a"'],
            ['Last-Modified', date(-86_400)],
          ],
        },
        expect: { source: 'origin', fields: { 'WWW-Authenticate': 'Basic realm="a"' } },
      },
      {
        lines: [who],
        origin: { lines: [cacheControl('no-store')] },
        expect: { source: 'origin', status: 200 },
      },
    ],
  },
  {
    id: 'auth-collapsed',
    name: 'requests with Authorization do not wait for each other’s answers',
    spec: authorised,
    level: 'required',
    requests: [
      { together: 3, lines: [who], origin: { lines: [hour], delayMs: 300 }, expect: { asks: 3 } },
    ],
  },
];

const cookieSpec = 'RFC 9111 §7.3';
const cookie: Line = ['Set-Cookie', 'a=1; Path=/'];

const cookies: Case[] = [
  reused(
    {
      id: 'cookie-stored',
      name: 'a response that sets a cookie is stored, where the site says so',
      spec: cookieSpec,
      level: 'optional',
    },
    [hour, cookie],
    { expect: { fields: { 'Set-Cookie': ['a=1; Path=/'] } } },
  ),
  reused(
    {
      id: 'cookie-stored-expires',
      name: 'so is one with Expires',
      spec: cookieSpec,
      level: 'optional',
    },
    [['Expires', date(3600)], cookie],
  ),
  reused(
    {
      id: 'cookie-lines',
      name: 'several cookies stay several lines, in order',
      spec: 'RFC 6265 §3',
      level: 'required',
    },
    [
      hour,
      cookie,
      ['Set-Cookie', 'b=2; Expires=Wed, 01 Jan 2049 00:00:00 GMT'],
      ['Set-Cookie', 'c=3'],
    ],
    {
      expect: {
        fields: {
          'Set-Cookie': ['a=1; Path=/', 'b=2; Expires=Wed, 01 Jan 2049 00:00:00 GMT', 'c=3'],
        },
      },
    },
  ),
  {
    id: 'cookie-lines-first',
    name: 'several cookies reach the first client as several lines',
    spec: 'RFC 6265 §3',
    level: 'required',
    requests: [
      {
        origin: { lines: [hour, cookie, ['Set-Cookie', 'b=2']] },
        expect: { source: 'origin', fields: { 'Set-Cookie': ['a=1; Path=/', 'b=2'] } },
      },
    ],
  },
  askedAgain(
    {
      id: 'cookie-private',
      name: 'private comes before the site’s word',
      spec: cookieSpec,
      level: 'required',
    },
    [cacheControl('private, max-age=3600'), cookie],
  ),
  {
    id: 'cookie-304',
    name: 'cookies of a 304 replace the stored ones',
    spec: 'RFC 9111 §3.2',
    level: 'required',
    requests: [
      { origin: { lines: [...staleHour, etag('"a"'), cookie, ['Set-Cookie', 'b=1']] } },
      {
        origin: { status: 304, lines: [hour, etag('"a"'), ['Set-Cookie', 'a=2']] },
        expect: { source: 'revalidated', fields: { 'Set-Cookie': ['a=2'] } },
      },
      { expect: { source: 'stored', fields: { 'Set-Cookie': ['a=2'] } } },
    ],
  },
  askedAgain(
    {
      id: 'cookie-refused',
      name: 'as shipped, a response that sets a cookie is not stored',
      spec: cookieSpec,
      level: 'ours',
      site: 'refuse',
    },
    [hour, cookie],
  ),
  {
    id: 'cookie-stripped',
    name: 'a site may store it without the cookie, which nobody gets then',
    spec: cookieSpec,
    level: 'ours',
    site: 'strip',
    requests: [
      { origin: { lines: [hour, cookie] }, expect: { source: 'origin', absent: ['Set-Cookie'] } },
      { expect: { source: 'stored', absent: ['Set-Cookie'] } },
    ],
  },
  reused(
    {
      id: 'cookie-no-cache-field',
      name: 'no-cache="set-cookie" is stored without the cookie, as shipped',
      spec: 'RFC 9111 §5.2.2.4',
      level: 'ours',
      site: 'refuse',
    },
    [cacheControl('max-age=3600, no-cache="set-cookie"'), cookie],
    { expect: { absent: ['Set-Cookie'] } },
  ),
  reused(
    {
      id: 'cookie-private-field',
      name: 'private="set-cookie" is stored without the cookie, as shipped',
      spec: 'RFC 9111 §5.2.2.7',
      level: 'ours',
      site: 'refuse',
    },
    [cacheControl('max-age=3600, private="Set-Cookie"'), cookie],
    { expect: { absent: ['Set-Cookie'] } },
  ),
  reused(
    {
      id: 'cookie-of-request',
      name: 'a request’s cookies select nothing by themselves',
      spec: cookieSpec,
      level: 'ours',
    },
    [hour],
    { first: [['Cookie', 'a=1']], second: [['Cookie', 'a=2']] },
  ),
];

export const authorization: Group = { name: 'authorization', cases: authorizations };
export const setCookie: Group = { name: 'set-cookie', cases: cookies };
