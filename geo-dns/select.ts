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
import { measuredKm, type Rtts } from './measured/measured.ts';
import { byFailover } from './steering/failover.ts';
import { byGeo } from './steering/geo.ts';
import { byHash } from './steering/hash.ts';
import { byLatency } from './steering/latency.ts';
import type { Policy, PolicyClient, Reason, Verdict } from './steering/policy.ts';
import { unitOf } from './steering/rendezvous.ts';
import { byRoundRobin } from './steering/round-robin.ts';
import { byWeight } from './steering/weighted.ts';

/** `in`, or why a PoP is not handed out. */
export type Standing = 'in' | 'unhealthy' | 'draining' | 'quarantined' | 'flapping';

export interface PopStanding {
  pop: Pick<Pop, 'id' | 'location' | 'advertise'>;
  standing: Standing;
  /** The standing in words, for operators. */
  why: string;
  /** Requests in progress over capacity. */
  load: number;
  /** The share of its client networks that it keeps, because of its load; absent: all. */
  share?: number;
  /** Whether its public listener answers, whatever it says. */
  isReached?: boolean;
}

export interface Candidate extends PopStanding, Verdict {
  /** Undefined when the client's place is not known. */
  distanceKm: number | undefined;
  /** Milliseconds that clients of the network have measured. */
  rttMs: number | undefined;
  measuredKm: number | undefined;
  loadKm: number;
  /** The client's network is of those that the PoP gives away. */
  isShed: boolean;
}

export interface Selection {
  policy: SteeringPolicy;
  /** What the policy says of the first; `over-capacity`: each that is in gives the client away · `fail-open`: every PoP is out. */
  reason: Reason | 'over-capacity' | 'fail-open';
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
  /** What clients of the network have measured. */
  rtts?: Rtts | undefined;
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
  { rules = plainSteering, network = '', turn = 0, rtts }: SelectOptions = {},
): Selection {
  const distances = pops.map(({ pop }) =>
    located.source === 'none' ? undefined : distanceKm(located, pop.location),
  );
  const byTime =
    rtts &&
    measuredKm(
      rtts,
      pops.map(({ pop }, n) => ({ id: pop.id, distanceKm: distances[n] })),
    );
  const measured = pops.map((standing, n) => ({
    ...standing,
    distanceKm: distances[n],
    rttMs: rtts?.get(standing.pop.id),
    measuredKm: byTime?.get(standing.pop.id),
    loadKm: loadTermKm(rules, standing.load),
    isShed: isShed(standing, network),
  }));
  const ranks = new Set(measured.map(rank));
  const candidates = [...ranks].sort().flatMap((wanted) => {
    const alike = ranks.size === 1 ? measured : measured.filter((pop) => rank(pop) === wanted);
    return ordered(alike, { located, network, turn }, rules);
  });
  return {
    policy: rules.policy,
    reason: reasonOf(candidates[0]),
    candidates,
    ...reach(candidates, rules.answers),
  };
}

function reasonOf(first: Candidate | undefined): Selection['reason'] {
  if (first?.standing !== 'in') return 'fail-open';
  return first.isShed ? 'over-capacity' : first.reason;
}

/** Who is handed out, and for whom that holds. The latter looks past shedding, which is not the same for all clients. */
function reach(
  candidates: readonly Candidate[],
  answers: number,
): Pick<Selection, 'chosen' | 'dependsOnPlace' | 'dependsOnNetwork'> {
  const first = candidates[0];
  if (!first) return { chosen: [], dependsOnPlace: false, dependsOnNetwork: false };
  const alike = candidates.filter((other) => standingRank(other) === standingRank(first));
  const asGood = alike.filter((other) => other.group === first.group);
  const sheds = alike.some(({ share }) => share !== undefined);
  return {
    chosen: asGood.filter((other) => other.isShed === first.isShed).slice(0, answers),
    // The groups of a policy may themselves follow the place, so PoPs of other groups count here.
    dependsOnPlace: first.by === 'place' && differ(alike),
    dependsOnNetwork: sheds ? differ(alike) : first.by === 'network' && differ(asGood),
  };
}

/** Whether their addresses do: with one shared by all (anycast) it is routing that tells clients apart, and no answer. */
function differ(pops: readonly Candidate[]): boolean {
  const first = pops[0]?.pop.advertise ?? [];
  return pops.some(
    ({ pop: { advertise } }) =>
      advertise.length !== first.length || advertise.some((address, n) => address !== first[n]),
  );
}

/** The same networks are given away while the share stays, and more of them, never others, when it falls. */
function isShed({ pop, share }: PopStanding, network: string): boolean {
  return share !== undefined && unitOf('shed', network, pop.id) >= share;
}

function ordered<P extends Omit<Candidate, keyof Verdict>>(
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

/** Of those that are in, those that give the client away come last. */
function rank(pop: PopStanding & Pick<Candidate, 'isShed'>): number {
  return standingRank(pop) === 0 ? (pop.isShed ? 1 : 0) : standingRank(pop) + 1;
}

/**
 * When all are out, those come first that may well answer: a PoP that drains, or flaps, does; one that says that it is not ready
 * can; one that was not reached hardly.
 */
function standingRank({ standing, isReached }: PopStanding): number {
  if (standing === 'in') return 0;
  if (standing === 'draining' || standing === 'flapping') return 1;
  return isReached ? 2 : 3;
}
