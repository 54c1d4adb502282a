/**
 * THE control flow of a caching node: admit, obtain, send. Everything that decides is elsewhere and pure; everything that
 * moves bytes is a leaf.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { maxForwards } from '../http/max-forwards.ts';
import type { Position } from '../purge/command.ts';
import { assertNever } from '../runtime/deps.ts';
import type { Failure } from '../upstream/upstream.ts';
import { type Admitted, admit } from './admit.ts';
import {
  type AdmittedExchange,
  goneSignal,
  type HandleDeps,
  openExchange,
} from './client-exchange.ts';
import type { Disposition } from './decide.ts';
import { cutBeforeFirstByte } from './exchange.ts';
import { relayInterim } from './interim.ts';
import type { Answer } from './obtain.ts';
import { obtainRange } from './obtain-range.ts';
import { memberOfFailed } from './outcome.ts';
import { passOn } from './pass.ts';
import { send, sendPassed } from './send.ts';
import { failUpstream, refuse, sendError } from './send-error.ts';
import { sendOptions } from './send-options.ts';

export type { HandleDeps } from './client-exchange.ts';

/** How long a tier that is ahead of this node is made to wait for the journal to catch up. */
const catchUpMs = 200;

/** Answers one request of the public listener; a hit within this turn of the event loop. Never throws. */
export async function handle(
  deps: HandleDeps,
  req: IncomingMessage,
  res: ServerResponse,
): Promise<void> {
  const opened = openExchange(deps, req, res);
  const admitted = admit(deps.admit, {
    method: req.method ?? '',
    target: req.url ?? '',
    rawHeaders: req.rawHeaders,
    address: req.socket.remoteAddress ?? '',
    secure: 'encrypted' in req.socket,
    isHttp10: req.httpVersionMinor === 0,
    nowMs: deps.clock.nowMs(),
  });
  if (!admitted.ok) {
    refuse(opened, admitted);
    return;
  }
  const exchange: AdmittedExchange = Object.assign(opened, { admitted });
  if (maxForwards(admitted.request.method, admitted.request.headers) === 0) {
    sendOptions(exchange);
    return;
  }
  const ahead = positionAhead(deps, admitted);
  if (ahead) await meetPosition(deps, admitted, ahead);
  if (admitted.tier || admitted.isDebugging) noteCursor(exchange);
  const obtained = obtainRange(deps.obtain, admitted.request, {
    mayAskPeers: true,
    // For what is asked for only: a hit makes nothing ready.
    goneSignal: () => readied(exchange),
  });
  const acted = act(exchange, obtained instanceof Promise ? await obtained : obtained);
  if (acted === true || (await acted)) return;
  // What is stored turned out to be gone or damaged: a miss, never a wrong answer (DESIGN section 3).
  const instead = await obtainRange(deps.obtain, admitted.request, {
    mayAskPeers: false,
    distrustsStore: true,
    goneSignal: () => readied(exchange),
  });
  if (await act(exchange, instead)) return;
  const failure = cutBeforeFirstByte;
  const member = 'collapsed' in instead ? memberOfFailed({ ...instead, failure }) : {};
  failUpstream(exchange, failure, member);
}

/** Has the client hear of what comes before its answer; the signal is aborted when it is gone. */
function readied(exchange: AdmittedExchange): AbortSignal {
  relayInterim(exchange);
  return goneSignal(exchange);
}

/** Does what was decided; false when nothing could be sent because the body is unreadable. */
function act(exchange: AdmittedExchange, answer: Answer): boolean | Promise<boolean> {
  switch (answer.kind) {
    case 'stored':
    case 'streaming':
      return send(exchange, answer);
    case 'pass':
      return pass(exchange, answer.disposition);
    case 'failed':
      failUpstream(exchange, answer.failure, memberOfFailed(answer));
      return true;
    case 'only-if-cached':
      sendError(exchange, {
        status: 504,
        title: 'Not in the cache',
        detail: 'only-if-cached, and nothing usable is stored',
        member: { detail: 'only-if-cached' },
      });
      return true;
    default:
      return assertNever(answer);
  }
}

/** Sends the request on, past the cache. */
async function pass(
  exchange: AdmittedExchange,
  disposition: Extract<Disposition, { kind: 'pass' }>,
): Promise<true> {
  relayInterim(exchange);
  const passed = await passOn(exchange, disposition);
  const failed = (failure: Failure) =>
    failUpstream(exchange, failure, memberOfFailed({ disposition, failure, collapsed: false }));
  switch (passed.kind) {
    case 'response':
      if (!sendPassed(exchange, passed)) failed(cutBeforeFirstByte);
      return true;
    case 'failed':
      failed(passed.failure);
      return true;
    case 'refused':
      sendError(exchange, passed);
      return true;
    default:
      return assertNever(passed);
  }
}

/** DESIGN section 4: a shield answers from its own log only when that covers the position of the edge that asks. */
function positionAhead(deps: HandleDeps, { tier }: Admitted): Position | undefined {
  const position = tier?.position;
  if (!position) return undefined;
  const { purges } = deps.obtain;
  purges.sync();
  const { cursor } = purges.index;
  return cursor.identity === position.identity && cursor.seq >= position.seq ? undefined : position;
}

/** Whatever is answered now is judged under this cursor or a later one. */
function noteCursor(exchange: AdmittedExchange): void {
  const { purges } = exchange.deps.obtain;
  purges.sync();
  exchange.cursor = purges.position();
}

async function meetPosition(
  deps: HandleDeps,
  { request }: Admitted,
  position: Position,
): Promise<void> {
  if (!(await deps.obtain.purges.reaches(position, catchUpMs))) request.unreached = position;
}
