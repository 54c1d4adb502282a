/** Fields of what is stored (RFC 9111 §3.1) and of what is passed on (RFC 9110 §7.6.1): all as they came, but those of one connection. */
import { hour, reused } from '../build.ts';
import type { Case, Group, Line, Text } from '../case.ts';
import { date } from '../dates.ts';

const storing = 'RFC 9111 §3.1';
const connection = 'RFC 9110 §7.6.1';

/** Fields and a value that is right for each. */
const kept: readonly (readonly [name: string, value: Text])[] = [
  ['Test-Header', 'a value'],
  ['X-Test-Header', 'A Value'],
  ['Content-Foo', 'foo'],
  ['X-Content-Foo', 'foo'],
  ['Accept-Ranges', 'bytes'],
  ['Access-Control-Allow-Origin', '*'],
  ['Access-Control-Expose-Headers', 'X-A, X-B'],
  ['Allow', 'GET, HEAD'],
  ['Alt-Svc', 'h3=":443"; ma=86400'],
  ['Clear-Site-Data', '"cookies"'],
  ['Content-Disposition', 'attachment; filename="a.txt"'],
  ['Content-Encoding', 'x-nothing'],
  ['Content-Language', 'de, en'],
  ['Content-Location', '/elsewhere'],
  ['Content-MD5', 'Q2hlY2sgSW50ZWdyaXR5IQ=='],
  ['Content-Range', 'bytes 0-1/2'],
  ['Content-Security-Policy', "default-src 'self'; img-src *"],
  ['Content-Security-Policy-Report-Only', "default-src 'none'"],
  ['Content-Type', 'text/plain;  charset="UTF-8"'],
  ['Cross-Origin-Resource-Policy', 'same-origin'],
  ['ETag', '"a"'],
  ['Expires', date(3600)],
  ['Feature-Policy', "camera 'none'"],
  ['Last-Modified', date(-86_400)],
  ['Link', '</a.css>; rel=preload; as=style'],
  ['NEL', '{"report_to":"a"}'],
  ['P3P', 'CP="CAO"'],
  ['Permissions-Policy', 'camera=()'],
  ['Pragma', 'foo'],
  ['Public-Key-Pins', 'max-age=10; pin-sha256="AAAA"'],
  ['Referrer-Policy', 'no-referrer'],
  ['Repr-Digest', 'sha-256=:AAAA:'],
  ['Retry-After', '10'],
  ['Server', 'an origin/1.0'],
  ['Server-Timing', 'db;dur=53'],
  ['Set-Cookie', 'a=b; Path=/'],
  ['Set-Cookie2', 'a=b'],
  ['SourceMap', '/a.map'],
  ['Strict-Transport-Security', 'max-age=10'],
  ['Timing-Allow-Origin', '*'],
  ['Vary', 'X-Nothing'],
  ['Warning', '299 - "old"'],
  ['WWW-Authenticate', 'Basic realm="a, b"'],
  ['X-Content-Type-Options', 'nosniff'],
  ['X-Frame-Options', 'DENY'],
  ['X-XSS-Protection', '1; mode=block'],
];

const hops: readonly Line[] = [
  ['Keep-Alive', 'timeout=5'],
  ['Proxy-Authenticate', 'Basic realm="a"'],
  ['Proxy-Authentication-Info', 'nextnonce="a"'],
  ['Proxy-Authorization', 'Basic YTpi'],
  ['Proxy-Connection', 'keep-alive'],
  ['TE', 'trailers'],
  ['Upgrade', 'foo/1'],
];

