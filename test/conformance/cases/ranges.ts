/** Parts of responses (RFC 9110 §14, RFC 9111 §3.3, §3.4): from stored wholes, from stored parts, and never from two wholes. */
import { cacheControl, etag, hour } from '../build.ts';
import type { Case, Exchange, Expected, Group, Level, Line, OriginAnswer, Text } from '../case.ts';
import { date } from '../dates.ts';

const digits = '0123456789';
const serving = 'RFC 9110 §14.2';
const combining = 'RFC 9111 §3.4';
const storingParts = 'RFC 9111 §3.3';

const range = (value: string): Line => ['Range', value];
const contentRange = (value: string): Line => ['Content-Range', value];
const tag = etag('"a"');

interface FromWhole {
  id: string;
  name: string;
  level?: Level;
  spec?: string;
  stored?: readonly Line[];
  asked: readonly Line[];
  method?: string;
  expect: Expected;
}

/** Ten digits are stored whole. */
function fromWhole({ id, name, level = 'optional', spec = serving, ...more }: FromWhole): Case {
  const { stored = [], asked, method, expect } = more;
  return {
    id,
    name,
    level,
    spec,
    requests: [
      { origin: { lines: [hour, tag, ...stored], body: digits } },
      { ...(method ? { method } : {}), lines: asked, expect: { source: 'stored', ...expect } },
    ],
  };
}

const part = (body: string, at: string): Expected => ({
  status: 206,
  body,
  fields: { 'Content-Range': `bytes ${at}/10`, 'Content-Length': String(body.length) },
});
const all: Expected = { status: 200, body: digits, absent: ['Content-Range'] };

