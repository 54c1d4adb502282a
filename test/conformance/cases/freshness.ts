/** How long a response is fresh (RFC 9111 §4.2.1), and how its directives are read (§5.2). */
import { askedAgain, cacheControl, each, reused } from '../build.ts';
import type { Case, Group, Level, Line, Text } from '../case.ts';
import { date } from '../dates.ts';

const lifetime = 'RFC 9111 §4.2.1';
const expires = (value: Text): Line => ['Expires', value];

const precedence: Case[] = [
  ...each({ name: 'fresh by', spec: lifetime, level: 'optional' }, reused, [
    ['fresh-max-age', 'max-age', [cacheControl('max-age=3600')]],
    ['fresh-s-maxage', 's-maxage', [cacheControl('s-maxage=3600')]],
    ['fresh-expires', 'Expires in the future', [expires(date(3600))]],
    [
      'fresh-s-maxage-over-max-age',
      's-maxage beside max-age=0',
      [cacheControl('max-age=0, s-maxage=3600')],
    ],
    [
      'fresh-s-maxage-first-over-max-age',
      's-maxage before max-age=0',
      [cacheControl('s-maxage=3600, max-age=0')],
    ],
    [
      'fresh-s-maxage-over-expires',
      's-maxage beside a past Expires',
      [cacheControl('s-maxage=3600'), expires(date(-3600))],
    ],
    [
      'fresh-max-age-over-expires',
      'max-age beside a past Expires',
      [cacheControl('max-age=3600'), expires(date(-3600))],
    ],
    [
      'fresh-max-age-over-invalid-expires',
      'max-age beside an Expires of 0',
      [cacheControl('max-age=3600'), expires('0')],
    ],
    [
      'fresh-max-age-over-expires-date',
      'max-age beside an Expires that equals Date',
      [cacheControl('max-age=3600'), ['Date', date(0)], expires(date(0))],
    ],
    [
      'fresh-expires-beside-other-directives',
      'Expires beside directives without a time',
      [cacheControl('public, no-transform'), expires(date(3600))],
    ],
    [
      'fresh-expires-old-date',
      'Expires that lies far enough after an old Date',
      [['Date', date(-600)], expires(date(3600))],
    ],
  ]),
  ...each({ name: 'stale by', spec: lifetime, level: 'required' }, askedAgain, [
    ['stale-max-age-zero', 'max-age=0', [cacheControl('max-age=0')]],
    ['stale-s-maxage-zero', 's-maxage=0', [cacheControl('s-maxage=0')]],
    [
      'stale-s-maxage-over-max-age',
      's-maxage=0 beside max-age',
      [cacheControl('max-age=3600, s-maxage=0')],
    ],
    [
      'stale-s-maxage-first-over-max-age',
      's-maxage=0 before max-age',
      [cacheControl('s-maxage=0, max-age=3600')],
    ],
    [
      'stale-s-maxage-over-expires',
      's-maxage=0 beside a future Expires',
      [cacheControl('s-maxage=0'), expires(date(3600))],
    ],
    [
      'stale-max-age-over-expires',
      'max-age=0 beside a future Expires',
      [cacheControl('max-age=0'), expires(date(3600))],
    ],
    ['stale-expires-past', 'Expires in the past', [expires(date(-3600))]],
    ['stale-expires-now', 'Expires that equals Date', [['Date', date(0)], expires(date(0))]],
    [
      'stale-expires-minus-date',
      'an old Date, whose response has outlived Expires − Date',
      [['Date', date(-7200)], expires(date(-3600))],
    ],
    [
      'stale-expires-before-date',
      'a future Expires before a Date that lies further ahead',
      [['Date', date(7200)], expires(date(3600))],
    ],
  ]),
  askedAgain(
    {
      id: 'stale-nothing-said',
      name: 'with neither freshness nor validator nothing is reused',
      spec: 'RFC 9111 §4.2.2',
      level: 'required',
    },
    [],
  ),
  askedAgain(
    {
      id: 'stale-after-lifetime',
      name: 'fresh for a second, stale after it',
      spec: lifetime,
      level: 'required',
    },
    [cacheControl('max-age=1')],
    { pauseMs: 2100 },
  ),
  reused(
    {
      id: 'fresh-within-lifetime',
      name: 'still fresh after a second of three',
      spec: lifetime,
      level: 'optional',
    },
    [cacheControl('max-age=3')],
    { pauseMs: 1000, expect: { age: [1, 2] } },
  ),
  askedAgain(
    {
      id: 'stale-s-maxage-after-lifetime',
      name: 's-maxage=1 is stale after it, whatever max-age says',
      spec: lifetime,
      level: 'required',
    },
    [cacheControl('max-age=3600, s-maxage=1')],
    { pauseMs: 2100 },
  ),
];

