/**
 * Exchanges for the comparison with http-cache-semantics (`oracle.test.ts`): one response, the request that fetched it, and
 * one that comes later; what Breakwater makes of them, and what the oracle does.
 */
import fc from 'fast-check';
import CachePolicy from 'http-cache-semantics';
import { decide } from '../../../core/cache/decide.ts';
import { requestCacheControl } from '../../../core/http/cache-control.ts';
import { formatHttpDate } from '../../../core/http/date.ts';
import { currentAgeSeconds, freshnessOf } from '../../../core/http/freshness.ts';
import { type NoStoreReason, storability } from '../../../core/http/storable.ts';
import { effectiveCacheControl } from '../../../core/http/targeted.ts';
import { responseWith } from '../../support/responses.ts';

export interface Exchange {
  method: 'GET' | 'HEAD' | 'POST';
  /** Fields of the request that fetched it. */
  authorization: string | undefined;
  requestSaid: string[];
  delaySeconds: number;
  status: number;
  /** Directives of the response's Cache-Control. */
  said: string[];
  /** Other fields of the response by their names; undefined: not there. */
  fields: Partial<Record<ResponseField, string>>;
  /** The request that comes later: its directives, its Pragma, and how much later. */
  asked: string[];
  pragmaAsked: string | undefined;
  elapsedSeconds: number;
}

export type ResponseField =
  | 'age'
  | 'date'
  | 'etag'
  | 'expires'
  | 'last-modified'
  | 'pragma'
  | 'set-cookie'
  | 'vary';

export interface Verdict {
  storable: boolean;
  /** 0 for what may not be used without validation. */
  lifetimeSeconds: number;
  ageSeconds: number;
  isFresh: boolean;
  /** Whether the later request is answered without asking the origin first. */
  reuses: boolean;
}

export const receivedAtMs = Date.UTC(2026, 10, 21, 12, 0, 0);
export const at = (seconds: number) => formatHttpDate(receivedAtMs + seconds * 1000);

/** What our rules make of it. */
export function breakwaterSays(exchange: Exchange): Verdict & { why: NoStoreReason | undefined } {
  const { method, status } = exchange;
  const responseHeaders = responseFields(exchange).flat();
  const effective = effectiveCacheControl(responseHeaders);
  const timed = {
    status,
    rawHeaders: responseHeaders,
    requestTimeMs: receivedAtMs - exchange.delaySeconds * 1000,
    responseTimeMs: receivedAtMs,
    effective,
  };
  const freshness = freshnessOf(timed, { defaultTtlSeconds: 0 });
  const judged = storability({
    method,
    requestHeaders: requestFields(exchange).flat(),
    status,
    responseHeaders,
    setCookie: 'refuse',
    freshness,
    cacheControl: effective.cacheControl,
  });
  const nowMs = receivedAtMs + exchange.elapsedSeconds * 1000;
  const { kind } = decide({
    method: 'GET',
    requestDirectives: requestCacheControl(laterFields(exchange).flat()),
    originCondition: undefined,
    stored: responseWith({ freshness, responseTimeMs: receivedAtMs }),
    missReason: 'uri-miss',
    cleanliness: { kind: 'clean' },
    isHitForMiss: false,
    isRefresh: false,
    nowMs,
  });
  const lifetimeSeconds = freshness.noCache ? 0 : freshness.lifetimeSeconds;
  const ageSeconds = currentAgeSeconds(freshness, receivedAtMs, nowMs);
  return {
    storable: judged.storable,
    why: judged.storable ? undefined : judged.why,
    lifetimeSeconds,
    ageSeconds,
    isFresh: lifetimeSeconds > ageSeconds,
    reuses: kind === 'hit' || kind === 'stale',
  };
}

/** What the oracle makes of it. */
export function oracleSays(exchange: Exchange): Verdict {
  const request = { url: '/', method: exchange.method, headers: joined(requestFields(exchange)) };
  const response = { status: exchange.status, headers: joined(responseFields(exchange)) };
  const clock = { nowMs: receivedAtMs };
  const policy = oracleAt(clock, request, response);
  clock.nowMs += exchange.elapsedSeconds * 1000;
  const later = { url: '/', method: 'GET', headers: joined(laterFields(exchange)) };
  return {
    storable: policy.storable(),
    lifetimeSeconds: policy.maxAge(),
    ageSeconds: policy.age(),
    isFresh: !policy.stale(),
    reuses: policy.evaluateRequest(later).response !== undefined,
  };
}

/** The package offers `now` to be replaced; it is asked for the time while the policy is made, too. */
function oracleAt(
  clock: { nowMs: number },
  request: CachePolicy.HttpRequest,
  response: CachePolicy.HttpResponse,
) {
  class Oracle extends CachePolicy {
    now() {
      return clock.nowMs;
    }
    declare maxAge: () => number;
    declare age: () => number;
    declare stale: () => boolean;
  }
  return new Oracle(request, response, { shared: true });
}

type Field = [name: string, value: string];

function requestFields({ authorization, requestSaid }: Exchange): Field[] {
  return [
    ['host', 'www.demo.test'],
    ...(authorization === undefined ? [] : ([['authorization', authorization]] as Field[])),
    ...(requestSaid.length === 0 ? [] : ([['cache-control', requestSaid.join(', ')]] as Field[])),
  ];
}

function responseFields({ said, fields }: Exchange): Field[] {
  const others = Object.entries(fields).filter((field): field is Field => field[1] !== undefined);
  return said.length === 0 ? others : [['cache-control', said.join(', ')], ...others];
}