const wholes: Case[] = [
  fromWhole({
    id: 'range-first',
    name: 'the first bytes of a stored whole',
    asked: [range('bytes=0-4')],
    expect: part('01234', '0-4'),
  }),
  fromWhole({
    id: 'range-middle',
    name: 'bytes from the middle',
    asked: [range('bytes=3-6')],
    expect: part('3456', '3-6'),
  }),
  fromWhole({
    id: 'range-one',
    name: 'a single byte',
    asked: [range('bytes=9-9')],
    expect: part('9', '9-9'),
  }),
  fromWhole({
    id: 'range-open',
    name: 'an open end',
    asked: [range('bytes=6-')],
    expect: part('6789', '6-9'),
  }),
  fromWhole({
    id: 'range-suffix',
    name: 'the last bytes',
    asked: [range('bytes=-3')],
    expect: part('789', '7-9'),
  }),
  fromWhole({
    id: 'range-suffix-long',
    name: 'more last bytes than there are',
    asked: [range('bytes=-30')],
    expect: { status: [200, 206], body: digits },
  }),
  fromWhole({
    id: 'range-end-beyond',
    name: 'an end beyond the last byte',
    asked: [range('bytes=5-99')],
    expect: part('56789', '5-9'),
  }),
  fromWhole({
    id: 'range-unit-case',
    name: 'units have no case',
    level: 'ours',
    spec: 'RFC 9110 §14.1',
    asked: [range('Bytes=0-4')],
    expect: part('01234', '0-4'),
  }),
  fromWhole({
    id: 'range-unsatisfiable',
    name: 'a start beyond the last byte is 416, with the length',
    asked: [range('bytes=10-')],
    expect: { status: 416, body: null, fields: { 'Content-Range': 'bytes */10' } },
  }),
  fromWhole({
    id: 'range-suffix-zero',
    name: 'no last bytes at all is 416',
    asked: [range('bytes=-0')],
    expect: { status: 416, body: null, fields: { 'Content-Range': 'bytes */10' } },
  }),
  fromWhole({
    id: 'range-two',
    name: 'two ranges are parts of one message',
    asked: [range('bytes=0-1, 8-9')],
    expect: {
      status: 206,
      fields: { 'Content-Type': /^multipart\/byteranges; *boundary=/ },
      absent: ['Content-Range'],
      body: /^(\r\n)?--\S+\r\n.*Content-Range: bytes 0-1\/10\r\n(.*\r\n)?\r\n01\r\n--.*Content-Range: bytes 8-9\/10\r\n(.*\r\n)?\r\n89\r\n--\S+--\r\n$/is,
    },
  }),
  fromWhole({
    id: 'range-overlapping',
    name: 'overlapping ranges are sent once',
    level: 'ours',
    asked: [range('bytes=0-4, 3-6')],
    expect: part('0123456', '0-6'),
  }),
  fromWhole({
    id: 'range-many',
    name: 'very many ranges give the whole',
    level: 'ours',
    spec: 'RFC 9110 §17.15',
    asked: [range(`bytes=${Array.from({ length: 200 }, () => '0-0').join(',')}`)],
    expect: { status: [200, 206], body: /^(0|0123456789)$/ },
  }),
  ...(
    [
      ['unit', 'another unit', 'lines=0-4'],
      ['word', 'a word', 'bytes=abc'],
      ['reversed', 'an end before the start', 'bytes=5-2'],
      ['empty', 'no range at all', 'bytes='],
      ['no-unit', 'no unit', '0-4'],
      ['minus', 'a minus alone', 'bytes=-'],
      ['signs', 'signs', 'bytes=+0-4'],
      ['decimal', 'decimals', 'bytes=0.0-4.0'],
    ] as const
  ).map(([id, what, value]) =>
    fromWhole({
      id: `range-malformed-${id}`,
      name: `a Range that cannot be understood gives the whole: ${what}`,
      level: 'ours',
      asked: [range(value)],
      expect: all,
    }),
  ),
  fromWhole({
    id: 'range-head',
    name: 'Range of HEAD means nothing',
    level: 'required',
    asked: [range('bytes=0-4')],
    method: 'HEAD',
    expect: { status: 200, fields: { 'Content-Length': '10' } },
  }),
  fromWhole({
    id: 'range-fields',
    name: 'a 206 has the fields of the whole',
    level: 'required',
    spec: 'RFC 9110 §15.3.7',
    stored: [
      ['Content-Location', '/a'],
      ['Expires', date(3600)],
      ['Vary', 'X-Nothing'],
      ['Date', date(-60)],
      ['Content-Type', 'text/plain'],
    ],
    asked: [range('bytes=0-4')],
    expect: {
      ...part('01234', '0-4'),
      fields: {
        ETag: '"a"',
        'Cache-Control': 'max-age=3600',
        'Content-Location': '/a',
        Expires: date(3600),
        Vary: 'X-Nothing',
        Date: date(-60),
        'Content-Type': 'text/plain',
      },
    },
  }),
  {
    id: 'range-miss-whole',
    name: 'a range of what is not stored is served, and its bytes are right',
    spec: serving,
    level: 'required',
    requests: [
      {
        lines: [range('bytes=2-4')],
        origin: { lines: [hour, tag], body: digits, servesRanges: true },
        expect: { source: 'origin', status: [200, 206], body: /^(234|0123456789)$/ },
      },
    ],
  },
  {
    id: 'range-not-200',
    name: 'a stored 404 has no ranges',
    spec: serving,
    level: 'ours',
    requests: [
      { origin: { status: 404, lines: [hour], body: digits } },
      { lines: [range('bytes=0-4')], expect: { source: 'stored', status: 404, body: digits } },
    ],
  },
];

const modified = date(-86_400);
const ifRangeRows: readonly (readonly [string, string, readonly Line[], Text, boolean, Level?])[] =
  [
    ['etag', 'the stored tag', [], '"a"', true],
    ['other-etag', 'another tag', [], '"b"', false],
    ['weak', 'a weak tag, which never matches', [], 'W/"a"', false],
    ['date', 'the Last-Modified', [['Last-Modified', modified]], modified, true],
    [
      'date-later',
      'a date later than Last-Modified',
      [['Last-Modified', modified]],
      date(-3600),
      false,
    ],
    [
      'date-earlier',
      'a date earlier than Last-Modified',
      [['Last-Modified', modified]],
      date(-90_000),
      false,
    ],
    [
      'date-weak',
      'a Last-Modified that is no older than the response, and so is weak',
      [
        ['Last-Modified', date(-60)],
        ['Date', date(-60)],
      ],
      date(-60),
      false,
    ],
    ['date-none', 'a date where there is no Last-Modified', [], modified, false],
    ['malformed', 'neither a tag nor a date', [], 'abc', false],
  ];

