/** How the cache validates what it has (RFC 9111 §4.3.1, §4.3.3): which conditions it sends, and what it makes of the answer. */
import { cacheControl, each, etag, hour, staleHour, validated } from '../build.ts';
import type { Case, Group, Line } from '../case.ts';
import { asctime, date, dateAs, rfc850 } from '../dates.ts';

const sending = 'RFC 9111 §4.3.1';
const handling = 'RFC 9111 §4.3.3';

const tags: readonly (readonly [id: string, what: string, tag: string])[] = [
  ['strong', 'strong', '"abc"'],
  ['weak', 'weak', 'W/"abc"'],
  ['empty', 'empty', '""'],
  ['comma', 'with a comma', '"a,b"'],
  ['punctuation', 'with punctuation', '"!#$%&\'()*+-./:;<=>?@[]^_`{|}~"'],
  ['backslash', 'with a backslash', '"a\\b"'],
  ['bytes', 'with bytes beyond ASCII', '"\xe4\xff"'],
  ['unquoted', 'without its quotes', 'abc'],
  ['long', 'long', `"${'x'.repeat(500)}"`],
];

const sent: Case[] = [
  ...tags.map(([id, what, tag]) =>
    validated(
      {
        id: `validate-etag-${id}`,
        name: `a tag is sent back as it came: ${what}`,
        spec: sending,
        level: 'optional',
      },
      [...staleHour, etag(tag)],
      { 'If-None-Match': tag },
      { lines304: [etag(tag)] },
    ),
  ),
  validated(
    {
      id: 'validate-last-modified',
      name: 'Last-Modified is sent back as If-Modified-Since',
      spec: sending,
      level: 'optional',
    },
    [...staleHour, ['Last-Modified', date(-86_400)]],
    { 'If-Modified-Since': date(-86_400) },
  ),
  validated(
    {
      id: 'validate-last-modified-rfc850',
      name: 'Last-Modified in the form of RFC 850 is a validator',
      spec: sending,
      level: 'optional',
    },
    [...staleHour, ['Last-Modified', dateAs(-86_400, rfc850)]],
    {},
  ),
  validated(
    {
      id: 'validate-last-modified-asctime',
      name: 'Last-Modified in the form of asctime is a validator',
      spec: sending,
      level: 'optional',
    },
    [...staleHour, ['Last-Modified', dateAs(-86_400, asctime)]],
    {},
  ),
  validated(
    {
      id: 'validate-both',
      name: 'with both validators, both are sent',
      spec: 'RFC 9110 §13.1.3',
      level: 'optional',
    },
    [...staleHour, etag('"a"'), ['Last-Modified', date(-86_400)]],
    { 'If-None-Match': '"a"', 'If-Modified-Since': date(-86_400) },
  ),
  validated(
    {
      id: 'validate-other-status',
      name: 'a stored 404 is validated as well',
      spec: sending,
      level: 'optional',
    },
    [],
    { 'If-None-Match': '"a"' },
    {
      origin: { status: 404, lines: [...staleHour, etag('"a"')] },
      expect: { source: 'revalidated', status: 404 },
    },
  ),
  {
    id: 'validate-own-tag-not-clients',
    name: 'a client’s tag that is not stored does not confirm what is stored',
    spec: sending,
    level: 'required',
    requests: [
      { origin: { lines: [...staleHour, etag('"a"')] } },
      {
        lines: [['If-None-Match', '"b"']],
        origin: { status: 304, lines: [hour, etag('"a"')] },
        expect: {
          source: 'revalidated',
          status: 200,
          asked: { fields: { 'If-None-Match': /"a"/ } },
        },
      },
    ],
  },
  {
    id: 'validate-variants-tags',
    name: 'the tags of all stored variants are sent',
    spec: sending,
    level: 'optional',
    requests: [
      { lines: [['X-V', '1']], origin: { lines: [hour, etag('"one"'), ['Vary', 'X-V']] } },
      { lines: [['X-V', '2']], origin: { lines: [hour, etag('"two"'), ['Vary', 'X-V']] } },
      {
        lines: [['X-V', '3']],
        origin: { status: 304, lines: [hour, etag('"two"'), ['Vary', 'X-V']] },
        expect: {
          source: 'revalidated',
          answer: 2,
          asked: { fields: { 'If-None-Match': /^(?=.*"one")(?=.*"two")/ } },
        },
      },
    ],
  },
  {
    id: 'validate-variants-selected-kept',
    name: 'a variant that a 304 has selected is reused for the request that it was selected for',
    spec: 'RFC 9111 §4.3.3',
    level: 'ours',
    requests: [
      { lines: [['X-V', '1']], origin: { lines: [hour, etag('"one"'), ['Vary', 'X-V']] } },
      {
        lines: [['X-V', '3']],
        origin: { status: 304, lines: [hour, etag('"one"'), ['Vary', 'X-V']] },
        expect: { source: 'revalidated' },
      },
      { lines: [['X-V', '3']], expect: { source: 'stored' } },
      { lines: [['X-V', '1']], expect: { source: 'stored' } },
    ],
  },
  {
    id: 'validate-variants-weak-tag',
    name: 'a weak tag of a 304 selects among the variants when no strong one does',
    spec: 'RFC 9111 §4.3.4',
    level: 'optional',
    requests: [
      { lines: [['X-V', '1']], origin: { lines: [hour, etag('W/"one"'), ['Vary', 'X-V']] } },
      { lines: [['X-V', '2']], origin: { lines: [hour, etag('W/"two"'), ['Vary', 'X-V']] } },
      {
        lines: [['X-V', '3']],
        origin: { status: 304, lines: [hour, etag('W/"two"'), ['Vary', 'X-V']] },
        expect: { source: 'revalidated', answer: 2 },
      },
    ],
  },
  {
    id: 'validate-variants-unknown-tag',
    name: 'a 304 whose tag no variant has gives nobody another variant',
    spec: 'RFC 9111 §4.3.4',
    level: 'required',
    requests: [
      { lines: [['X-V', '1']], origin: { lines: [hour, etag('"one"'), ['Vary', 'X-V']] } },
      {
        lines: [['X-V', '3']],
        origin: { status: 304, lines: [hour, etag('"other"'), ['Vary', 'X-V']] },
        expect: { status: 200, body: /^answer 2 / },
      },
    ],
  },
];

