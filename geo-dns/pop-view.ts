/**
 * The truth about the PoPs, as far as this server knows it, from two sources: what each PoP says of itself (in answers to
 * our probes, and in its renewals, which purge-api passes on as `view`), and whether its public listener can be reached.
 *
 * Invariants: of two statements of one PoP the later received counts, and an older one that arrives late never replaces a
 * newer one; what is known stays known while a source is silent; a PoP that was never reached is out.
 */
import type { DownMessage, ViewNode } from '../core/purge/command.ts';
import type { Log } from '../core/runtime/log.ts';
import type { Pop } from '../core/topology/schema.ts';
import type { DnsMetrics } from './dns-metrics.ts';
import type { PopStanding, Standing } from './select.ts';

/** Failed probes in a row after which a reachable PoP is out, and good ones after which it is back. */
const failuresToLeave = 3;
const successesToReturn = 2;

/** What a PoP says of itself. */
export interface Statement {
  ready: boolean;
  draining: boolean;
  /** Requests in progress over capacity. */
  load: number;
  /** Why it is not ready, in words. */
  reason?: string | undefined;
}

export type ProbeFailure = 'timeout' | 'failed' | 'wrong-node' | 'address-unknown';
export type ProbeResult =
  | { ok: true; statement: Statement }
  | { ok: false; kind: ProbeFailure; problem: string };

export type ViewMessage = Extract<DownMessage, { type: 'view' }>;

export interface PopView {
  /** All PoPs in the order of the configuration, as they stand now. The same array until something changes. */
  standings(): readonly PopStanding[];
  takeProbe(popId: string, result: ProbeResult): void;
  /** A new connection to purge-api has begun: its numbering of views may start anew. */
  startViews(): void;
  takeView(view: ViewMessage): void;
  /** Takes a changed configuration over; what is known of the PoPs that remain stays known. */
  reconfigure(pops: readonly Pop[]): void;
  /** True while a reachable PoP has failed, but not often enough to be out: a moment to look again soon. */
  isWavering(popId: string): boolean;
}

interface PopState {
  reached: 'never' | 'yes' | 'lost';
  /** Results in a row that speak against `reached`. */
  against: number;
  /** Why it is not reached, in words. */
  problem: string;
  statement?: Statement;
  /** Which of the PoP's renewals was heard last through purge-api. */
  heard?: Pick<ViewNode, 'instance' | 'version'> & { atMs: number };
  /** Whether its stream to purge-api was up when that was last told. */
  connected?: boolean;
  /** Purges count as converged without it (purge-api says so), so nobody may be sent there. */
  quarantined?: boolean;
}

export interface PopViewDeps {
  log: Log;
  metrics: DnsMetrics;
  /** Called when purge-api tells something that a probe should look into now rather than in its turn. */
  onHint?: (popId: string) => void;
  /** Something was heard of a PoP. */
  onHeard?: () => void;
}

