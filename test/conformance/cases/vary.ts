/** Variants (RFC 9111 §4.1): which requests a stored response answers. */
import { etag, hour } from '../build.ts';
import type { Case, Exchange, Group, Level, Line, Text } from '../case.ts';
import { date } from '../dates.ts';

const selecting = 'RFC 9111 §4.1';
const normalising = 'RFC 9111 §4.1';

const vary = (value: Text): Line => ['Vary', value];

interface Pair {
  id: string;
  name: string;
  level: Level;
  vary: readonly Line[];
  first: readonly Line[];
  second: readonly Line[];
}

/** Stored for the first request; the second is the same to the cache, or is not. */
const same = (about: Pair): Case => pair(about, { expect: { source: 'stored' } });
const other = (about: Pair): Case => pair(about, { expect: { source: 'origin' } });

function pair({ first, second, vary: lines, ...about }: Pair, then: Exchange): Case {
  return {
    ...about,
    spec: selecting,
    requests: [
      { lines: first, origin: { lines: [hour, ...lines] } },
      { lines: second, ...then },
    ],
  };
}

const one: Line = ['X-One', '1'];
const two: Line = ['X-Two', '2'];

const matching: Case[] = [
  same({
    id: 'vary-same',
    name: 'the same value matches',
    level: 'optional',
    vary: [vary('X-One')],
    first: [one],
    second: [one],
  }),
  other({
    id: 'vary-other',
    name: 'another value does not',
    level: 'required',
    vary: [vary('X-One')],
    first: [one],
    second: [['X-One', '2']],
  }),
  other({
    id: 'vary-absent-later',
    name: 'an absent field is another value',
    level: 'required',
    vary: [vary('X-One')],
    first: [one],
    second: [],
  }),
  other({
    id: 'vary-absent-before',
    name: 'a value is not an absent field',
    level: 'required',
    vary: [vary('X-One')],
    first: [],
    second: [one],
  }),
  same({
    id: 'vary-absent-both',
    name: 'absent is as absent',
    level: 'optional',
    vary: [vary('X-One')],
    first: [],
    second: [],
  }),
  other({
    id: 'vary-empty',
    name: 'an empty field is not an absent one',
    level: 'ours',
    vary: [vary('X-One')],
    first: [['X-One', '']],
    second: [],
  }),
  other({
    id: 'vary-value-case',
    name: 'values differ by case',
    level: 'required',
    vary: [vary('X-One')],
    first: [['X-One', 'a']],
    second: [['X-One', 'A']],
  }),
  other({
    id: 'vary-prefix',
    name: 'a longer value is another',
    level: 'required',
    vary: [vary('X-One')],
    first: [one],
    second: [['X-One', '10']],
  }),
  same({
    id: 'vary-name-case',
    name: 'names have no case',
    level: 'optional',
    vary: [vary('x-ONE')],
    first: [one],
    second: [['X-oNe', '1']],
  }),
  same({
    id: 'vary-others',
    name: 'fields that are not named do not matter',
    level: 'optional',
    vary: [vary('X-One')],
    first: [one],
    second: [one, two],
  }),
  same({
    id: 'vary-two-same',
    name: 'two fields, both the same',
    level: 'optional',
    vary: [vary('X-One, X-Two')],
    first: [one, two],
    second: [two, one],
  }),
  other({
    id: 'vary-two-first-differs',
    name: 'two fields, the first differs',
    level: 'required',
    vary: [vary('X-One, X-Two')],
    first: [one, two],
    second: [['X-One', '3'], two],
  }),
  other({
    id: 'vary-two-last-differs',
    name: 'two fields, the last differs',
    level: 'required',
    vary: [vary('X-One, X-Two')],
    first: [one, two],
    second: [one, ['X-Two', '3']],
  }),
  other({
    id: 'vary-two-swapped',
    name: 'two fields with each other’s values',
    level: 'required',
    vary: [vary('X-One, X-Two')],
    first: [one, two],
    second: [
      ['X-One', '2'],
      ['X-Two', '1'],
    ],
  }),
  other({
    id: 'vary-three',
    name: 'three fields, one is absent',
    level: 'required',
    vary: [vary('X-One, X-Two, X-Three')],
    first: [one, two, ['X-Three', '3']],
    second: [one, two],
  }),
  same({
    id: 'vary-lines-same',
    name: 'Vary in two lines, all the same',
    level: 'optional',
    vary: [vary('X-One'), vary('X-Two')],
    first: [one, two],
    second: [one, two],
  }),
  other({
    id: 'vary-lines-differs',
    name: 'Vary in two lines, the second differs',
    level: 'required',
    vary: [vary('X-One'), vary('X-Two')],
    first: [one, two],
    second: [one, ['X-Two', '3']],
  }),
  same({
    id: 'vary-nothing',
    name: 'an empty Vary names nothing',
    level: 'optional',
    vary: [vary('')],
    first: [one],
    second: [two],
  }),
  other({
    id: 'vary-star',
    name: '* is never reused',
    level: 'required',
    vary: [vary('*')],
    first: [one],
    second: [one],
  }),
  other({
    id: 'vary-star-in-list',
    name: 'a member * is never reused',
    level: 'required',
    vary: [vary('X-One, *')],
    first: [one],
    second: [one],
  }),
  other({
    id: 'vary-star-first',
    name: 'a first member * is never reused',
    level: 'required',
    vary: [vary('*, X-One')],
    first: [one],
    second: [one],
  }),
  other({
    id: 'vary-star-after-nothing',
    name: '* after an empty member is never reused',
    level: 'required',
    vary: [vary(', *')],
    first: [one],
    second: [one],
  }),
  other({
    id: 'vary-star-line',
    name: '* in another line is never reused',
    level: 'required',
    vary: [vary('X-One'), vary('*')],
    first: [one],
    second: [one],
  }),
  other({
    id: 'vary-cookie',
    name: 'Cookie selects',
    level: 'required',
    vary: [vary('Cookie')],
    first: [['Cookie', 'a=1']],
    second: [['Cookie', 'a=2']],
  }),
  other({
    id: 'vary-origin',
    name: 'Origin selects',
    level: 'required',
    vary: [vary('Origin')],
    first: [['Origin', 'http://a.test']],
    second: [['Origin', 'http://b.test']],
  }),
  other({
    id: 'vary-user-agent',
    name: 'User-Agent selects',
    level: 'required',
    vary: [vary('User-Agent')],
    first: [['User-Agent', 'a']],
    second: [['User-Agent', 'b']],
  }),
];

