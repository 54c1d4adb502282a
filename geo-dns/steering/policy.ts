/**
 * What a steering policy is: from PoPs of equal standing and a client to what speaks for each PoP. `select` filters by
 * standing before and orders after; a policy knows nothing of health.
 *
 * Invariant: pure. What a policy looks at of the client, it declares (`by`), because the scope of the answer is made of it
 * (RFC 7871 §7.2.1).
 */
import type { SteeringRules } from '../../core/topology/steering-schema.ts';
import type { Located } from '../locate/locate.ts';

/** Why a PoP is where it is in the order; a label of metrics, and a word of `_why`. */
export type Reason =
  | 'nearest'
  | 'measured'
  | 'least-loaded'
  | 'country'
  | 'continent'
  | 'default'
  | 'weighted'
  | 'failover'
  | 'round-robin'
  | 'hash';

/** What a policy knows of a PoP. */
export interface PolicyPop {
  pop: { id: string };
  /** Undefined when the client's place is not known. */
  distanceKm: number | undefined;
  /** What was measured, as kilometres; undefined where nothing was. */
  measuredKm?: number | undefined;
  /** Kilometres that its load counts for. */
  loadKm: number;
}

export interface PolicyClient {
  located: Located;
  /** The network that the client is in, /24 or /48, as text to be hashed. */
  network: string;
  /** How often the name has been answered before. */
  turn: number;
}

export interface Verdict {
  /** PoPs of a lower group come before all of a higher one. */
  group: number;
  /** Within a group the lowest comes first. */
  score: number;
  reason: Reason;
  /** What of the client decides within the group (and, for `place`, which group). */
  by: 'place' | 'network' | 'nobody';
}

/** A verdict for each of `pops`, which stand alike, in their order. */
export type Policy = (
  pops: readonly PolicyPop[],
  client: PolicyClient,
  rules: SteeringRules,
) => Verdict[];
