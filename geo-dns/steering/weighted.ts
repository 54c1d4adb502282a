/** A share of the client networks for each PoP, by its weight. A network stays with its PoP while weights and PoPs stay. */
import { verdictByLatency } from './latency.ts';
import type { Policy } from './policy.ts';
import { weightedScore } from './rendezvous.ts';

export const byWeight: Policy = (pops, client, { weights = {} }) =>
  pops.map((pop) => {
    const weight = weights[pop.pop.id] ?? 0;
    if (weight === 0) return verdictByLatency(pop, client, 1);
    const score = weightedScore(client.network, pop.pop.id, weight);
    return { group: 0, score, reason: 'weighted', by: 'network' };
  });
