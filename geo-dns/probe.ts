/**
 * Looks at each PoP as a client would reach it: `GET /.well-known/breakwater/node` at its public listener, again and again,
 * each PoP in its own rhythm. Decides nothing; results go to the pop-view.
 */
import { z } from 'zod';
import { formatHostPort, type HostPort } from '../core/runtime/addresses.ts';
import type { Clock } from '../core/runtime/deps.ts';
import { controlRequest } from '../core/runtime/http-client.ts';
import type { DnsMetrics } from './dns-metrics.ts';
import type { PopView, ProbeResult } from './pop-view.ts';

const probePath = '/.well-known/breakwater/node';
const maxBodyBytes = 4096;

/** What a node answers there. Fields that a later version adds are no reason to call it dead. */
const nodeAnswer = z.object({
  node: z.string(),
  ready: z.boolean(),
  draining: z.boolean(),
  load: z.number().min(0),
});

export interface ProbeTarget {
  id: string;
  /** Asked anew for each probe: a PoP with port 0 is somewhere else after a restart. */
  reach: () => HostPort | undefined;
}

export interface ProbeTiming {
  intervalMs: number;
  timeoutMs: number;
}

/** Fetches a URL; rejects when that fails. Replaced in tests. */
export type ProbeFetch = (
  url: string,
  timeoutMs: number,
) => Promise<{ status: number; body: Buffer }>;

/** Each probe is a connection of its own: one that is still open says nothing about whether new ones are accepted. */
export const fetchByHttp: ProbeFetch = (url, timeoutMs) =>
  controlRequest(url, { timeoutMs, maxBodyBytes, headers: { connection: 'close' } });

export interface Prober {
  /** Resolves when every PoP has been probed once, whatever the results. */
  readonly firstRound: Promise<void>;
  /** Probes a PoP now rather than in its turn; nothing when a probe is under way or the id is not known. */
  hurry(popId: string): void;
  stop(): void;
}

export interface ProberDeps {
  clock: Clock;
  metrics: DnsMetrics;
  view: PopView;
  fetch: ProbeFetch;
}

/** Probes every target until stopped. A PoP that has just failed is looked at again after half the interval. */
export function startProber(
  deps: ProberDeps,
  targets: readonly ProbeTarget[],
  timing: ProbeTiming,
): Prober {
  const { clock, metrics, view } = deps;
  let isStopped = false;
  const sleeping = new Map<string, AbortController>();
  const probe = async (target: ProbeTarget) => {
    // Half an interval for the second and third failure: whoever hangs, and does not refuse, is out within three intervals too.
    const longestMs = view.isWavering(target.id) ? timing.intervalMs / 2 : timing.timeoutMs;
    const result = await probeOnce(deps, target, Math.min(timing.timeoutMs, longestMs));
    if (isStopped) return;
    metrics.probe(target.id, labelOf(result));
    view.takeProbe(target.id, result);
  };
  const repeat = async (target: ProbeTarget, startedMs: number) => {
    let lastMs = startedMs;
    while (!isStopped) {
      const periodMs = view.isWavering(target.id) ? timing.intervalMs / 2 : timing.intervalMs;
      const waking = new AbortController();
      sleeping.set(target.id, waking);
      const delayMs = Math.max(0, lastMs + periodMs - clock.monotonicMs());
      await clock.sleep(delayMs, waking.signal);
      sleeping.delete(target.id);
      lastMs = clock.monotonicMs();
      if (!isStopped) await probe(target);
    }
  };
  const startedMs = clock.monotonicMs();
  const first = targets.map((target) =>
    probe(target).then(() => {
      void repeat(target, startedMs);
    }),
  );
  return {
    firstRound: Promise.all(first).then(() => undefined),
    hurry: (popId) => sleeping.get(popId)?.abort(),
    stop() {
      isStopped = true;
      for (const waking of sleeping.values()) waking.abort();
    },
  };
}

/** Never rejects. The limit is ours: a fetch that comes back later is not waited for. */
async function probeOnce(
  { clock, fetch }: ProberDeps,
  target: ProbeTarget,
  timeoutMs: number,
): Promise<ProbeResult> {
  const reach = target.reach();
  if (!reach) {
    return { ok: false, kind: 'address-unknown', problem: 'it has not told its address yet' };
  }
  const url = `http://${formatHostPort(reach)}${probePath}`;
  const fetched = fetch(url, timeoutMs).then(
    ({ status, body }) => judge(target, status, body),
    (error: Error): ProbeResult => ({
      ok: false,
      kind: 'failed',
      problem: `${url}: ${error.message || error.name}`,
    }),
  );
  const done = new AbortController();
  const timedOut = clock.sleep(timeoutMs, done.signal).then(
    (): ProbeResult => ({
      ok: false,
      kind: 'timeout',
      problem: `${url}: no answer within ${timeoutMs} ms`,
    }),
  );
  const result = await Promise.race([fetched, timedOut]);
  done.abort();
  return result;
}

function judge(target: ProbeTarget, status: number, body: Buffer): ProbeResult {
  const answer = nodeAnswer.safeParse(parseJson(body));
  if (!answer.success || (status !== 200 && status !== 503)) {
    const problem = `answers ${status}, not as a node of this network does`;
    return { ok: false, kind: 'failed', problem };
  }
  const { node, ...statement } = answer.data;
  if (node === target.id) return { ok: true, statement };
  // Another process has its address: its answers would be taken for those of the PoP.
  return { ok: false, kind: 'wrong-node', problem: `answers as the node "${node}"` };
}

function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8')) as unknown;
  } catch {
    return undefined;
  }
}

function labelOf(result: ProbeResult): string {
  if (!result.ok) return result.kind;
  return result.statement.ready && !result.statement.draining ? 'ok' : 'not-ready';
}
