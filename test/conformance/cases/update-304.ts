/** What a 304 makes of a stored response (RFC 9111 §3.2, §4.3.4). */
import { cacheControl, etag, hour, staleHour } from '../build.ts';
import type { Case, Expected, Group, Level, Line, Text } from '../case.ts';
import { date } from '../dates.ts';

const updating = 'RFC 9111 §3.2';
const freshening = 'RFC 9111 §4.3.4';

/** Fields with a value before and after. */
const updated: readonly (readonly [name: string, before: Text, after: Text])[] = [
  ['Test-Header', 'a', 'b'],
  ['X-Test-Header', 'a', 'b'],
  ['Content-Foo', 'a', 'b'],
  ['X-Content-Foo', 'a', 'b'],
  ['Access-Control-Allow-Origin', 'http://a.test', 'http://b.test'],
  ['Cache-Control', 'max-age=3600', 'max-age=7200'],
  ['Clear-Site-Data', '"cookies"', '"storage"'],
  ['Content-Disposition', 'inline', 'attachment'],
  ['Content-Language', 'de', 'en'],
  ['Content-Location', '/a', '/b'],
  ['Content-Security-Policy', "default-src 'self'", "default-src 'none'"],
  ['Content-Type', 'text/plain', 'text/plain; charset=utf-8'],
  ['Date', date(-7200), date(-1)],
  ['Expires', date(-3600), date(3600)],
  ['Last-Modified', date(-7200), date(-3600)],
  ['Link', '</a>; rel=a', '</b>; rel=b'],
  ['P3P', 'CP="A"', 'CP="B"'],
  ['Pragma', 'a', 'b'],
  ['Public-Key-Pins', 'max-age=1; pin-sha256="AAAA"', 'max-age=2; pin-sha256="AAAA"'],
  ['Retry-After', '10', '20'],
  ['Server', 'a', 'b'],
  ['Set-Cookie', 'a=1', 'a=2'],
  ['Set-Cookie2', 'a=1', 'a=2'],
  ['Strict-Transport-Security', 'max-age=1', 'max-age=2'],
  ['Vary', 'X-Nothing', 'X-Nothing, X-Other'],
  ['Warning', '299 - "a"', '299 - "b"'],
  ['X-Frame-Options', 'DENY', 'SAMEORIGIN'],
  ['X-XSS-Protection', '1', '0'],
];

/** What describes the stored bytes stays with them. */
const unchanged: readonly (readonly [name: string, before: string, after: string, level: Level])[] =
  [
    ['Content-Encoding', 'x-nothing', 'x-other', 'optional'],
    ['Content-Range', 'bytes 0-1/2', 'bytes 0-2/3', 'optional'],
  ];

const hops: readonly Line[] = [
  ['Keep-Alive', 'timeout=9'],
  ['Proxy-Authenticate', 'Basic'],
  ['Proxy-Authentication-Info', 'nextnonce="a"'],
  ['Proxy-Authorization', 'Basic YTpi'],
  ['Proxy-Connection', 'close'],
  ['TE', 'gzip'],
  ['Upgrade', 'foo'],
];

/** Stored stale with `before`, confirmed with `after`, then looked at twice: as sent, and as stored. */
function update(
  about: { id: string; name: string; spec?: string; level?: Level },
  before: readonly Line[],
  after: readonly Line[],
  expect: Expected,
): Case {
  const { spec = updating, level = 'required' } = about;
  const both = { body: null, ...expect };
  const has = (lines: readonly Line[], name: string) => lines.some(([each]) => each === name);
  const lines = has(before, 'Cache-Control') ? [['Age', '7200'] as const] : staleHour;
  return {
    ...about,
    spec,
    level,
    requests: [
      { origin: { lines: [...lines, etag('"a"'), ...before] } },
      {
        origin: {
          status: 304,
          lines: [...(has(after, 'Cache-Control') ? [] : [hour]), etag('"a"'), ...after],
        },
        expect: { source: 'revalidated', ...both, body: /^answer 1 / },
      },
      { expect: { source: 'stored', ...both, body: /^answer 1 / } },
    ],
  };
}

const replaced: Case[] = [
  ...updated.map(([name, before, after]) =>
    update(
      { id: `update-${name.toLowerCase()}`, name: `${name} of a 304 replaces the stored one` },
      [[name, before]],
      [[name, after]],
      { fields: { [name]: [after] } },
    ),
  ),
  update(
    { id: 'update-etag', name: 'ETag of a 304 replaces a weak one that it matches', level: 'ours' },
    [],
    [],
    { fields: { ETag: '"a"' } },
  ),
  ...unchanged.map(([name, before, after, level]) =>
    update(
      { id: `update-not-${name.toLowerCase()}`, name: `${name} of a 304 is not taken over`, level },
      [[name, before]],
      [[name, after]],
      { fields: { [name]: [before] } },
    ),
  ),
  {
    id: 'update-not-content-length',
    name: 'Content-Length of a 304 is not taken over',
    spec: updating,
    level: 'required',
    requests: [
      { origin: { lines: [...staleHour, etag('"a"')], body: '12345' } },
      {
        origin: { status: 304, lines: [hour, etag('"a"'), ['Content-Length', '3']] },
        expect: { source: 'revalidated', fields: { 'Content-Length': '5' } },
      },
      { expect: { source: 'stored', fields: { 'Content-Length': '5' } } },
    ],
  },
  ...hops.map((line) =>
    update(
      {
        id: `update-not-${line[0].toLowerCase()}`,
        name: `${line[0]} of a 304 is not taken over`,
        spec: 'RFC 9111 §3.1',
      },
      [],
      [line],
      { absent: [line[0]] },
    ),
  ),
  update(
    {
      id: 'update-not-connection-named',
      name: 'what Connection of a 304 names is not taken over',
      spec: 'RFC 9111 §3.1',
    },
    [['X-One', '1']],
    [
      ['Connection', 'X-One'],
      ['X-One', '2'],
    ],
    { fields: { 'X-One': '1' } },
  ),
  update(
    { id: 'update-absent-stays', name: 'a field that the 304 lacks stays' },
    [
      ['X-One', '1'],
      ['Content-Type', 'text/plain'],
    ],
    [['X-Two', '2']],
    { fields: { 'X-One': '1', 'X-Two': '2', 'Content-Type': 'text/plain' } },
  ),
  update(
    { id: 'update-lines-to-one', name: 'one line replaces several' },
    [
      ['X-A', '1'],
      ['X-A', '2'],
    ],
    [['X-A', '3']],
    { fields: { 'X-A': ['3'] } },
  ),
  update(
    { id: 'update-one-to-lines', name: 'several lines replace one, in order' },
    [['X-A', '1']],
    [
      ['X-A', '2'],
      ['X-A', '3'],
    ],
    { fields: { 'X-A': '2, 3' } },
  ),
  update(
    { id: 'update-name-case', name: 'a field is replaced whatever the case of its name' },
    [['X-One', '1']],
    [['x-oNE', '2']],
    { fields: { 'X-One': ['2'] } },
  ),
];

