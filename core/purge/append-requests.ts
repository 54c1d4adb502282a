/**
 * Purges that begin at a node (its PURGE method) and end in the journal: each waits for purge-api's `appended`, for a
 * bounded time. Without a connection the answer is no, at once: a purge that is not in the journal is not a purge.
 */
import type { Clock, Random, Timer } from '../runtime/deps.ts';
import type { DownMessage, Selector, UpMessage } from './command.ts';

export interface AppendCommand {
  soft: boolean;
  /** The hosts of the token that was shown; `['*']` for all. */
  scope: readonly string[];
  selectors: readonly Selector[];
  /** The name of that token. */
  token?: string;
}

export type AppendOutcome =
  | { ok: true; id: string; seq: number }
  /** `isCertain`: the journal does not have it. Otherwise it may have it all the same. */
  | { ok: false; problem: string; isCertain: boolean };

export interface AppendRequests {
  append(command: AppendCommand, timeoutMs: number): Promise<AppendOutcome>;
  settle(message: Extract<DownMessage, { type: 'appended' }>): void;
  /** The connection is gone: nothing that waits will be answered. */
  abandon(): void;
}

/** Appends that may wait at the same time. */
const maxWaiting = 1000;

interface Waiting {
  resolve(outcome: AppendOutcome): void;
  timer: Timer;
}

/** Creates the list of waiting appends; `send` is the stream's. */
export function createAppendRequests(
  { clock, random }: { clock: Clock; random: Random },
  send: (message: UpMessage) => boolean,
): AppendRequests {
  const waiting = new Map<string, Waiting>();
  const finish = (request: string, outcome: AppendOutcome) => {
    const entry = waiting.get(request);
    if (!entry) return;
    waiting.delete(request);
    entry.timer.cancel();
    entry.resolve(outcome);
  };
  const uncertain = (problem: string): AppendOutcome => ({ ok: false, problem, isCertain: false });
  return {
    append({ soft, scope, selectors, token }, timeoutMs) {
      const refuse = (problem: string) =>
        Promise.resolve<AppendOutcome>({ ok: false, problem, isCertain: true });
      if (waiting.size >= maxWaiting) return refuse('too many purges wait for purge-api');
      const request = random.hex(8);
      const message: UpMessage = {
        type: 'append',
        request,
        soft,
        scope: [...scope],
        selectors: [...selectors],
        ...(token !== undefined && { token }),
      };
      return new Promise((resolve) => {
        const timer = clock.after(timeoutMs, () =>
          finish(request, uncertain(`purge-api did not answer within ${timeoutMs} ms`)),
        );
        waiting.set(request, { resolve, timer });
        if (!send(message)) {
          finish(request, { ok: false, problem: 'purge-api is not connected', isCertain: true });
        }
      });
    },
    settle({ request, ok, id, seq, problem }) {
      if (ok && id !== undefined && seq !== undefined) finish(request, { ok: true, id, seq });
      else finish(request, { ok: false, problem: problem ?? 'refused', isCertain: true });
    },
    abandon() {
      for (const request of [...waiting.keys()]) {
        finish(request, uncertain('the connection to purge-api broke'));
      }
    },
  };
}
