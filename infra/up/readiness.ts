/**
 * Asks every node's admin listener whether it is ready. `up` runs on the machine of its nodes, so it is the one
 * command that may use admin listeners; all others ask purge-api.
 */
import type { Clock } from '../../core/runtime/deps.ts';
import { controlRequest } from '../../core/runtime/http-client.ts';
import type { ProcessState } from './events.ts';

const askTimeoutMs = 1000;
const pauseMs = 100;

export type Readiness = { ready: true } | { ready: false; reason: string };

/** What `/readyz` of one admin listener says. */
export async function askReady(admin: string): Promise<Readiness> {
  try {
    const { status, body } = await controlRequest(`http://${admin}/readyz`, {
      timeoutMs: askTimeoutMs,
    });
    return status === 200 ? { ready: true } : { ready: false, reason: reasonOf(body) };
  } catch (error) {
    return { ready: false, reason: (error as Error).message };
  }
}

/** The reason within a 503: the member `reason` of JSON, or the text itself, cut to a line. */
export function reasonOf(body: Buffer): string {
  const text = body.toString('utf8').trim();
  try {
    const { reason, detail } = JSON.parse(text) as { reason?: unknown; detail?: unknown };
    if (typeof reason === 'string') return reason;
    if (typeof detail === 'string') return detail;
  } catch {
    // Not JSON: the text is the reason.
  }
  return text.split('\n')[0]?.slice(0, 200) || 'no reason given';
}

/** The states with `ready` or `not ready` filled in. A process without an admin listener is ready once it has started. */
export function withReadiness(states: readonly ProcessState[]): Promise<ProcessState[]> {
  return Promise.all(
    states.map(async (state): Promise<ProcessState> => {
      if (state.state !== 'started') return state;
      if (state.admin === undefined) return { ...state, state: 'ready' };
      const readiness = await askReady(state.admin);
      return readiness.ready
        ? { ...state, state: 'ready' }
        : { ...state, state: 'not ready', reason: readiness.reason };
    }),
  );
}

/** Asks again and again until all are ready, or `signal` aborts; resolves with the last answer. Calls `onPatience` once, after `patienceMs`. */
export async function waitUntilReady(
  clock: Clock,
  states: () => ProcessState[],
  options: {
    signal: AbortSignal;
    patienceMs: number;
    onPatience: (states: ProcessState[]) => void;
  },
): Promise<ProcessState[]> {
  const beganMs = clock.monotonicMs();
  let isPatient = true;
  for (;;) {
    const now = await withReadiness(states());
    if (options.signal.aborted || now.every((state) => state.state === 'ready')) return now;
    if (isPatient && clock.monotonicMs() - beganMs >= options.patienceMs) {
      isPatient = false;
      options.onPatience(now);
    }
    await clock.sleep(pauseMs, options.signal);
  }
}