const ifRange: Case[] = [
  ...ifRangeRows.map(([id, what, stored, value, holds]) =>
    fromWhole({
      id: `if-range-${id}`,
      name: `If-Range with ${what} gives ${holds ? 'the part' : 'the whole'}`,
      level: holds ? 'optional' : 'required',
      spec: 'RFC 9110 §13.1.5',
      stored,
      asked: [range('bytes=0-4'), ['If-Range', value]],
      expect: holds ? part('01234', '0-4') : all,
    }),
  ),
  {
    id: 'if-range-weak-stored',
    name: 'If-Range never matches a stored weak tag',
    spec: 'RFC 9110 §13.1.5',
    level: 'required',
    requests: [
      { origin: { lines: [hour, etag('W/"a"')], body: digits } },
      { lines: [range('bytes=0-4'), ['If-Range', 'W/"a"']], expect: { source: 'stored', ...all } },
    ],
  },
  fromWhole({
    id: 'range-conditional-304',
    name: 'a condition comes before the range',
    level: 'optional',
    spec: 'RFC 9110 §13.2.2',
    asked: [range('bytes=0-4'), ['If-None-Match', '"a"']],
    expect: { status: 304 },
  }),
];

/** A 206 as the origin gives it to a range; to anything else it gives the whole. */
const given = (body: string, at: string, lines: readonly Line[] = [hour, tag]): OriginAnswer => ({
  status: 206,
  lines: [...lines, contentRange(`bytes ${at}`)],
  body,
  whole: digits,
});
const ask = (value: string, expect: Expected, origin?: OriginAnswer): Exchange => ({
  lines: [range(value)],
  ...(origin ? { origin } : {}),
  expect,
});
const first = ask('bytes=0-4', { status: 206, body: '01234' }, given('01234', '0-4/10'));

