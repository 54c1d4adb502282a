/**
 * What is done to the standings of the PoPs before anybody is steered by them: PoPs that come and go are held back
 * (`damping.ts`), and those near their capacity keep a share of their client networks only (`shedding.ts`).
 *
 * Invariants: a filter never takes the last PoP away, since `select` hands all out when none is in; the array stays the same
 * until something in it changes, so that answers can be kept ready.
 */
import { type Clock, every, type Timer } from '../core/runtime/deps.ts';
import type { Log } from '../core/runtime/log.ts';
import { type DampingRules, holdLeftMs, nextPenalty, noPenalty, type Penalty } from './damping.ts';
import type { DnsMetrics } from './dns-metrics.ts';
import type { PopStanding } from './select.ts';
import { nextShare, rulesAmong, type SheddingRules } from './shedding.ts';

export interface FilterRules {
  damping: DampingRules;
  shedding: SheddingRules;
}

export interface PopFilters {
  /** What `view` says, filtered. */
  standings(): readonly PopStanding[];
  stop(): void;
}

interface PopState {
  wasIn: boolean;
  penalty: Penalty;
  share: number;
}

export interface PopFiltersDeps {
  clock: Clock;
  log: Log;
  metrics: DnsMetrics;
  /** Some PoP stands otherwise than before. */
  onChange?: (pops: readonly PopStanding[]) => void;
}

/** How often shares and penalties move on, and in what steps a share is told. */
const tickMs = 1000;
const shareSteps = 64;

/** Filters what `view` gives. `rules` is asked each time: a reload may change it. */
export function createPopFilters(
  { clock, log, metrics, onChange }: PopFiltersDeps,
  view: () => readonly PopStanding[],
  rules: () => FilterRules,
): PopFilters {
  const states = new Map<string, PopState>();
  let seen: readonly PopStanding[] | undefined;
  let current: readonly PopStanding[] = [];
  let lastMs = clock.monotonicMs();

  const move = () => {
    const nowMs = clock.monotonicMs();
    const elapsedMs = nowMs - lastMs;
    lastMs = nowMs;
    seen = view();
    const { damping, shedding } = rules();
    const loads = seen.flatMap(({ standing, load }) => (standing === 'in' ? [load] : []));
    const now = { damping, shedding: rulesAmong(shedding, loads) };
    const next = seen.map((standing) => {
      const before = states.get(standing.pop.id) ?? freshState(standing);
      const state = nextState(before, standing, { nowMs, elapsedMs }, now);
      states.set(standing.pop.id, state);
      report(standing, before, state);
      return filtered(standing, state, damping);
    });
    const kept = new Set(seen.map(({ pop }) => pop.id));
    for (const id of states.keys()) if (!kept.has(id)) states.delete(id);
    if (!isSame(current, next)) {
      current = next;
      onChange?.(current);
    }
    for (const { pop, standing } of current) metrics.popReady(pop.id, standing === 'in');
  };
  const report = ({ pop }: PopStanding, before: PopState, { penalty, share }: PopState) => {
    metrics.popShare(pop.id, share);
    if (penalty.isHeld === before.penalty.isHeld) return;
    if (penalty.isHeld) metrics.popHeld(pop.id);
    log.info({ pop: pop.id, isHeld: penalty.isHeld }, 'flap damping');
  };
  const timer: Timer = every(clock, tickMs, move);
  move();
  return {
    standings() {
      if (view() !== seen) move();
      return current;
    },
    stop: () => timer.cancel(),
  };
}

function freshState({ standing }: PopStanding): PopState {
  return { wasIn: standing === 'in', penalty: noPenalty, share: 1 };
}

function nextState(
  before: PopState,
  { standing, load }: PopStanding,
  { nowMs, elapsedMs }: { nowMs: number; elapsedMs: number },
  { damping, shedding }: FilterRules,
): PopState {
  // To be drained is an order, and no flap, and to end after that is none either.
  const wentOut = before.wasIn && standing === 'unhealthy';
  return {
    wasIn: standing === 'in',
    penalty: nextPenalty(before.penalty, wentOut, nowMs, damping),
    share: nextShare(before.share, load, elapsedMs, shedding),
  };
}

function filtered(
  standing: PopStanding,
  { penalty, share }: PopState,
  damping: DampingRules,
): PopStanding {
  const told = Math.ceil(share * shareSteps) / shareSteps;
  const shared = told < 1 ? { ...standing, share: told } : standing;
  if (standing.standing !== 'in' || !penalty.isHeld) return shared;
  // Told in tens of seconds, so that the text, and with it the array, does not change with every tick.
  const seconds = Math.ceil(holdLeftMs(penalty, damping) / 10_000) * 10;
  return {
    ...shared,
    standing: 'flapping',
    why: `it comes and goes: held back for another ${seconds} s`,
  };
}

function isSame(before: readonly PopStanding[], after: readonly PopStanding[]): boolean {
  return (
    before.length === after.length &&
    after.every((one, index) => {
      const other = before[index];
      return (
        other !== undefined &&
        one.pop === other.pop &&
        one.standing === other.standing &&
        one.why === other.why &&
        one.load === other.load &&
        one.share === other.share &&
        one.isReached === other.isReached
      );
    })
  );
}