const stored: Case[] = [
  ...kept.map(([name, value]) => {
    const id = `field-${name.toLowerCase()}`;
    const about = {
      id,
      name: `${name} is stored and sent`,
      spec: storing,
      level: 'required',
    } as const;
    return reused(about, [hour, [name, value]], { expect: { fields: { [name]: [value] } } });
  }),
  reused(
    {
      id: 'field-cache-control',
      name: 'Cache-Control is sent as it came',
      spec: storing,
      level: 'required',
    },
    [['Cache-Control', 'Max-Age=3600 ,foo="b,ar"']],
    { expect: { fields: { 'Cache-Control': ['Max-Age=3600 ,foo="b,ar"'] } } },
  ),
  ...hops.map(([name, value]) =>
    reused(
      {
        id: `hop-${name.toLowerCase()}`,
        name: `${name} is not stored`,
        spec: storing,
        level: 'required',
      },
      [hour, [name, value]],
      { expect: { absent: [name] } },
    ),
  ),
  reused(
    {
      id: 'hop-connection-named',
      name: 'fields that Connection names are not stored',
      spec: storing,
      level: 'required',
    },
    [hour, ['Connection', 'X-One, x-TWO'], ['X-One', '1'], ['X-Two', '2'], ['X-Three', '3']],
    { expect: { absent: ['X-One', 'X-Two'], fields: { 'X-Three': '3' } } },
  ),
  reused(
    {
      id: 'hop-connection-lines',
      name: 'Connection in several lines names fields in each',
      spec: storing,
      level: 'required',
    },
    [hour, ['Connection', 'X-One'], ['Connection', 'X-Two'], ['X-One', '1'], ['X-Two', '2']],
    { expect: { absent: ['X-One', 'X-Two'] } },
  ),
  reused(
    {
      id: 'field-repeated',
      name: 'repeated lines stay lines, in order',
      spec: storing,
      level: 'ours',
    },
    [hour, ['X-A', '1'], ['X-B', 'b'], ['X-A', '2, 3'], ['X-A', '']],
    { expect: { fields: { 'X-A': ['1', '2, 3', ''] } } },
  ),
  reused(
    { id: 'field-empty', name: 'an empty value stays', spec: storing, level: 'ours' },
    [hour, ['X-Empty', '']],
    { expect: { fields: { 'X-Empty': [''] } } },
  ),
  reused(
    {
      id: 'field-bytes',
      name: 'bytes beyond ASCII stay as they are',
      spec: 'RFC 9110 §5.5',
      level: 'ours',
    },
    [hour, ['X-Bytes', 'a\xe4\xff\x80z']],
    { expect: { fields: { 'X-Bytes': 'a\xe4\xff\x80z' } } },
  ),
  {
    id: 'field-bytes-slow-body',
    name: 'bytes beyond ASCII stay as they are, also in a head that comes before its body',
    spec: 'RFC 9110 §5.5',
    level: 'required',
    requests: [
      {
        origin: { lines: [hour, ['X-Bytes', 'a\xe4\xff\x80z']], bodyDelayMs: 300 },
        expect: { source: 'origin', fields: { 'X-Bytes': 'a\xe4\xff\x80z' } },
      },
      { expect: { source: 'stored', fields: { 'X-Bytes': 'a\xe4\xff\x80z' } } },
    ],
  },
  reused(
    {
      id: 'field-inner-whitespace',
      name: 'whitespace within a value stays',
      spec: storing,
      level: 'ours',
    },
    [hour, ['X-Spaces', 'a  b\tc']],
    { expect: { fields: { 'X-Spaces': 'a  b\tc' } } },
  ),
  reused(
    { id: 'field-long', name: 'a long value stays whole', spec: storing, level: 'ours' },
    [hour, ['X-Long', 'x'.repeat(6000)]],
    { expect: { fields: { 'X-Long': 'x'.repeat(6000) } } },
  ),
  reused(
    { id: 'field-many', name: 'sixty fields stay sixty', spec: storing, level: 'ours' },
    [hour, ...Array.from({ length: 60 }, (_, i): Line => [`X-${i}`, String(i)])],
    { expect: { fields: { 'X-0': '0', 'X-59': '59' } } },
  ),
];

/** End-to-end fields that a Connection field may not take away (RFC 9110 §7.6.1 forbids to name them). */
const protectedFields: readonly Line[] = [
  hour,
  ['Age', '10'],
  ['Date', date(-5)],
  ['ETag', '"a"'],
  ['Expires', date(3600)],
  ['Last-Modified', date(-86_400)],
  ['Content-Type', 'text/plain'],
  ['Content-Encoding', 'x-nothing'],
  ['Vary', 'X-Nothing'],
  ['Set-Cookie', 'a=b'],
  ['Location', '/a'],
];

