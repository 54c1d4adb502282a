/**
 * The PoPs that the configuration names for the client's country, else for its continent, else for everybody else, else all of them.
 * Within each step the nearest comes first. Whoever has none of a step that is well falls to the next, so that a map with
 * gaps, or a client whose country is not known, gets an answer.
 */
import { verdictByLatency } from './latency.ts';
import type { Policy, Reason } from './policy.ts';

export const byGeo: Policy = (pops, client, rules) => {
  const { located } = client;
  const { country, continent } = located.source === 'none' ? {} : located;
  const steps: [Reason, readonly string[] | undefined][] = [
    ['country', country === undefined ? undefined : rules.countries?.[country]],
    ['continent', continent === undefined ? undefined : rules.continents?.[continent]],
    ['default', rules.default],
  ];
  return pops.map((pop) => {
    const group = steps.findIndex(([, ids]) => ids?.includes(pop.pop.id));
    const step = steps[group];
    if (!step) return verdictByLatency(pop, client, steps.length);
    return { ...verdictByLatency(pop, client, group), reason: step[0] };
  });
};