const handled: Case[] = [
  validated(
    {
      id: 'validate-304',
      name: 'a 304 makes what is stored the answer',
      spec: handling,
      level: 'optional',
    },
    [...staleHour, etag('"a"')],
    { 'If-None-Match': '"a"' },
    { lines304: [etag('"a"')], expect: { source: 'revalidated', status: 200 } },
  ),
  {
    id: 'validate-200',
    name: 'a whole answer to a validation is sent and stored',
    spec: handling,
    level: 'required',
    requests: [
      { origin: { lines: [...staleHour, etag('"a"')] } },
      {
        origin: { lines: [hour, etag('"b"')] },
        expect: { source: 'origin', fields: { ETag: '"b"' } },
      },
      { expect: { source: 'stored', answer: 2 } },
    ],
  },
  {
    id: 'validate-200-same-tag',
    name: 'a whole answer with the same tag is sent and stored all the same',
    spec: handling,
    level: 'ours',
    requests: [
      { origin: { lines: [...staleHour, etag('"a"')] } },
      { origin: { lines: [hour, etag('"a"')] }, expect: { source: 'origin' } },
      { expect: { source: 'stored', answer: 2 } },
    ],
  },
  ...[404, 410].map(
    (status): Case => ({
      id: `validate-${status}`,
      name: `a ${status} to a validation is sent, and what was stored is not`,
      spec: handling,
      level: 'required',
      requests: [
        { origin: { lines: [...staleHour, etag('"a"')] } },
        { origin: { status, lines: [hour] }, expect: { source: 'origin' } },
        { expect: { source: 'stored', answer: 2 } },
      ],
    }),
  ),
  ...[500, 502, 503, 504].map(
    (status): Case => ({
      id: `validate-${status}`,
      name: `a ${status} to a validation is passed on where nothing allows what is stale`,
      spec: handling,
      level: 'ours',
      requests: [
        { origin: { lines: [...staleHour, etag('"a"')] } },
        { origin: { status, lines: [cacheControl('no-store')] }, expect: { source: 'origin' } },
      ],
    }),
  ),
  {
    id: 'validate-500-keeps',
    name: 'an error to a validation leaves what is stored, to be validated again',
    spec: handling,
    level: 'optional',
    requests: [
      { origin: { lines: [...staleHour, etag('"a"')] } },
      {
        origin: { status: 500, lines: [cacheControl('no-store')] },
        expect: { status: [200, 500], body: null },
      },
      { origin: { status: 304, lines: [etag('"a"')] }, expect: { source: 'revalidated' } },
    ],
  },
  {
    id: 'validate-client-304',
    name: 'a client that has what is confirmed gets a 304',
    spec: 'RFC 9111 §4.3.2',
    level: 'optional',
    requests: [
      { origin: { lines: [...staleHour, etag('"a"')] } },
      {
        lines: [['If-None-Match', '"a"']],
        origin: { status: 304, lines: [hour, etag('"a"'), ['X-A', '2']] },
        expect: { source: 'revalidated', status: 304, fields: { 'X-A': '2' } },
      },
      { expect: { source: 'stored' } },
    ],
  },
  {
    id: 'validate-client-gets-new',
    name: 'a client whose condition no longer holds gets the new response',
    spec: handling,
    level: 'required',
    requests: [
      { origin: { lines: [...staleHour, etag('"a"')] } },
      {
        lines: [['If-None-Match', '"a"']],
        origin: { lines: [hour, etag('"b"')] },
        expect: { source: 'origin', status: 200 },
      },
    ],
  },
  {
    id: 'validate-client-has-new',
    name: 'a client that has the new response already gets a 304',
    spec: 'RFC 9111 §4.3.2',
    level: 'ours',
    requests: [
      { origin: { lines: [...staleHour, etag('"a"')] } },
      {
        lines: [['If-None-Match', '"b"']],
        origin: { lines: [hour, etag('"b"')] },
        expect: { status: 304 },
      },
      { expect: { source: 'stored', answer: 2 } },
    ],
  },
  ...(
    [
      ['inm', 'If-None-Match', '"a"', 'required'],
      ['inm-unquoted', 'If-None-Match', 'a', 'optional'],
      ['ims', 'If-Modified-Since', date(-3600), 'required'],
    ] as const
  ).map(
    ([id, name, value, level]): Case => ({
      id: `validate-miss-forwards-${id}`,
      name: `${name} of a client is for the origin to judge when nothing is stored`,
      // "MUST NOT evaluate … a target resource for which it has no stored responses".
      spec: 'RFC 9111 §4.3.2',
      level,
      requests: [
        {
          lines: [[name, value]],
          origin: { status: 304, lines: [hour, etag('"a"')] },
          expect: { source: 'origin', asked: { fields: { [name]: value } } },
        },
        { origin: { lines: [hour, etag('"a"')] }, expect: { source: 'origin', status: 200 } },
      ],
    }),
  ),
  {
    id: 'validate-miss-conditional-never-partial',
    name: 'a client’s condition on a miss leaves no 304 behind for others',
    spec: 'RFC 9111 §4.3.3',
    level: 'required',
    requests: [
      {
        lines: [['If-None-Match', '"a"']],
        origin: { status: 304, lines: [hour, etag('"a"')] },
        expect: { status: [200, 304], body: null },
      },
      { origin: { lines: [hour, etag('"a"')] }, expect: { status: 200, body: /^answer \d of / } },
    ],
  },
];

const validators: Case[] = each(
  { name: 'what has a validator and no lifetime is validated', spec: sending, level: 'optional' },
  (about, lines) => validated(about, lines, {}),
  [
    ['validate-only-etag', 'a tag', [etag('"a"')] as Line[]],
    ['validate-only-weak-etag', 'a weak tag', [etag('W/"a"')] as Line[]],
    ['validate-only-recent', 'a Last-Modified of now', [['Last-Modified', date(0)]] as Line[]],
  ],
);

export const validation: Group = {
  name: 'validation',
  cases: [...sent, ...handled, ...validators],
};
