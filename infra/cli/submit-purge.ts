/**
 * Hands one purge in, and again where it is not known whether it arrived. The key makes it one purge, however often it is sent.
 *
 * Tried again: a connection that broke after it was made, a few times; within `waitMs` also a purge-api that cannot be reached, takes no
 * purges yet (503), or takes no more from this token for a moment (429).
 */
import type { ControlResponse } from '../../core/runtime/http-client.ts';
import { type ApiAccess, askApi } from './api-access.ts';
import type { CliContext } from './cli-context.ts';
import { CommandError } from './command-error.ts';

export interface Submission {
  body: Record<string, unknown>;
  key: string;
  waitMs: number;
}

const retryPauseMs = 300;
const maxBrokenTries = 3;

/** The connection was made, so that the purge may have arrived. */
const brokenCodes: readonly unknown[] = [
  'ECONNRESET',
  'EPIPE',
  'UND_ERR_SOCKET',
  'UND_ERR_HEADERS_TIMEOUT',
  'UND_ERR_BODY_TIMEOUT',
];

/** Resolves with the last answer. Throws CommandError where there is none. */
export async function submitPurge(
  context: CliContext,
  access: ApiAccess,
  { body, key, waitMs }: Submission,
): Promise<ControlResponse> {
  const { clock, terminal } = context;
  const deadlineMs = clock.monotonicMs() + waitMs;
  const isLate = (pauseMs: number) => clock.monotonicMs() + pauseMs > deadlineMs;
  for (let tries = 1; ; tries += 1) {
    const answer = await attempt(access, body, key);
    const pauseMs = answer instanceof CommandError ? retryPauseMs : pauseOf(answer);
    if (answer instanceof CommandError) {
      const mayHaveArrived = brokenCodes.includes(codeOf(answer)) && tries < maxBrokenTries;
      if (isLate(pauseMs) && !mayHaveArrived) throw answer;
    } else if (pauseMs === 0 || isLate(pauseMs)) return answer;
    terminal.progress(
      answer instanceof CommandError || answer.status === 503
        ? 'waiting for the purge API …'
        : 'the limit of this token is reached, waiting …',
    );
    await clock.sleep(pauseMs);
  }
}

async function attempt(
  access: ApiAccess,
  json: Record<string, unknown>,
  key: string,
): Promise<ControlResponse | CommandError> {
  try {
    const headers = { 'idempotency-key': key };
    return await askApi(access, '/v1/purges', { method: 'POST', json, headers });
  } catch (error) {
    if (error instanceof CommandError) return error;
    throw error;
  }
}

/** How long to wait before another try; 0: the answer is final. */
function pauseOf({ status, headers }: ControlResponse): number {
  if (status === 503) return retryPauseMs;
  if (status !== 429) return 0;
  const seconds = Number(headers['retry-after']);
  return Number.isFinite(seconds) ? Math.max(retryPauseMs, seconds * 1000) : retryPauseMs;
}

function codeOf({ cause }: CommandError): unknown {
  return (cause as NodeJS.ErrnoException | undefined)?.code;
}
