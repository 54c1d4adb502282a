/**
 * Where Breakwater and http-cache-semantics (4.x) differ, each with the reason. The oracle is a small library for clients and
 * says itself what it leaves out; where the RFCs speak they are on our side, and the rest are choices of ours that docs/caching.md
 * explains. Every entry has an example in which it alone makes the difference.
 */
import type { Exchange, Verdict } from './oracle-exchanges.ts';
import { at, type breakwaterSays } from './oracle-exchanges.ts';

/** What is compared. A difference in one of them reaches those that stand on it: see `standsOn`. */
export type Aspect = keyof Verdict;

export const standsOn: Record<Aspect, readonly Aspect[]> = {
  storable: [],
  lifetimeSeconds: [],
  ageSeconds: [],
  isFresh: ['lifetimeSeconds', 'ageSeconds'],
  reuses: ['lifetimeSeconds', 'ageSeconds', 'isFresh'],
};

export interface Difference {
  /** What the oracle does otherwise, and why we do not. */
  title: string;
  section: string;
  aspects: readonly Aspect[];
  applies: (exchange: Exchange, ours: ReturnType<typeof breakwaterSays>) => boolean;
  /** Differs in the first of `aspects`. */
  example: Partial<Exchange>;
}

const all: readonly Aspect[] = ['lifetimeSeconds', 'storable', 'ageSeconds', 'isFresh', 'reuses'];

const nameOf = (directive: string) => (directive.split('=')[0] ?? '').trim().toLowerCase();
const textOf = (directive: string) => directive.slice(directive.indexOf('=') + 1);
const says = (directives: readonly string[], ...names: string[]) =>
  directives.some((directive) => names.includes(nameOf(directive)));
const isQualified = (directives: readonly string[], name: string) =>
  directives.some((directive) => nameOf(directive) === name && directive.includes('='));
const numeric = ['max-age', 's-maxage', 'stale-while-revalidate', 'stale-if-error'];
const numbersOf = ({ said }: Exchange) =>
  said.filter((directive) => numeric.includes(nameOf(directive)));