function laterFields({ asked, pragmaAsked }: Exchange): Field[] {
  return [
    ['host', 'www.demo.test'],
    ...(asked.length === 0 ? [] : ([['cache-control', asked.join(', ')]] as Field[])),
    ...(pragmaAsked === undefined ? [] : ([['pragma', pragmaAsked]] as Field[])),
  ];
}

function joined(fields: Field[]): Record<string, string> {
  return Object.fromEntries(fields);
}

const seconds = fc.oneof(fc.constantFrom(0, 1, 10, 60, 100, 3600), fc.nat({ max: 200 }));
const valued = (name: string) => seconds.map((n) => `${name}=${n}`);
const rarely = <T>(usual: fc.Arbitrary<T>, rare: fc.Arbitrary<T>) =>
  fc.oneof({ weight: 30, arbitrary: usual }, { weight: 1, arbitrary: rare });
/** There or not, as often; or only once in `oneIn`. */
const sometimes = (value: fc.Arbitrary<string>, oneIn = 2) =>
  fc.oneof(
    { weight: oneIn - 1, arbitrary: fc.constant(undefined) },
    { weight: 1, arbitrary: value },
  );

const plainDirective = fc.oneof(
  { weight: 6, arbitrary: valued('max-age') },
  { weight: 3, arbitrary: valued('s-maxage') },
  { weight: 2, arbitrary: valued('stale-while-revalidate') },
  { weight: 1, arbitrary: valued('stale-if-error') },
  {
    weight: 6,
    arbitrary: fc.constantFrom(
      ...['public', 'private', 'no-store', 'no-cache', 'must-revalidate', 'immutable'],
      ...['no-transform', 'ext', 'ext=1', 'ext="max-age=5"', 'max-age="60"'],
    ),
  },
);
const oddDirective = fc.constantFrom(
  ...['MAX-AGE=60', 'No-Store', 'max-age=', 'max-age', 'max-age=x', 'max-age=-1', 'max-age=1.5'],
  ...['max-age=60s', "max-age='60'", 'max-age=2147483649', 's-maxage=99999999999999'],
  ...['ext="a, no-store, b"', 'ext="a, max-age=7, b"', 'max-age = 60', 'proxy-revalidate'],
  ...['private="x"', 'no-cache="x"', 'must-understand', 'stale-while-revalidate=x'],
);

// Multiples of ten seconds, as those of Last-Modified: a tenth of their difference is whole.
const date = rarely(
  fc.integer({ min: -6, max: 6 }).map((n) => at(n * 10)),
  fc.constantFrom('yesterday', '', at(-60).replace('GMT', 'UTC'), `${at(0)}, ${at(0)}`),
);
const expires = rarely(
  fc.integer({ min: -100, max: 300 }).map(at),
  fc.constantFrom(
    ...['0', '', 'never', at(60).replace('GMT', 'UTC'), at(60).replace(',', '')],
    ...['Sat Nov 21 12:01:00 2026', 'Saturday, 21-Nov-26 12:01:00 GMT', `${at(60)}, ${at(60)}`],
    'Fri, 31 Dec 9999 23:59:59 GMT',
  ),
);
const age = rarely(
  seconds.map(String),
  fc.constantFrom('', 'x', '-1', '7.5', '7, 100', '7;x', '2147483649', '99999999999999'),
);
const lastModified = rarely(
  fc.integer({ min: -200, max: 10 }).map((n) => at(n * 10)),
  fc.constantFrom(at(-10_000_000), 'never'),
);
const askedDirective = fc.oneof(
  valued('max-age'),
  valued('min-fresh'),
  valued('max-stale'),
  fc.constantFrom('max-stale', 'no-cache', 'no-store', 'only-if-cached', 'no-transform', 'ext=1'),
);

/** A few of them, seldom one twice. */
function directives(one: fc.Arbitrary<string>): fc.Arbitrary<string[]> {
  const nameOf = (directive: string) => directive.split('=')[0];
  return rarely(
    fc.uniqueArray(one, { maxLength: 3, selector: nameOf }),
    fc.array(one, { maxLength: 4 }),
  );
}

/** Exchanges as they happen, with something odd now and then. */
export const exchanges: fc.Arbitrary<Exchange> = fc.record({
  method: rarely<Exchange['method']>(fc.constant('GET'), fc.constantFrom('HEAD', 'POST')),
  authorization: rarely<string | undefined>(fc.constant(undefined), fc.constant('Basic eA==')),
  requestSaid: rarely<string[]>(fc.constant([]), fc.constantFrom(['no-store'], ['no-cache'])),
  delaySeconds: rarely(fc.constant(0), fc.nat({ max: 20 })),
  status: fc.oneof(
    { weight: 4, arbitrary: fc.constant(200) },
    {
      weight: 3,
      arbitrary: fc.constantFrom(203, 204, 300, 301, 302, 303, 307, 308, 404, 405, 410, 414, 501),
    },
    {
      weight: 1,
      arbitrary: fc.constantFrom(201, 206, 299, 304, 400, 403, 451, 499, 500, 503, 599),
    },
  ),
  said: directives(rarely(plainDirective, oddDirective)),
  fields: fc.record({
    age: sometimes(age),
    date: sometimes(date),
    etag: sometimes(fc.constant('"1"')),
    expires: sometimes(expires),
    'last-modified': sometimes(lastModified),
    pragma: sometimes(fc.constant('no-cache'), 12),
    'set-cookie': sometimes(fc.constant('a=b'), 12),
    vary: sometimes(fc.constantFrom('*', 'Accept'), 12),
  }) as fc.Arbitrary<Exchange['fields']>,
  asked: directives(askedDirective),
  pragmaAsked: rarely<string | undefined>(fc.constant(undefined), fc.constant('no-cache')),
  elapsedSeconds: seconds,
});