export function createPopView(
  { log, metrics, onHint, onHeard }: PopViewDeps,
  initial: readonly Pop[],
): PopView {
  let pops = initial;
  const states = new Map<string, PopState>();
  let lastView: { epochMs: number; version: number } | undefined;
  let current: readonly PopStanding[] = [];

  const stateOf = (popId: string): PopState => {
    const known = states.get(popId);
    if (known) return known;
    const fresh: PopState = { reached: 'never', against: 0, problem: 'not probed yet' };
    states.set(popId, fresh);
    return fresh;
  };
  const refresh = () => {
    const before = new Map(current.map(({ pop, standing }) => [pop.id, standing]));
    current = pops.map((pop) => standingOf(pop, stateOf(pop.id)));
    for (const { pop, standing, why } of current) {
      if (before.get(pop.id) !== standing) log.info({ pop: pop.id, standing, why }, 'PoP');
    }
    onHeard?.();
  };
  refresh();
  return {
    standings: () => current,
    takeProbe(popId, result) {
      if (!pops.some((pop) => pop.id === popId)) return;
      applyProbe(stateOf(popId), result);
      refresh();
    },
    startViews() {
      lastView = undefined;
    },
    takeView(view) {
      if (lastView && !isNewer(view, lastView)) {
        metrics.viewIgnored('older-message');
        return;
      }
      lastView = { epochMs: view.epochMs, version: view.version };
      for (const node of view.nodes) {
        if (!pops.some((pop) => pop.id === node.id)) continue;
        const state = stateOf(node.id);
        if (!applyHeard(state, node)) metrics.viewIgnored('older-node');
        if (isHint(state, node)) onHint?.(node.id);
        state.connected = node.connected;
        state.quarantined = node.quarantined;
      }
      refresh();
    },
    reconfigure(changed) {
      pops = changed;
      const kept = new Set(pops.map((pop) => pop.id));
      for (const id of states.keys()) if (!kept.has(id)) states.delete(id);
      refresh();
    },
    isWavering(popId) {
      const state = states.get(popId);
      return state?.reached === 'yes' && state.against > 0;
    },
  };
}

/** Counts a probe. One success makes a PoP reachable that never was: there is nothing to be damped yet. */
function applyProbe(state: PopState, result: ProbeResult): void {
  if (result.ok) {
    state.statement = result.statement;
    // Who is ready holds a lease, so purge-api has heard of it since, though we may not hear of purge-api.
    if (result.statement.ready) state.quarantined = false;
  } else state.problem = result.problem;
  const wasReached = state.reached === 'yes';
  if (result.ok === wasReached) {
    state.against = 0;
    return;
  }
  state.against += 1;
  const needed = wasReached ? failuresToLeave : state.reached === 'never' ? 1 : successesToReturn;
  if (state.against < needed) return;
  if (result.ok) state.reached = 'yes';
  else state.reached = 'lost';
  state.against = 0;
}

/** Takes a renewal over that purge-api has heard; false when it is older than what is known. */
function applyHeard(state: PopState, node: ViewNode): boolean {
  const { instance, version, heardAtMs, health } = node;
  // A purge-api that has just started has heard of nobody yet; what we know stands.
  if (instance === null || heardAtMs === null || health === null) return true;
  const { heard } = state;
  if (heard?.instance === instance) {
    if (version === heard.version) return true;
    if (version < heard.version) return false;
  } else if (heard && heardAtMs <= heard.atMs) {
    // Instances are random: which of two came later only the time tells at which purge-api heard them.
    return false;
  }
  state.heard = { instance, version, atMs: heardAtMs };
  state.statement = health;
  return true;
}

/** A PoP that is said to be ready and was not reached, or whose stream has just broken, may have changed for us too. */
function isHint({ reached, connected }: PopState, node: ViewNode): boolean {
  if (reached === 'yes') return connected === true && !node.connected;
  return node.connected && node.health?.ready === true;
}

function isNewer(view: ViewMessage, last: { epochMs: number; version: number }): boolean {
  if (view.epochMs !== last.epochMs) return view.epochMs > last.epochMs;
  return view.version > last.version;
}

function standingOf(pop: Pop, state: PopState): PopStanding {
  const [standing, why] = judge(pop, state);
  const isReached = state.reached === 'yes';
  return { pop, standing, why, load: state.statement?.load ?? 0, isReached };
}

function judge(
  pop: Pop,
  { reached, problem, statement, quarantined }: PopState,
): [Standing, string] {
  if (reached !== 'yes' || !statement) return ['unhealthy', problem];

  if (statement.draining) return ['draining', 'it is shutting down'];
  if (!statement.ready) return ['unhealthy', statement.reason ?? 'it says that it is not ready'];
  if (quarantined) return ['quarantined', 'purge-api has not heard of it for a lease'];
  if (pop.drain) return ['draining', 'drained in the configuration'];
  return ['in', 'healthy'];
}