const isImfFixdate = (text: string) =>
  /^[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT$/.test(text);
const isLaxDate = (text: string | undefined) =>
  text !== undefined && !isImfFixdate(text) && Number.isFinite(Date.parse(text));
const isExplicit = ({ said, fields }: Exchange) =>
  says(said, 'max-age', 's-maxage') || fields.expires !== undefined;
const stalenessOf = (ours: Verdict) => ours.ageSeconds - ours.lifetimeSeconds;
const knownToOracle = [200, 203, 204, 300, 301, 302, 303, 307, 308, 404, 405, 410, 414, 501];

/** How it reads the fields. */
const reading: readonly Difference[] = [
  {
    title: 'It knows directives in lower case only; their names have no case',
    section: 'RFC 9111 §5.2',
    aspects: ['storable', ...all],
    applies: ({ said }) => said.some((directive) => /^[^=]*[A-Z]/.test(directive)),
    example: { said: ['No-Store'], fields: { etag: '"1"' } },
  },
  {
    title:
      'Of a repeated directive it takes the last; it should be the first, or the response stale',
    section: 'RFC 9111 §4.2.1',
    aspects: all,
    applies: ({ said }) => new Set(said.map(nameOf)).size < said.length,
    example: { said: ['max-age=60', 'max-age=5'] },
  },
  {
    title: 'It takes the digits at the beginning of what is no number; that should be stale',
    section: 'RFC 9111 §4.2.1',
    aspects: all,
    applies: (exchange) =>
      numbersOf(exchange).some((directive) => !/^[a-z-]+\s*=\s*"?\d+"?$/i.test(directive)),
    example: { said: ['max-age=60s'] },
  },
  {
    title: 'It takes whitespace around "=", which the grammar does not have',
    section: 'RFC 9111 §5.2',
    aspects: all,
    applies: ({ said }) => said.some((directive) => /\s=|=\s/.test(directive)),
    example: { said: ['max-age = 60'] },
  },
  {
    title: 'It has no greatest number; ours is 2^31',
    section: 'RFC 9111 §1.2.2',
    aspects: all,
    applies: (exchange) =>
      numbersOf(exchange).some((directive) => Number(textOf(directive)) > 2 ** 31),
    example: { said: ['max-age=99999999999999'] },
  },
  {
    title: 'It splits quoted strings at commas',
    section: 'RFC 9110 §5.6.4',
    aspects: ['storable', ...all],
    applies: ({ said }) => said.some((directive) => /".*,.*"/.test(directive)),
    example: { said: ['ext="a, no-store, b"', 'max-age=60'] },
  },
  {
    title: 'An empty Expires is none to it; it is an invalid one, so the response is stale',
    section: 'RFC 9111 §5.3',
    aspects: all,
    applies: ({ fields }) => fields.expires === '',
    example: { fields: { expires: '', 'last-modified': at(-1000) } },
  },
  {
    title: 'It reads Expires as JavaScript reads dates; there are three forms and no others',
    section: 'RFC 9110 §5.6.7',
    aspects: ['lifetimeSeconds'],
    applies: ({ fields }) => isLaxDate(fields.expires),
    example: { fields: { expires: at(60).replace('GMT', 'UTC') } },
  },
  {
    title: 'So it reads Date; one that is no HTTP date counts as the time of receipt',
    section: 'RFC 9110 §5.6.7, §6.6.1',
    aspects: ['lifetimeSeconds', 'ageSeconds'],
    applies: ({ fields }) => isLaxDate(fields.date),
    example: { fields: { date: at(-30).replace('GMT', 'UTC'), expires: at(60) } },
  },
  {
    title: 'It takes the digits at the beginning of any Age, without a greatest one',
    section: 'RFC 9111 §5.1',
    aspects: ['ageSeconds'],
    applies: ({ fields: { age = '' } }) =>
      age !== '' && (!/^\d+(,|$)/.test(age) || Number.parseInt(age, 10) > 2 ** 31),
    example: { said: ['max-age=60'], fields: { age: '7.5' } },
  },
  {
    title: "A response's Pragma is no-cache to it; the field has no meaning there",
    section: 'RFC 9111 §5.4',
    aspects: ['lifetimeSeconds'],
    applies: ({ said, fields }) => said.length === 0 && fields.pragma !== undefined,
    example: { fields: { pragma: 'no-cache', expires: at(60) } },
  },
];

/** What it stores. */
const storing: readonly Difference[] = [
  {
    title: 'It stores a list of statuses; explicit freshness is enough for any final one',
    section: 'RFC 9111 §3',
    aspects: ['storable'],
    applies: ({ status }) => !knownToOracle.includes(status),
    example: { status: 299, said: ['max-age=60'] },
  },
  {
    title: 'It stores errors that a client can provoke without explicit freshness; we do not',
    section: 'RFC 9111 §3 allows it; a choice against poisoned caches',
    aspects: ['storable'],
    applies: (exchange) => [405, 414, 501].includes(exchange.status) && !isExplicit(exchange),
    example: { status: 405, fields: { 'last-modified': at(-1000) } },
  },
  {
    title: 'It stores answers to HEAD; we answer HEAD from what GET has stored',
    section: 'RFC 9111 §3 allows it',
    aspects: ['storable'],
    applies: ({ method }) => method === 'HEAD',
    example: { method: 'HEAD', said: ['max-age=60'] },
  },
  {
    title: 'It stores answers to POST with explicit freshness, also without Content-Location',
    section: 'RFC 9110 §9.3.3',
    aspects: ['storable'],
    applies: ({ method }) => method === 'POST',
    example: { method: 'POST', said: ['max-age=60'] },
  },
  {
    title: 'It does not know must-understand, which lifts no-store where the status is known',
    section: 'RFC 9111 §5.2.2.3',
    aspects: ['storable'],
    applies: ({ said }) => says(said, 'must-understand'),
    example: { said: ['must-understand', 'no-store', 'max-age=60'] },
  },
  {
    title: 'private for some fields is private to it; we leave these fields out',
    section: 'RFC 9111 §5.2.2.7',
    aspects: ['storable'],
    applies: ({ said }) => isQualified(said, 'private'),
    example: { said: ['private="x"', 'max-age=60'] },
  },
  {
    title: 'It stores what sets a cookie; we do unless the site says so',
    section: 'RFC 9111 §7.3 leaves it open; site option setCookie',
    aspects: ['storable'],
    applies: ({ fields }) => fields['set-cookie'] !== undefined,
    example: { said: ['public', 'max-age=60'], fields: { 'set-cookie': 'a=b' } },
  },
  {
    title: 'It stores what varies on everything and never uses it',
    section: 'RFC 9111 §4.1',
    aspects: ['storable'],
    applies: ({ fields }) => fields.vary === '*',
    example: { said: ['max-age=60'], fields: { vary: '*' } },
  },
  {
    title: 'It stores what has neither freshness nor a validator',
    section: 'RFC 9111 §3, the note',
    aspects: ['storable'],
    applies: ({ fields }, { why }) =>
      why === 'no-freshness-nor-validator' &&
      fields.etag === undefined &&
      fields['last-modified'] === undefined,
    example: { said: ['max-age=0'] },
  },
];

/** How long and how old. */
const ageing: readonly Difference[] = [
  {
    title: 'no-cache for some fields is no-cache to it; we leave these fields out',
    section: 'RFC 9111 §5.2.2.4',
    aspects: ['lifetimeSeconds'],
    applies: ({ said }) => isQualified(said, 'no-cache'),
    example: { said: ['no-cache="x"', 'max-age=60'] },
  },
  {
    title: 'proxy-revalidate takes all freshness from it; it concerns stale responses only',
    section: 'RFC 9111 §5.2.2.8',
    aspects: ['lifetimeSeconds'],
    applies: ({ said }) => says(said, 'proxy-revalidate'),
    example: { said: ['proxy-revalidate', 'max-age=60'] },
  },
  {
    title: 'immutable is fresh for a day to it; it adds nothing to the lifetime',
    section: 'RFC 8246 §2',
    aspects: ['lifetimeSeconds'],
    applies: ({ said }) => says(said, 'immutable') && !says(said, 'max-age', 's-maxage'),
    example: { said: ['immutable'], fields: { 'last-modified': at(-1000) } },
  },
  {
    title: 'Its guess has no bound; ours is a day',
    section: 'RFC 9111 §4.2.2 leaves it open',
    aspects: ['lifetimeSeconds'],
    applies: (exchange, ours) => ours.lifetimeSeconds === 86_400 && !isExplicit(exchange),
    example: { fields: { 'last-modified': at(-10_000_000) } },
  },
  {
    title: 'Its Expires has no bound; ours is 2^31 seconds away',
    section: 'RFC 9111 §1.2.2',
    aspects: ['lifetimeSeconds'],
    applies: ({ said }, ours) =>
      ours.lifetimeSeconds === 2 ** 31 && !says(said, 'max-age', 's-maxage'),
    example: { fields: { expires: 'Fri, 31 Dec 9999 23:59:59 GMT' } },
  },
  {
    title: 'It does not count how old the response was by its Date',
    section: 'RFC 9111 §4.2.3, apparent_age',
    aspects: ['ageSeconds'],
    applies: ({ fields: { date } }) => date !== undefined && isImfFixdate(date) && date < at(0),
    example: { said: ['max-age=60'], fields: { date: at(-30) } },
  },
  {
    title: 'It does not count how long the exchange took',
    section: 'RFC 9111 §4.2.3, response_delay',
    aspects: ['ageSeconds'],
    applies: ({ delaySeconds }) => delaySeconds > 0,
    example: { said: ['max-age=60'], delaySeconds: 5 },
  },
];

/** What it uses. */
const using: readonly Difference[] = [
  {
    title: 'It never uses what says must-revalidate; that concerns stale responses only',
    section: 'RFC 9111 §5.2.2.2',
    aspects: ['reuses'],
    applies: ({ said }) => says(said, 'must-revalidate'),
    example: { said: ['must-revalidate', 'max-age=60'] },
  },
  {
    title: 'A reload reaches past what is immutable',
    section: 'RFC 8246 §2',
    aspects: ['reuses'],
    applies: ({ said, asked, pragmaAsked }) =>
      says(said, 'immutable') && (says(asked, 'no-cache', 'max-age') || pragmaAsked !== undefined),
    example: { said: ['max-age=60', 'immutable'], asked: ['no-cache'] },
  },
  {
    title: "A request's Pragma counts beside its Cache-Control; it counts only in its place",
    section: 'RFC 9111 §5.4',
    aspects: ['reuses'],
    applies: ({ asked, pragmaAsked }) => asked.length > 0 && pragmaAsked !== undefined,
    example: { said: ['max-age=60'], asked: ['ext'], pragmaAsked: 'no-cache' },
  },
  {
    title: 'It answers requests with no-store from what is stored; we keep out of them',
    section: 'RFC 9111 §5.2.1.5 leaves it open',
    aspects: ['reuses'],
    applies: ({ asked }) => says(asked, 'no-store'),
    example: { said: ['max-age=60'], asked: ['no-store'] },
  },
  {
    title: 'max-stale lifts s-maxage, which forbids stale answers as proxy-revalidate does',
    section: 'RFC 9111 §4.2.4, §5.2.2.10',
    aspects: ['reuses'],
    applies: ({ said, asked }) => says(said, 's-maxage') && says(asked, 'max-stale'),
    example: { said: ['s-maxage=10'], asked: ['max-stale'], elapsedSeconds: 20 },
  },
  {
    title: 'max-stale and stale-while-revalidate lift no-cache',
    section: 'RFC 9111 §5.2.2.4',
    aspects: ['reuses'],
    applies: ({ said, asked }) =>
      says(said, 'no-cache') && (says(asked, 'max-stale') || says(said, 'stale-while-revalidate')),
    example: { said: ['no-cache', 'stale-while-revalidate=60'] },
  },
  {
    title: 'Exactly max-stale seconds are too many for it; "no more than" are allowed',
    section: 'RFC 9111 §5.2.1.2',
    aspects: ['reuses'],
    applies: ({ asked }, ours) =>
      asked.some((one) => nameOf(one) === 'max-stale' && Number(textOf(one)) === stalenessOf(ours)),
    example: { said: ['max-age=60'], asked: ['max-stale=10'], elapsedSeconds: 70 },
  },
  {
    title: 'It serves stale while revalidating to a client that named an age or a freshness',
    section: 'RFC 9111 §5.2.1.1 to §5.2.1.3',
    aspects: ['reuses'],
    applies: ({ said, asked }, ours) =>
      says(said, 'stale-while-revalidate') &&
      says(asked, 'max-age', 'min-fresh', 'max-stale') &&
      !ours.isFresh,
    example: {
      said: ['max-age=10', 'stale-while-revalidate=100'],
      asked: ['max-age=50'],
      elapsedSeconds: 20,
    },
  },
  {
    title:
      'min-fresh beats max-stale in one request; the RFC ranks neither, we take the more lenient',
    section: 'RFC 9111 §5.2.1',
    aspects: ['reuses'],
    applies: ({ asked }) => says(asked, 'min-fresh') && says(asked, 'max-stale'),
    example: { said: ['max-age=10'], asked: ['min-fresh=5', 'max-stale'], elapsedSeconds: 20 },
  },
  {
    title: 'Of a directive that a request repeats it takes the last',
    section: 'RFC 9111 §4.2.1',
    aspects: ['reuses'],
    applies: ({ asked }) => new Set(asked.map(nameOf)).size < asked.length,
    example: { said: ['max-age=60'], asked: ['max-age=5', 'max-age=50'], elapsedSeconds: 20 },
  },
];

export const differences: readonly Difference[] = [...reading, ...storing, ...ageing, ...using];
