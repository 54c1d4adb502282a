/**
 * The catchments of a host: which country's clients go to which PoP. A country stands at one point (geo-dns/locate/countries.ts),
 * so a large one has one PoP here though its coasts may have two. Where the choice follows the client's network or takes
 * turns, a country is shared: by 64 networks, or one round of turns. Pure.
 */

import type { Continent, SteeringRules } from '../../core/topology/steering-schema.ts';
import { type Country, countries } from '../../geo-dns/locate/countries.ts';
import type { Located } from '../../geo-dns/locate/locate.ts';
import { type PopStanding, select } from '../../geo-dns/select.ts';
import { clientNetworkOf } from '../../geo-dns/steering/client-network.ts';
import { routesTo } from './anycast.ts';

export interface Catchment {
  country: string;
  continent: Continent;
  /** Millions of internet users. */
  users: number;
  /** The share of its clients by PoP, the largest first; with several PoPs in an answer, of the first. */
  shares: readonly { pop: string; share: number }[];
  reason: string;
}

const sampledNetworks = 64;

/** A catchment for each country with users, in the order of its code. */
export function catchmentsOf(rules: SteeringRules, pops: readonly PopStanding[]): Catchment[] {
  return countries
    .filter(({ users }) => users > 0)
    .map((country) => catchmentOf(country, rules, pops));
}

/** The same, had all PoPs one address and routing the choice: by distance and `costs` alone. */
export function anycastCatchmentsOf(
  pops: readonly PopStanding[],
  costs: ReadonlyMap<string, number>,
): Catchment[] {
  return countries
    .filter(({ users }) => users > 0)
    .map((country) => {
      const [first] = routesTo(pops, locatedIn(country), costs);
      const { code, continent, users } = country;
      const shares = first?.announces ? [{ pop: first.pop, share: 1 }] : [];
      return { country: code, continent, users, shares, reason: 'anycast' };
    });
}

/** A client in the middle of a country. */
export function locatedIn({ code, continent, latitude, longitude }: Country): Located {
  return { source: 'places', latitude, longitude, country: code, continent, prefixLength: 24 };
}

function catchmentOf(
  country: Country,
  rules: SteeringRules,
  pops: readonly PopStanding[],
): Catchment {
  const located = locatedIn(country);
  const choose = (sample: number) =>
    select(located, pops, { rules, network: sampleNetwork(country, sample), turn: sample });
  const first = choose(0);
  const samples =
    rules.policy === 'round-robin' ? pops.length : first.dependsOnNetwork ? sampledNetworks : 1;
  const counts = new Map<string, number>();
  for (let sample = 0; sample < samples; sample += 1) {
    const id = choose(sample).candidates[0]?.pop.id;
    if (id !== undefined) counts.set(id, (counts.get(id) ?? 0) + 1);
  }
  const shares = [...counts]
    .map(([pop, count]) => ({ pop, share: count / samples }))
    .sort((a, b) => b.share - a.share);
  const { code, continent, users } = country;
  return { country: code, continent, users, shares, reason: first.reason };
}

/** Networks differ from country to country, as they do in the world. */
function sampleNetwork({ code }: Country, sample: number): string {
  return clientNetworkOf([code.charCodeAt(0), code.charCodeAt(1), sample, 0]).text;
}

/** A country whose clients go elsewhere now: most of them, as far as it is shared. */
export interface Move {
  country: string;
  from: string;
  to: string;
}

/** Which countries' largest part changes its PoP between two lists of the same countries. */
export function movesBetween(before: readonly Catchment[], after: readonly Catchment[]): Move[] {
  return before.flatMap(({ country, shares }, index): Move[] => {
    const [from, to] = [shares[0]?.pop, after[index]?.shares[0]?.pop];
    return from === undefined || to === undefined || from === to ? [] : [{ country, from, to }];
  });
}

/** The share of all users by PoP, in the order of `pops`. */
export function userShares(
  catchments: readonly Catchment[],
  pops: readonly PopStanding[],
): { pop: string; share: number }[] {
  const all = catchments.reduce((sum, { users }) => sum + users, 0);
  return pops.map(({ pop }) => {
    const users = catchments.reduce((sum, catchment) => {
      const own = catchment.shares.find((share) => share.pop === pop.id)?.share ?? 0;
      return sum + own * catchment.users;
    }, 0);
    return { pop: pop.id, share: users / all };
  });
}
