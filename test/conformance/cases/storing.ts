/** What may be stored and reused (RFC 9111 §3): statuses, and the directives that say so. */
import {
  askedAgain,
  cacheControl,
  each,
  etag,
  hour,
  reused,
  staleHour,
  validated,
} from '../build.ts';
import type { Case, Group, Line } from '../case.ts';
import { date } from '../dates.ts';

const storing = 'RFC 9111 §3';
const heuristics = 'RFC 9111 §4.2.2';
const yearOld: Line = ['Last-Modified', date(-365 * 86_400)];

/** See docs/caching.md. */
const provokable = 'an error that a client can provoke needs a lifetime of its own';

const finalStatuses = [
  200, 201, 202, 203, 204, 205, 299, 300, 301, 302, 303, 305, 307, 308, 400, 401, 402, 403, 404,
  405, 410, 411, 414, 418, 421, 429, 451, 499, 500, 501, 502, 503, 504, 505, 599,
];
const heuristicStatuses = [200, 203, 204, 300, 301, 308, 404, 410];
const otherStatuses = [201, 202, 299, 302, 303, 307, 400, 403, 418, 499, 500, 502, 503, 504, 599];

const moved: Line = ['Location', 'http://elsewhere.test/'];
/** A status with what makes the answer whole. */
const withStatus = (status: number, lines: readonly Line[]) => ({
  origin: {
    status,
    lines: status >= 300 && status < 400 ? [...lines, moved] : lines,
    // A 205 has no content (RFC 9110 §15.3.6).
    ...(status === 205 ? { body: '' } : {}),
  },
});

const statuses: Case[] = [
  ...finalStatuses.map((status) =>
    reused(
      {
        id: `status-${status}-fresh`,
        name: `a ${status} with an explicit lifetime is reused`,
        spec: storing,
        level: 'optional',
      },
      [],
      withStatus(status, [hour]),
    ),
  ),
  ...finalStatuses.map((status) =>
    askedAgain(
      {
        id: `status-${status}-stale`,
        name: `a ${status} that is stale when it comes is not reused`,
        spec: 'RFC 9111 §4.2',
        level: 'required',
      },
      [],
      withStatus(status, [cacheControl('max-age=0')]),
    ),
  ),
  ...heuristicStatuses.map((status) =>
    reused(
      {
        id: `heuristic-${status}`,
        name: `a ${status} without a lifetime is reused by its Last-Modified`,
        spec: heuristics,
        level: 'optional',
      },
      [],
      withStatus(status, [yearOld]),
    ),
  ),
  ...otherStatuses.map((status) =>
    askedAgain(
      {
        id: `heuristic-not-${status}`,
        name: `a ${status} without a lifetime is not reused, whatever its Last-Modified`,
        spec: storing,
        level: 'required',
      },
      [],
      withStatus(status, [yearOld]),
    ),
  ),
  ...[201, 299, 302, 403, 418, 599].map((status) =>
    reused(
      {
        id: `heuristic-public-${status}`,
        name: `a ${status} with public is reused by its Last-Modified`,
        spec: heuristics,
        level: 'optional',
        ...(status === 403 || status === 599 ? { bent: provokable } : {}),
      },
      [],
      withStatus(status, [yearOld, cacheControl('public')]),
    ),
  ),
  ...[405, 414, 501].map((status) =>
    reused(
      {
        id: `heuristic-${status}`,
        name: `a ${status} without a lifetime is reused by its Last-Modified`,
        spec: heuristics,
        level: 'optional',
        bent: provokable,
      },
      [],
      withStatus(status, [yearOld]),
    ),
  ),
  ...[405, 414, 501].map((status) =>
    askedAgain(
      {
        id: `provoked-${status}`,
        name: `a ${status}, which a client can provoke, is not reused on a guess`,
        spec: heuristics,
        level: 'ours',
      },
      [],
      withStatus(status, [yearOld]),
    ),
  ),
  askedAgain(
    {
      id: 'heuristic-recent',
      name: 'what has just been modified is not reused on a guess',
      spec: heuristics,
      level: 'optional',
    },
    [['Last-Modified', date(0)]],
  ),
  askedAgain(
    {
      id: 'heuristic-old-age',
      name: 'a guess ends as well: an Age of a month outlives it',
      spec: heuristics,
      level: 'ours',
    },
    [yearOld, ['Age', '2678400']],
  ),
  askedAgain(
    {
      id: 'heuristic-future',
      name: 'a Last-Modified in the future allows no guess',
      spec: heuristics,
      level: 'ours',
    },
    [['Last-Modified', date(86_400)]],
  ),
  askedAgain(
    {
      id: 'heuristic-not-beside-expires',
      name: 'an invalid Expires forbids to guess',
      spec: heuristics,
      level: 'required',
    },
    [yearOld, ['Expires', '0']],
  ),
  reused(
    {
      id: 'reason-kept',
      name: 'a hit has the reason phrase of the origin',
      spec: 'RFC 9112 §4',
      level: 'ours',
    },
    [hour],
    { origin: { status: 200, reason: 'Quite Fine', lines: [hour] } },
  ),
  reused(
    {
      id: 'empty-body',
      name: 'an empty body is stored as any other',
      spec: storing,
      level: 'optional',
    },
    [],
    { origin: { lines: [hour], body: '' } },
  ),
];

