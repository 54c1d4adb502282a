/** Messages and their ends (RFC 9112 §6–§9): what is cut never looks complete, and what cannot be trusted is neither sent nor stored. */
import { etag, hour } from '../build.ts';
import type { Case, Exchange, Fault, Group, Line, OriginAnswer } from '../case.ts';

const incomplete = 'RFC 9112 §8';
const framingSpec = 'RFC 9112 §6.3';

const chunked: Line = ['Transfer-Encoding', 'chunked'];
const bytes = (text: string, ...lines: Line[]): OriginAnswer => ({
  lines: [hour, ...lines],
  fault: { kind: 'bytes', text },
});
const good: Exchange = {
  origin: { lines: [hour], body: 'good' },
  expect: { source: 'origin', body: 'good' },
  eventually: true,
};

/** A body that breaks off after its head has come: the client sees it, and nobody gets it again. */
function cut(id: string, name: string, origin: OriginAnswer): Case {
  return {
    id: `cut-${id}`,
    name: `${name}: the client sees the cut, and nothing is stored`,
    spec: incomplete,
    level: 'required',
    requests: [{ origin, expect: { asks: 1, cut: true } }, good],
  };
}

const long = 'x'.repeat(50_000);
const broken = (fault: Fault, framing: OriginAnswer['framing'] = 'length'): OriginAnswer => ({
  lines: [hour],
  body: long,
  framing,
  fault,
});

const cuts: Case[] = [
  cut(
    'length',
    'a body shorter than its Content-Length',
    broken({ kind: 'cut', afterBytes: 20_000 }),
  ),
  cut('length-tiny', 'a small body one byte short', {
    lines: [hour],
    body: 'abc',
    fault: { kind: 'length', says: '4' },
  }),
  cut(
    'chunked',
    'a chunked body without its end',
    broken({ kind: 'cut', afterBytes: 20_000 }, 'chunked'),
  ),
  cut(
    'chunked-no-last',
    'a chunked body that lacks only the last chunk',
    bytes('5\r\nhello\r\n', chunked),
  ),
  cut('chunked-in-chunk', 'a chunk that breaks off', bytes('5\r\nhe', chunked)),
  cut(
    'chunked-no-final-crlf',
    'a last chunk without the end of the trailers',
    bytes('5\r\nhello\r\n0\r\n', chunked),
  ),
  cut(
    'chunk-size-word',
    'a chunk size that is none',
    bytes('5\r\nhello\r\nzz\r\nhello\r\n0\r\n\r\n', chunked),
  ),
  cut(
    'chunk-too-long',
    'a chunk longer than it says',
    bytes('5\r\nhello\r\n3\r\nhello\r\n0\r\n\r\n', chunked),
  ),
  cut(
    'chunk-size-negative',
    'a negative chunk size',
    bytes('5\r\nhello\r\n-1\r\nhello\r\n0\r\n\r\n', chunked),
  ),
  {
    ...cut('stalled', 'a body that stops coming', broken({ kind: 'stall', afterBytes: 20_000 })),
    site: 'quick',
  },
  {
    id: 'cut-not-joined',
    name: 'a body that was cut is not sent to those who ask while it comes as a whole',
    spec: incomplete,
    level: 'required',
    requests: [
      {
        together: 3,
        origin: { ...broken({ kind: 'cut', afterBytes: 20_000 }), delayMs: 300 },
        expect: { cut: true },
      },
      good,
    ],
  },
  {
    id: 'cut-validation-keeps',
    name: 'a new response that was cut is not stored as complete',
    spec: 'RFC 9111 §3.3',
    level: 'required',
    requests: [
      { origin: { lines: [hour, ['Age', '7200'], etag('"a"')] } },
      {
        origin: { ...broken({ kind: 'cut', afterBytes: 20_000 }), lines: [hour, etag('"b"')] },
        expect: { cut: true },
      },
      {
        origin: { lines: [hour, etag('"c"')], body: 'good' },
        expect: { source: 'origin', body: 'good' },
        eventually: true,
      },
    ],
  },
];

