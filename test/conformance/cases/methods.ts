/** Methods (RFC 9110 §9): what is stored for one answers no other, but a GET's answer answers HEAD. And keys: what makes two URLs one. */
import { cacheControl, etag, hour } from '../build.ts';
import type { Case, Group } from '../case.ts';

const methodsSpec = 'RFC 9111 §4';
const uncached = [
  'POST',
  'PUT',
  'DELETE',
  'PATCH',
  'OPTIONS',
  'PROPFIND',
  'REPORT',
  'SEARCH',
  'M-SEARCH',
];

const notStored: Case[] = [
  ...uncached.map(
    (method): Case => ({
      id: `method-${method.toLowerCase()}-not-stored`,
      name: `an answer to ${method} answers neither it nor GET again`,
      spec: methodsSpec,
      level: 'required',
      requests: [
        {
          method,
          body: 'x',
          origin: { lines: [hour] },
          expect: { source: 'origin', asked: { method, body: 'x' } },
        },
        { method, body: 'x', expect: { source: 'origin' } },
        { expect: { source: 'origin', asked: { method: 'GET' } } },
      ],
    }),
  ),
  {
    id: 'method-query-not-for-get',
    name: 'an answer to QUERY does not answer GET',
    spec: methodsSpec,
    level: 'required',
    requests: [
      { method: 'QUERY', body: 'x', origin: { lines: [hour] } },
      { expect: { source: 'origin' } },
    ],
  },
  {
    id: 'method-query-body',
    name: 'QUERY with another body is asked again',
    spec: methodsSpec,
    level: 'required',
    requests: [
      { method: 'QUERY', body: 'x', origin: { lines: [hour] } },
      { method: 'QUERY', body: 'y', expect: { source: 'origin', asked: { body: 'y' } } },
    ],
  },
  {
    id: 'method-get-not-for-post',
    name: 'what is stored for GET does not answer POST',
    spec: methodsSpec,
    level: 'required',
    requests: [
      { origin: { lines: [hour] } },
      { method: 'POST', body: 'x', expect: { source: 'origin', asked: { method: 'POST' } } },
    ],
  },
  {
    id: 'method-get-not-for-options',
    name: 'what is stored for GET does not answer OPTIONS',
    spec: methodsSpec,
    level: 'required',
    requests: [{ origin: { lines: [hour] } }, { method: 'OPTIONS', expect: { source: 'origin' } }],
  },
  ...['TRACE', 'CONNECT'].map(
    (method): Case => ({
      id: `method-${method.toLowerCase()}-refused`,
      name: `${method} does not pass`,
      spec: 'RFC 9110 §9.3.8',
      level: 'ours',
      requests: [{ method, expect: { status: 405, body: null, asks: 0 } }],
    }),
  ),
  {
    id: 'method-get-body',
    name: 'a body of GET, which has no meaning, does not reach the origin',
    spec: 'RFC 9110 §9.3.1',
    level: 'ours',
    requests: [
      {
        body: 'hidden',
        origin: {},
        expect: { source: 'origin', asked: { method: 'GET', body: '' } },
      },
    ],
  },
];

