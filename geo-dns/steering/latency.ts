/** The nearest PoP, by times that were measured or else by distance, where load makes a PoP seem farther away: the default, and the order of PoPs that other policies do not name. */
import type { Policy, PolicyClient, PolicyPop, Verdict } from './policy.ts';

export const byLatency: Policy = (pops, client) => pops.map((pop) => verdictByLatency(pop, client));

/** The place of one PoP among those of `group`. */
export function verdictByLatency(
  { distanceKm, measuredKm, loadKm }: PolicyPop,
  { located }: PolicyClient,
  group = 0,
): Verdict {
  const score = (measuredKm ?? distanceKm ?? 0) + loadKm;
  const modelled = located.source === 'none' ? 'least-loaded' : 'nearest';
  return { group, score, reason: measuredKm === undefined ? modelled : 'measured', by: 'place' };
}
