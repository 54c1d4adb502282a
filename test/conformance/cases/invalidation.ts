/** What a change at the origin takes away (RFC 9111 §4.4), and what a POST may leave behind for GET (RFC 9110 §9.3.3). */
import { cacheControl, hour } from '../build.ts';
import type { Case, Exchange, Expected, Group, Level, Line, Text } from '../case.ts';

const invalidating = 'RFC 9111 §4.4';

const gone: Expected = { source: 'origin' };
const kept: Expected = { source: 'stored' };

interface Change {
  id: string;
  name: string;
  level: Level;
  spec?: string;
  /** What is stored before; default: the case's own URL. */
  path?: string;
  change: Exchange;
  expect: Expected;
  /** The answer to the last request. */
  site?: Exchange['site'];
}

function after({
  id,
  name,
  level,
  spec = invalidating,
  path = '',
  change,
  expect,
  site,
}: Change): Case {
  const where = { path, ...(site ? { site } : {}) };
  return {
    id,
    name,
    spec,
    level,
    requests: [
      { ...where, origin: { lines: [hour] } },
      { ...where, expect: { source: 'stored' } },
      { body: 'x', expect: { source: 'origin' }, ...change },
      { ...where, origin: { lines: [hour] }, expect },
    ],
  };
}

const unsafeMethods = ['POST', 'PUT', 'DELETE', 'PATCH', 'M-SEARCH', 'MKCOL', 'LOCK'];
const safeMethods = ['OPTIONS', 'SEARCH', 'REPORT', 'PROPFIND', 'QUERY'];

const targets: Case[] = [
  ...unsafeMethods.map((method) =>
    after({
      id: `invalidate-${method.toLowerCase()}`,
      name: `${method} that succeeds drops what is stored for its target`,
      level: 'required',
      change: { method, origin: { status: 200 } },
      expect: gone,
    }),
  ),
  ...[201, 204, 205, 299, 301, 302, 303, 307, 308].map((status) =>
    after({
      id: `invalidate-post-${status}`,
      name: `POST that is answered with ${status} drops what is stored for its target`,
      level: 'required',
      change: {
        method: 'POST',
        origin: {
          status,
          ...(status === 205 ? { body: '' } : {}),
          lines: status >= 300 ? [['Location', 'http://elsewhere.test/']] : [],
        },
      },
      expect: gone,
    }),
  ),
  ...['POST', 'PUT', 'DELETE', 'M-SEARCH'].flatMap((method) =>
    [400, 404, 500, 503].map((status) =>
      after({
        id: `invalidate-not-${method.toLowerCase()}-${status}`,
        name: `${method} that fails with ${status} drops nothing`,
        level: 'optional',
        change: { method, origin: { status } },
        expect: kept,
      }),
    ),
  ),
  ...safeMethods.map((method) =>
    after({
      id: `invalidate-not-${method.toLowerCase()}`,
      name: `${method}, which is safe, drops nothing`,
      level: 'optional',
      spec: 'RFC 9110 §9.2.1',
      change: { method, origin: { status: 200 } },
      expect: kept,
    }),
  ),
  after({
    id: 'invalidate-variants',
    name: 'all variants are dropped',
    level: 'required',
    change: { method: 'POST', lines: [['X-V', '2']], origin: {} },
    expect: gone,
  }),
  after({
    id: 'invalidate-other-query',
    name: 'another query is another target',
    level: 'optional',
    path: '?a=1',
    change: { method: 'POST', path: '?a=2', origin: {} },
    expect: kept,
  }),
  {
    id: 'invalidate-hop-for-miss',
    name: 'what is fetched after the change is stored again',
    spec: invalidating,
    level: 'optional',
    requests: [
      { origin: { lines: [hour] } },
      { method: 'POST', body: 'x', origin: {} },
      { origin: { lines: [hour] }, expect: { source: 'origin' } },
      { expect: { source: 'stored', answer: 3 } },
    ],
  },
];

const named: readonly (readonly [id: string, what: string, value: Text])[] = [
  ['absolute', 'an absolute URL', (at) => `http://${at.authority()}${at.path}/other`],
  ['path', 'an absolute path', (at) => `${at.path}/other`],
  ['relative', 'a relative reference', (at) => `${at.path.replace(/^.*\//, '')}/other`],
  ['dots', 'a path with dots', (at) => `${at.path}/x/../other`],
  ['fragment', 'a URL with a fragment', (at) => `${at.path}/other#part`],
  ['network-path', 'a URL without a scheme', (at) => `//${at.authority()}${at.path}/other`],
];

