/**
 * The PoPs in turn, one further for each answer. A resolver keeps an answer for its time to live, so the shares are even over resolvers,
 * not over clients, and only in the long run. Only PoPs of equal standing take turns: one that is out leaves no gap.
 */
import { verdictByLatency } from './latency.ts';
import type { Policy } from './policy.ts';

export const byRoundRobin: Policy = (pops, client, { order }) => {
  const ids = order ?? pops.map(({ pop }) => pop.id);
  const taking = ids.filter((id) => pops.some(({ pop }) => pop.id === id));
  return pops.map((pop) => {
    const index = taking.indexOf(pop.pop.id);
    if (index < 0) return verdictByLatency(pop, client, 1);
    const score = (index - (client.turn % taking.length) + taking.length) % taking.length;
    return { group: 0, score, reason: 'round-robin', by: 'nobody' };
  });
};
