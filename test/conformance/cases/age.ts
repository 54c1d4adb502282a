/** How old a response is (RFC 9111 §4.2.3, §5.1), and what becomes of Date (RFC 9110 §6.6.1). */
import { askedAgain, cacheControl, each, etag, hour, reused, staleHour } from '../build.ts';
import type { Case, Group, Line, Text } from '../case.ts';
import { date } from '../dates.ts';

const calculation = 'RFC 9111 §4.2.3';
const field = 'RFC 9111 §5.1';
const aged = (value: Text): Line => ['Age', value];

const counted: Case[] = [
  reused(
    {
      id: 'age-sent',
      name: 'a hit has an Age, counted from nought',
      spec: 'RFC 9111 §4',
      level: 'required',
    },
    [hour],
    { expect: { age: [0, 2] } },
  ),
  reused(
    {
      id: 'age-received-counts',
      name: 'a hit’s Age counts what was received',
      spec: calculation,
      level: 'required',
    },
    [hour, aged('1800')],
    { expect: { age: [1800, 1803] } },
  ),
  reused(
    {
      id: 'age-by-date',
      name: 'a hit’s Age is at least the time since Date',
      spec: calculation,
      level: 'required',
    },
    [hour, ['Date', date(-1800)]],
    { expect: { age: [1800, 1803] } },
  ),
  reused(
    {
      id: 'age-larger-than-date',
      name: 'the larger of Age and the time since Date counts: Age',
      spec: calculation,
      level: 'required',
    },
    [hour, aged('1800'), ['Date', date(-60)]],
    { expect: { age: [1800, 1803] } },
  ),
  reused(
    {
      id: 'age-smaller-than-date',
      name: 'the larger of Age and the time since Date counts: Date',
      spec: calculation,
      level: 'required',
    },
    [hour, aged('60'), ['Date', date(-1800)]],
    { expect: { age: [1800, 1803] } },
  ),
  reused(
    {
      id: 'age-goes-on',
      name: 'Age goes on while a response is stored',
      spec: calculation,
      level: 'required',
    },
    [hour, aged('100')],
    { pauseMs: 2000, expect: { age: [101, 104] } },
  ),
  reused(
    {
      id: 'age-counts-delay',
      name: 'the time that the origin took counts',
      spec: calculation,
      level: 'required',
    },
    [hour, aged('100')],
    { origin: { lines: [hour, aged('100')], delayMs: 2000 }, expect: { age: [102, 105] } },
  ),
  askedAgain(
    {
      id: 'age-outlives',
      name: 'a response that comes older than its lifetime is stale',
      spec: calculation,
      level: 'required',
    },
    staleHour,
  ),
  askedAgain(
    {
      id: 'age-equal-to-lifetime',
      name: 'a response as old as its lifetime is stale',
      spec: 'RFC 9111 §4.2',
      level: 'required',
    },
    [hour, aged('3600')],
  ),
  askedAgain(
    {
      id: 'age-outlives-s-maxage',
      name: 'Age counts against s-maxage',
      spec: calculation,
      level: 'required',
    },
    [cacheControl('max-age=9999, s-maxage=3600'), aged('7200')],
  ),
  askedAgain(
    {
      id: 'age-outlives-expires',
      name: 'Age counts against Expires',
      spec: calculation,
      level: 'required',
    },
    [['Expires', date(3600)], aged('7200')],
  ),
  askedAgain(
    {
      id: 'age-date-outlives',
      name: 'an old Date makes a response stale',
      spec: calculation,
      level: 'required',
    },
    [hour, ['Date', date(-7200)]],
  ),
  askedAgain(
    {
      id: 'age-runs-out',
      name: 'what is received and what passes here add up',
      spec: calculation,
      level: 'required',
    },
    [hour, aged('3599')],
    { pauseMs: 2100 },
  ),
  {
    id: 'age-first-hand-passed-on',
    name: 'the Age of a response that is fetched is passed on, not lost',
    spec: field,
    level: 'ours',
    requests: [
      { origin: { lines: [hour, aged('1800')] }, expect: { source: 'origin', age: [1800, 1803] } },
    ],
  },
  {
    id: 'age-restarts-after-validation',
    name: 'a 304 makes Age begin anew',
    spec: 'RFC 9111 §4.3.4',
    level: 'required',
    requests: [
      { origin: { lines: [...staleHour, etag('"a"')] } },
      { origin: { status: 304, lines: [etag('"a"')] }, expect: { source: 'revalidated' } },
      { expect: { source: 'stored', age: [0, 3] } },
    ],
  },
  {
    id: 'age-of-304-counts',
    name: 'the Age of a 304 counts',
    spec: 'RFC 9111 §4.3.4',
    level: 'required',
    requests: [
      { origin: { lines: [...staleHour, etag('"a"')] } },
      {
        origin: { status: 304, lines: [etag('"a"'), aged('600')] },
        expect: { source: 'revalidated' },
      },
      { expect: { source: 'stored', age: [600, 603] } },
    ],
  },
];

