/** The client's own conditions, held against what is stored (RFC 9111 §4.3.2, RFC 9110 §13). */
import { etag, hour } from '../build.ts';
import type { Case, Expected, Group, Level, Line, OriginAnswer, Text } from '../case.ts';
import { asctime, date, dateAs, rfc850 } from '../dates.ts';

const evaluation = 'RFC 9111 §4.3.2';
const match = 'RFC 9110 §13.1.2';
const since = 'RFC 9110 §13.1.3';

interface Condition {
  id: string;
  name: string;
  spec?: string;
  level?: Level;
  stored: readonly Line[];
  origin?: OriginAnswer;
  asked: readonly Line[];
  method?: string;
  expect: Expected;
}

/** What is stored is fresh, and answers the condition by itself. */
function condition({ id, name, spec = match, level = 'optional', ...more }: Condition): Case {
  const { stored, origin, asked, method, expect } = more;
  return {
    id,
    name,
    spec,
    level,
    requests: [
      { origin: { lines: [hour, ...stored], ...origin } },
      { ...(method ? { method } : {}), lines: asked, expect: { source: 'stored', ...expect } },
    ],
  };
}

const inm = (value: Text): Line => ['If-None-Match', value];
const ims = (value: Text): Line => ['If-Modified-Since', value];
const modified = (value: Text): Line => ['Last-Modified', value];
const notModified: Expected = { status: 304 };
const whole: Expected = { status: 200 };

const tagRows: readonly (readonly [string, string, string, string, Expected, Level?])[] = [
  ['strong', 'the same tag', '"a"', '"a"', notModified],
  ['other', 'another tag', '"a"', '"b"', whole, 'required'],
  ['weak', 'the same weak tag', 'W/"a"', 'W/"a"', notModified],
  ['weak-stored', 'a strong tag against a weak one', 'W/"a"', '"a"', notModified],
  ['weak-asked', 'a weak tag against a strong one', '"a"', 'W/"a"', notModified],
  ['weak-lower', 'w/ in lower case is no mark of weakness', '"a"', 'w/"a"', whole, 'ours'],
  ['case', 'tags differ by case', '"a"', '"A"', whole, 'required'],
  ['star', '*', '"a"', '*', notModified],
  ['list-first', 'the first of a list', '"a"', '"a", "b", "c"', notModified],
  ['list-second', 'the second of a list', '"a"', '"b", "a", "c"', notModified],
  ['list-last', 'the last of a list', '"a"', '"b", "c", "a"', notModified],
  ['list-weak', 'a weak one in a list', '"a"', '"b", W/"a"', notModified],
  ['list-no-spaces', 'a list without spaces', '"a"', '"b","a","c"', notModified],
  ['list-empty-members', 'a list with empty members', '"a"', ',, "b", ,"a",', notModified],
  ['list-none', 'a list without it', '"a"', '"b", "c", W/"d"', whole, 'required'],
  ['comma', 'a tag with a comma', '"a,b"', '"x", "a,b"', notModified],
  ['comma-part', 'a part of a tag with a comma is none', '"a"', '"x,"a",y"', whole, 'ours'],
  ['bytes', 'a tag with bytes beyond ASCII', '"\xe4\xff"', '"\xe4\xff"', notModified],
  ['bytes-other', 'a tag with other bytes', '"\xe4\xff"', '"\xe4\xfe"', whole, 'required'],
  ['empty', 'an empty tag', '""', '""', notModified],
  ['prefix', 'a tag that begins the same', '"abc"', '"ab"', whole, 'required'],
  ['unquoted', 'a tag without quotes is none', '"a"', 'a', whole, 'ours'],
  [
    'unquoted-both',
    'a tag without quotes is the same as it was sent',
    'a',
    'a',
    notModified,
    'ours',
  ],
  ['backslash', 'a backslash escapes nothing', '"a\\"', '"a\\"', notModified],
];