const others: Case[] = [
  ...['Location', 'Content-Location'].flatMap((field) => [
    ...['POST', 'PUT', 'DELETE', 'M-SEARCH'].map((method) =>
      after({
        id: `invalidate-${field.toLowerCase()}-${method.toLowerCase()}`,
        name: `${method} drops what its answer names as ${field}`,
        level: 'optional',
        path: '/other',
        change: { method, origin: { status: 201, lines: [[field, (at) => `${at.path}/other`]] } },
        expect: gone,
      }),
    ),
    ...named.map(([id, what, value]) =>
      after({
        id: `invalidate-${field.toLowerCase()}-${id}`,
        name: `${field} is followed as ${what}`,
        level: 'optional',
        path: '/other',
        change: { method: 'POST', origin: { status: 201, lines: [[field, value]] } },
        expect: gone,
      }),
    ),
    after({
      id: `invalidate-not-${field.toLowerCase()}-other-host`,
      name: `${field} of another host drops nothing there`,
      level: 'required',
      path: '/other',
      site: 'refuse',
      change: {
        method: 'POST',
        origin: {
          status: 201,
          lines: [[field, (at) => `http://${at.authority('refuse')}${at.path}/other`]],
        },
      },
      expect: kept,
    }),
    after({
      id: `invalidate-not-${field.toLowerCase()}-error`,
      name: `${field} of an error drops nothing`,
      level: 'optional',
      path: '/other',
      change: {
        method: 'POST',
        origin: { status: 400, lines: [[field, (at) => `${at.path}/other`]] },
      },
      expect: kept,
    }),
    after({
      id: `invalidate-not-${field.toLowerCase()}-safe`,
      name: `${field} of an answer to a safe method drops nothing`,
      level: 'optional',
      path: '/other',
      change: {
        method: 'OPTIONS',
        origin: { status: 200, lines: [[field, (at) => `${at.path}/other`]] },
      },
      expect: kept,
    }),
  ]),
];

const self: Line = ['Content-Location', (at) => at.path];

const posts: Case[] = [
  {
    id: 'post-stored-for-get',
    name: 'a 200 to POST that names its own URL and its lifetime answers GET',
    spec: 'RFC 9110 §9.3.3',
    level: 'optional',
    requests: [
      { method: 'POST', body: 'x', origin: { lines: [hour, self] } },
      { expect: { source: 'stored' } },
      { method: 'HEAD', expect: { source: 'stored' } },
    ],
  },
  {
    id: 'post-stored-for-get-absolute',
    name: 'the URL may be absolute',
    spec: 'RFC 9110 §9.3.3',
    level: 'optional',
    requests: [
      {
        method: 'POST',
        body: 'x',
        origin: {
          lines: [hour, ['Content-Location', (at) => `http://${at.authority()}${at.path}`]],
        },
      },
      { expect: { source: 'stored' } },
    ],
  },
  {
    id: 'post-replaces-stored',
    name: 'it replaces what was stored',
    spec: 'RFC 9110 §9.3.3',
    level: 'optional',
    requests: [
      { origin: { lines: [hour] } },
      { method: 'POST', body: 'x', origin: { lines: [hour, self] } },
      { expect: { source: 'stored', answer: 2 } },
    ],
  },
  {
    id: 'post-not-stored-for-post',
    name: 'a POST is never answered from what is stored',
    spec: 'RFC 9110 §9.3.3',
    level: 'required',
    requests: [
      { method: 'POST', body: 'x', origin: { lines: [hour, self] } },
      {
        method: 'POST',
        body: 'x',
        expect: { source: 'origin', asked: { method: 'POST', body: 'x' } },
      },
    ],
  },
  ...(
    [
      ['no-location', 'without Content-Location', [hour]],
      [
        'other-location',
        'that names another URL',
        [hour, ['Content-Location', (at) => `${at.path}/other`]],
      ],
      ['no-lifetime', 'without a lifetime', [self]],
      [
        'no-lifetime-modified',
        'with a Last-Modified for all lifetime',
        [self, ['Last-Modified', 'Mon, 01 Jan 2001 00:00:00 GMT']],
      ],
      ['no-store', 'with no-store', [cacheControl('no-store, max-age=3600'), self]],
      ['private', 'with private', [cacheControl('private, max-age=3600'), self]],
    ] as const satisfies readonly (readonly [string, string, readonly Line[]])[]
  ).map(
    ([id, what, lines]): Case => ({
      id: `post-not-stored-${id}`,
      name: `an answer to POST ${what} does not answer GET`,
      spec: 'RFC 9110 §9.3.3',
      level: 'required',
      requests: [
        { method: 'POST', body: 'x', origin: { lines } },
        { expect: { source: 'origin' } },
      ],
    }),
  ),
  {
    id: 'post-error-not-stored',
    name: 'an error to POST does not answer GET',
    spec: 'RFC 9110 §9.3.3',
    level: 'ours',
    requests: [
      { method: 'POST', body: 'x', origin: { status: 404, lines: [hour, self] } },
      { origin: { lines: [hour] }, expect: { source: 'origin' } },
    ],
  },
  {
    id: 'post-other-location-not-stored',
    name: 'an answer to POST never answers GET for the other URL that it names',
    spec: 'RFC 9110 §9.3.3',
    level: 'required',
    requests: [
      {
        method: 'POST',
        body: 'x',
        origin: { lines: [hour, ['Content-Location', (at) => `${at.path}/other`]] },
      },
      { path: '/other', expect: { source: 'origin' } },
    ],
  },
  {
    id: 'put-not-stored',
    name: 'an answer to PUT does not answer GET',
    spec: 'RFC 9110 §9.3.4',
    level: 'required',
    requests: [
      { method: 'PUT', body: 'x', origin: { lines: [hour, self] } },
      { expect: { source: 'origin' } },
    ],
  },
];

export const invalidation: Group = {
  name: 'invalidation',
  cases: [...targets, ...others, ...posts],
};