const reading: Case[] = [
  ...each({ name: 'directives are found', spec: 'RFC 9111 §5.2', level: 'optional' }, reused, [
    ['directive-case', 'in mixed case', [cacheControl('MaX-aGe=3600')]],
    ['directive-upper', 'in upper case', [cacheControl('MAX-AGE=3600')]],
    ['directive-s-maxage-case', 's-maxage in mixed case', [cacheControl('S-MaxAge=3600')]],
    ['directive-extension', 'after an unknown one', [cacheControl('foobar, max-age=3600')]],
    [
      'directive-extension-value',
      'after an unknown one with a value',
      [cacheControl('foo=bar, max-age=3600')],
    ],
    [
      'directive-extension-after',
      'before an unknown one',
      [cacheControl('max-age=3600, foo="b, a\\"r"')],
    ],
    [
      'directive-no-space',
      'without a space after the comma',
      [cacheControl('public,max-age=3600')],
    ],
    [
      'directive-spaces',
      'with much whitespace around commas',
      [cacheControl('  public  ,\t max-age=3600 \t, foo ')],
    ],
    ['directive-empty-members', 'among empty members', [cacheControl(',, max-age=3600,,')]],
    [
      'directive-second-line',
      'in a second line',
      [cacheControl('foo'), cacheControl('max-age=3600')],
    ],
    [
      'directive-first-line',
      'in a first line',
      [cacheControl('max-age=3600'), cacheControl('foo')],
    ],
    ['directive-leading-zeros', 'with leading zeros', [cacheControl('max-age=0003600')]],
    ['directive-quoted', 'as a quoted string', [cacheControl('max-age="3600"')]],
    ['directive-s-maxage-quoted', 's-maxage as a quoted string', [cacheControl('s-maxage="3600"')]],
  ]),
  ...each(
    { name: 'a quoted string is opaque', spec: 'RFC 9110 §5.6.4', level: 'required' },
    askedAgain,
    [
      [
        'quoted-max-age-inside',
        'max-age in it is none',
        [cacheControl('extension="max-age=3600"')],
      ],
      [
        'quoted-max-age-inside-list',
        'max-age between commas in it is none',
        [cacheControl('extension="foo, max-age=3600, bar"')],
      ],
      [
        'quoted-max-age-after-zero',
        'max-age=0 before it counts',
        [cacheControl('max-age=0, extension="max-age=3600"')],
      ],
      [
        'quoted-max-age-before-zero',
        'max-age=0 after it counts',
        [cacheControl('extension="max-age=3600", max-age=0')],
      ],
      [
        'quoted-escaped-quote',
        'an escaped quote does not end it',
        [cacheControl('extension="a\\", max-age=3600, \\"b"')],
      ],
    ],
  ),
  ...each(
    { name: 'a quoted string is opaque', spec: 'RFC 9110 §5.6.4', level: 'optional' },
    reused,
    [
      [
        'quoted-zero-inside',
        'max-age=0 in it is none',
        [cacheControl('extension="max-age=0", max-age=3600')],
      ],
      [
        'quoted-zero-inside-after',
        'max-age=0 in one that follows is none',
        [cacheControl('max-age=3600, extension="max-age=0"')],
      ],
      [
        'quoted-no-store-inside',
        'no-store in it is none',
        [cacheControl('extension="no-store", max-age=3600')],
      ],
      [
        'quoted-private-inside',
        'private in it is none',
        [cacheControl('max-age=3600, extension="private, no-cache"')],
      ],
    ],
  ),
];

/** A value that is no number of seconds is stale, where caches are encouraged to take it so (§4.2.1). */
const invalidValues: (readonly [string, string, string])[] = [
  ['negative', 'negative', '-3600'],
  ['trailing-letter', 'a letter after the digits', '3600a'],
  ['leading-letter', 'a letter before the digits', 'a3600'],
  ['word', 'a word', 'forever'],
  ['empty', 'empty', ''],
  ['empty-quoted', 'an empty quoted string', '""'],
  ['single-quoted', 'in single quotes', "'3600'"],
  ['open-quote', 'a quote that is not closed', '"3600'],
  ['decimal', 'a decimal', '3600.5'],
  ['decimal-zero', 'a decimal without a fraction', '3600.0'],
  ['plus', 'with a plus sign', '+3600'],
  ['hex', 'hexadecimal', '0xe10'],
  ['exponent', 'with an exponent', '36e2'],
  ['space-after-equals', 'a space after "="', ' 3600'],
  ['inner-space', 'a space among the digits', '36 00'],
  ['parameter', 'with a parameter', '3600;foo'],
  ['quoted-negative', 'a negative quoted string', '"-3600"'],
];