const parts: Case[] = [
  {
    id: 'part-same',
    name: 'a stored part answers the same range',
    spec: storingParts,
    level: 'optional',
    requests: [first, ask('bytes=0-4', { source: 'stored', ...part('01234', '0-4') })],
  },
  {
    id: 'part-forwarded',
    name: 'a range of what is not stored is fetched as it is asked for',
    spec: serving,
    level: 'ours',
    requests: [
      {
        ...first,
        expect: {
          source: 'origin',
          status: 206,
          body: '01234',
          asked: { fields: { Range: 'bytes=0-4' } },
        },
      },
    ],
  },
  {
    id: 'part-join-fields',
    name: 'a whole that is made of parts has the fields of the newest, and those that only the older one has',
    spec: combining,
    level: 'optional',
    requests: [
      ask(
        'bytes=0-4',
        { status: 206, body: '01234' },
        given('01234', '0-4/10', [hour, tag, ['X-A', '1'], ['X-B', '1']]),
      ),
      ask(
        'bytes=5-9',
        { status: 206, body: '56789' },
        given('56789', '5-9/10', [hour, tag, ['X-A', '2']]),
      ),
      {
        expect: { source: 'stored', status: 200, body: digits, fields: { 'X-A': '2', 'X-B': '1' } },
      },
    ],
  },
  {
    id: 'part-multipart-passed',
    name: 'a multipart answer of the origin is passed on, and not taken for one part',
    spec: 'RFC 9110 §15.3.7.2',
    level: 'required',
    requests: [
      {
        lines: [range('bytes=0-1, 8-9')],
        origin: {
          status: 206,
          lines: [hour, tag, ['Content-Type', 'multipart/byteranges; boundary=B']],
          body: '\r\n--B\r\nContent-Range: bytes 0-1/10\r\n\r\n01\r\n--B\r\nContent-Range: bytes 8-9/10\r\n\r\n89\r\n--B--\r\n',
          whole: digits,
        },
        expect: { status: anyOf(200, 206), body: null },
      },
      {
        origin: { lines: [hour, tag], body: digits, servesRanges: true },
        expect: { status: 200, body: digits },
      },
    ],
  },
  {
    id: 'part-within',
    name: 'a stored part answers a range within it',
    spec: storingParts,
    level: 'optional',
    requests: [first, ask('bytes=1-2', { source: 'stored', ...part('12', '1-2') })],
  },
  {
    id: 'part-middle-same',
    name: 'a stored part from the middle answers the same range',
    spec: storingParts,
    level: 'optional',
    requests: [
      ask('bytes=3-6', { status: 206, body: '3456' }, given('3456', '3-6/10')),
      ask('bytes=4-5', { source: 'stored', ...part('45', '4-5') }),
    ],
  },
  {
    id: 'part-suffix',
    name: 'a stored end answers the same suffix',
    spec: storingParts,
    level: 'optional',
    requests: [
      ask('bytes=-4', { status: 206, body: '6789' }, given('6789', '6-9/10')),
      ask('bytes=-4', { source: 'stored', ...part('6789', '6-9') }),
    ],
  },
  {
    id: 'part-suffix-shorter',
    name: 'a stored end answers a shorter suffix',
    spec: storingParts,
    level: 'optional',
    requests: [
      ask('bytes=-4', { status: 206, body: '6789' }, given('6789', '6-9/10')),
      ask('bytes=-2', { source: 'stored', ...part('89', '8-9') }),
    ],
  },
  {
    id: 'part-open',
    name: 'a stored end answers an open range within it',
    spec: storingParts,
    level: 'optional',
    requests: [
      ask('bytes=5-', { status: 206, body: '56789' }, given('56789', '5-9/10')),
      ask('bytes=7-', { source: 'stored', ...part('789', '7-9') }),
    ],
  },
  {
    id: 'part-other-range',
    name: 'a stored part does not answer a range that it lacks',
    spec: storingParts,
    level: 'required',
    requests: [
      first,
      ask('bytes=5-9', { source: 'origin', status: 206, body: '56789' }, given('56789', '5-9/10')),
    ],
  },
  {
    id: 'part-never-whole',
    name: 'a stored part is never sent as the whole',
    spec: storingParts,
    level: 'required',
    requests: [
      first,
      {
        origin: { lines: [hour, tag], body: digits, servesRanges: true },
        expect: { source: 'origin', status: 200, body: digits },
      },
    ],
  },
  {
    id: 'part-asks-for-rest',
    name: 'a GET over a stored beginning asks for the rest, and the client gets the whole',
    spec: combining,
    level: 'optional',
    requests: [
      first,
      {
        origin: { lines: [hour, tag], body: digits, servesRanges: true },
        expect: {
          source: 'origin',
          status: 200,
          body: digits,
          absent: ['Content-Range'],
          asked: { fields: { Range: 'bytes=5-', 'If-Range': '"a"' } },
        },
      },
      { expect: { source: 'stored', status: 200, body: digits } },
    ],
  },
  {
    id: 'part-rest-changed',
    name: 'a whole that has changed meanwhile comes as a whole',
    spec: combining,
    level: 'required',
    requests: [
      first,
      {
        origin: { lines: [hour, etag('"b"')], body: 'abcdefghij', servesRanges: true },
        expect: { source: 'origin', status: 200, body: 'abcdefghij' },
      },
    ],
  },
  {
    id: 'part-rest-other-tag',
    name: 'a rest with another tag is never joined to the stored beginning',
    spec: combining,
    level: 'required',
    requests: [
      first,
      // An origin that ignores If-Range.
      {
        origin: given('fghij', '5-9/10', [hour, etag('"b"')]),
        expect: { status: anyOf(200, 502), body: notJoined() },
      },
    ],
  },
  {
    id: 'part-rest-weak-tag',
    name: 'parts under a weak tag are never joined',
    spec: combining,
    level: 'required',
    requests: [
      ask(
        'bytes=0-4',
        { status: 206, body: '01234' },
        given('01234', '0-4/10', [hour, etag('W/"a"')]),
      ),
      {
        origin: { lines: [hour, etag('W/"a"')], body: digits, servesRanges: true },
        expect: { source: 'origin', status: 200, body: digits, asked: { absent: ['Range'] } },
      },
    ],
  },
  {
    id: 'part-join',
    name: 'two parts under the same strong tag make a whole',
    spec: combining,
    level: 'optional',
    requests: [
      first,
      ask('bytes=5-9', { source: 'origin', status: 206, body: '56789' }, given('56789', '5-9/10')),
      { expect: { source: 'stored', status: 200, body: digits } },
    ],
  },
  {
    id: 'part-join-range',
    name: 'a range over two stored parts is answered from both',
    spec: combining,
    level: 'optional',
    requests: [
      first,
      ask('bytes=5-9', { source: 'origin', status: 206, body: '56789' }, given('56789', '5-9/10')),
      ask('bytes=3-6', { source: 'stored', ...part('3456', '3-6') }),
    ],
  },
  {
    id: 'part-join-other-tag',
    name: 'parts with other tags are never joined',
    spec: combining,
    level: 'required',
    requests: [
      first,
      ask(
        'bytes=5-9',
        { source: 'origin', status: 206, body: 'fghij' },
        given('fghij', '5-9/10', [hour, etag('"b"')]),
      ),
      {
        origin: { lines: [hour, etag('"b"')], body: 'abcdefghij', servesRanges: true },
        expect: { status: 200, body: 'abcdefghij' },
      },
    ],
  },
  {
    id: 'part-tag-not-for-whole',
    name: 'the tag of a part is not asked about for the whole',
    spec: 'RFC 9111 §4.3.2',
    level: 'required',
    requests: [
      ask(
        'bytes=0-4',
        { status: 206, body: '01234' },
        given('01234', '0-4/10', [hour, ['Age', '7200'], tag]),
      ),
      {
        origin: { lines: [hour, tag], body: digits, servesRanges: true },
        expect: {
          source: 'origin',
          status: 200,
          body: digits,
          asked: { absent: ['If-None-Match'] },
        },
      },
    ],
  },
  {
    id: 'part-stale',
    name: 'a stored part that is stale is not sent without asking',
    spec: storingParts,
    level: 'required',
    requests: [
      ask(
        'bytes=0-4',
        { status: 206, body: '01234' },
        given('01234', '0-4/10', [cacheControl('max-age=0'), tag]),
      ),
      ask('bytes=0-4', { source: 'origin', body: null, status: 206 }, given('01234', '0-4/10')),
    ],
  },
  {
    id: 'part-no-lifetime',
    name: 'a part with no-store is not stored',
    spec: 'RFC 9111 §5.2.2.5',
    level: 'required',
    requests: [
      ask(
        'bytes=0-4',
        { status: 206, body: '01234' },
        given('01234', '0-4/10', [cacheControl('no-store'), tag]),
      ),
      ask(
        'bytes=0-4',
        { source: 'origin', status: 206, body: 'abcde' },
        given('abcde', '0-4/10', [cacheControl('no-store'), tag]),
      ),
    ],
  },
  {
    id: 'part-no-content-range',
    name: 'a 206 that does not say which bytes it has is not stored',
    spec: 'RFC 9110 §15.3.7.1',
    level: 'required',
    requests: [
      ask(
        'bytes=0-4',
        { body: null, status: anyOf(206, 502) },
        { status: 206, lines: [hour, tag], body: '01234' },
      ),
      ask('bytes=0-4', { source: 'origin', status: 206, body: '01234' }, given('01234', '0-4/10')),
    ],
  },
  {
    id: 'part-length-differs',
    name: 'a 206 whose length is not that of its Content-Range is not stored',
    spec: 'RFC 9110 §14.4',
    level: 'ours',
    requests: [
      ask('bytes=0-4', { body: null, status: anyOf(206, 502) }, given('012', '0-4/10')),
      ask('bytes=0-4', { source: 'origin', status: 206, body: '01234' }, given('01234', '0-4/10')),
    ],
  },
  {
    id: 'part-total-differs',
    name: 'parts of wholes of other lengths are never joined',
    spec: combining,
    level: 'required',
    requests: [
      first,
      ask('bytes=5-9', { status: 206, body: 'fghij' }, given('fghij', '5-9/11')),
      {
        origin: { lines: [hour, tag], body: 'abcdefghijk', servesRanges: true },
        expect: { status: 200, body: notJoined() },
      },
    ],
  },
  {
    id: 'part-416-not-stored',
    name: 'a 416 of the origin leaves what is stored',
    spec: serving,
    level: 'ours',
    requests: [
      { origin: { lines: [hour, tag], body: digits } },
      { lines: [range('bytes=20-')], expect: { status: 416, body: null } },
      { expect: { source: 'stored' } },
    ],
  },
  {
    id: 'part-post',
    name: 'Range of POST reaches the origin and means nothing to us',
    spec: serving,
    level: 'ours',
    requests: [
      {
        method: 'POST',
        body: 'x',
        lines: [range('bytes=0-4')],
        origin: { body: digits },
        expect: { source: 'origin', status: 200, body: digits },
      },
    ],
  },
];

