/** Methods (RFC 9110 §9): an answer to one method is no answer to another, and only GET's are stored. */
import { hour } from '../build.ts';
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
    id: 'max-forwards-zero',
    name: 'OPTIONS with Max-Forwards: 0 goes no further',
    spec: 'RFC 9110 §7.6.2',
    level: 'required',
    requests: [
      {
        method: 'OPTIONS',
        lines: [['Max-Forwards', '0']],
        origin: {},
        expect: { asks: 0, status: [200, 204, 405, 501], body: null },
      },
    ],
  },
  {
    id: 'max-forwards-counts',
    name: 'OPTIONS takes one from Max-Forwards at each tier',
    spec: 'RFC 9110 §7.6.2',
    level: 'required',
    requests: [
      {
        method: 'OPTIONS',
        lines: [['Max-Forwards', '5']],
        origin: {},
        expect: { source: 'origin', asked: { fields: { 'Max-Forwards': /^[34]$/ } } },
      },
    ],
  },
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

export const methods: Group = { name: 'methods', cases: notStored };