const passedOn: Case[] = [
  ...protectedFields.map(([name, value]) =>
    reused(
      {
        id: `connection-names-${name.toLowerCase()}`,
        name: `Connection cannot take ${name} away`,
        spec: connection,
        level: 'ours',
      },
      [...(name === 'Cache-Control' ? [] : [hour]), ['Connection', name], [name, value]],
      { expect: { fields: { [name]: name === 'Age' ? /^1\d$/ : value } } },
    ),
  ),
  {
    id: 'hop-response-passed',
    name: 'fields of one connection are not passed on to who asked first',
    spec: connection,
    level: 'required',
    requests: [
      {
        origin: { lines: [hour, ...hops, ['Connection', 'X-One'], ['X-One', '1'], ['X-Two', '2']] },
        expect: {
          source: 'origin',
          absent: ['X-One', ...hops.map(([name]) => name)],
          fields: { 'X-Two': '2' },
        },
      },
    ],
  },
  {
    id: 'hop-request',
    name: 'fields of one connection are not passed on to the origin',
    spec: connection,
    level: 'required',
    requests: [
      {
        lines: [
          ['Connection', 'X-One, close'],
          ['X-One', '1'],
          ['X-Two', '2'],
          ['Keep-Alive', 'timeout=5'],
          ['Proxy-Connection', 'keep-alive'],
          ['TE', 'trailers'],
          ['Upgrade', 'foo/1'],
        ],
        origin: {},
        expect: {
          source: 'origin',
          asked: {
            fields: { 'X-Two': '2' },
            absent: ['X-One', 'Keep-Alive', 'Proxy-Connection', 'TE', 'Upgrade'],
          },
        },
      },
    ],
  },
  {
    id: 'hop-request-protected',
    name: 'Connection of a request cannot take away what identifies it',
    spec: connection,
    level: 'ours',
    requests: [
      {
        lines: [
          ['Connection', 'Authorization, Cookie, Accept-Language, close'],
          ['Authorization', 'Basic YTpi'],
          ['Cookie', 'a=b'],
          ['Accept-Language', 'de'],
        ],
        origin: {},
        expect: {
          source: 'origin',
          asked: {
            fields: { Authorization: 'Basic YTpi', Cookie: 'a=b', 'Accept-Language': 'de' },
          },
        },
      },
    ],
  },
  {
    id: 'request-fields-passed',
    name: 'other fields of a request reach the origin as they are',
    spec: 'RFC 9110 §5.1',
    level: 'required',
    requests: [
      {
        lines: [
          ['X-A', '1'],
          ['X-A', '2, 3'],
          ['X-Bytes', 'a\xe4'],
          ['User-Agent', 'a/1'],
          ['X-Empty', ''],
        ],
        origin: {},
        expect: {
          source: 'origin',
          asked: {
            fields: { 'X-A': '1, 2, 3', 'X-Bytes': 'a\xe4', 'User-Agent': 'a/1', 'X-Empty': '' },
          },
        },
      },
    ],
  },
  {
    id: 'via',
    name: 'Via is added on both ways, after what it says already',
    spec: 'RFC 9110 §7.6.3',
    level: 'required',
    requests: [
      {
        lines: [['Via', '1.1 before']],
        origin: { lines: [hour, ['Via', '1.1 behind']] },
        expect: {
          source: 'origin',
          fields: { Via: /^1\.1 behind, 1\.1 \S+/ },
          asked: { fields: { Via: /^1\.1 before, 1\.1 \S+/ } },
        },
      },
      { expect: { source: 'stored', fields: { Via: /^1\.1 behind, 1\.1 \S+/ } } },
    ],
  },
  {
    id: 'untrusted-request-fields',
    name: 'what can change an answer and is not in the key does not reach the origin from a client',
    spec: 'RFC 9111 §7.1',
    level: 'ours',
    requests: [
      {
        lines: [
          ['X-Forwarded-Host', 'evil.test'],
          ['X-Original-URL', '/admin'],
          ['X-Rewrite-URL', '/admin'],
          ['X-HTTP-Method-Override', 'DELETE'],
        ],
        origin: {},
        expect: {
          source: 'origin',
          asked: {
            fields: { 'X-Forwarded-Host': (at) => at.authority() },
            absent: ['X-Original-URL', 'X-Rewrite-URL', 'X-HTTP-Method-Override'],
          },
        },
      },
    ],
  },
];

export const fields: Group = { name: 'fields', cases: [...stored, ...passedOn] };
