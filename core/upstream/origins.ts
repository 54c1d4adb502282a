/**
 * The port over the origins of a request's site: balance chooses, the dialer asks, and a request that was lost, and may be
 * sent again, goes to one other origin within the retry budget. The origin shield fetches through this, and so does
 * an edge without shields.
 *
 * Invariants: at most two origins are asked for one request; the second one costs the budget unless the first was never
 * reached; nothing that our tiers say to each other reaches an origin, or is believed from one.
 */
import type { Clock } from '../runtime/deps.ts';
import type { Log } from '../runtime/log.ts';
import type { Metrics } from '../runtime/metrics.ts';
import { pickRoundRobin, type RoundRobinState, roundRobinStart } from './balance/round-robin.ts';
import type { Dialer, Peer } from './dial.ts';
import { upstreamFailure } from './failures.ts';
import type { Outcome } from './health.ts';
import { createPeerHealth, outcomeOf, type PeerHealth } from './peer-health.ts';
import { createRetryBudget, type RetryBudget } from './retry-budget.ts';
import { withoutTierFields } from './tier-fields.ts';
import type {
  Deadline,
  Failure,
  Origin,
  Upstream,
  UpstreamRequest,
  UpstreamResult,
  UpstreamSite,
} from './upstream.ts';
import { createUpstreamMetrics } from './upstream-metrics.ts';

export interface OriginsDeps {
  clock: Clock;
  dialer: Dialer;
  log: Log;
  metrics: Metrics;
}

/** Creates the port; sites and their origins come with each request, so a reload needs nothing here. */
export function createOrigins({ clock, dialer, log, metrics }: OriginsDeps): Upstream {
  const counts = createUpstreamMetrics(metrics);
  const health = createPeerHealth({
    clock,
    onChange(origin, isOut) {
      counts.peerReady('origin', origin, !isOut);
      log.warn({ origin }, isOut ? 'origin is out' : 'origin is back');
    },
  });
  // By the object that a configuration made: what a reload replaces is forgotten with it.
  const sites = new WeakMap<UpstreamSite, SiteState>();

  const stateOf = (site: UpstreamSite): SiteState => {
    const known = sites.get(site);
    if (known) return known;
    const made = createSiteState(site);
    sites.set(site, made);
    return made;
  };

  const ask = async (
    chosen: Choice,
    { choices }: SiteState,
    request: UpstreamRequest,
    deadline: Deadline,
  ) => {
    const { peer } = chosen;
    health.sent(peer.name);
    const dialled = {
      ...request,
      hostHeader: hostFor(chosen.config, request),
      headers: withoutTierFields(request.headers),
    };
    const result = await dialer.dial(peer, dialled, deadline);
    health.done(peer.name, result.ok ? 'answered' : toldBy(result.failure, choices.length === 1));
    return result.ok ? withoutTierAnswer(result.response) : result;
  };

  return {
    async fetch(request, deadline) {
      const state = stateOf(request.site);
      state.budget.deposit();
      const first = choose(state, health) ?? lastResort(state, health);
      if (!first) {
        return { ok: false, failure: upstreamFailure('unavailable', 'every origin is out') };
      }
      const result = await ask(first, state, request, deadline);
      if (result.ok || !result.failure.retryable || request.signal.aborted) return result;
      const second = choose(state, health, first);
      if (!second) return result;
      // Where no connection was made nothing has been loaded twice, and a dead origin must not cost more than it has to.
      if (result.failure.kind !== 'connect' && !state.budget.take()) {
        counts.retryRefused('origin');
        return result;
      }
      counts.retried('origin', result.failure.kind);
      return ask(second, state, request, deadline);
    },
    close: () => dialer.close(),
  };
}

interface Choice {
  name: string;
  weight: number;
  isBackup: boolean;
  config: Origin;
  peer: Peer;
}

interface SiteState {
  /** Origins in rotation (weight above 0), primaries first. */
  choices: readonly Choice[];
  balance: RoundRobinState;
  budget: RetryBudget;
}

function createSiteState(site: UpstreamSite): SiteState {
  const choices = site.origins
    .filter((origin) => origin.weight > 0)
    .map((config): Choice => {
      const peer = peerOf(config);
      return { name: peer.name, weight: config.weight, isBackup: config.backup, config, peer };
    })
    .sort((a, b) => Number(a.isBackup) - Number(b.isBackup));
  return { choices, balance: roundRobinStart, budget: createRetryBudget() };
}

/**
 * What a failure tells about an origin. One that takes connections and ends them without an answer is alive, if not well: where
 * another one could be asked it goes out, but to keep everybody from an only one for what it does to some would help nobody.
 */
function toldBy(failure: Failure, isOnlyOne: boolean): Outcome {
  return isOnlyOne && failure.kind === 'cut' ? 'answered' : outcomeOf(failure);
}

/** The origin whose turn it is among the usable ones but `except`; backups only while no primary is usable. */
function choose(state: SiteState, health: PeerHealth, except?: Choice): Choice | undefined {
  const usable = state.choices.filter(
    (choice) => choice.name !== except?.name && health.isUsable(choice.name),
  );
  const primaries = usable.filter((choice) => !choice.isBackup);
  const [first, ...others] = primaries.length > 0 ? primaries : usable;
  if (!first) return undefined;
  const { choice, next } = pickRoundRobin(state.balance, [first, ...others]);
  // A second choice is an exception that leaves the turns of the others as they were.
  if (!except) state.balance = next;
  return choice;
}

function lastResort(state: SiteState, health: PeerHealth): Choice | undefined {
  const name = health.lastResort(state.choices.map((choice) => choice.name));
  return state.choices.find((choice) => choice.name === name);
}

function peerOf(config: Origin): Peer {
  const url = new URL(config.url);
  const port = url.port || (url.protocol === 'https:' ? '443' : '80');
  const isNamed = config.host !== 'preserve' && config.host !== 'origin';
  return {
    tier: 'origin',
    name: `${url.hostname}:${port}`,
    origin: url.origin,
    // Who names the host that the origin should see means the one that its certificate is for.
    ...(isNamed ? { serverName: config.host.replace(/:\d+$/, '') } : {}),
  };
}

/** The Host field that the origin sees. */
function hostFor(config: Origin, request: UpstreamRequest): string {
  switch (config.host) {
    case 'preserve':
      return request.host;
    case 'origin':
      return new URL(config.url).host;
    default:
      return config.host;
  }
}

function withoutTierAnswer(
  response: Extract<UpstreamResult, { ok: true }>['response'],
): UpstreamResult {
  return { ok: true, response: { ...response, headers: withoutTierFields(response.headers) } };
}