const directives: Case[] = [
  ...each(
    { name: 'no-store is not stored', spec: 'RFC 9111 §5.2.2.5', level: 'required' },
    askedAgain,
    [
      ['no-store', 'alone', [cacheControl('no-store'), yearOld]],
      ['no-store-fresh', 'with a lifetime', [cacheControl('no-store, max-age=3600')]],
      ['no-store-last', 'after a lifetime', [cacheControl('max-age=3600, no-store')]],
      ['no-store-case', 'in mixed case', [cacheControl('No-StOrE, max-age=3600')]],
      [
        'no-store-line',
        'in another line',
        [cacheControl('max-age=3600'), cacheControl('no-store')],
      ],
      ['no-store-expires', 'beside Expires', [cacheControl('no-store'), ['Expires', date(3600)]]],
      ['no-store-public', 'beside public', [cacheControl('public, no-store, s-maxage=3600')]],
    ],
  ),
  ...each(
    { name: 'private is not for a shared cache', spec: 'RFC 9111 §5.2.2.7', level: 'required' },
    askedAgain,
    [
      ['private', 'alone', [cacheControl('private'), yearOld]],
      ['private-fresh', 'with a lifetime', [cacheControl('private, max-age=3600')]],
      ['private-case', 'in mixed case', [cacheControl('max-age=3600, PriVate')]],
      ['private-line', 'in another line', [cacheControl('max-age=3600'), cacheControl('private')]],
      ['private-s-maxage', 'beside s-maxage', [cacheControl('private, s-maxage=3600')]],
    ],
  ),
  ...each(
    {
      name: 'no-cache is not reused without validation',
      spec: 'RFC 9111 §5.2.2.4',
      level: 'required',
    },
    askedAgain,
    [
      ['no-cache', 'alone', [cacheControl('no-cache'), yearOld]],
      ['no-cache-fresh', 'with a lifetime', [cacheControl('no-cache, max-age=3600')]],
      ['no-cache-case', 'in mixed case', [cacheControl('max-age=3600, No-Cache')]],
      [
        'no-cache-line',
        'in another line',
        [cacheControl('max-age=3600'), cacheControl('no-cache')],
      ],
      [
        'no-cache-etag',
        'with a validator that has changed',
        [cacheControl('no-cache, max-age=3600'), etag('"a"')],
      ],
    ],
  ),
  validated(
    {
      id: 'no-cache-validated',
      name: 'no-cache is stored and validated',
      spec: 'RFC 9111 §5.2.2.4',
      level: 'optional',
    },
    [cacheControl('no-cache'), etag('"a"')],
    { 'If-None-Match': '"a"' },
  ),
  validated(
    {
      id: 'no-cache-fresh-validated',
      name: 'no-cache with a lifetime is stored and validated',
      spec: 'RFC 9111 §5.2.2.4',
      level: 'optional',
    },
    [cacheControl('no-cache, max-age=3600'), etag('"a"')],
    { 'If-None-Match': '"a"' },
  ),
  validated(
    {
      id: 'max-age-zero-validated',
      name: 'max-age=0 is stored and validated',
      spec: storing,
      level: 'optional',
    },
    [cacheControl('max-age=0'), etag('"a"')],
    { 'If-None-Match': '"a"' },
  ),
  reused(
    {
      id: 'no-cache-field',
      name: 'no-cache="field" is reused, without the field',
      spec: 'RFC 9111 §5.2.2.4',
      level: 'optional',
    },
    [cacheControl('max-age=3600, no-cache="x-a, X-B"'), ['X-A', '1'], ['X-B', '2'], ['X-C', '3']],
    { expect: { absent: ['X-A', 'X-B'], fields: { 'X-C': '3' } } },
  ),
  {
    id: 'no-cache-field-never',
    name: 'no-cache="field": the field is never sent from the store without validation',
    spec: 'RFC 9111 §5.2.2.4',
    level: 'required',
    requests: [
      { origin: { lines: [cacheControl('max-age=3600, no-cache="x-a"'), ['X-A', '1']] } },
      {
        origin: { lines: [cacheControl('max-age=3600, no-cache="x-a"')] },
        expect: { absent: ['X-A'], body: null },
      },
    ],
  },
  {
    id: 'private-field-never',
    name: 'private="field": the field is never sent from the store',
    spec: 'RFC 9111 §5.2.2.7',
    level: 'required',
    requests: [
      { origin: { lines: [cacheControl('max-age=3600, private="x-a"'), ['X-A', '1']] } },
      {
        origin: { lines: [cacheControl('max-age=3600, private="x-a"')] },
        expect: { absent: ['X-A'], body: null },
      },
    ],
  },
  reused(
    {
      id: 'private-field',
      name: 'private="field" is reused, without the field',
      spec: 'RFC 9111 §5.2.2.7',
      level: 'optional',
    },
    [cacheControl('max-age=3600, private="X-A"'), ['X-A', '1'], ['X-C', '3']],
    { expect: { absent: ['X-A'], fields: { 'X-C': '3' } } },
  ),
  {
    id: 'private-field-first',
    name: 'private="field": who caused the response gets the field',
    spec: 'RFC 9111 §5.2.2.7',
    level: 'optional',
    requests: [
      {
        origin: { lines: [cacheControl('max-age=3600, private="x-a"'), ['X-A', '1']] },
        expect: { source: 'origin', fields: { 'X-A': '1' } },
      },
    ],
  },
  {
    id: 'no-cache-field-first',
    name: 'no-cache="field": who caused the response gets the field',
    spec: 'RFC 9111 §5.2.2.4',
    level: 'optional',
    requests: [
      {
        origin: { lines: [cacheControl('max-age=3600, no-cache="x-a"'), ['X-A', '1']] },
        expect: { source: 'origin', fields: { 'X-A': '1' } },
      },
    ],
  },
  {
    id: 'no-cache-field-token',
    name: 'no-cache=field without quotes: the field is never sent from the store without validation',
    spec: 'RFC 9111 §5.2.2.4',
    level: 'optional',
    requests: [
      { origin: { lines: [cacheControl('max-age=3600, no-cache=x-a'), ['X-A', '1']] } },
      {
        origin: { lines: [cacheControl('max-age=3600, no-cache=x-a')] },
        expect: { absent: ['X-A'], body: null },
      },
    ],
  },
  reused(
    {
      id: 'must-understand',
      name: 'must-understand with a known status overrides no-store',
      spec: 'RFC 9111 §5.2.2.3',
      level: 'optional',
    },
    [cacheControl('max-age=3600, must-understand, no-store')],
  ),
  ...[299, 499, 599].map((status) =>
    askedAgain(
      {
        id: `must-understand-${status}`,
        name: `must-understand with the unknown status ${status} is not stored`,
        spec: 'RFC 9111 §3',
        level: 'required',
      },
      [],
      { origin: { status, lines: [cacheControl('max-age=3600, must-understand')] } },
    ),
  ),
  askedAgain(
    {
      id: 'must-understand-unknown-no-store',
      name: 'must-understand with an unknown status leaves no-store in force',
      spec: 'RFC 9111 §5.2.2.3',
      level: 'required',
    },
    [],
    { origin: { status: 299, lines: [cacheControl('max-age=3600, must-understand, no-store')] } },
  ),
  reused(
    {
      id: 'must-revalidate-fresh',
      name: 'must-revalidate is reused while fresh',
      spec: 'RFC 9111 §5.2.2.2',
      level: 'optional',
    },
    [cacheControl('max-age=3600, must-revalidate')],
  ),
  reused(
    {
      id: 'proxy-revalidate-fresh',
      name: 'proxy-revalidate is reused while fresh',
      spec: 'RFC 9111 §5.2.2.8',
      level: 'optional',
    },
    [cacheControl('max-age=3600, proxy-revalidate')],
  ),
  askedAgain(
    {
      id: 'must-revalidate-stale',
      name: 'must-revalidate is validated when stale',
      spec: 'RFC 9111 §5.2.2.2',
      level: 'required',
    },
    [cacheControl('max-age=3600, must-revalidate'), ['Age', '7200'], etag('"a"')],
  ),
  reused(
    {
      id: 'pragma-response',
      name: 'Pragma of a response means nothing',
      spec: 'RFC 9111 §5.4',
      level: 'optional',
    },
    [hour, ['Pragma', 'no-cache']],
  ),
  reused(
    {
      id: 'pragma-response-heuristic',
      name: 'Pragma of a response means nothing to a guess either',
      spec: 'RFC 9111 §5.4',
      level: 'optional',
    },
    [yearOld, ['Pragma', 'no-cache']],
  ),
  reused(
    {
      id: 'attachment',
      name: 'an attachment is stored as anything else',
      spec: storing,
      level: 'optional',
    },
    [hour, ['Content-Disposition', 'attachment; filename="a"']],
  ),
  {
    id: 'no-store-after-stored',
    name: 'what was stored is not reused after a newer response with no-store',
    spec: 'RFC 9111 §4',
    level: 'required',
    requests: [
      { origin: { lines: [...staleHour, etag('"a"')] } },
      { origin: { lines: [cacheControl('no-store')] }, expect: { source: 'origin' } },
      { origin: { lines: [cacheControl('no-store')] }, expect: { source: 'origin' } },
    ],
  },
  {
    id: 'query-reused',
    name: 'a URL with a query is stored as any other',
    spec: storing,
    level: 'optional',
    requests: [
      { path: '?a=1&b', origin: { lines: [hour] } },
      { path: '?a=1&b', expect: { source: 'stored' } },
    ],
  },
  reused(
    {
      id: 'no-transform',
      name: 'no-transform is reused',
      spec: 'RFC 9111 §5.2.2.6',
      level: 'optional',
    },
    [cacheControl('no-transform, max-age=3600')],
  ),
  {
    id: 'stale-without-validator',
    name: 'what is stale and has no validator is fetched anew, unconditionally',
    spec: 'RFC 9111 §4.3.1',
    level: 'required',
    requests: [
      { origin: { lines: staleHour } },
      {
        origin: { lines: [hour] },
        expect: { source: 'origin', asked: { absent: ['If-None-Match', 'If-Modified-Since'] } },
      },
      { expect: { source: 'stored', answer: 2 } },
    ],
  },
  {
    id: 'newer-replaces',
    name: 'what is fetched anew replaces what was stored',
    spec: 'RFC 9111 §4.3.3',
    level: 'required',
    requests: [
      { origin: { lines: [...staleHour, etag('"a"')] } },
      { origin: { lines: [hour, etag('"b"')] }, expect: { source: 'origin' } },
      { expect: { source: 'stored', answer: 2, fields: { ETag: '"b"' } } },
    ],
  },
  {
    id: 'immutable-reload',
    name: 'a reload does not reach past an immutable response that is fresh',
    spec: 'RFC 8246 §2',
    level: 'ours',
    requests: [
      { origin: { lines: [cacheControl('max-age=3600, immutable')] } },
      { lines: [cacheControl('no-cache')], expect: { source: 'stored' } },
      { lines: [cacheControl('max-age=0')], expect: { source: 'stored' } },
    ],
  },
  askedAgain(
    {
      id: 'immutable-stale',
      name: 'immutable makes nothing fresh',
      spec: 'RFC 8246 §2',
      level: 'required',
    },
    [cacheControl('immutable'), etag('"a"')],
  ),
  {
    id: 'reload-stores',
    name: 'what a reload fetches is stored for all',
    spec: 'RFC 9111 §5.2.1.4',
    level: 'optional',
    requests: [
      { origin: { lines: [hour] } },
      { lines: [cacheControl('no-cache')], expect: { source: 'origin' } },
      { expect: { source: 'stored', answer: 2 } },
    ],
  },
];

export const stored: Group = { name: 'storing', cases: [...statuses, ...directives] };
