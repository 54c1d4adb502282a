/** When a stale response may be sent (RFC 9111 §4.2.4, RFC 5861), and when it must not. */
import { cacheControl, etag, staleHour } from '../build.ts';
import type { Case, Expected, Fault, Group, Line, OriginAnswer, SiteName } from '../case.ts';

const disconnected = 'RFC 9111 §4.2.4';
const ifError = 'RFC 5861 §4';
const whileRevalidate = 'RFC 5861 §3';

const faults: readonly (readonly [id: string, what: string, fault: Fault, site?: SiteName])[] = [
  ['refused', 'refuses connections', { kind: 'refuse' }],
  ['dropped', 'drops the connection', { kind: 'drop' }],
  ['cut', 'breaks off in the head', { kind: 'cut-head' }],
  ['silent', 'does not answer in time', { kind: 'silence' }, 'quick'],
];

const tag = etag('"a"');
const aged: Line = ['Age', '7200'];
/** Two hours old, with an hour of life and what is said beside it. */
const old = (directives: string): readonly Line[] => [
  cacheControl(`max-age=3600${directives}`),
  aged,
  tag,
];

interface About {
  id: string;
  name: string;
  spec: string;
  level?: Case['level'];
  site?: SiteName;
}

/** Something stale is stored, then the origin fails. */
function failing(
  about: About,
  lines: readonly Line[],
  origin: OriginAnswer,
  expect: Expected,
): Case {
  return { level: 'optional', ...about, requests: [{ origin: { lines } }, { origin, expect }] };
}

/** An error of ours, as the RFC wants it: 504, or another that is more applicable. */
const gatewayError: Expected = { status: [502, 503, 504], body: null };

const unreachable: Case[] = [
  ...faults.map(([id, what, fault, site]) =>
    failing(
      {
        id: `stale-${id}`,
        name: `stale is sent when the origin ${what}`,
        spec: disconnected,
        ...(site ? { site } : {}),
      },
      staleHour.concat([tag]),
      { fault },
      { source: 'stale', age: [7200, 7210] },
    ),
  ),
  ...faults.flatMap(([id, what, fault, site]) =>
    ['must-revalidate', 'proxy-revalidate', 'no-cache'].map((directive) =>
      failing(
        {
          id: `stale-${id}-${directive}`,
          name: `${directive}: nothing stale is sent when the origin ${what}`,
          spec: disconnected,
          level: 'required',
          ...(site ? { site } : {}),
        },
        old(`, ${directive}`),
        { fault },
        gatewayError,
      ),
    ),
  ),
  failing(
    {
      id: 'stale-refused-s-maxage',
      name: 's-maxage: nothing stale is sent when the origin cannot be reached',
      spec: 'RFC 9111 §5.2.2.10',
      level: 'required',
    },
    [cacheControl('s-maxage=3600'), aged, tag],
    { fault: { kind: 'refuse' } },
    gatewayError,
  ),
  failing(
    {
      id: 'stale-refused-must-revalidate-504',
      name: 'must-revalidate: the error is 504',
      spec: 'RFC 9111 §5.2.2.2',
    },
    old(', must-revalidate'),
    { fault: { kind: 'refuse' } },
    { status: 504, body: null },
  ),
  failing(
    {
      id: 'stale-dropped-must-revalidate-504',
      name: 'must-revalidate: the error is 504, also for a dropped connection',
      spec: 'RFC 9111 §5.2.2.2',
      level: 'ours',
    },
    old(', must-revalidate'),
    { fault: { kind: 'drop' } },
    { status: 504, body: null },
  ),
  failing(
    {
      id: 'stale-refused-s-maxage-504',
      name: 's-maxage: the error is 504',
      spec: 'RFC 9111 §5.2.2.10',
      level: 'ours',
    },
    [cacheControl('s-maxage=3600'), aged, tag],
    { fault: { kind: 'refuse' } },
    { status: 504, body: null },
  ),
  ...['proxy-revalidate', 'no-cache'].map((directive) =>
    failing(
      {
        id: `stale-refused-${directive}-504`,
        name: `${directive}: the error is 504`,
        spec: disconnected,
        level: 'ours',
      },
      old(`, ${directive}`),
      { fault: { kind: 'refuse' } },
      { status: 504, body: null },
    ),
  ),
  failing(
    {
      id: 'stale-refused-no-validator',
      name: 'stale without a validator is sent as well',
      spec: disconnected,
    },
    [cacheControl('max-age=1')],
    { fault: { kind: 'refuse' } },
    { source: 'stale' },
  ),
  {
    id: 'stale-ends-with-the-outage',
    name: 'when the origin is back, it is asked again',
    spec: disconnected,
    level: 'required',
    requests: [
      { origin: { lines: [...staleHour, tag] } },
      {
        origin: { fault: { kind: 'refuse' } },
        expect: { status: [200, 502, 503, 504], body: null },
      },
      {
        origin: { lines: [cacheControl('max-age=3600'), etag('"b"')] },
        expect: { source: 'origin' },
        eventually: true,
      },
    ],
  },
  {
    id: 'unreachable-miss',
    name: 'with nothing stored, an origin that cannot be reached is a gateway error',
    spec: 'RFC 9110 §15.6.3',
    level: 'required',
    requests: [{ origin: { fault: { kind: 'refuse' } }, expect: gatewayError }],
  },
  {
    id: 'unreachable-fresh',
    name: 'what is fresh is sent whether the origin can be reached or not',
    spec: 'RFC 9111 §4',
    level: 'optional',
    requests: [
      { origin: { lines: [cacheControl('max-age=3600, must-revalidate')] } },
      { origin: { fault: { kind: 'refuse' } }, expect: { source: 'stored' } },
    ],
  },
  failing(
    {
      id: 'stale-never-site',
      name: 'a site may forbid what is stale',
      spec: disconnected,
      level: 'ours',
      site: 'strict',
    },
    [...staleHour, tag],
    { fault: { kind: 'refuse' } },
    gatewayError,
  ),
];

