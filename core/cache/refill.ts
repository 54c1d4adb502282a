/**
 * Fetches responses anew after a purge, as one worker does it: each is a request that nobody sent, admitted and obtained like any
 * other, so it is coalesced with those of clients, checked against purges, labelled and stored by the same rules.
 *
 * Invariants: nothing begins before this worker has reached the position of the purge; few fetches at once, a pause between two of
 * a lane, none begun after the limit or after several failures in a row.
 */
import { fieldsOfVariant } from '../http/variant-fields.ts';
import type { RefillOrder, RefillReport, ResponseName } from '../purge/warm.ts';
import type { Clock } from '../runtime/deps.ts';
import { type AdmitDeps, admit } from './admit.ts';
import type { CacheRequest } from './exchange.ts';
import { type Answer, drain, type ObtainDeps, obtain } from './obtain.ts';

export interface RefillDeps {
  clock: Clock;
  admit: AdmitDeps;
  obtain: ObtainDeps;
  /** What became of each response: done, failed, skipped. */
  onRefill(outcome: 'done' | 'failed' | 'skipped'): void;
}

export interface RefillLimits {
  /** Fetches at once. */
  lanes: number;
}

/** From the beginning of a fetch to that of the next in the same lane, at least. */
const paceMs = 20;
/** An origin that fails so many times in a row is left alone. */
const maxFailuresInARow = 5;
/** How long this worker may be behind the purge. */
const catchUpMs = 1000;

/** Refills what is ordered. Never rejects. */
export async function refill(
  deps: RefillDeps,
  { position, responses, limitMs }: RefillOrder,
  { lanes }: RefillLimits,
): Promise<RefillReport> {
  const { clock } = deps;
  const { purges } = deps.obtain;
  const waiting = [...responses];
  const deadlineMs = clock.monotonicMs() + limitMs;
  const end = new AbortController();
  const timer = clock.after(limitMs, () => end.abort());
  const counts = { done: 0, failed: 0 };
  let inARow = 0;
  purges.sync();
  const isReached = await purges.reaches(position, Math.min(catchUpMs, limitMs));
  const mayGoOn = () => isReached && inARow < maxFailuresInARow && clock.monotonicMs() < deadlineMs;
  const lane = async () => {
    for (let next = mayGoOn() && waiting.shift(); next; next = mayGoOn() && waiting.shift()) {
      const beganMs = clock.monotonicMs();
      const outcome = (await refillOne(deps, next, end.signal)) ? 'done' : 'failed';
      counts[outcome] += 1;
      inARow = outcome === 'done' ? 0 : inARow + 1;
      deps.onRefill(outcome);
      const restMs = paceMs - (clock.monotonicMs() - beganMs);
      if (restMs > 0 && waiting.length > 0) await clock.sleep(restMs);
    }
  };
  await Promise.all(Array.from({ length: Math.max(1, lanes) }, lane));
  timer.cancel();
  for (const _ of waiting) deps.onRefill('skipped');
  return {
    done: counts.done,
    failed: counts.failed + waiting.length,
    stopped: waiting.length > 0 || inARow >= maxFailuresInARow,
  };
}

async function refillOne(
  deps: RefillDeps,
  response: ResponseName,
  signal: AbortSignal,
): Promise<boolean> {
  const request = requestFor(deps, response);
  if (!request) return false;
  const answer = await obtain(deps.obtain, request, {
    mayAskPeers: true,
    goneSignal: () => signal,
  });
  if (answer.kind === 'streaming') {
    const isWhole = await taken(answer, signal);
    return isWhole && answer.entry.status < 500;
  }
  // A stale answer in place of an error is no refill.
  return answer.kind === 'stored' && answer.failure === undefined && answer.entry.status < 500;
}

/** The request that a client would have sent, by the door that a client comes through. */
function requestFor(deps: RefillDeps, { key, variant }: ResponseName): CacheRequest | undefined {
  const fields = fieldsOfVariant(variant);
  if (!fields || !URL.canParse(key)) return undefined;
  const { host, protocol } = new URL(key);
  const admitted = admit(
    // Whoever orders it has been authenticated on the node's own stream.
    { ...deps.admit, tiersOnly: false },
    {
      method: 'GET',
      target: key.slice(`${protocol}//${host}`.length),
      rawHeaders: ['Host', host, ...fields],
      address: '127.0.0.1',
      secure: protocol === 'https:',
      nowMs: deps.clock.nowMs(),
    },
  );
  // What a soft purge has made stale must not be taken for an answer.
  return admitted.ok ? { ...admitted.request, isRefresh: true } : undefined;
}

/** Reads a body that only the stores want; whether it came whole. */
function taken(
  answer: Extract<Answer, { kind: 'streaming' }>,
  signal: AbortSignal,
): Promise<boolean> {
  return new Promise((resolve) => {
    const giveUp = drain(answer, (isWhole) => {
      signal.removeEventListener('abort', giveUpAtEnd);
      resolve(isWhole);
    });
    function giveUpAtEnd() {
      giveUp();
    }
    if (signal.aborted) giveUp();
    else signal.addEventListener('abort', giveUpAtEnd);
  });
}