/** A head that cannot be believed: an error of ours, and nothing of it stored. */
function refused(id: string, name: string, origin: OriginAnswer): Case {
  return {
    id: `refused-${id}`,
    name: `${name} is not passed on, and not stored`,
    spec: framingSpec,
    level: 'required',
    requests: [{ origin, expect: { status: 502, body: null } }, good],
  };
}

const refusals: Case[] = [
  refused(
    'two-lengths',
    'a response with two lengths',
    bytes('hello', ['Content-Length', '5'], ['Content-Length', '6']),
  ),
  refused(
    'length-list',
    'a response with a list of lengths',
    bytes('hello', ['Content-Length', '5, 6']),
  ),
  refused('length-word', 'a length that is no number', bytes('hello', ['Content-Length', 'five'])),
  refused('length-negative', 'a negative length', bytes('hello', ['Content-Length', '-5'])),
  refused('length-plus', 'a length with a sign', bytes('hello', ['Content-Length', '+5'])),
  refused(
    'length-and-chunked',
    'a length beside chunked',
    bytes('5\r\nhello\r\n0\r\n\r\n', ['Content-Length', '5'], chunked),
  ),
  refused(
    'coding-unknown',
    'an unknown transfer coding',
    bytes('5\r\nhello\r\n0\r\n\r\n', ['Transfer-Encoding', 'foo, chunked']),
  ),
  refused('coding-twice', 'chunked twice', bytes('5\r\nhello\r\n0\r\n\r\n', chunked, chunked)),
  refused(
    'coding-not-last',
    'chunked that is not last',
    bytes('hello', ['Transfer-Encoding', 'chunked, gzip']),
  ),
  refused(
    'name-space',
    'a field name with a space',
    bytes('hello', ['X Y', 'a'], ['Content-Length', '5']),
  ),
  refused('nul', 'a value with NUL', bytes('hello', ['X-Nul', 'a\0b'], ['Content-Length', '5'])),
  {
    id: 'refused-dropped',
    name: 'a connection that ends without an answer is an error of ours',
    spec: incomplete,
    level: 'required',
    requests: [
      { origin: { fault: { kind: 'drop' } }, expect: { status: [502, 503, 504], body: null } },
      good,
    ],
  },
  {
    id: 'refused-cut-head',
    name: 'a head that breaks off is an error of ours',
    spec: incomplete,
    level: 'required',
    requests: [
      {
        origin: { lines: [hour], fault: { kind: 'cut-head' } },
        expect: { status: [502, 503, 504], body: null },
      },
      good,
    ],
  },
  {
    id: 'refused-silent',
    name: 'an origin that does not answer is 504',
    spec: 'RFC 9110 §15.6.5',
    level: 'ours',
    site: 'quick',
    requests: [{ origin: { fault: { kind: 'silence' } }, expect: { status: 504, body: null } }],
  },
];