// The pause makes stale what is stored with one second of life.
const paused = (theCase: Case, pauseMs: number): Case => ({
  ...theCase,
  requests: theCase.requests.map((each, index) => (index === 1 ? { ...each, pauseMs } : each)),
});
const unreachableNow = unreachable.map((each) =>
  each.id === 'stale-refused-no-validator' ? paused(each, 2100) : each,
);

const error = (status: number): OriginAnswer => ({ status, lines: [cacheControl('no-store')] });

const stalesIfError: Case[] = [
  ...[500, 502, 503, 504].map((status) =>
    failing(
      { id: `sie-${status}`, name: `stale-if-error: stale is sent for a ${status}`, spec: ifError },
      old(', stale-if-error=7200'),
      error(status),
      { source: 'stale', status: 200 },
    ),
  ),
  ...faults.map(([id, what, fault, site]) =>
    failing(
      {
        id: `sie-${id}`,
        name: `stale-if-error: stale is sent when the origin ${what}`,
        spec: ifError,
        ...(site ? { site } : {}),
      },
      old(', stale-if-error=7200'),
      { fault },
      { source: 'stale', status: 200 },
    ),
  ),
  ...[400, 403, 404, 410, 501].map((status) =>
    failing(
      {
        id: `sie-not-${status}`,
        name: `stale-if-error does not hide a ${status}`,
        spec: ifError,
        level: 'required',
      },
      old(', stale-if-error=7200'),
      error(status),
      { source: 'origin' },
    ),
  ),
  failing(
    {
      id: 'sie-over',
      name: 'stale-if-error: after its window an error is passed on',
      spec: ifError,
      level: 'required',
    },
    old(', stale-if-error=60'),
    error(503),
    { source: 'origin' },
  ),
  failing(
    {
      id: 'sie-none',
      name: 'without stale-if-error a 503 is passed on',
      spec: 'RFC 9111 §4.3.3',
      level: 'ours',
    },
    old(''),
    error(503),
    { source: 'origin' },
  ),
  failing(
    {
      id: 'sie-invalid',
      name: 'a stale-if-error that is no number opens no window',
      spec: ifError,
      level: 'ours',
    },
    old(', stale-if-error=abc'),
    error(503),
    { source: 'origin' },
  ),
  failing(
    {
      id: 'sie-must-revalidate',
      name: 'must-revalidate comes before stale-if-error',
      spec: disconnected,
      level: 'required',
    },
    old(', must-revalidate, stale-if-error=7200'),
    error(503),
    { source: 'origin' },
  ),
  failing(
    {
      id: 'sie-no-cache',
      name: 'no-cache comes before stale-if-error',
      spec: disconnected,
      level: 'required',
    },
    old(', no-cache, stale-if-error=7200'),
    error(503),
    { source: 'origin' },
  ),
  {
    id: 'sie-request',
    name: 'stale-if-error of a request opens a window',
    spec: ifError,
    level: 'ours',
    requests: [
      { origin: { lines: old('') } },
      {
        lines: [cacheControl('stale-if-error=7200')],
        origin: error(503),
        expect: { source: 'stale', status: 200 },
      },
    ],
  },
  {
    id: 'sie-request-must-revalidate',
    name: 'must-revalidate comes before stale-if-error of a request',
    spec: disconnected,
    level: 'required',
    requests: [
      { origin: { lines: old(', must-revalidate') } },
      {
        lines: [cacheControl('stale-if-error=7200')],
        origin: error(503),
        expect: { source: 'origin' },
      },
    ],
  },
  {
    id: 'sie-site',
    name: 'a site’s window holds where the response names none',
    spec: ifError,
    level: 'ours',
    site: 'defaults',
    requests: [
      // Beyond the site's window for revalidation in the background, within none: so the error is passed on.
      { origin: { lines: [cacheControl('max-age=3600'), ['Age', '8000'], tag] } },
      { origin: error(503), expect: { source: 'origin' } },
    ],
  },
  {
    id: 'sie-recovers',
    name: 'stale-if-error: the next good answer is sent and stored',
    spec: ifError,
    level: 'required',
    requests: [
      { origin: { lines: old(', stale-if-error=7200') } },
      { origin: error(503), expect: { status: 200, body: null } },
      {
        origin: { lines: [cacheControl('max-age=3600'), etag('"b"')] },
        expect: { source: 'origin' },
      },
      { expect: { source: 'stored', answer: 3 } },
    ],
  },
];