const tags: Case[] = [
  ...tagRows.map(([id, what, stored, asked, expect, level = 'optional']) =>
    condition({
      id: `inm-${id}`,
      name: `If-None-Match: ${what}`,
      level,
      stored: [etag(stored)],
      asked: [inm(asked)],
      expect,
    }),
  ),
  condition({
    id: 'inm-lines',
    name: 'If-None-Match in two lines is one list',
    stored: [etag('"a"')],
    asked: [inm('"b"'), inm('"a"')],
    expect: notModified,
  }),
  condition({
    id: 'inm-star-no-tag',
    name: 'If-None-Match: * holds against what has no tag',
    stored: [],
    asked: [inm('*')],
    expect: notModified,
  }),
  condition({
    id: 'inm-no-tag',
    name: 'If-None-Match finds nothing where there is no tag',
    level: 'required',
    stored: [modified(date(-86_400))],
    asked: [inm('"a"')],
    expect: whole,
  }),
  condition({
    id: 'inm-over-ims',
    name: 'If-None-Match comes before If-Modified-Since: no tag matches',
    level: 'required',
    spec: 'RFC 9110 §13.2.2',
    stored: [etag('"a"'), modified(date(-86_400))],
    asked: [inm('"b"'), ims(date(-86_400))],
    expect: whole,
  }),
  condition({
    id: 'inm-over-older-ims',
    name: 'If-None-Match comes before If-Modified-Since: a tag matches',
    spec: 'RFC 9110 §13.2.2',
    stored: [etag('"a"'), modified(date(-86_400))],
    asked: [inm('"a"'), ims(date(-2 * 86_400))],
    expect: notModified,
  }),
  condition({
    id: 'inm-head',
    name: 'If-None-Match of HEAD',
    stored: [etag('"a"')],
    asked: [inm('"a"')],
    method: 'HEAD',
    expect: notModified,
  }),
  condition({
    id: 'inm-not-2xx',
    name: 'conditions are for a 2xx: a stored 404 stays one',
    spec: 'RFC 9110 §13.2.1',
    level: 'ours',
    stored: [],
    origin: { status: 404, lines: [hour, etag('"a"')] },
    asked: [inm('"a"')],
    expect: { status: 404 },
  }),
];

const dates: Case[] = [
  condition({
    id: 'ims-equal',
    name: 'If-Modified-Since equal to Last-Modified',
    spec: since,
    stored: [modified(date(-86_400))],
    asked: [ims(date(-86_400))],
    expect: notModified,
  }),
  condition({
    id: 'ims-later',
    name: 'If-Modified-Since later than Last-Modified',
    spec: since,
    stored: [modified(date(-86_400))],
    asked: [ims(date(-3600))],
    expect: notModified,
  }),
  condition({
    id: 'ims-earlier',
    name: 'If-Modified-Since earlier than Last-Modified',
    spec: since,
    level: 'required',
    stored: [modified(date(-86_400))],
    asked: [ims(date(-86_401))],
    expect: whole,
  }),
  ...[
    ['rfc850', rfc850, 'the form of RFC 850'] as const,
    ['asctime', asctime, 'the form of asctime'] as const,
  ].map(([id, form, what]) =>
    condition({
      id: `ims-${id}`,
      name: `If-Modified-Since in ${what}`,
      spec: 'RFC 9110 §5.6.7',
      stored: [modified(date(-86_400))],
      asked: [ims(dateAs(-86_400, form))],
      expect: notModified,
    }),
  ),
  ...[
    ['word', 'yesterday'] as const,
    ['zero', '0'] as const,
    [
      'utc',
      dateAs(-3600, (p) => `${p.day}, ${p.dd} ${p.month} ${p.year} ${p.hh}:${p.min}:${p.ss} UTC`),
    ] as const,
    ['iso', dateAs(-3600, ({ ms }) => new Date(ms).toISOString())] as const,
    ['empty', ''] as const,
  ].map(([id, value]) =>
    condition({
      id: `ims-malformed-${id}`,
      name: `If-Modified-Since that is no date is ignored: ${id}`,
      spec: since,
      level: 'required',
      stored: [modified(date(-86_400))],
      asked: [ims(value)],
      expect: whole,
    }),
  ),
  condition({
    id: 'ims-lines',
    name: 'If-Modified-Since in two lines is ignored',
    spec: since,
    level: 'ours',
    stored: [modified(date(-86_400))],
    asked: [ims(date(-3600)), ims(date(-1800))],
    expect: whole,
  }),
  condition({
    id: 'ims-by-date',
    name: 'without Last-Modified the stored Date is held against it: later',
    spec: evaluation,
    stored: [['Date', date(-600)]],
    asked: [ims(date(-60))],
    expect: notModified,
  }),
  condition({
    id: 'ims-before-date',
    name: 'without Last-Modified the stored Date is held against it: earlier',
    spec: evaluation,
    level: 'required',
    stored: [['Date', date(-600)]],
    asked: [ims(date(-3600))],
    expect: whole,
  }),
  condition({
    id: 'ims-head',
    name: 'If-Modified-Since of HEAD',
    spec: since,
    stored: [modified(date(-86_400))],
    asked: [ims(date(-86_400))],
    method: 'HEAD',
    expect: notModified,
  }),
];

const fieldsOf304: Line[] = [
  etag('"a"'),
  ['Content-Location', '/a'],
  ['Date', date(-60)],
  ['Expires', date(3600)],
  ['Vary', 'X-Nothing'],
];