const wholes: Case[] = [
  {
    id: 'body-chunked',
    name: 'a chunked body is stored whole',
    spec: framingSpec,
    level: 'optional',
    requests: [{ origin: { lines: [hour], framing: 'chunked' } }, { expect: { source: 'stored' } }],
  },
  {
    id: 'body-old-client',
    name: 'a client of HTTP/1.0 gets a chunked body without the chunks',
    spec: 'RFC 9112 §6.1',
    level: 'required',
    requests: [
      {
        version: '1.0',
        origin: { lines: [hour], framing: 'chunked' },
        expect: { source: 'origin', absent: ['Transfer-Encoding'] },
      },
      { version: '1.0', expect: { source: 'stored', absent: ['Transfer-Encoding'] } },
    ],
  },
  {
    id: 'body-close',
    name: 'a body that ends with its connection is passed on',
    spec: framingSpec,
    level: 'required',
    requests: [{ origin: { lines: [hour], framing: 'close' } }],
  },
  {
    id: 'body-old-origin',
    name: 'an origin of HTTP/1.0 is understood',
    spec: 'RFC 9112 §6.1',
    level: 'required',
    requests: [{ origin: { lines: [hour], version: '1.0' } }, { expect: { source: 'stored' } }],
  },
  {
    id: 'body-large',
    name: 'a large body is stored whole',
    spec: 'RFC 9111 §3',
    level: 'optional',
    requests: [
      { origin: { lines: [hour], body: 'abcdefghij'.repeat(150_000) } },
      { expect: { source: 'stored' } },
    ],
  },
  {
    id: 'body-bytes',
    name: 'all bytes stay as they are',
    spec: 'RFC 9111 §3',
    level: 'required',
    requests: [
      {
        origin: {
          lines: [hour],
          body: Array.from({ length: 256 }, (_, i) => String.fromCharCode(i)).join(''),
        },
      },
      { expect: { body: Array.from({ length: 256 }, (_, i) => String.fromCharCode(i)).join('') } },
    ],
  },
  {
    id: 'body-excess',
    name: 'bytes beyond Content-Length are no part of the response, nor the beginning of another',
    spec: framingSpec,
    level: 'required',
    requests: [
      {
        origin: {
          lines: [hour],
          body: 'helloHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil',
          fault: { kind: 'length', says: '5' },
        },
        expect: { status: [200, 502], cut: 'allowed', body: /^(?!.*evil)/ },
      },
      {
        path: '/other',
        origin: { lines: [hour], body: 'good' },
        expect: { source: 'origin', body: 'good' },
        eventually: true,
      },
    ],
  },
  {
    id: 'body-excess-not-stored',
    name: 'a response with bytes beyond its Content-Length is not stored',
    spec: framingSpec,
    level: 'ours',
    requests: [
      {
        origin: { lines: [hour], body: 'hello and more', fault: { kind: 'length', says: '5' } },
        expect: { status: [200, 502], cut: 'allowed', body: null },
      },
      good,
    ],
  },
  {
    id: 'body-none-204',
    name: 'a 204 has no body and no length',
    spec: 'RFC 9110 §15.3.5',
    level: 'required',
    requests: [
      {
        origin: { status: 204, lines: [hour] },
        expect: { source: 'origin', absent: ['Content-Length', 'Transfer-Encoding'] },
      },
      { expect: { source: 'stored', absent: ['Content-Length', 'Transfer-Encoding'] } },
    ],
  },
  {
    id: 'body-none-304',
    name: 'a 304 of the origin passes without a body',
    spec: 'RFC 9110 §15.4.5',
    level: 'required',
    requests: [
      { origin: { lines: [hour, etag('"a"')] } },
      { lines: [['If-None-Match', '"a"']], expect: { status: 304, absent: ['Transfer-Encoding'] } },
    ],
  },
  {
    id: 'body-none-head',
    name: 'an answer to HEAD has no body, whatever its fields say',
    spec: framingSpec,
    level: 'required',
    requests: [
      {
        method: 'HEAD',
        origin: { lines: [hour], framing: 'chunked' },
        expect: { source: 'origin' },
      },
      {
        method: 'HEAD',
        origin: { lines: [hour, ['Content-Length', '100']] },
        expect: { source: 'origin' },
      },
    ],
  },
  {
    id: 'body-request-length',
    name: 'a request’s body reaches the origin',
    spec: 'RFC 9110 §9.3.3',
    level: 'required',
    requests: [
      {
        method: 'POST',
        body: 'hello',
        origin: {},
        expect: { source: 'origin', asked: { body: 'hello' } },
      },
    ],
  },
  {
    id: 'body-request-chunked',
    name: 'a chunked body of a request reaches the origin',
    spec: framingSpec,
    level: 'required',
    requests: [
      {
        method: 'POST',
        lines: [['Transfer-Encoding', 'chunked']],
        body: '5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n',
        origin: {},
        expect: { source: 'origin', asked: { body: 'hello world' } },
      },
    ],
  },
];

