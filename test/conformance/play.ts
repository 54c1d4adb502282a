/** Plays a case: sends its requests in order through a set-up, lets the origin answer by the script, and collects what is wrong. */
import {
  type Case,
  type Exchange,
  type Expected,
  type Moment,
  type SiteName,
  textOf,
} from './case.ts';
import { judge, type Seen, type SetupName } from './judge.ts';
import type { FieldLine } from './message.ts';
import { ask, type RawResponse } from './raw-client.ts';
import { answerOf, fitted } from './script.ts';
import type { OriginRequest, PlainAnswer, ScriptedOrigin } from './scripted-origin.ts';

/** Where a case is played. */
export interface Stage {
  /** A part of the URLs, so that stages do not share what is stored. */
  name: string;
  setup: SetupName;
  /** Of the public listener. */
  port: number;
  /** Whose faults the case's are. */
  originOf(theCase: Case): ScriptedOrigin;
  /** Of the other sites, which a case may ask as well. */
  shared: ScriptedOrigin;
  hostOf(theCase: Case, site: SiteName): string;
}

export interface CaseResult {
  stage: string;
  id: string;
  /** Empty: passed. */
  problems: string[];
}

const answerLimitMs = 8000;
const eventuallyLimitMs = 5000;
const eventuallyPauseMs = 100;

/** Plays one case. Never rejects: what cannot be played has failed. */
export async function play(stage: Stage, theCase: Case): Promise<CaseResult> {
  const { id } = theCase;
  const problems = await problemsOf(stage, theCase).catch((error: unknown) => [
    `could not be played: ${error}`,
  ]);
  return { stage: stage.name, id, problems };
}

/** What the script and the player share about a case that is being played. */
interface Progress {
  index: number;
  /** What the origin was asked in this exchange. */
  asks: OriginRequest[];
  finalAtMs: number | undefined;
}

async function problemsOf(stage: Stage, theCase: Case): Promise<string[]> {
  const path = `/${stage.name}/${theCase.id}`;
  const ownSite = theCase.site ?? 'store';
  const at: Moment = {
    nowMs: Date.now(),
    path,
    authority: (site = ownSite) => stage.hostOf(theCase, site),
  };
  const progress: Progress = { index: 0, asks: [], finalAtMs: undefined };
  const origin = stage.originOf(theCase);
  const script = (request: OriginRequest): PlainAnswer => {
    progress.asks.push(request);
    const { index } = progress;
    const said = theCase.requests.slice(0, index + 1).findLast((each) => each.origin)?.origin ?? {};
    const onFinal = () => {
      progress.finalAtMs ??= performance.now();
    };
    return { ...fitted(answerOf(theCase, index, at), said, request), onFinal };
  };
  origin.on(path, script);
  stage.shared.on(path, script);
  for (const [index, exchange] of theCase.requests.entries()) {
    if (exchange.origin?.fault?.kind === 'refuse') await origin.refuse();
    else await origin.listen();
    await pause(exchange.pauseMs ?? 0);
    const problems = await playExchange({ stage, theCase, at, progress, index, exchange });
    if (problems.length > 0) {
      return problems.map((problem) => `request ${index + 1}: ${problem}`);
    }
  }
  return [];
}

interface Played {
  stage: Stage;
  theCase: Case;
  at: Moment;
  progress: Progress;
  index: number;
  exchange: Exchange;
}

async function playExchange(played: Played): Promise<string[]> {
  const { progress, index, exchange } = played;
  const endMs = performance.now() + eventuallyLimitMs;
  for (;;) {
    Object.assign(progress, { index, asks: [], finalAtMs: undefined });
    const problems = await playOnce(played);
    if (problems.length === 0) return settle(progress, exchange.settlesAfterAsks ?? 0);
    if (!exchange.eventually || performance.now() > endMs) return problems;
    await pause(eventuallyPauseMs);
  }
}

async function settle(progress: Progress, asks: number): Promise<string[]> {
  const endMs = performance.now() + eventuallyLimitMs;
  while (progress.asks.length < asks) {
    if (performance.now() > endMs) return [`the origin was not asked ${asks} times behind it`];
    await pause(eventuallyPauseMs / 5);
  }
  return [];
}

async function playOnce(played: Played): Promise<string[]> {
  const { stage, theCase, at, progress, index, exchange } = played;
  const expected = expectedOf(exchange);
  const count = exchange.together ?? 1;
  const responses = await Promise.all(Array.from({ length: count }, () => sendOne(played)));
  const { asks, finalAtMs } = progress;
  const answerNumber = expected.answer ?? (isFromOrigin(expected) ? index + 1 : 1);
  const seen = (response: RawResponse | undefined): Seen => ({
    setup: stage.setup,
    at,
    method: exchange.method ?? 'GET',
    path: at.path,
    expected,
    answer: answerOf(theCase, answerNumber - 1, at),
    response,
    asks,
    finalAtMs,
  });
  // The same sentence for each of several is one.
  return [...new Set(responses.flatMap((response) => judge(seen(response))))];
}

/** What is expected where nothing is said: the answer of an origin that behaves. */
function expectedOf({ expect, origin }: Exchange): Expected {
  if (expect) return expect;
  return origin?.fault ? { body: null, status: anyStatus } : { source: 'origin' };
}

const anyStatus = Array.from({ length: 400 }, (_, index) => index + 200);

function isFromOrigin({ source }: Expected): boolean {
  return source === 'origin' || source === undefined;
}

function sendOne({ stage, theCase, at, exchange }: Played): Promise<RawResponse | undefined> {
  const { body, lines = [], method = 'GET', path = '', site, version } = exchange;
  const host = at.authority(site ?? theCase.site ?? 'store');
  const fields = lines.map(([name, value]): FieldLine => [name, textOf(value, at)]);
  const hasHost = fields.some(([name]) => name.toLowerCase() === 'host');
  return ask({
    port: stage.port,
    method,
    target: `${at.path}${path}`,
    ...(version ? { version } : {}),
    lines: hasHost ? fields : [['Host', host], ...fields],
    body,
    limitMs: answerLimitMs,
  });
}

function pause(ms: number): Promise<void> {
  return ms === 0 ? Promise.resolve() : new Promise((resolve) => setTimeout(resolve, ms));
}
