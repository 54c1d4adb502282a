/**
 * Which PoP a client is sent to. Pure: the place of a client and the standing of each PoP go in, all PoPs come out in order
 * of preference with what speaks for and against each, and why the first is first.
 *
 * Invariant: the order is never empty while there is a PoP at all. When every PoP is out, all are candidates again (fail
 * open): an answer that may not work beats one that cannot.
 */
import type { Pop } from '../core/topology/schema.ts';
import { distanceKm, loadPenaltyKm } from './latency.ts';
import type { Located } from './locate/locate.ts';

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

export interface Candidate extends PopStanding {
  /** Undefined when the client's place is not known. */
  distanceKm: number | undefined;
  loadKm: number;
}

export interface Selection {
  /**
   * `nearest`: by distance and load · `least-loaded`: the client's place is not known · `fail-open`: every PoP is out.
   */
  reason: 'nearest' | 'least-loaded' | 'fail-open';
  /** All PoPs; the first is the answer. */
  candidates: readonly Candidate[];
  /** Whether a client somewhere else could be given another PoP. */
  dependsOnPlace: boolean;
}

/** Orders `pops` for a client. Equal ones keep the order of the configuration. */
export function select(located: Located, pops: readonly PopStanding[]): Selection {
  const candidates = pops.map((standing) => ({
    ...standing,
    distanceKm: located.source === 'none' ? undefined : distanceKm(located, standing.pop.location),
    loadKm: loadPenaltyKm(standing.load),
  }));
  candidates.sort((a, b) => rank(a) - rank(b) || score(a) - score(b));
  const first = candidates[0];
  const isFailOpen = first !== undefined && first.standing !== 'in';
  return {
    reason: isFailOpen ? 'fail-open' : located.source === 'none' ? 'least-loaded' : 'nearest',
    candidates,
    dependsOnPlace: candidates.filter((other) => first && rank(other) === rank(first)).length > 1,
  };
}

/** A draining PoP still answers, an unhealthy one hardly: so, when all are out, the former come first. */
function rank({ standing }: Candidate): number {
  return standing === 'in' ? 0 : standing === 'draining' ? 1 : 2;
}

function score(candidate: Candidate): number {
  return (candidate.distanceKm ?? 0) + candidate.loadKm;
}