const renewed: Case[] = [
  {
    id: 'freshness-begins-anew',
    name: 'a 304 without a lifetime begins the stored one anew',
    spec: freshening,
    level: 'required',
    requests: [
      { origin: { lines: [...staleHour, etag('"a"')] } },
      { origin: { status: 304, lines: [etag('"a"')] }, expect: { source: 'revalidated' } },
      { expect: { source: 'stored' } },
    ],
  },
  {
    id: 'freshness-of-304',
    name: 'the lifetime of a 304 counts',
    spec: freshening,
    level: 'required',
    requests: [
      { origin: { lines: [cacheControl('max-age=0'), etag('"a"')] } },
      { origin: { status: 304, lines: [hour, etag('"a"')] }, expect: { source: 'revalidated' } },
      { expect: { source: 'stored' } },
    ],
  },
  {
    id: 'freshness-of-304-expires',
    name: 'Expires of a 304 counts',
    spec: freshening,
    level: 'required',
    requests: [
      { origin: { lines: [['Expires', date(-60)], etag('"a"')] } },
      {
        origin: { status: 304, lines: [['Expires', date(3600)], etag('"a"')] },
        expect: { source: 'revalidated' },
      },
      { expect: { source: 'stored' } },
    ],
  },
  {
    id: 'freshness-of-304-zero',
    name: 'a 304 with max-age=0 leaves it stale',
    spec: freshening,
    level: 'required',
    requests: [
      { origin: { lines: [...staleHour, etag('"a"')] } },
      {
        origin: { status: 304, lines: [cacheControl('max-age=0'), etag('"a"')] },
        expect: { source: 'revalidated' },
      },
      { expect: { source: 'revalidated' } },
    ],
  },
  {
    id: 'update-304-no-store',
    name: 'a 304 with no-store ends the reuse',
    spec: 'RFC 9111 §5.2.2.5',
    level: 'ours',
    requests: [
      { origin: { lines: [...staleHour, etag('"a"')] } },
      {
        origin: { status: 304, lines: [cacheControl('no-store'), etag('"a"')] },
        expect: { status: 200, body: null },
      },
      { origin: { lines: [cacheControl('no-store')] }, expect: { source: 'origin' } },
    ],
  },
];

const selection: Case[] = [
  {
    id: 'update-weak-etag',
    name: 'a 304 with the same weak tag confirms',
    spec: freshening,
    level: 'required',
    requests: [
      { origin: { lines: [...staleHour, etag('W/"a"')] } },
      {
        origin: { status: 304, lines: [hour, etag('W/"a"'), ['X-A', '2']] },
        expect: { source: 'revalidated', fields: { 'X-A': '2' } },
      },
      { expect: { source: 'stored', fields: { 'X-A': '2' } } },
    ],
  },
  {
    id: 'update-same-last-modified',
    name: 'a 304 with the same Last-Modified confirms',
    spec: freshening,
    level: 'required',
    requests: [
      { origin: { lines: [...staleHour, ['Last-Modified', date(-86_400)]] } },
      {
        origin: { status: 304, lines: [hour, ['Last-Modified', date(-86_400)], ['X-A', '2']] },
        expect: { source: 'revalidated', fields: { 'X-A': '2' } },
      },
      { expect: { source: 'stored', fields: { 'X-A': '2' } } },
    ],
  },
  {
    id: 'update-no-validator',
    name: 'a 304 without a validator confirms the only response that was asked about',
    spec: freshening,
    level: 'required',
    requests: [
      { origin: { lines: [...staleHour, etag('"a"')] } },
      {
        origin: { status: 304, lines: [hour, ['X-A', '2']] },
        expect: { source: 'revalidated', fields: { 'X-A': '2' } },
      },
      { expect: { source: 'stored', fields: { 'X-A': '2' } } },
    ],
  },
  {
    id: 'update-other-strong-etag',
    name: 'a 304 with another strong tag confirms nothing: the whole is fetched',
    spec: freshening,
    level: 'required',
    requests: [
      { origin: { lines: [...staleHour, etag('"a"')] } },
      {
        origin: { status: 304, lines: [hour, etag('"b"')] },
        expect: { source: 'origin', status: 200, body: /^answer 2 /, asks: 2 },
      },
      { expect: { source: 'stored', status: 200, body: /^answer 2 / } },
    ],
  },
];

export const update304: Group = {
  name: 'update-304',
  cases: [...replaced, ...renewed, ...selection],
};
