/** Expires and the forms of dates (RFC 9111 §5.3, RFC 9110 §5.6.7): three forms are dates, everything else is the past. */
import { askedAgain, each, reused } from '../build.ts';
import type { Case, Group, Line, Text } from '../case.ts';
import { asctime, type DateParts, date, dateAs, rfc850 } from '../dates.ts';

const forms = 'RFC 9110 §5.6.7';
const past = 'RFC 9111 §5.3';
const aheadSeconds = 3600;
const yearSeconds = 365.25 * 86_400;

const expires = (value: Text): Line => ['Expires', value];
const ahead = (form: (parts: DateParts) => string): readonly Line[] => [
  expires(dateAs(aheadSeconds, form)),
];
const imf = (parts: DateParts): string => {
  const { day, dd, month, year, hh, min, ss } = parts;
  return `${day}, ${dd} ${month} ${year} ${hh}:${min}:${ss} GMT`;
};
/** The preferred form with something changed. */
const imfBut = (change: Partial<DateParts>) => (parts: DateParts) => imf({ ...parts, ...change });
const imfEdited = (from: RegExp | string, to: string) => (parts: DateParts) =>
  imf(parts).replace(from, to);

const valid: Case[] = each(
  { name: 'a date in the future', spec: forms, level: 'optional' },
  reused,
  [
    ['date-imf', 'IMF-fixdate', ahead(imf)],
    ['date-rfc850', 'the form of RFC 850', ahead(rfc850)],
    ['date-asctime', 'the form of asctime', ahead(asctime)],
    ['date-imf-lower', 'IMF-fixdate in lower case', ahead((parts) => imf(parts).toLowerCase())],
    ['date-imf-upper', 'IMF-fixdate in upper case', ahead((parts) => imf(parts).toUpperCase())],
    ['date-imf-zone-case', 'IMF-fixdate with gmt', ahead(imfEdited('GMT', 'gmt'))],
    [
      'date-rfc850-lower',
      'the form of RFC 850 in lower case',
      ahead((p) => rfc850(p).toLowerCase()),
    ],
    [
      'date-asctime-lower',
      'the form of asctime in lower case',
      ahead((p) => asctime(p).toLowerCase()),
    ],
    [
      'date-asctime-one-digit',
      'asctime with a day of one digit',
      [expires('Sat Jan  1 00:00:00 2050')],
    ],
    [
      'date-rfc850-49-years',
      'a two-digit year 49 years ahead',
      [expires(dateAs(49 * yearSeconds, rfc850))],
    ],
    [
      'date-leap-day',
      'the day that only leap years have',
      [expires('Tue, 29 Feb 2044 00:00:00 GMT')],
    ],
    ['date-far', 'the last year of four digits', [expires('Fri, 31 Dec 9999 23:59:59 GMT')]],
    [
      'date-whitespace-around',
      'with whitespace around the field’s value',
      [expires(dateAs(aheadSeconds, (p) => `  ${imf(p)} \t`))],
    ],
  ],
);

const pastDates: Case[] = each(
  { name: 'a date in the past', spec: past, level: 'required' },
  askedAgain,
  [
    ['past-imf', 'IMF-fixdate', [expires(date(-3600))]],
    ['past-rfc850', 'the form of RFC 850', [expires(dateAs(-3600, rfc850))]],
    ['past-asctime', 'the form of asctime', [expires(dateAs(-3600, asctime))]],
    [
      'past-rfc850-51-years',
      'a two-digit year more than 50 years ahead is of the century before',
      [expires(dateAs(51 * yearSeconds, rfc850))],
    ],
    ['past-epoch', '1970', [expires('Thu, 01 Jan 1970 00:00:00 GMT')]],
    ['past-before-epoch', 'before 1970', [expires('Mon, 01 Jan 1900 00:00:00 GMT')]],
  ],
);

