/** The PoPs in the order of the configuration: the first that is well has all clients. */
import { verdictByLatency } from './latency.ts';
import type { Policy } from './policy.ts';

export const byFailover: Policy = (pops, client, { order = [] }) =>
  pops.map((pop) => {
    const score = order.indexOf(pop.pop.id);
    if (score < 0) return verdictByLatency(pop, client, 1);
    return { group: 0, score, reason: 'failover', by: 'nobody' };
  });
