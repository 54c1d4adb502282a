/**
 * What a conformance case is: requests of a client in order, what the origin answers to each if it is asked, and what must
 * come out. Cases are data: nothing here knows how they are played (`play.ts`) or judged (`judge.ts`).
 */

/**
 * `required`: a MUST of the RFC for a shared cache. `optional`: what a good cache makes of its freedom. `ours`: beyond the
 * RFC, or one of several ways that it leaves open.
 */
export type Level = 'required' | 'optional' | 'ours';

/** Names of `sites.ts`: which options the case is played under. */
export type SiteName =
  | 'store'
  | 'refuse'
  | 'strip'
  | 'locked'
  | 'defaults'
  | 'capped'
  | 'slices'
  | 'early'
  | 'surrogate'
  | 'quick'
  | 'strict'
  | 'bare'
  | 'keyed';

/** What a text may depend on: when the case began, and where its URLs are. */
export interface Moment {
  nowMs: number;
  /** The path that all requests of the case begin with. */
  path: string;
  /** The authority of a site's URLs, the case's own by default. */
  authority: (site?: SiteName) => string;
}

/** A text that is known when the case is written, or when it begins. */
export type Text = string | ((at: Moment) => string);

/** One field line, sent exactly so; repeated lines are allowed. Latin-1. */
export type Line = readonly [name: string, value: Text];

/** How an origin misbehaves. */
export type Fault =
  /** The connection ends without a byte of an answer. */
  | { kind: 'drop' }
  /** As `drop` when the connection has carried a request before; else the answer. */
  | { kind: 'drop-reused' }
  /** Nobody listens. */
  | { kind: 'refuse' }
  /** No answer at all while the case lasts. */
  | { kind: 'silence' }
  /** The connection ends in the head. */
  | { kind: 'cut-head' }
  /** The connection ends after so many bytes of the body. */
  | { kind: 'cut'; afterBytes: number }
  /** As `cut`, but the connection stays open in silence. */
  | { kind: 'stall'; afterBytes: number }
  /** Content-Length says this instead of the truth. */
  | { kind: 'length'; says: string }
  /** The bytes that follow the head, whatever the head says; then the connection ends. */
  | { kind: 'bytes'; text: string };

export interface Interim {
  status: number;
  lines?: readonly Line[];
}

/** What the origin answers. */
export interface OriginAnswer {
  /** Default 200. A 304 goes to conditional requests only; any other gets a 200 with the default body. */
  status?: number;
  reason?: string;
  lines?: readonly Line[];
  /** Default: a text that names the case and the request. */
  body?: Text;
  /** How the body's end is told; default by Content-Length. */
  framing?: 'length' | 'chunked' | 'close';
  /** False: no Date is added. */
  date?: false;
  version?: '1.0';
  interim?: readonly Interim[];
  /** The interim responses are sent this long before the final one. */
  interimLeadMs?: number;
  /** Sent after a chunked body. */
  trailers?: readonly Line[];
  /** Before the head, and between head and body. */
  delayMs?: number;
  bodyDelayMs?: number;
  /** With status 206: the body that a request without Range gets. */
  whole?: string;
  /** The body is a whole of which the origin serves the single ranges that are asked for (If-Range included). */
  servesRanges?: true;
  fault?: Fault;
}

/** A value that a field must have: its lines joined, its lines one by one, or a pattern on the joined lines. */
export type FieldValue = Text | readonly Text[] | RegExp;

/** What the origin must have been asked. */
export interface Asked {
  method?: string;
  /** Path and query without the case's own path. */
  path?: string | RegExp;
  fields?: Readonly<Record<string, FieldValue>>;
  absent?: readonly string[];
  body?: string;
}

/** By set-up: a text that two tiers write is longer. */
export type BySetup<T> = T | { edge: T; tiers: T };

export interface Expected {
  /**
   * Where the answer is from. `origin`: the origin was asked and its answer is passed on. `stored`: the origin was not
   * asked. `revalidated`: it was asked with a condition, and what was stored is sent. `stale`: what was stored is sent
   * although it is stale. Left out: not looked at.
   */
  source?: 'origin' | 'stored' | 'revalidated' | 'stale';
  /** Default: the status of the origin's answer that is sent. */
  status?: number | readonly number[];
  /** Which request's answer is sent, counted from 1; default: this one for `origin`, else the first. */
  answer?: number;
  /** Default: the body of that answer. `null`: not looked at. */
  body?: Text | RegExp | null;
  fields?: Readonly<Record<string, FieldValue>>;
  absent?: readonly string[];
  /** Least and greatest Age in seconds. */
  age?: readonly [number, number];
  /** The message must end before its end; `allowed`: it may. */
  cut?: true | 'allowed';
  interim?: readonly { status: number; fields?: Readonly<Record<string, FieldValue>> }[];
  /** The interim responses must come before the origin has sent the final one. */
  interimEarly?: true;
  trailers?: Readonly<Record<string, FieldValue>>;
  cacheStatus?: BySetup<RegExp>;
  xCache?: BySetup<string>;
  /** How often the origin was asked. */
  asks?: number;
  /** The first request that the origin got. */
  asked?: Asked;
}

/** One request (or several at once) and what must become of it. */
export interface Exchange {
  method?: string;
  /** After the case's own path, such as `/a` or `?b=1`. */
  path?: string;
  /** The site whose host is asked; default: the case's. */
  site?: SiteName;
  version?: '1.0';
  lines?: readonly Line[];
  body?: string;
  /** A wait before it. */
  pauseMs?: number;
  /** So many of the same at once; each is judged alone, but `asks` counts for all. */
  together?: number;
  /** Asked again until it is as expected, or for five seconds: for what happens behind an answer. */
  eventually?: true;
  /** Default: as the last time, with a new default body. */
  origin?: OriginAnswer;
  /** Default: `source: 'origin'`. */
  expect?: Expected;
  /** Goes on only when the origin has been asked so often in this exchange: for what happens behind an answer. */
  settlesAfterAsks?: number;
}

export interface Case {
  /** Of all groups one of its kind; a part of the URL. */
  id: string;
  /** The rule in plain words. */
  name: string;
  /** Such as `RFC 9111 §4.2.1`. */
  spec: string;
  level: Level;
  site?: SiteName;
  /** What it does reaches beyond its URLs: it has a host and an origin of its own. */
  alone?: true;
  /** We break the rule on purpose, for this reason, and the case is expected to fail. */
  bent?: string;
  requests: readonly Exchange[];
}

export interface Group {
  name: string;
  cases: readonly Case[];
}

/** The text of the moment. */
export function textOf(text: Text, at: Moment): string {
  return typeof text === 'string' ? text : text(at);
}

/** Whether the case has an origin and a host of its own: where an origin misbehaves it is out for all its sites. */
export function needsOwnOrigin({ alone, requests }: Case): boolean {
  return alone === true || requests.some(({ origin }) => origin?.fault !== undefined);
}