const renewed: OriginAnswer = { lines: [cacheControl('max-age=3600'), etag('"b"')], delayMs: 300 };

const whileRevalidating: Case[] = [
  {
    id: 'swr',
    name: 'stale-while-revalidate: stale is sent at once, and the new response to the next',
    spec: whileRevalidate,
    level: 'optional',
    requests: [
      { origin: { lines: old(', stale-while-revalidate=7200') } },
      { origin: renewed, expect: { source: 'stale', age: [7200, 7203] }, settlesAfterAsks: 1 },
      { expect: { source: 'stored', answer: 2 }, eventually: true },
    ],
  },
  {
    id: 'swr-304',
    name: 'stale-while-revalidate: a 304 behind it makes what is stored fresh',
    spec: whileRevalidate,
    level: 'optional',
    requests: [
      { origin: { lines: old(', stale-while-revalidate=7200') } },
      { origin: { status: 304, lines: [tag] }, expect: { source: 'stale' }, settlesAfterAsks: 1 },
      { expect: { source: 'stored', age: [0, 6] }, eventually: true },
    ],
  },
  {
    id: 'swr-once',
    name: 'stale-while-revalidate: many at once cause one refresh',
    spec: whileRevalidate,
    level: 'ours',
    requests: [
      { origin: { lines: old(', stale-while-revalidate=7200') } },
      { together: 10, origin: renewed, expect: { source: 'stale' }, settlesAfterAsks: 1 },
      { expect: { source: 'stored', answer: 2, asks: 0 }, eventually: true },
    ],
  },
  {
    id: 'swr-not-alone',
    name: 'stale-while-revalidate: the refresh is made',
    spec: whileRevalidate,
    level: 'required',
    requests: [
      { origin: { lines: old(', stale-while-revalidate=7200') } },
      {
        origin: { status: 304, lines: [tag] },
        expect: { status: 200, body: null },
        settlesAfterAsks: 1,
      },
    ],
  },
  {
    id: 'swr-over',
    name: 'stale-while-revalidate: after its window the client waits for the new response',
    spec: whileRevalidate,
    level: 'required',
    requests: [
      { origin: { lines: old(', stale-while-revalidate=60') } },
      {
        origin: { lines: [cacheControl('max-age=3600'), etag('"b"')] },
        expect: { source: 'origin' },
      },
    ],
  },
  {
    id: 'swr-runs-out',
    name: 'stale-while-revalidate: its window ends in time',
    spec: whileRevalidate,
    level: 'required',
    requests: [
      {
        origin: {
          lines: [cacheControl('max-age=3600, stale-while-revalidate=2'), ['Age', '3601'], tag],
        },
      },
      {
        pauseMs: 2100,
        origin: { lines: [cacheControl('max-age=3600'), etag('"b"')] },
        expect: { source: 'origin' },
      },
    ],
  },
  ...['must-revalidate', 'proxy-revalidate', 'no-cache'].map(
    (directive): Case => ({
      id: `swr-${directive}`,
      name: `${directive} comes before stale-while-revalidate`,
      spec: disconnected,
      level: 'required',
      requests: [
        { origin: { lines: old(`, ${directive}, stale-while-revalidate=7200`) } },
        {
          origin: { lines: [cacheControl('max-age=3600'), etag('"b"')] },
          expect: { source: 'origin' },
        },
      ],
    }),
  ),
  {
    id: 'swr-invalid',
    name: 'a stale-while-revalidate that is no number opens no window',
    spec: whileRevalidate,
    level: 'ours',
    requests: [
      { origin: { lines: old(', stale-while-revalidate=abc') } },
      {
        origin: { lines: [cacheControl('max-age=3600'), etag('"b"')] },
        expect: { source: 'origin' },
      },
    ],
  },
  {
    id: 'swr-reload',
    name: 'no-cache of a request is not answered from the window',
    spec: 'RFC 9111 §5.2.1.4',
    level: 'ours',
    requests: [
      { origin: { lines: old(', stale-while-revalidate=7200') } },
      {
        lines: [cacheControl('no-cache')],
        origin: { lines: [cacheControl('max-age=3600'), etag('"b"')] },
        expect: { source: 'origin' },
      },
    ],
  },
  {
    id: 'swr-failed-refresh',
    name: 'a refresh that fails leaves what is stored for its window',
    spec: whileRevalidate,
    level: 'ours',
    requests: [
      { origin: { lines: old(', stale-while-revalidate=7200') } },
      { origin: error(503), expect: { source: 'stale' }, settlesAfterAsks: 1 },
      { origin: error(503), expect: { source: 'stale' } },
    ],
  },
];

export const stale: Group = {
  name: 'stale',
  cases: [...unreachableNow, ...stalesIfError, ...whileRevalidating],
};
