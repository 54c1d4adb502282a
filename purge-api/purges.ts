/**
 * The life of a purge at purge-api: appended to the journal, fanned out, acknowledged by node after node, converged. Callers
 * may wait for that, for a bounded time.
 */
import type { JournalEntry } from '../core/purge/command.ts';
import type { Clock, Timer } from '../core/runtime/deps.ts';
import type { Log } from '../core/runtime/log.ts';
import {
  type Convergence,
  convergedThrough,
  judgeConvergence,
  type NodeProgress,
} from './convergence.ts';
import type { Evidence } from './evidence.ts';
import type { Idempotency, Journal, PurgeCommand, Recorded } from './journal.ts';
import type { PurgeMetrics } from './metrics.ts';
import type { StartGate } from './start-gate.ts';

export type Submitted =
  | { kind: 'accepted'; recorded: Recorded }
  /** The Idempotency-Key was used for another purge. */
  | { kind: 'conflict' }
  /** Too early after the start; some nodes have not said their positions. */
  | { kind: 'starting'; waitingFor: string[]; retryAfterMs: number }
  | { kind: 'failed'; problem: string };

export interface Purges {
  submit(command: PurgeCommand, idempotency?: Idempotency): Promise<Submitted>;
  find(id: string): Promise<Recorded | undefined>;
  judge(entry: JournalEntry): Convergence;
  /** Resolves when the entry has converged, or after `timeoutMs`. */
  wait(entry: JournalEntry, timeoutMs: number): Promise<void>;
  /** Somebody has acknowledged something, or is quarantined: looks who need not wait any longer. */
  acknowledged(): void;
  waiting(): number;
  /** Answers everybody who waits. */
  stop(): void;
}

export interface PurgesDeps {
  clock: Clock;
  log: Log;
  metrics: PurgeMetrics;
  journal: Journal;
  gate: StartGate;
  progress(): NodeProgress[];
  /** The journal has grown. */
  publish(): void;
  /** Where it is kept that a purge has converged. */
  evidence?: Pick<Evidence, 'declare' | 'declaredThrough'>;
}

/** Callers that may wait at the same time; further ones are answered at once. */
const maxWaiting = 1000;
/** Entries whose convergence is still to be counted. */
const maxPending = 10_000;

/** Creates the desk at which purges are handed in. */
export function createPurges(deps: PurgesDeps): Purges {
  const { clock, log, metrics, journal, gate } = deps;
  const waiters = new Set<{ seq: number; done: () => void }>();
  let pending: JournalEntry[] = [];

  const accept = (recorded: Recorded) => {
    const { entry, by } = recorded;
    metrics.appended(entry.soft, entry.selectors.length);
    const { id, seq, soft, selectors } = entry;
    log.info({ purge: id, seq, soft, selectors: selectors.length, by }, 'purge appended');
    if (pending.length >= maxPending) pending = pending.slice(maxPending >> 1);
    pending.push(entry);
    deps.publish();
    return { kind: 'accepted', recorded } as const;
  };
  const submit = async (command: PurgeCommand, idempotency?: Idempotency): Promise<Submitted> => {
    const waitingFor = gate.waitingFor();
    if (waitingFor.length > 0) {
      return { kind: 'starting', waitingFor, retryAfterMs: gate.remainingMs() };
    }
    try {
      const result = await journal.append(command, idempotency);
      if (result.kind === 'conflict') return result;
      const recorded = { entry: result.entry, by: command.by };
      if (result.kind === 'repeated') return { kind: 'accepted', recorded };
      return accept(recorded);
    } catch (error) {
      log.error({ err: error }, 'a purge could not be appended');
      return { kind: 'failed', problem: (error as Error).message };
    }
  };
  const countConverged = (throughSeq: number) => {
    while (pending[0] && pending[0].seq <= throughSeq) {
      const entry = pending[0];
      pending.shift();
      const tookMs = Math.max(0, clock.nowMs() - entry.atMs);
      metrics.converged(tookMs / 1000);
      log.info({ purge: entry.id, seq: entry.seq, tookMs }, 'purge converged');
    }
  };
  const acknowledged = () => {
    const isAwaited = waiters.size > 0 || pending.length > 0;
    if (!isAwaited && declaredThrough(deps) >= journal.head().seq) return;
    const throughSeq = throughOf(deps);
    if (throughSeq > declaredThrough(deps)) deps.evidence?.declare(throughSeq, deps.progress());
    countConverged(throughSeq);
    for (const waiter of waiters) if (waiter.seq <= throughSeq) waiter.done();
  };
  return {
    submit,
    find: journal.find,
    judge(entry) {
      // What is told to have converged must have been declared before.
      acknowledged();
      const convergence = judgeConvergence(entry, journal.head(), deps.progress());
      const isDeclared = gate.waitingFor().length === 0;
      return isDeclared ? convergence : { ...convergence, status: 'pending', convergedInMs: null };
    },
    wait(entry, timeoutMs) {
      if (isConverged(deps, entry.seq) || waiters.size >= maxWaiting) {
        return Promise.resolve();
      }
      return new Promise((resolve) => {
        let timer: Timer | undefined;
        const waiter = {
          seq: entry.seq,
          done() {
            waiters.delete(waiter);
            timer?.cancel();
            resolve();
          },
        };
        waiters.add(waiter);
        timer = clock.after(timeoutMs, () => {
          metrics.waitTimedOut();
          waiter.done();
        });
      });
    },
    acknowledged,
    waiting: () => waiters.size,
    stop() {
      for (const waiter of waiters) waiter.done();
    },
  };
}

/** Once declared it stays so, whoever has come back from a quarantine or lost its power since. */
function isConverged(deps: PurgesDeps, seq: number): boolean {
  return (deps.evidence && deps.evidence.declaredThrough() >= seq) || throughOf(deps) >= seq;
}

/** Without evidence there is nothing to be told to anybody. */
function declaredThrough({ evidence, journal }: PurgesDeps): number {
  return evidence ? evidence.declaredThrough() : journal.head().seq;
}

/** Nothing is declared before every node has said where it is, or can hold no lease any more. */
function throughOf({ journal, gate, progress }: PurgesDeps): number {
  return gate.waitingFor().length > 0 ? -1 : convergedThrough(journal.head(), progress());
}