const forms: Case[] = [
  ...each({ name: 'Age is read by its first member', spec: field, level: 'optional' }, reused, [
    ['age-list-small-first', 'a list with a small one first', [hour, aged('0, 7200')]],
    ['age-line-small-first', 'lines with a small one first', [hour, aged('0'), aged('7200')]],
    ['age-list-then-nonsense', 'nonsense after it', [hour, aged('10, abc')]],
  ]),
  ...each({ name: 'Age is read by its first member', spec: field, level: 'required' }, askedAgain, [
    ['age-list-large-first', 'a list with a large one first', [hour, aged('7200, 0')]],
    ['age-line-large-first', 'lines with a large one first', [hour, aged('7200'), aged('0')]],
  ]),
  ...each(
    { name: 'an Age that is not all digits is ignored', spec: field, level: 'optional' },
    reused,
    [
      ['age-word', 'a word', [hour, aged('abc')]],
      ['age-negative', 'negative', [hour, aged('-7200')]],
      ['age-decimal', 'a decimal', [hour, aged('7200.0')]],
      ['age-trailing-letter', 'a letter after the digits', [hour, aged('7200a')]],
      ['age-leading-letter', 'a letter before the digits', [hour, aged('a7200')]],
      ['age-quoted', 'a quoted string', [hour, aged('"7200"')]],
      ['age-plus', 'a plus sign', [hour, aged('+7200')]],
      ['age-parameter', 'a parameter', [hour, aged('7200;foo=bar')]],
      ['age-empty', 'empty', [hour, aged('')]],
      ['age-two-numbers', 'two numbers without a comma', [hour, aged('7200 0')]],
      ['age-exponent', 'an exponent', [hour, aged('72e2')]],
    ],
  ),
  ...each(
    { name: 'an Age beyond all integers is stale', spec: 'RFC 9111 §1.2.2', level: 'required' },
    askedAgain,
    [
      ['age-2147483648', '2^31', [cacheControl('max-age=2147483647'), aged('2147483648')]],
      ['age-2147483649', '2^31 + 1', [hour, aged('2147483649')]],
      ['age-4294967296', '2^32, which is nought to some', [hour, aged('4294967296')]],
      [
        'age-18446744073709551616',
        '2^64, which is nought to others',
        [hour, aged('18446744073709551616')],
      ],
      [
        'age-99999999999999999999',
        'more than anybody counts',
        [hour, aged('99999999999999999999')],
      ],
    ],
  ),
  askedAgain(
    {
      id: 'age-leading-zeros',
      name: 'leading zeros change nothing',
      spec: field,
      level: 'required',
    },
    [hour, aged('0007200')],
  ),
];

const dates: Case[] = [
  reused(
    {
      id: 'date-kept',
      name: 'a hit has the Date of the origin',
      spec: 'RFC 9110 §6.6.1',
      level: 'required',
    },
    [hour, ['Date', date(-300)]],
    { expect: { fields: { Date: [date(-300)] } } },
  ),
  {
    id: 'date-kept-first',
    name: 'the first answer has the Date of the origin',
    spec: 'RFC 9110 §6.6.1',
    level: 'required',
    requests: [
      {
        origin: { lines: [hour, ['Date', date(-300)]] },
        expect: { source: 'origin', fields: { Date: [date(-300)] } },
      },
    ],
  },
  {
    id: 'date-added',
    name: 'a response without Date gets the time of its receipt',
    spec: 'RFC 9110 §6.6.1',
    level: 'required',
    requests: [
      {
        origin: { lines: [hour], date: false },
        expect: { source: 'origin', fields: { Date: / GMT$/ } },
      },
      { expect: { source: 'stored', fields: { Date: / GMT$/ } } },
    ],
  },
  reused(
    {
      id: 'date-invalid',
      name: 'an unparsable Date counts as the time of receipt',
      spec: 'RFC 9110 §6.6.1',
      level: 'optional',
    },
    [hour, ['Date', 'yesterday']],
    { expect: { age: [0, 3] } },
  ),
  reused(
    {
      id: 'date-future',
      name: 'a Date ahead of us makes nothing older',
      spec: calculation,
      level: 'optional',
    },
    [hour, ['Date', date(3600)]],
    { expect: { age: [0, 3] } },
  ),
  reused(
    {
      id: 'date-invalid-expires',
      name: 'beside an unparsable Date, Expires counts from the receipt',
      spec: 'RFC 9111 §4.2.1',
      level: 'optional',
    },
    [
      ['Date', 'yesterday'],
      ['Expires', date(3600)],
    ],
  ),
];

export const age: Group = { name: 'age', cases: [...counted, ...forms, ...dates] };