const head: Case[] = [
  {
    id: 'head-from-get',
    name: 'HEAD is answered from a stored GET',
    spec: 'RFC 9110 §9.3.2',
    level: 'optional',
    requests: [
      { origin: { lines: [hour, ['X-A', '1']], body: '12345' } },
      {
        method: 'HEAD',
        expect: { source: 'stored', fields: { 'X-A': '1', 'Content-Length': '5' } },
      },
    ],
  },
  {
    id: 'head-not-for-get',
    name: 'an answer to HEAD does not answer GET',
    spec: methodsSpec,
    level: 'required',
    requests: [{ method: 'HEAD', origin: { lines: [hour] } }, { expect: { source: 'origin' } }],
  },
  {
    id: 'head-length',
    name: 'HEAD has the length that GET would have',
    spec: 'RFC 9110 §9.3.2',
    level: 'ours',
    requests: [
      {
        method: 'HEAD',
        origin: { lines: [hour], body: '12345' },
        expect: { source: 'origin', fields: { 'Content-Length': '5' } },
      },
    ],
  },
  {
    id: 'head-updates',
    name: 'HEAD with the same validators updates the stored fields',
    spec: 'RFC 9111 §4.3.5',
    level: 'optional',
    requests: [
      { origin: { lines: [hour, etag('"a"'), ['X-A', '1']], body: '12345' } },
      {
        method: 'HEAD',
        lines: [cacheControl('no-cache')],
        origin: { lines: [hour, etag('"a"'), ['X-A', '2']], body: '12345' },
        expect: { status: 200 },
      },
      { expect: { source: 'stored', fields: { 'X-A': '2' } } },
    ],
  },
  {
    id: 'head-freshens',
    name: 'HEAD with the same validators makes what is stored fresh',
    spec: 'RFC 9111 §4.3.5',
    level: 'optional',
    requests: [
      { origin: { lines: [hour, ['Age', '7200'], etag('"a"')], body: '12345' } },
      {
        method: 'HEAD',
        origin: { lines: [hour, etag('"a"')], body: '12345' },
        expect: { status: 200 },
      },
      { origin: { lines: [hour, etag('"a"')], body: '12345' }, expect: { source: 'stored' } },
    ],
  },
  ...(
    [
      ['etag', 'another tag', [hour, etag('"b"')], '12345'],
      ['length', 'another length', [hour, etag('"a"')], '123456'],
    ] as const
  ).map(
    ([id, what, lines, body]): Case => ({
      id: `head-other-${id}`,
      name: `HEAD with ${what} makes what is stored stale`,
      spec: 'RFC 9111 §4.3.5',
      level: 'optional',
      requests: [
        { origin: { lines: [hour, etag('"a"')], body: '12345' } },
        {
          method: 'HEAD',
          lines: [cacheControl('no-cache')],
          origin: { lines, body },
          expect: { status: 200 },
        },
        { origin: { lines, body }, expect: { source: 'origin' } },
      ],
    }),
  ),
  {
    id: 'head-other-last-modified',
    name: 'HEAD with another Last-Modified makes what is stored stale',
    spec: 'RFC 9111 §4.3.5',
    level: 'optional',
    requests: [
      {
        origin: {
          lines: [hour, ['Last-Modified', 'Mon, 01 Jan 2001 00:00:00 GMT']],
          body: '12345',
        },
      },
      {
        method: 'HEAD',
        lines: [cacheControl('no-cache')],
        origin: {
          lines: [hour, ['Last-Modified', 'Tue, 01 Jan 2002 00:00:00 GMT']],
          body: '12345',
        },
        expect: { status: 200 },
      },
      { origin: { lines: [hour], body: '67890' }, expect: { source: 'origin' } },
    ],
  },
  ...[404, 410].map(
    (status): Case => ({
      id: `head-${status}`,
      name: `after a HEAD that is answered with ${status}, what was stored is not sent as fresh`,
      spec: 'RFC 9111 §4.3.5',
      level: 'ours',
      requests: [
        { origin: { lines: [hour, etag('"a"')] } },
        {
          method: 'HEAD',
          lines: [cacheControl('no-cache')],
          origin: { status, lines: [hour] },
          expect: { status },
        },
        { origin: { status, lines: [hour] }, expect: { source: 'origin' } },
      ],
    }),
  ),
  {
    id: 'head-503',
    name: 'a HEAD that is answered with 503 changes nothing',
    spec: 'RFC 9111 §4.3.5',
    level: 'optional',
    requests: [
      { origin: { lines: [hour, etag('"a"')] } },
      {
        method: 'HEAD',
        lines: [cacheControl('no-cache')],
        origin: { status: 503 },
        expect: { status: [200, 503] },
      },
      { expect: { source: 'stored' } },
    ],
  },
  {
    id: 'head-passes',
    name: 'HEAD reaches the origin as HEAD or GET when nothing is stored',
    spec: 'RFC 9110 §9.3.2',
    level: 'required',
    requests: [
      { method: 'HEAD', origin: { lines: [hour] }, expect: { source: 'origin' } },
      { method: 'HEAD', expect: { status: 200 } },
    ],
  },
];

const keys: Case[] = [
  ...(
    [
      ['key-path-case', 'the case of the path', '/a', '/A'],
      ['key-query', 'another query', '?a=1', '?a=2'],
      ['key-query-none', 'a query and none', '?a=1', ''],
      ['key-query-order', 'the order of parameters', '?a=1&b=2', '?b=2&a=1'],
      ['key-slash', 'a slash at the end', '/a', '/a/'],
      ['key-percent-slash', 'a slash that is encoded', '/a/b', '/a%2Fb'],
    ] as const
  ).map(
    ([id, what, first, second]): Case => ({
      id,
      name: `${what} makes another key`,
      spec: 'RFC 9111 §2',
      level: 'required',
      requests: [
        { path: first, origin: { lines: [hour] } },
        { path: second, expect: { source: 'origin', asked: { path: second } } },
        { path: first, expect: { source: 'stored' } },
      ],
    }),
  ),
  ...(
    [
      ['key-percent-unreserved', 'an unreserved character that is encoded', '/a-b', '/%61%2Db'],
      ['key-percent-case', 'the case of percent-encoding', '/a%2Fb', '/a%2fb'],
      ['key-dots', 'dot segments', '/a/b', '/a/x/../b'],
    ] as const
  ).map(
    ([id, what, first, second]): Case => ({
      id,
      name: `${what} makes no other key`,
      spec: 'RFC 9110 §4.2.3',
      level: 'ours',
      requests: [
        { path: first, origin: { lines: [hour] } },
        { path: second, expect: { source: 'stored' } },
      ],
    }),
  ),
  {
    id: 'key-host',
    name: 'another host is another key',
    spec: 'RFC 9111 §2',
    level: 'required',
    requests: [{ origin: { lines: [hour] } }, { site: 'refuse', expect: { source: 'origin' } }],
  },
  {
    id: 'key-host-case',
    name: 'hosts have no case',
    spec: 'RFC 9110 §4.2.3',
    level: 'ours',
    requests: [
      { origin: { lines: [hour] } },
      { lines: [['Host', (at) => at.authority().toUpperCase()]], expect: { source: 'stored' } },
    ],
  },
  {
    id: 'key-host-port',
    name: 'the default port changes nothing',
    spec: 'RFC 9110 §4.2.3',
    level: 'ours',
    requests: [
      { origin: { lines: [hour] } },
      { lines: [['Host', (at) => `${at.authority()}:80`]], expect: { source: 'stored' } },
    ],
  },
];

export const methods: Group = { name: 'methods', cases: [...notStored, ...keys] };
export const heads: Group = { name: 'head', cases: head };
