/** HEAD (RFC 9110 §9.3.2): answered from a stored GET, and what one that was fetched tells of it (RFC 9111 §4.3.5). */
import { cacheControl, etag, hour } from '../build.ts';
import type { Case, Group } from '../case.ts';

const methodsSpec = 'RFC 9111 §4';

const cases: Case[] = [
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

export const head: Group = { name: 'head', cases };
