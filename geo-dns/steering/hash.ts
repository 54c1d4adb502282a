/** An even share of the client networks for each PoP: a client keeps its PoP, wherever it is. */
import { verdictByLatency } from './latency.ts';
import type { Policy } from './policy.ts';
import { weightedScore } from './rendezvous.ts';

export const byHash: Policy = (pops, client, { order }) =>
  pops.map((pop) => {
    if (order && !order.includes(pop.pop.id)) return verdictByLatency(pop, client, 1);
    const score = weightedScore(client.network, pop.pop.id, 1);
    return { group: 0, score, reason: 'hash', by: 'network' };
  });
