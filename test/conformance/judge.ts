/** Whether what came is what must come: every difference as a sentence, none when all is well. Pure. */
import type { Asked, BySetup, Expected, FieldValue, Moment } from './case.ts';
import { textOf } from './case.ts';
import { combined, type FieldLine, valuesOf } from './message.ts';
import type { RawResponse } from './raw-client.ts';
import { isConditional } from './script.ts';
import type { OriginRequest, PlainAnswer } from './scripted-origin.ts';

export type SetupName = 'edge' | 'tiers';

/** One exchange as it went. */
export interface Seen {
  setup: SetupName;
  at: Moment;
  method: string;
  /** The case's own path, which all targets begin with. */
  path: string;
  expected: Expected;
  /** The answer that is to be sent: this exchange's for `origin`, an earlier one's else. */
  answer: PlainAnswer;
  response: RawResponse | undefined;
  /** What the origin was asked meanwhile. */
  asks: readonly OriginRequest[];
  /** When the origin sent its final head (`performance.now`); undefined: it did not. */
  finalAtMs: number | undefined;
}

/** What is wrong with the exchange, `asks` of all that were sent at once included. */
export function judge(seen: Seen): string[] {
  const { response } = seen;
  if (!response) return ['no answer came'];
  return [
    ...judgeSource(seen),
    ...judgeMessage(seen, response),
    ...judgeFields(seen, response),
    ...judgeInterim(seen, response),
    ...judgeAsked(seen),
  ];
}

/** The status that must come, and the body; undefined: any. */
export function expectedMessage({ expected, answer, at, method }: Seen): {
  status: readonly number[];
  body: Buffer | RegExp | undefined;
} {
  const status = [expected.status ?? answer.status].flat();
  const { body } = expected;
  if (body === null || expected.cut === true) return { status, body: undefined };
  if (body instanceof RegExp) return { status, body };
  if (method === 'HEAD' || status.some((each) => each === 204 || each === 304)) {
    return { status, body: Buffer.alloc(0) };
  }
  if (body !== undefined) return { status, body: Buffer.from(textOf(body, at), 'latin1') };
  const isAsAnswered = status.length === 1 && status[0] === answer.status;
  return { status, body: isAsAnswered ? answer.body : undefined };
}

function judgeSource({ expected, asks, response }: Seen): string[] {
  const { asks: count, source } = expected;
  if (count !== undefined && asks.length !== count) {
    return [`the origin was asked ${times(asks.length)} instead of ${times(count)}`];
  }
  switch (source) {
    case 'origin':
      return asks.length > 0 ? [] : ['the origin was not asked'];
    case 'stored': {
      const problems = asks.length > 0 ? [`the origin was asked ${times(asks.length)}`] : [];
      // RFC 9111 §4: what is sent without validation has an Age.
      const age = response && combined(response.lines, 'age');
      return age === undefined ? [...problems, 'Age is missing'] : problems;
    }
    case 'revalidated':
      if (asks.length === 0) return ['the origin was not asked'];
      return asks.some(({ lines }) => isConditional(lines)) ? [] : ['it was asked unconditionally'];
    default:
      return [];
  }
}

function times(count: number): string {
  return count === 1 ? 'once' : `${count} times`;
}

function judgeMessage(seen: Seen, response: RawResponse): string[] {
  const { expected } = seen;
  const { status, body } = expectedMessage(seen);
  const problems: string[] = [];
  if (!status.includes(response.status)) {
    problems.push(`status ${response.status} instead of ${status.join(' or ')}`);
  }
  if (expected.cut === true) {
    if (response.isComplete) problems.push('the message looks complete');
  } else if (!response.isComplete && expected.cut !== 'allowed') {
    problems.push('the message is cut');
  }
  if (response.excess.length > 0) {
    problems.push(`${response.excess.length} bytes follow the message's end`);
  }
  const text = response.body.toString('latin1');
  if (body instanceof RegExp ? !body.test(text) : body && !body.equals(response.body)) {
    const wanted = body instanceof RegExp ? String(body) : shown(body?.toString('latin1') ?? '');
    problems.push(`body ${shown(text)} instead of ${wanted}`);
  }
  return problems;
}

