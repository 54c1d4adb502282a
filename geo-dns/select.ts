/**
 * Which PoPs a client is sent to. Pure: the client, the standing of each PoP and the rules of the host go in, all PoPs come out
 * in order of preference with what speaks for and against each, and why the first is first. PoPs are filtered by their
 * standing first; among those that stand alike the policy of the host decides.
 *
 * Invariant: the order is never empty while there is a PoP at all. When every PoP is out, all are candidates again (fail
 * open): an answer that may not work beats one that cannot.
 */
import type { Pop } from '../core/topology/schema.ts';
import {
  plainSteering,
  type SteeringPolicy,
  type SteeringRules,
} from '../core/topology/steering-schema.ts';
import { distanceKm, loadTermKm } from './latency.ts';
import type { Located } from './locate/locate.ts';
import { byFailover } from './steering/failover.ts';
import { byGeo } from './steering/geo.ts';
import { byHash } from './steering/hash.ts';
import { byLatency } from './steering/latency.ts';
import type { Policy, PolicyClient, Reason, Verdict } from './steering/policy.ts';
import { byRoundRobin } from './steering/round-robin.ts';
import { byWeight } from './steering/weighted.ts';

/** `in`, or why a PoP is not handed out. */
export type Standing = 'in' | 'unhealthy' | 'draining' | 'quarantined';

export interface PopStanding {
  pop: Pick<Pop, 'id' | 'location' | 'advertise'>;
  standing: Standing;
  /** The standing in words, for operators. */
  why: string;
  /** Requests in progress over capacity. */
  load: number;
}

export interface Candidate extends PopStanding, Verdict {
  /** Undefined when the client's place is not known. */
  distanceKm: number | undefined;
  loadKm: number;
}

export interface Selection {
  policy: SteeringPolicy;
  /** What the policy says of the first; `fail-open`: every PoP is out. */
  reason: Reason | 'fail-open';
  /** All PoPs; the first is the answer. */
  candidates: readonly Candidate[];
  /** Those whose addresses are handed out: the first, and as many more as are wanted of those that are as good. */
  chosen: readonly Candidate[];
  /** Whether a client somewhere else could be given another PoP. */
  dependsOnPlace: boolean;
  /** Whether a client of another network (/24, /48) could, were it at the same place. */
  dependsOnNetwork: boolean;
}

export interface SelectOptions {
  rules?: SteeringRules;
  network?: string;
  turn?: number;
}

const policies: Readonly<Record<SteeringPolicy, Policy>> = {
  latency: byLatency,
  geo: byGeo,
  weighted: byWeight,
  failover: byFailover,
  'round-robin': byRoundRobin,
  hash: byHash,
};

/** Orders `pops` for a client. Equal ones keep the order of the configuration. */
export function select(
  located: Located,
  pops: readonly PopStanding[],
  { rules = plainSteering, network = '', turn = 0 }: SelectOptions = {},
): Selection {
  const measured = pops.map((standing) => ({
    ...standing,
    distanceKm: located.source === 'none' ? undefined : distanceKm(located, standing.pop.location),
    loadKm: loadTermKm(rules, standing.load),
  }));
  const candidates = [0, 1, 2].flatMap((wanted) => {
    const alike = measured.filter((pop) => rank(pop) === wanted);
    return ordered(alike, { located, network, turn }, rules);
  });
  const first = candidates[0];
  const alike = candidates.filter((other) => first && rank(other) === rank(first));
  const asGood = alike.filter((other) => other.group === first?.group);
  return {
    policy: rules.policy,
    reason: first?.standing === 'in' ? first.reason : 'fail-open',
    candidates,
    chosen: asGood.slice(0, rules.answers),
    // The groups of a policy may themselves follow the place, so PoPs of other groups count here.
    dependsOnPlace: first?.by === 'place' && alike.length > 1,
    dependsOnNetwork: first?.by === 'network' && asGood.length > 1,
  };
}

function ordered<P extends PopStanding & Pick<Candidate, 'distanceKm' | 'loadKm'>>(
  pops: readonly P[],
  client: PolicyClient,
  rules: SteeringRules,
): (P & Verdict)[] {
  const verdicts = policies[rules.policy](pops, client, rules);
  const judged = pops.flatMap((pop, index) => {
    const verdict = verdicts[index];
    return verdict ? [{ ...pop, ...verdict }] : [];
  });
  return judged.sort((a, b) => a.group - b.group || a.score - b.score);
}

/** A draining PoP still answers, an unhealthy one hardly: so, when all are out, the former come first. */
function rank({ standing }: PopStanding): number {
  return standing === 'in' ? 0 : standing === 'draining' ? 1 : 2;
}