const x = (...values: string[]): Line[] => values.map((value): Line => ['X-One', value]);
const language = (...values: string[]): Line[] =>
  values.map((value): Line => ['Accept-Language', value]);
const coding = (...values: string[]): Line[] =>
  values.map((value): Line => ['Accept-Encoding', value]);

const normalised: Case[] = [
  ...(
    [
      ['vary-spaces', 'whitespace after commas', x('a,b'), x('a, b')],
      ['vary-spaces-around', 'whitespace around commas', x('a, b'), x('a  ,\t b')],
      ['vary-lines', 'one line and two', x('a, b'), x('a', 'b')],
      ['vary-lines-no-space', 'two lines and one without a space', x('a', 'b'), x('a,b')],
    ] as const
  ).map(([id, name, first, second]) =>
    same({
      id,
      name: `${name} make no other value`,
      level: 'optional',
      vary: [vary('X-One')],
      first,
      second,
    }),
  ),
  other({
    id: 'vary-order',
    name: 'members in another order are another value',
    level: 'required',
    vary: [vary('X-One')],
    first: x('a, b'),
    second: x('b, a'),
  }),
  ...(
    [
      ['language-case', 'case', language('en-GB'), language('EN-gb')],
      ['language-spaces', 'spaces', language('en, de;q=0.5'), language('en,de; q=0.5')],
      ['language-lines', 'lines', language('en, de'), language('en', 'de')],
      ['language-order', 'order at the same weight', language('en, de'), language('de, en')],
      ['language-weight', 'ways to write a weight', language('en;q=0.5'), language('en;q=0.500')],
      [
        'language-weight-one',
        'a weight of 1',
        language('en, de;q=0.5'),
        language('en;q=1.0, de;q=0.5'),
      ],
    ] as const
  ).map(([id, name, first, second]) =>
    same({
      id,
      name: `Accept-Language: ${name} makes no other value`,
      level: 'optional',
      vary: [vary('Accept-Language')],
      first,
      second,
    }),
  ),
  other({
    id: 'language-other',
    name: 'Accept-Language: another language',
    level: 'required',
    vary: [vary('Accept-Language')],
    first: language('en'),
    second: language('de'),
  }),
  other({
    id: 'language-weights-differ',
    name: 'Accept-Language: the weights decide',
    level: 'required',
    vary: [vary('Accept-Language')],
    first: language('en, de;q=0.5'),
    second: language('de, en;q=0.5'),
  }),
  {
    id: 'language-content',
    name: 'a stored variant in the language that a request likes best matches',
    spec: normalising,
    level: 'optional',
    requests: [
      {
        lines: language('en, de;q=0.5'),
        origin: { lines: [hour, vary('Accept-Language'), ['Content-Language', 'de']] },
      },
      { lines: language('de'), expect: { source: 'stored' } },
    ],
  },
  {
    id: 'language-content-other',
    name: 'a stored variant in a language that a request likes less does not match',
    spec: selecting,
    level: 'required',
    requests: [
      {
        lines: language('en, de;q=0.5'),
        origin: { lines: [hour, vary('Accept-Language'), ['Content-Language', 'de']] },
      },
      { lines: language('fr, de;q=0.5'), expect: { source: 'origin' } },
    ],
  },
  ...(
    [
      ['coding-spaces', 'spaces', coding('gzip, br'), coding('gzip,br')],
      ['coding-order', 'order', coding('gzip, br'), coding('br, gzip')],
      ['coding-case', 'case', coding('gzip'), coding('GZIP')],
      [
        'coding-unsupported',
        'a coding that nobody answers with',
        coding('gzip'),
        coding('gzip, foo'),
      ],
    ] as const
  ).map(([id, name, first, second]) =>
    same({
      id,
      name: `Accept-Encoding: ${name} makes no other value`,
      level: 'ours',
      vary: [vary('Accept-Encoding')],
      first,
      second,
    }),
  ),
  other({
    id: 'coding-other',
    name: 'Accept-Encoding: another coding',
    level: 'required',
    vary: [vary('Accept-Encoding')],
    first: coding('gzip'),
    second: coding('br'),
  }),
  other({
    id: 'coding-none',
    name: 'Accept-Encoding: a coding that is refused',
    level: 'required',
    vary: [vary('Accept-Encoding')],
    first: coding('gzip'),
    second: coding('gzip;q=0'),
  }),
];

