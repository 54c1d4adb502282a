/** Directives of requests (RFC 9111 §5.2.1, §5.4): a site may let clients force a validation, and does so by default. */
import { askedAgain, cacheControl, each, etag, hour, reused, validated } from '../build.ts';
import type { Case, Group, Level, Line } from '../case.ts';
import { date } from '../dates.ts';

const section = (part: number): string => `RFC 9111 §5.2.1.${part}`;
const tag = etag('"a"');

/** Stored with these lines, then asked for with these. */
const again = (
  id: string,
  name: string,
  spec: string,
  stored: readonly Line[],
  asked: readonly Line[],
  level: Level = 'optional',
): Case => askedAgain({ id: `request-${id}`, name, spec, level }, stored, { second: asked });

const hit = (
  id: string,
  name: string,
  spec: string,
  stored: readonly Line[],
  asked: readonly Line[],
  level: Level = 'optional',
): Case => reused({ id: `request-${id}`, name, spec, level }, stored, { second: asked });

const stale = (directives: string): readonly Line[] => [
  cacheControl(`max-age=3600${directives}`),
  ['Age', '3700'],
  tag,
];

const honoured: Case[] = [
  again(
    'no-cache',
    'no-cache: asked again although fresh',
    section(4),
    [hour],
    [cacheControl('no-cache')],
  ),
  again('no-cache-case', 'no-cache in mixed case', section(4), [hour], [cacheControl('No-Cache')]),
  again(
    'no-cache-other',
    'no-cache beside others',
    section(4),
    [hour],
    [cacheControl('foo, no-cache')],
  ),
  validated(
    {
      id: 'request-no-cache-validated',
      name: 'no-cache: what is stored is validated',
      spec: section(4),
      level: 'optional',
    },
    [hour, tag],
    { 'If-None-Match': '"a"' },
    { second: [cacheControl('no-cache')] },
  ),
  again(
    'max-age-zero',
    'max-age=0: asked again although fresh',
    section(1),
    [hour, ['Age', '10']],
    [cacheControl('max-age=0')],
  ),
  again(
    'max-age',
    'max-age: asked again for what is older',
    section(1),
    [hour, ['Age', '1800']],
    [cacheControl('max-age=600')],
  ),
  hit(
    'max-age-younger',
    'max-age: what is younger is good',
    section(1),
    [hour, ['Age', '60']],
    [cacheControl('max-age=600')],
  ),
  again(
    'max-age-stale',
    'max-age makes nothing stale good',
    section(1),
    stale(''),
    [cacheControl('max-age=9999')],
    'required',
  ),
  again(
    'min-fresh',
    'min-fresh: asked again for what is fresh for less',
    section(3),
    [hour, ['Age', '3000']],
    [cacheControl('min-fresh=1200')],
  ),
  hit(
    'min-fresh-enough',
    'min-fresh: what is fresh for longer is good',
    section(3),
    [hour, ['Age', '60']],
    [cacheControl('min-fresh=1200')],
  ),
  hit(
    'min-fresh-invalid',
    'a min-fresh that is no number asks for nothing',
    section(3),
    [hour, ['Age', '3000']],
    [cacheControl('min-fresh=abc')],
    'ours',
  ),
  hit('max-stale', 'max-stale: anything stale is good', section(2), stale(''), [
    cacheControl('max-stale'),
  ]),
  hit('max-stale-within', 'max-stale=N: what is stale for less is good', section(2), stale(''), [
    cacheControl('max-stale=600'),
  ]),
  again(
    'max-stale-beyond',
    'max-stale=N: what is stale for longer is asked for again',
    section(2),
    stale(''),
    [cacheControl('max-stale=10')],
    'required',
  ),
  ...each(
    { name: 'max-stale allows nothing stale', spec: 'RFC 9111 §4.2.4', level: 'required' },
    (about, lines) => askedAgain(about, lines, { second: [cacheControl('max-stale')] }),
    [
      ['request-max-stale-must-revalidate', 'against must-revalidate', stale(', must-revalidate')],
      [
        'request-max-stale-proxy-revalidate',
        'against proxy-revalidate',
        stale(', proxy-revalidate'),
      ],
      ['request-max-stale-no-cache', 'against no-cache', stale(', no-cache')],
      [
        'request-max-stale-s-maxage',
        'against s-maxage',
        [cacheControl('s-maxage=3600'), ['Age', '3700'], tag],
      ],
    ],
  ),
  {
    id: 'request-only-if-cached-miss',
    name: 'only-if-cached: 504 where nothing is stored',
    spec: section(7),
    level: 'required',
    requests: [
      {
        lines: [cacheControl('only-if-cached')],
        origin: {},
        expect: { status: 504, body: null, asks: 0 },
      },
    ],
  },
  hit(
    'only-if-cached-hit',
    'only-if-cached: what is stored',
    section(7),
    [hour],
    [cacheControl('only-if-cached')],
  ),
  {
    id: 'request-only-if-cached-stale',
    name: 'only-if-cached: 504 where what is stored is stale',
    spec: section(7),
    level: 'required',
    requests: [
      { origin: { lines: stale('') } },
      { lines: [cacheControl('only-if-cached')], expect: { status: 504, body: null, asks: 0 } },
    ],
  },
  hit(
    'only-if-cached-max-stale',
    'only-if-cached with max-stale: what is stale',
    section(7),
    stale(''),
    [cacheControl('only-if-cached, max-stale=600')],
  ),
  {
    id: 'request-no-store',
    name: 'no-store: the answer is not stored',
    spec: section(5),
    level: 'required',
    requests: [
      { lines: [cacheControl('no-store')], origin: { lines: [hour] } },
      { expect: { source: 'origin' } },
    ],
  },
  {
    id: 'request-no-store-passes',
    name: 'no-store takes nothing away from what is stored for others',
    spec: section(5),
    level: 'optional',
    requests: [
      { origin: { lines: [hour] } },
      { lines: [cacheControl('no-store')], expect: { body: null } },
      { expect: { source: 'stored' } },
    ],
  },
  again(
    'pragma',
    'Pragma: no-cache: asked again although fresh',
    'RFC 9111 §5.4',
    [hour],
    [['Pragma', 'no-cache']],
  ),
  hit(
    'pragma-beside-cache-control',
    'Pragma means nothing beside Cache-Control',
    'RFC 9111 §5.4',
    [hour],
    [['Pragma', 'no-cache'], cacheControl('max-age=600')],
  ),
  hit(
    'pragma-unknown',
    'another Pragma means nothing',
    'RFC 9111 §5.4',
    [hour],
    [['Pragma', 'foo']],
  ),
  hit(
    'unknown',
    'an unknown directive means nothing',
    'RFC 9111 §5.2.3',
    [hour],
    [cacheControl('foo=bar, baz')],
  ),
  hit(
    'response-directives',
    'directives of responses mean nothing in a request',
    'RFC 9111 §5.2.1',
    [hour],
    [cacheControl('must-revalidate, private, s-maxage=0')],
    'ours',
  ),
  hit(
    'quoted',
    'a quoted string is opaque',
    'RFC 9110 §5.6.4',
    [hour],
    [cacheControl('foo="no-cache, max-age=0"')],
    'ours',
  ),
  {
    id: 'request-no-transform',
    name: 'Cache-Control of a request reaches the origin',
    spec: 'RFC 9111 §5.2',
    level: 'required',
    requests: [
      {
        lines: [cacheControl('no-transform, foo=bar')],
        origin: {},
        expect: {
          source: 'origin',
          asked: { fields: { 'Cache-Control': 'no-transform, foo=bar' } },
        },
      },
    ],
  },
];

const locked: Case[] = [
  ...(
    [
      ['no-cache', cacheControl('no-cache')],
      ['max-age', cacheControl('max-age=0')],
      ['min-fresh', cacheControl('min-fresh=99999')],
      ['pragma', ['Pragma', 'no-cache']],
      ['no-store', cacheControl('no-store')],
    ] as const
  ).map(([id, line]) =>
    reused(
      {
        id: `locked-${id}`,
        name: `a site may let no client force a validation: ${line[0]}: ${line[1]}`,
        spec: 'RFC 9111 §5.2.1',
        level: 'ours',
        site: 'locked',
      },
      [hour],
      { second: [line as Line] },
    ),
  ),
  askedAgain(
    {
      id: 'locked-stale',
      name: 'there what is stale is validated all the same',
      spec: 'RFC 9111 §4.2',
      level: 'required',
      site: 'locked',
    },
    [hour, ['Age', '7200'], ['Last-Modified', date(-86_400)]],
  ),
];

export const requestDirectives: Group = { name: 'requests', cases: [...honoured, ...locked] };