const answers: Case[] = [
  condition({
    id: 'answer-304-fields',
    name: 'a 304 has Cache-Control, Content-Location, Date, ETag, Expires and Vary of what is stored',
    spec: 'RFC 9110 §15.4.5',
    level: 'required',
    stored: fieldsOf304,
    asked: [inm('"a"')],
    expect: {
      status: 304,
      fields: { 'Cache-Control': 'max-age=3600', ...Object.fromEntries(fieldsOf304) },
    },
  }),
  condition({
    id: 'answer-304-no-content-fields',
    name: 'a 304 has no fields of content that is not sent',
    spec: 'RFC 9110 §15.4.5',
    level: 'ours',
    stored: [etag('"a"'), ['Content-Type', 'text/plain'], ['Content-Encoding', 'x-nothing']],
    asked: [inm('"a"')],
    expect: { status: 304, absent: ['Content-Type', 'Content-Encoding', 'Transfer-Encoding'] },
  }),
  condition({
    id: 'answer-304-length',
    name: 'a Content-Length of a 304 is that of the whole, or none',
    spec: 'RFC 9110 §8.6',
    level: 'required',
    stored: [],
    origin: { lines: [hour, etag('"a"')], body: '12345' },
    asked: [inm('"a"')],
    expect: { status: 304 },
  }),
  condition({
    id: 'answer-304-age',
    name: 'a 304 from the store has an Age',
    spec: 'RFC 9111 §4',
    level: 'required',
    stored: [etag('"a"'), ['Age', '100']],
    asked: [inm('"a"')],
    expect: { status: 304, age: [100, 103] },
  }),
];

const oldTime = date(-86_400);
const others: Case[] = [
  ...[
    ['if-match-same', 'If-Match with the tag', [['If-Match', '"a"']], 200] as const,
    ['if-match-list', 'If-Match with the tag in a list', [['If-Match', '"b", "a"']], 200] as const,
    ['if-match-star', 'If-Match: *', [['If-Match', '*']], 200] as const,
    [
      'if-unmodified-later',
      'If-Unmodified-Since later than Last-Modified',
      [['If-Unmodified-Since', date(-60)]],
      200,
    ] as const,
    [
      'if-unmodified-malformed',
      'If-Unmodified-Since that is no date',
      [['If-Unmodified-Since', '0']],
      200,
    ] as const,
  ].map(
    ([id, what, lines, status]): Case => ({
      id,
      name: `${what} is answered with the whole`,
      spec: 'RFC 9110 §13.1.1',
      level: 'required',
      requests: [
        { origin: { lines: [hour, etag('"a"'), modified(oldTime)] } },
        { lines, expect: { status, body: /^answer \d of / } },
      ],
    }),
  ),
  ...[
    ['if-match-other', 'If-Match without the tag', [['If-Match', '"b"']]] as const,
    ['if-match-weak', 'If-Match compares strongly', [['If-Match', 'W/"a"']]] as const,
    [
      'if-unmodified-earlier',
      'If-Unmodified-Since earlier than Last-Modified',
      [['If-Unmodified-Since', date(-2 * 86_400)]],
    ] as const,
  ].map(
    ([id, what, lines]): Case => ({
      id,
      name: `${what}: 412, by the origin or in its place`,
      spec: 'RFC 9110 §13.1.1',
      level: 'ours',
      requests: [
        { origin: { lines: [hour, etag('"a"'), modified(oldTime)] } },
        { lines, origin: { status: 412 }, expect: { status: 412, body: null } },
        { expect: { source: 'stored' } },
      ],
    }),
  ),
  {
    id: 'if-match-put',
    name: 'If-Match of another method reaches the origin',
    spec: 'RFC 9110 §13.1.1',
    level: 'required',
    requests: [
      { origin: { lines: [hour, etag('"a"')] } },
      {
        method: 'PUT',
        body: 'new',
        lines: [['If-Match', '"b"']],
        origin: { status: 412 },
        expect: { source: 'origin', asked: { method: 'PUT', fields: { 'If-Match': '"b"' } } },
      },
      { expect: { source: 'stored' } },
    ],
  },
  {
    id: 'if-none-match-put',
    name: 'If-None-Match: * of PUT reaches the origin',
    spec: match,
    level: 'required',
    requests: [
      {
        method: 'PUT',
        body: 'new',
        lines: [inm('*')],
        origin: { status: 412 },
        expect: { source: 'origin', asked: { fields: { 'If-None-Match': '*' } } },
      },
    ],
  },
  {
    id: 'miss-conditional-stored',
    name: 'a whole that comes in spite of a client’s condition is stored',
    spec: evaluation,
    level: 'ours',
    requests: [
      {
        lines: [inm('"a"')],
        origin: { lines: [hour, etag('"a"')] },
        expect: { status: [200, 304], body: null },
      },
      { expect: { source: 'stored' } },
    ],
  },
  {
    id: 'miss-conditional-other',
    name: 'a client that has something else gets what a miss fetches',
    spec: evaluation,
    level: 'required',
    requests: [
      {
        lines: [inm('"b"')],
        origin: { lines: [hour, etag('"a"')] },
        expect: { source: 'origin', status: 200 },
      },
    ],
  },
];

export const conditional: Group = {
  name: 'conditional',
  cases: [...tags, ...dates, ...answers, ...others],
};