const trailers: Case[] = [
  {
    id: 'trailers-passed',
    name: 'trailers are passed on, or left out with the message whole',
    spec: 'RFC 9110 §6.5',
    level: 'required',
    requests: [
      {
        origin: { lines: [hour, ['Trailer', 'X-T']], framing: 'chunked', trailers: [['X-T', '1']] },
      },
    ],
  },
  {
    id: 'trailers-forwarded',
    name: 'trailers are passed on to who takes them',
    spec: 'RFC 9110 §6.5.1',
    level: 'optional',
    bent: 'trailers are dropped',
    requests: [
      {
        lines: [['TE', 'trailers']],
        origin: { lines: [hour, ['Trailer', 'X-T']], framing: 'chunked', trailers: [['X-T', '1']] },
        expect: { source: 'origin', trailers: { 'X-T': '1' } },
      },
    ],
  },
  {
    id: 'trailers-not-merged',
    name: 'trailers never become fields of what is stored',
    spec: 'RFC 9110 §6.5.1',
    level: 'required',
    requests: [
      {
        origin: {
          lines: [hour, ['X-A', '1']],
          framing: 'chunked',
          trailers: [
            ['X-A', '2'],
            ['Cache-Control', 'no-store'],
          ],
        },
        expect: { source: 'origin', fields: { 'X-A': '1', 'Cache-Control': 'max-age=3600' } },
      },
      { expect: { source: 'stored', fields: { 'X-A': '1', 'Cache-Control': 'max-age=3600' } } },
    ],
  },
];

const connections: Case[] = [
  {
    id: 'retry-get',
    name: 'a kept connection that the origin had closed is replaced, and no GET is lost',
    spec: 'RFC 9112 §9.3.1',
    level: 'ours',
    requests: [
      { path: '/a', origin: {} },
      { path: '/b', origin: { fault: { kind: 'drop-reused' } }, expect: { source: 'origin' } },
    ],
  },
  {
    id: 'retry-not-post',
    name: 'a POST that may have been acted upon is not sent twice',
    spec: 'RFC 9110 §9.2.2',
    level: 'required',
    requests: [
      { path: '/a', origin: {} },
      {
        path: '/b',
        method: 'POST',
        body: 'x',
        origin: { fault: { kind: 'drop' } },
        expect: { asks: 1, status: [502, 503, 504], body: null },
      },
    ],
  },
  {
    id: 'expect-continue',
    name: 'a client that waits for 100 gets an answer',
    spec: 'RFC 9110 §10.1.1',
    level: 'required',
    requests: [
      {
        method: 'POST',
        lines: [['Expect', '100-continue']],
        body: 'x',
        origin: {},
        expect: { source: 'origin', asked: { body: 'x' } },
      },
    ],
  },
  {
    id: 'collapsed',
    name: 'many who want the same cause one request to the origin',
    spec: 'RFC 9111 §4',
    level: 'ours',
    requests: [{ together: 10, origin: { lines: [hour], delayMs: 500 }, expect: { asks: 1 } }],
  },
  {
    id: 'collapsed-not-shared',
    name: 'what may not be shared is fetched for each of many',
    spec: 'RFC 9111 §5.2.2.5',
    level: 'required',
    requests: [
      {
        together: 4,
        origin: { lines: [['Cache-Control', 'no-store']], delayMs: 300 },
        expect: { asks: 4 },
      },
    ],
  },
  {
    id: 'collapsed-private',
    name: 'what is private is fetched for each of many',
    spec: 'RFC 9111 §5.2.2.7',
    level: 'required',
    requests: [
      {
        together: 4,
        origin: { lines: [['Cache-Control', 'private, max-age=60']], delayMs: 300 },
        expect: { asks: 4 },
      },
    ],
  },
];

export const messages: Group = {
  name: 'messages',
  cases: [...cuts, ...refusals, ...wholes, ...trailers, ...connections],
};