function judgeFields({ at, expected, setup }: Seen, { lines, trailers }: RawResponse): string[] {
  const { absent = [], age, cacheStatus, fields = {}, xCache } = expected;
  const problems = [
    ...differences('', fields, lines, at),
    ...differences('trailer ', expected.trailers ?? {}, trailers, at),
  ];
  for (const name of absent) {
    const value = combined(lines, name);
    if (value !== undefined) problems.push(`${name} is there: ${shown(value)}`);
  }
  if (age) {
    const value = combined(lines, 'age') ?? '';
    const isWithin = /^\d+$/.test(value) && Number(value) >= age[0] && Number(value) <= age[1];
    if (!isWithin) problems.push(`Age ${shown(value)} instead of ${age[0]} to ${age[1]}`);
  }
  const words = { 'cache-status': bySetup(cacheStatus, setup), 'x-cache': bySetup(xCache, setup) };
  for (const [name, value] of Object.entries(words)) {
    if (value !== undefined) problems.push(...differences('', { [name]: value }, lines, at));
  }
  return problems;
}

function bySetup<T extends RegExp | string>(
  value: BySetup<T> | undefined,
  setup: SetupName,
): T | undefined {
  if (value === undefined || value instanceof RegExp || typeof value === 'string') return value;
  return (value as { edge: T; tiers: T })[setup];
}

function judgeInterim({ expected, at, finalAtMs }: Seen, { interim }: RawResponse): string[] {
  const wanted = expected.interim;
  if (!wanted) return [];
  const got = interim.map(({ status }) => status);
  const statuses = wanted.map(({ status }) => status);
  if (got.join() !== statuses.join()) {
    return [
      `interim responses ${got.join(', ') || 'none'} instead of ${statuses.join(', ') || 'none'}`,
    ];
  }
  const problems = wanted.flatMap(({ fields = {} }, index) =>
    differences('interim ', fields, interim[index]?.lines ?? [], at),
  );
  const lastAtMs = interim.at(-1)?.atMs ?? Number.POSITIVE_INFINITY;
  if (expected.interimEarly && finalAtMs !== undefined && lastAtMs > finalAtMs) {
    problems.push('the interim response came after the origin had sent the final one');
  }
  return problems;
}

function judgeAsked({ at, asks, expected, path }: Seen): string[] {
  const wanted = expected.asked;
  if (!wanted) return [];
  const [first] = asks;
  if (!first) return ['the origin was not asked'];
  return differencesOfRequest(wanted, first, path, at).map((problem) => `asked with ${problem}`);
}

function differencesOfRequest(
  { absent = [], body, fields = {}, method, path: wantedPath }: Asked,
  request: OriginRequest,
  path: string,
  at: Moment,
): string[] {
  const problems = differences('', fields, request.lines, at);
  for (const name of absent) {
    const value = combined(request.lines, name);
    if (value !== undefined) problems.push(`${name}: ${shown(value)}, which must not be there`);
  }
  if (method !== undefined && request.method !== method) {
    problems.push(`${request.method} instead of ${method}`);
  }
  if (body !== undefined && request.body !== body) {
    problems.push(`body ${shown(request.body)} instead of ${shown(body)}`);
  }
  const rest = request.target.slice(path.length);
  if (wantedPath instanceof RegExp ? !wantedPath.test(rest) : rest !== (wantedPath ?? rest)) {
    problems.push(`path ${shown(rest)} instead of ${wantedPath}`);
  }
  return problems;
}

function differences(
  what: string,
  wanted: Readonly<Record<string, FieldValue>>,
  lines: readonly FieldLine[],
  at: Moment,
): string[] {
  return Object.entries(wanted).flatMap(([name, value]) => {
    const problem = differenceOf(value, valuesOf(lines, name), at);
    return problem === undefined ? [] : [`${what}${name} ${problem}`];
  });
}

function differenceOf(
  wanted: FieldValue,
  values: readonly string[],
  at: Moment,
): string | undefined {
  const joined = values.length === 0 ? undefined : values.join(', ');
  if (wanted instanceof RegExp) {
    if (joined !== undefined && wanted.test(joined)) return undefined;
    return `${shown(joined)} does not match ${wanted}`;
  }
  if (typeof wanted === 'string' || typeof wanted === 'function') {
    const text = textOf(wanted, at);
    return joined === text ? undefined : `${shown(joined)} instead of ${shown(text)}`;
  }
  const texts = wanted.map((text) => textOf(text, at));
  const isSame = texts.length === values.length && texts.every((text, i) => text === values[i]);
  return isSame ? undefined : `lines ${values.map(shown)} instead of ${texts.map(shown)}`;
}

function shown(text: string | undefined): string {
  if (text === undefined) return 'missing';
  return JSON.stringify(text.length > 200 ? `${text.slice(0, 200)}…` : text);
}