const malformed: readonly (readonly [id: string, what: string, lines: readonly Line[]])[] = [
  ['zero', '0', [expires('0')]],
  ['minus-one', '-1', [expires('-1')]],
  ['empty', 'empty', [expires('')]],
  ['word', 'a word', [expires('never')]],
  ['seconds', 'a number of seconds', [expires('3600')]],
  [
    'unix',
    'seconds since 1970',
    [expires(dateAs(aheadSeconds, ({ ms }) => String(Math.floor(ms / 1000))))],
  ],
  [
    'iso',
    'the form of ISO 8601',
    [expires(dateAs(aheadSeconds, ({ ms }) => new Date(ms).toISOString()))],
  ],
  ['zone-utc', 'UTC for GMT', ahead(imfEdited('GMT', 'UTC'))],
  ['zone-z', 'Z for GMT', ahead(imfEdited('GMT', 'Z'))],
  ['zone-aest', 'another zone', ahead(imfEdited('GMT', 'AEST'))],
  ['zone-offset', 'an offset for GMT', ahead(imfEdited('GMT', '+0000'))],
  ['zone-gmt-offset', 'an offset after GMT', ahead(imfEdited('GMT', 'GMT+0'))],
  ['zone-none', 'no zone', ahead(imfEdited(' GMT', ''))],
  ['comma-none', 'no comma', ahead(imfEdited(',', ''))],
  ['comma-space', 'a space before the comma', ahead(imfEdited(',', ' ,'))],
  ['comma-no-space', 'no space after the comma', ahead(imfEdited(', ', ','))],
  ['comma-two', 'two commas', ahead(imfEdited(',', ',,'))],
  ['day-none', 'no day of the week', ahead(imfEdited(/^\w+, /, ''))],
  [
    'day-long',
    'a day of the week in full',
    ahead((parts) => imf({ ...parts, day: parts.longDay })),
  ],
  ['day-unknown', 'a day of the week that is none', ahead(imfBut({ day: 'Foo' }))],
  ['day-number', 'a number for the day of the week', ahead(imfBut({ day: '1' }))],
  [
    'spaces-two',
    'two spaces before the year',
    ahead((parts) => imf({ ...parts, year: ` ${parts.year}` })),
  ],
  [
    'spaces-two-time',
    'two spaces before the time',
    ahead((parts) => imf({ ...parts, hh: ` ${parts.hh}` })),
  ],
  ['spaces-two-zone', 'two spaces before the zone', ahead(imfEdited(' GMT', '  GMT'))],
  ['tab', 'a tab for a space', ahead(imfEdited(' GMT', '\tGMT'))],
  [
    'dashes',
    'dashes in the date',
    ahead(
      ({ day, dd, month, year, hh, min, ss }) =>
        `${day}, ${dd}-${month}-${year} ${hh}:${min}:${ss} GMT`,
    ),
  ],
  [
    'dots',
    'dots in the time',
    ahead(
      ({ day, dd, month, year, hh, min, ss }) =>
        `${day}, ${dd} ${month} ${year} ${hh}.${min}.${ss} GMT`,
    ),
  ],
  [
    'dashes-time',
    'dashes in the time',
    ahead(
      ({ day, dd, month, year, hh, min, ss }) =>
        `${day}, ${dd} ${month} ${year} ${hh}-${min}-${ss} GMT`,
    ),
  ],
  [
    'time-joined',
    'a time without colons',
    ahead(
      ({ day, dd, month, year, hh, min, ss }) =>
        `${day}, ${dd} ${month} ${year} ${hh}${min}${ss} GMT`,
    ),
  ],
  ['hour-one-digit', 'an hour of one digit', [expires('Fri, 01 Jan 2049 2:00:00 GMT')]],
  ['minute-one-digit', 'a minute of one digit', [expires('Fri, 01 Jan 2049 02:0:00 GMT')]],
  ['second-one-digit', 'a second of one digit', [expires('Fri, 01 Jan 2049 02:00:0 GMT')]],
  ['second-none', 'no seconds', [expires('Fri, 01 Jan 2049 02:00 GMT')]],
  ['second-fraction', 'a fraction of a second', [expires('Fri, 01 Jan 2049 02:00:00.000 GMT')]],
  ['pm', 'a time of twelve hours', [expires('Fri, 01 Jan 2049 02:00:00 PM GMT')]],
  ['hour-24', 'hour 24', [expires('Fri, 01 Jan 2049 24:00:00 GMT')]],
  ['minute-60', 'minute 60', [expires('Fri, 01 Jan 2049 02:60:00 GMT')]],
  ['second-61', 'second 61', [expires('Fri, 01 Jan 2049 02:00:61 GMT')]],
  ['date-one-digit', 'a day of one digit', [expires('Fri, 1 Jan 2049 02:00:00 GMT')]],
  ['date-zero', 'day 0', [expires('Fri, 00 Jan 2049 02:00:00 GMT')]],
  ['date-32', 'day 32', [expires('Fri, 32 Jan 2049 02:00:00 GMT')]],
  ['date-31-february', '31 February', [expires('Fri, 31 Feb 2049 02:00:00 GMT')]],
  ['date-leap-day', '29 February of a common year', [expires('Mon, 29 Feb 2049 02:00:00 GMT')]],
  ['date-ordinal', 'an ordinal for the day', [expires('Fri, 1st Jan 2049 02:00:00 GMT')]],
  ['month-long', 'a month in full', [expires('Fri, 01 January 2049 02:00:00 GMT')]],
  ['month-number', 'a number for the month', [expires('Fri, 01 01 2049 02:00:00 GMT')]],
  ['month-unknown', 'a month that is none', [expires('Fri, 01 Foo 2049 02:00:00 GMT')]],
  ['month-first', 'the month before the day', [expires('Fri, Jan 01 2049 02:00:00 GMT')]],
  ['year-two-digits', 'a year of two digits', [expires('Fri, 01 Jan 49 02:00:00 GMT')]],
  ['year-three-digits', 'a year of three digits', [expires('Fri, 01 Jan 049 02:00:00 GMT')]],
  ['year-five-digits', 'a year of five digits', [expires('Fri, 01 Jan 02049 02:00:00 GMT')]],
  ['trailing', 'something after the zone', ahead((parts) => `${imf(parts)} foo`)],
  ['parameter', 'a parameter', ahead((parts) => `${imf(parts)};foo=bar`)],
  ['quoted', 'in quotes', ahead((parts) => `"${imf(parts)}"`)],
  [
    'rfc850-long-year',
    'RFC 850 with a year of four digits',
    ahead((parts) => rfc850({ ...parts, year: `20${parts.year}` })),
  ],
  [
    'rfc850-short-day',
    'RFC 850 with a short day of the week',
    ahead((parts) => rfc850({ ...parts, longDay: parts.day })),
  ],
  [
    'rfc850-spaces',
    'RFC 850 with spaces for dashes',
    ahead((parts) => rfc850(parts).replaceAll('-', ' ')),
  ],
  ['rfc850-utc', 'RFC 850 with UTC', ahead((parts) => rfc850(parts).replace('GMT', 'UTC'))],
  ['asctime-zone', 'asctime with a zone', ahead((parts) => `${asctime(parts)} GMT`)],
  ['asctime-comma', 'asctime with a comma', ahead((parts) => asctime(parts).replace(' ', ', '))],
  [
    'asctime-zero-zone',
    'asctime with a zone before the year',
    ahead(({ year, ...parts }) => asctime({ ...parts, year: `GMT ${year}` })),
  ],
  [
    'list',
    'two dates in a list',
    [expires(dateAs(aheadSeconds, (parts) => `${imf(parts)}, ${imf(parts)}`))],
  ],
  ['lines', 'two lines, both in the future', [expires(date(3600)), expires(date(7200))]],
  [
    'lines-past-first',
    'two lines, the first in the past',
    [expires(date(-3600)), expires(date(7200))],
  ],
  [
    'lines-past-last',
    'two lines, the last in the past',
    [expires(date(3600)), expires(date(-7200))],
  ],
];

const stale: Case[] = each(
  { name: 'what is no date is the past', spec: past, level: 'required' },
  askedAgain,
  malformed.map(([id, what, lines]) => [`malformed-${id}`, what, lines] as const),
);

export const dates: Group = { name: 'dates', cases: [...valid, ...pastDates, ...stale] };
