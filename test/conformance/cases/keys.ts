/** Keys (RFC 9111 §2): which URLs are one to the cache, and which are not. */
import { hour } from '../build.ts';
import type { Case, Group } from '../case.ts';

const cases: Case[] = [
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

export const keys: Group = { name: 'keys', cases };