const invalid: Case[] = ['max-age', 's-maxage'].flatMap((name) => [
  ...each({ name: `an invalid ${name} is stale`, spec: lifetime, level: 'optional' }, askedAgain, [
    ...invalidValues.map(
      ([id, what, value]) =>
        [`invalid-${name}-${id}`, what, [cacheControl(`${name}=${value}`)]] as const,
    ),
    [`invalid-${name}-none`, 'no value', [cacheControl(name)]] as const,
    [
      `invalid-${name}-space-before-equals`,
      'a space before "="',
      [cacheControl(`${name} =3600`)],
    ] as const,
    [`invalid-${name}-colon`, 'a colon for "="', [cacheControl(`${name}:3600`)]] as const,
  ]),
  askedAgain(
    {
      id: `invalid-${name}-over-expires`,
      name: `an invalid ${name} is stale beside a future Expires`,
      spec: lifetime,
      level: 'optional',
    },
    [cacheControl(`${name}=-1`), expires(date(3600))],
  ),
]);

const huge: Case[] = each(
  { name: 'a value beyond all integers is very fresh', spec: 'RFC 9111 §1.2.2', level: 'required' },
  reused,
  [
    '2147483647',
    '2147483648',
    '2147483649',
    '4294967295',
    '4294967296',
    '9223372036854775808',
    '99999999999999999999',
  ].flatMap((value) => [
    [`huge-max-age-${value}`, `max-age=${value}`, [cacheControl(`max-age=${value}`)]] as const,
    [`huge-s-maxage-${value}`, `s-maxage=${value}`, [cacheControl(`s-maxage=${value}`)]] as const,
  ]),
);

const repeated = (
  level: Level,
  kind: typeof reused,
  rows: readonly (readonly [string, string, readonly Line[]])[],
) =>
  each(
    { name: 'of a repeated directive the first valid one counts', spec: lifetime, level },
    kind,
    rows,
  );

const repeats: Case[] = [
  ...repeated('optional', askedAgain, [
    ['repeated-zero-first', 'max-age=0, then an hour', [cacheControl('max-age=0, max-age=3600')]],
    [
      'repeated-zero-first-line',
      'max-age=0 in a line before an hour',
      [cacheControl('max-age=0'), cacheControl('max-age=3600')],
    ],
    [
      'repeated-s-maxage-zero-first',
      's-maxage=0, then an hour',
      [cacheControl('s-maxage=0, s-maxage=3600')],
    ],
  ]),
  ...repeated('ours', reused, [
    ['repeated-hour-first', 'an hour, then 0', [cacheControl('max-age=3600, max-age=0')]],
    [
      'repeated-hour-first-line',
      'an hour in a line before 0',
      [cacheControl('max-age=3600'), cacheControl('max-age=0')],
    ],
    ['repeated-same', 'twice the same', [cacheControl('max-age=3600, max-age=3600')]],
    [
      'repeated-invalid-first',
      'an invalid one is passed over',
      [cacheControl('max-age=a, max-age=3600')],
    ],
    [
      'repeated-s-maxage-hour-first',
      's-maxage of an hour, then 0',
      [cacheControl('s-maxage=3600, s-maxage=0')],
    ],
  ]),
];

const defaults: Case[] = [
  reused(
    {
      id: 'default-ttl',
      name: 'what says nothing is fresh for the lifetime that the site gives',
      spec: 'RFC 9111 §4.2.2',
      level: 'ours',
      site: 'defaults',
    },
    [],
  ),
  askedAgain(
    {
      id: 'default-ttl-explicit-zero',
      name: 'the lifetime that a response names comes before the site’s',
      spec: lifetime,
      level: 'ours',
      site: 'defaults',
    },
    [cacheControl('max-age=0, must-revalidate')],
  ),
  askedAgain(
    {
      id: 'default-ttl-no-store',
      name: 'no-store comes before the site’s lifetime',
      spec: 'RFC 9111 §5.2.2.5',
      level: 'required',
      site: 'defaults',
    },
    [cacheControl('no-store')],
  ),
];

export const freshness: Group = {
  name: 'freshness',
  cases: [...precedence, ...reading, ...invalid, ...huge, ...repeats, ...defaults],
};
