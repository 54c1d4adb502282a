/** What can be wrong with a site's steering: PoPs and hosts that do not exist, and keys of another policy. Pure. */
import type { Finding, PathPart } from '../runtime/config.ts';
import type { TopologyFile } from './schema.ts';
import type { SteeringPolicy, SteeringRules } from './steering-schema.ts';

/** The keys that only some policies read, and which. */
const readBy: Readonly<Record<string, readonly SteeringPolicy[]>> = {
  countries: ['geo'],
  continents: ['geo'],
  default: ['geo'],
  weights: ['weighted'],
  order: ['failover', 'round-robin', 'hash'],
};

/** All findings about `sites[].steering`. */
export function checkSteering(topology: TopologyFile): Finding[] {
  const pops = topology.pops.map((pop) => pop.id);
  return topology.sites.flatMap(({ hosts, steering }, index) => {
    const path = ['sites', index, 'steering'];
    const named = new Set<string>();
    return [
      ...checkRules(path, steering, pops),
      ...steering.names.flatMap((name, nameIndex) => {
        const namePath = [...path, 'names', nameIndex];
        const wrongHosts = name.hosts.flatMap((host, hostIndex): Finding[] => {
          const isTwice = named.has(host);
          named.add(host);
          if (hosts.includes(host) && !isTwice) return [];
          const message = isTwice
            ? `the host "${host}" is named twice`
            : `the site has no host "${host}"`;
          return [{ path: [...namePath, 'hosts', hostIndex], message }];
        });
        return [...wrongHosts, ...checkRules(namePath, name, pops)];
      }),
    ];
  });
}

function checkRules(path: PathPart[], rules: SteeringRules, pops: readonly string[]): Finding[] {
  return [
    ...foreignKeys(path, rules),
    ...missingKeys(path, rules),
    ...namedPops(rules).flatMap(([keys, id]): Finding[] =>
      pops.includes(id)
        ? []
        : [
            {
              path: [...path, ...keys],
              message: `there is no PoP "${id}" (known: ${pops.join(', ')})`,
            },
          ],
    ),
  ];
}

function foreignKeys(path: PathPart[], rules: SteeringRules): Finding[] {
  const given: Record<string, unknown> = { ...rules };
  return Object.entries(readBy).flatMap(([key, policies]) => {
    if (given[key] === undefined || policies.includes(rules.policy)) return [];
    const message = `goes with the policy ${policies.join(', ')}, not with ${rules.policy}`;
    return [{ path: [...path, key], message: `"${key}" ${message}` }];
  });
}

function missingKeys(path: PathPart[], rules: SteeringRules): Finding[] {
  const { policy, countries, continents, weights, order } = rules;
  const missing = (key: string, message: string): Finding[] => [{ path: [...path, key], message }];
  if (policy === 'geo' && !countries && !continents) {
    return missing('policy', 'geo needs "countries" or "continents"');
  }
  if (policy === 'weighted' && !Object.values(weights ?? {}).some((weight) => weight > 0)) {
    return missing('weights', 'weighted needs "weights" with at least one above 0');
  }
  if (policy === 'failover' && !order) return missing('policy', 'failover needs "order"');
  return [];
}

function namedPops(rules: SteeringRules): [PathPart[], string][] {
  const { countries, continents, weights, order } = rules;
  const lists: [PathPart[], readonly string[] | undefined][] = [
    ...Object.entries(countries ?? {}).map(([code, ids]): [PathPart[], string[]] => [
      ['countries', code],
      ids,
    ]),
    ...Object.entries(continents ?? {}).map(([code, ids]): [PathPart[], string[]] => [
      ['continents', code],
      ids,
    ]),
    [['default'], rules.default],
    [['weights'], weights && Object.keys(weights)],
    [['order'], order],
  ];
  return lists.flatMap(([path, ids]) => (ids ?? []).map((id): [PathPart[], string] => [path, id]));
}
