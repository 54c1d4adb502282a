/**
 * Keeps the processes of a network alive: starts them tier by tier, starts again what dies, and stops all of them in time.
 *
 * - A start that fails in the first round fails the whole network: `start` rejects, and nothing may be left running.
 *   Later failures are only retried, each with a longer wait.
 * - `stop` ends within `stopLimitMs`: what has not drained by then is killed. Those who ask are stopped before those who are
 *   asked, so that a request under way can still be answered.
 */
import type { Clock } from '../../core/runtime/deps.ts';
import type { Child, StartOutcome } from './child.ts';
import type { ProcessState, Report } from './events.ts';
import type { ProcessPlan } from './plan.ts';
import { afterDeath, noRestarts, type RestartHistory } from './restart-policy.ts';

/** From the first signal until whatever is left is killed. */
export const stopLimitMs = 2500;
/** How long a tier may drain before the next one is told to stop as well. */
const tierDrainMs = 700;
/** How long a node may drain, so that even the last of three tiers ends by itself: 2 × 700 + 1000 < 2500. */
export const nodeDrainMs = 1000;
/** A node that has said nothing by then is taken for hung. */
const startLimitMs = 20_000;

export interface SupervisorDeps {
  clock: Clock;
  report: Report;
  spawn(plan: ProcessPlan): Child;
}

export interface Supervisor {
  /** Resolves when every process has started; rejects with one line when one of them has not. Call once. */
  start(): Promise<void>;
  states(): ProcessState[];
  /** Passes a signal to every process that runs; returns how many. */
  signalAll(name: NodeJS.Signals): number;
  /** Ends all processes. Resolves, once, with the ids of those that had to be killed. */
  stop(): Promise<string[]>;
}

interface Managed {
  plan: ProcessPlan;
  child: Child | undefined;
  state: ProcessState;
  history: RestartHistory;
}

/** Creates the supervisor of `tiers`; starts nothing yet. */
export function createSupervisor(
  deps: SupervisorDeps,
  tiers: readonly (readonly ProcessPlan[])[],
): Supervisor {
  const managedTiers = tiers.map((tier) => tier.map(manage));
  const all = managedTiers.flat();
  const stopping = new AbortController();
  let stopped: Promise<string[]> | undefined;
  return {
    async start() {
      for (const tier of managedTiers) {
        if (stopping.signal.aborted) return;
        await Promise.all(tier.map((managed) => startFirst(deps, managed, stopping.signal)));
      }
    },
    states: () => all.map(({ state }) => ({ ...state })),
    signalAll: (name) => all.filter(({ child }) => child?.signal(name)).length,
    stop() {
      stopping.abort();
      stopped ??= stopTiers(deps.clock, managedTiers.toReversed());
      return stopped;
    },
  };
}

function manage(plan: ProcessPlan): Managed {
  const { id, role, place, listen, admin } = plan;
  return {
    plan,
    child: undefined,
    history: noRestarts,
    state: { id, role, place, pid: undefined, listen, admin, state: 'starting', restarts: 0 },
  };
}

async function startFirst(deps: SupervisorDeps, managed: Managed, stopping: AbortSignal) {
  const { clock, report } = deps;
  const startedAtMs = clock.monotonicMs();
  const child = launch(deps, managed);
  const outcome = await startOutcome(clock, child);
  if (stopping.aborted) return;
  if (outcome.kind === 'failed') {
    throw new Error(
      `${managed.plan.id} could not start: ${outcome.reason} (its log: ${managed.plan.logFile})`,
    );
  }
  markStarted(managed, outcome);
  const { id, listen, admin } = managed.state;
  report({ event: 'started', id, pid: child.pid, listen, admin });
  void keepAlive(deps, managed, { child, startedAtMs, stopping });
}

interface Life {
  child: Child;
  startedAtMs: number;
  stopping: AbortSignal;
}

/** Waits for the process to end and starts it again, for as long as the network runs. */
async function keepAlive(deps: SupervisorDeps, managed: Managed, life: Life): Promise<void> {
  const { clock, report } = deps;
  const { stopping } = life;
  let { child, startedAtMs } = life;
  let complaint = '';
  for (;;) {
    const how = await child.exited;
    managed.state = { ...managed.state, state: 'ended', pid: undefined };
    if (stopping.aborted) return;
    const next = afterDeath(managed.history, clock.monotonicMs() - startedAtMs);
    managed.history = next.history;
    managed.state.restarts = next.history.total;
    const { id } = managed.plan;
    const restart = next.history.total;
    const why = complaint === '' ? how : `${how}: ${complaint}`;
    report({ event: 'ended', id, why, delayMs: next.delayMs, restart });
    const waited = await clock.sleep(next.delayMs, stopping);
    if (!waited || stopping.aborted) return;
    startedAtMs = clock.monotonicMs();
    child = launch(deps, managed);
    const outcome = await startOutcome(clock, child);
    complaint = outcome.kind === 'failed' ? outcome.reason : '';
    if (outcome.kind === 'started' && !stopping.aborted) {
      markStarted(managed, outcome);
      report({ event: 'restarted', id, pid: child.pid, restart });
    }
  }
}

function launch({ spawn }: SupervisorDeps, managed: Managed): Child {
  const child = spawn(managed.plan);
  managed.child = child;
  managed.state = { ...managed.state, state: 'starting', pid: child.pid };
  return child;
}

/** As `child.started`, but a process that says nothing in time is killed. */
async function startOutcome(clock: Clock, child: Child): Promise<StartOutcome> {
  const timer = clock.after(startLimitMs, () => child.signal('SIGKILL'));
  const beganMs = clock.monotonicMs();
  const outcome = await child.started;
  timer.cancel();
  if (outcome.kind === 'failed' && clock.monotonicMs() - beganMs >= startLimitMs) {
    return { kind: 'failed', reason: `it said nothing within ${startLimitMs / 1000} s` };
  }
  return outcome;
}

function markStarted(managed: Managed, outcome: StartOutcome & { kind: 'started' }): void {
  const { listen, admin } = managed.state;
  managed.state = {
    ...managed.state,
    state: 'started',
    listen: outcome.listen ?? listen,
    admin: outcome.admin ?? admin,
  };
}

async function stopTiers(clock: Clock, tiers: readonly (readonly Managed[])[]): Promise<string[]> {
  const killed: string[] = [];
  const all = tiers.flat();
  const timer = clock.after(stopLimitMs, () => {
    for (const { child, plan } of all) if (child?.signal('SIGKILL')) killed.push(plan.id);
  });
  for (const tier of tiers) {
    for (const { child } of tier) child?.signal('SIGTERM');
    const patience = new AbortController();
    await Promise.race([ended(tier), clock.sleep(tierDrainMs, patience.signal)]);
    patience.abort();
  }
  await ended(all);
  timer.cancel();
  return killed;
}

function ended(group: readonly Managed[]): Promise<unknown> {
  return Promise.all(group.map(({ child }) => child?.exited));
}