function anyOf(...statuses: number[]): readonly number[] {
  return statuses;
}

/** Anything but the beginning of one whole with the end of another. */
function notJoined(): RegExp {
  return /^(?!01234fghij)/;
}

const sliceBytes = 64 * 1024;
const large = Array.from({ length: 10 * sliceBytes }, (_, i) =>
  String.fromCharCode(97 + (i % 23)),
).join('');
const largeOrigin: OriginAnswer = { lines: [hour, tag], body: large, servesRanges: true };

const slices: Case[] = [
  {
    id: 'slice-seek',
    name: 'with slices, a range far into a large body fetches what holds it and not the whole',
    spec: combining,
    level: 'ours',
    site: 'slices',
    requests: [
      {
        lines: [range('bytes=400000-400009')],
        origin: largeOrigin,
        expect: {
          source: 'origin',
          status: 206,
          body: large.slice(400_000, 400_010),
          fields: { 'Content-Range': `bytes 400000-400009/${large.length}` },
          asked: { fields: { Range: 'bytes=393216-458751' } },
        },
      },
      {
        lines: [range('bytes=400100-400109')],
        expect: { source: 'stored', status: 206, body: large.slice(400_100, 400_110) },
      },
    ],
  },
  {
    id: 'slice-across',
    name: 'with slices, a range over several comes whole',
    spec: combining,
    level: 'ours',
    site: 'slices',
    requests: [
      {
        lines: [range('bytes=60000-200000')],
        origin: largeOrigin,
        expect: { source: 'origin', status: 206, body: large.slice(60_000, 200_001) },
      },
      {
        lines: [range('bytes=65536-131071')],
        expect: { source: 'stored', status: 206, body: large.slice(65_536, 131_072) },
      },
    ],
  },
  {
    id: 'slice-changed',
    name: 'slices of two wholes are never joined',
    spec: combining,
    level: 'required',
    site: 'slices',
    requests: [
      {
        lines: [range('bytes=0-9')],
        origin: largeOrigin,
        expect: { status: 206, body: large.slice(0, 10) },
      },
      {
        lines: [range('bytes=65530-65540')],
        origin: { lines: [hour, etag('"b"')], body: large.toUpperCase(), servesRanges: true },
        // What has begun with the old one can only be broken off.
        expect: { status: 206, cut: 'allowed', body: /^([a-z]*|[A-Z]*)$/ },
      },
      {
        lines: [range('bytes=65530-65540')],
        expect: { status: 206, body: /^([a-z]{11}|[A-Z]{11})$/ },
        eventually: true,
      },
    ],
  },
  {
    id: 'slice-whole',
    name: 'with slices, a GET gives the whole',
    spec: combining,
    level: 'ours',
    site: 'slices',
    requests: [
      {
        lines: [range('bytes=400000-400009')],
        origin: largeOrigin,
        expect: { status: 206, body: large.slice(400_000, 400_010) },
      },
      { expect: { source: 'origin', status: 200, body: large } },
      { expect: { source: 'stored', status: 200, body: large } },
    ],
  },
];

export const ranges: Group = { name: 'ranges', cases: [...wholes, ...ifRange, ...parts] };
export const sliced: Group = { name: 'slices', cases: slices };