const v = (value: string): Line[] => [['X-V', value]];
const variant: readonly Line[] = [hour, vary('X-V')];

const several: Case[] = [
  {
    id: 'variants-two',
    name: 'two variants are stored side by side',
    spec: selecting,
    level: 'optional',
    requests: [
      { lines: v('1'), origin: { lines: variant } },
      { lines: v('2'), expect: { source: 'origin' } },
      { lines: v('1'), expect: { source: 'stored', answer: 1 } },
      { lines: v('2'), expect: { source: 'stored', answer: 2 } },
    ],
  },
  {
    id: 'variants-validated',
    name: 'each variant is validated by its own tag',
    spec: 'RFC 9111 §4.3.1',
    level: 'required',
    requests: [
      { lines: v('1'), origin: { lines: [...variant, ['Age', '7200'], etag('"one"')] } },
      { lines: v('2'), origin: { lines: [...variant, ['Age', '7200'], etag('"two"')] } },
      {
        lines: v('1'),
        origin: { status: 304, lines: [...variant, etag('"one"')] },
        expect: {
          source: 'revalidated',
          answer: 1,
          asked: { fields: { 'If-None-Match': /"one"/ } },
        },
      },
      {
        lines: v('2'),
        origin: { status: 304, lines: [...variant, etag('"two"')] },
        expect: {
          source: 'revalidated',
          answer: 2,
          asked: { fields: { 'If-None-Match': /"two"/ } },
        },
      },
    ],
  },
  {
    id: 'variants-newer-vary',
    name: 'a newer response with another Vary does not make the older ones match more',
    spec: selecting,
    level: 'required',
    requests: [
      { lines: [...v('1'), one], origin: { lines: variant } },
      { lines: [...v('2'), one], origin: { lines: [hour, vary('X-One')] } },
      { lines: [...v('2'), two], origin: { lines: variant }, expect: { source: 'origin' } },
    ],
  },
  {
    id: 'variants-most-recent',
    name: 'of several stored responses that match the most recent is used',
    spec: 'RFC 9111 §4',
    level: 'required',
    requests: [
      { lines: v('1'), origin: { lines: [hour, vary('X-V'), ['Date', date(-20)]] } },
      { lines: [...v('2'), one], origin: { lines: [hour, vary('X-One'), ['Date', date(-10)]] } },
      { lines: [...v('1'), one], expect: { source: 'stored', answer: 2 } },
    ],
  },
  {
    id: 'variants-without-vary',
    name: 'a response without Vary answers all requests',
    spec: selecting,
    level: 'optional',
    requests: [
      { lines: v('1'), origin: { lines: [hour] } },
      { lines: v('2'), expect: { source: 'stored' } },
    ],
  },
  {
    id: 'variants-capped',
    name: 'beyond the site’s number of variants the oldest goes',
    spec: selecting,
    level: 'ours',
    site: 'capped',
    requests: [
      { lines: v('1'), origin: { lines: variant } },
      { lines: v('2'), expect: { source: 'origin' } },
      { lines: v('3'), expect: { source: 'origin' } },
      { lines: v('4'), expect: { source: 'origin' } },
      { lines: v('4'), expect: { source: 'stored', answer: 4 } },
      { lines: v('3'), expect: { source: 'stored', answer: 3 } },
      { lines: v('1'), expect: { status: 200, body: /^answer [17] / } },
    ],
  },
];

export const variants: Group = { name: 'vary', cases: [...matching, ...normalised, ...several] };
