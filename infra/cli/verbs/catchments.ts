/**
 * `breakwater catchments NAME`: which country's clients the DNS sends to which PoP, as text or JSON; with `--without` also what would
 * change were some PoPs dead; with `--anycast` where routing would take them, had all PoPs one address.
 */
import type { Continent } from '../../../core/topology/steering-schema.ts';
import { costsOf } from '../anycast.ts';
import {
  anycastCatchmentsOf,
  type Catchment,
  catchmentsOf,
  type Move,
  movesBetween,
  userShares,
} from '../catchments.ts';
import type { CliContext } from '../cli-context.ts';
import { requireTopology } from '../find-config.ts';
import { formatTable } from '../table.ts';
import { parseIds, rulesOf, without } from '../world.ts';
import { worldNow } from '../world-now.ts';

export interface CatchmentsOptions {
  config?: string;
  without?: string;
  anycast?: boolean;
  json: boolean;
}

export interface CatchmentMap {
  name: string;
  policy: string;
  source: string;
  without: readonly string[];
  pops: readonly { pop: string; standing: string; share: number; shareBefore?: number }[];
  countries: readonly Catchment[];
  /** Countries that go elsewhere than by DNS with all PoPs. */
  moves: readonly Move[];
}

/** Prints the map. */
export async function catchments(
  context: CliContext,
  name: string,
  options: CatchmentsOptions,
): Promise<void> {
  const topology = requireTopology(options.config, context);
  const host = name.toLowerCase().replace(/\.$/, '');
  const rules = rulesOf(topology, host);
  const ids = parseIds(options.without);
  const now = await worldNow(context, topology, host);
  const pops = ids.length === 0 ? now.pops : without(now.pops, ids);
  const before = catchmentsOf(rules, now.pops);
  const countries = options.anycast
    ? anycastCatchmentsOf(pops, costsOf(topology))
    : ids.length === 0
      ? before
      : catchmentsOf(rules, pops);
  const isCompared = ids.length > 0 || options.anycast === true;
  const sharesBefore = userShares(before, now.pops);
  const map: CatchmentMap = {
    name: host,
    policy: options.anycast ? `anycast, compared with ${rules.policy}` : rules.policy,
    source: now.source,
    without: ids,
    pops: userShares(countries, pops).map(({ pop, share }, index) => ({
      pop,
      standing: pops[index]?.standing ?? 'in',
      share,
      ...(!isCompared ? {} : { shareBefore: sharesBefore[index]?.share ?? 0 }),
    })),
    countries,
    moves: movesBetween(before, countries),
  };
  const { terminal } = context;
  if (options.json) terminal.line(JSON.stringify(map));
  else for (const line of describeCatchments(map)) terminal.line(line);
}

/** The lines of a map: a row for each PoP and continent. Pure. */
export function describeCatchments(map: CatchmentMap): string[] {
  const but = map.without.length === 0 ? '' : `, without ${map.without.join(', ')}`;
  const rows = map.pops.flatMap(({ pop, standing, share, shareBefore }) => {
    const percents = [shareBefore === undefined ? '' : percent(shareBefore), percent(share)];
    const own = rowsOf(map.countries, pop);
    const state = map.without.includes(pop) ? 'left out' : standing;
    return [
      [pop, ...percents, ...(own[0] ?? ['', '']), state],
      ...own.slice(1).map((row) => ['', '', '', ...row, '']),
    ];
  });
  return [
    `${map.name} (${map.policy}), ${map.source}${but}`,
    '',
    ...formatTable(['POP', 'USERS BEFORE', 'USERS', 'FROM', 'COUNTRIES', 'STATE'], rows),
    ...(map.moves.length === 0 ? [] : ['', ...moveLines(map.moves)]),
  ];
}

/** Continent and countries of which most clients go to `pop`. */
function rowsOf(countries: readonly Catchment[], pop: string): [string, string][] {
  const byContinent = new Map<Continent, string[]>();
  for (const { country, continent, shares } of countries) {
    const own = shares[0];
    if (own?.pop !== pop) continue;
    const text = own.share < 1 ? `${country} (${percent(own.share)})` : country;
    byContinent.set(continent, [...(byContinent.get(continent) ?? []), text]);
  }
  return [...byContinent].map(([continent, codes]) => {
    const all = countries.filter((country) => country.continent === continent).length;
    const isShared = codes.some((code) => code.includes('('));
    if (codes.length === all && !isShared) return [continent, `all ${all}`];
    const shown = codes.slice(0, listedCountries);
    const more = codes.length - shown.length;
    return [continent, `${shown.join(' ')}${more > 0 ? ` and ${more} more` : ''}`];
  });
}

const listedCountries = 24;

function moveLines(moves: readonly Move[]): string[] {
  const byWay = new Map<string, string[]>();
  for (const { country, from, to } of moves) {
    const way = `${from} → ${to}`;
    byWay.set(way, [...(byWay.get(way) ?? []), country]);
  }
  return [...byWay].map(([way, codes]) => `moves ${way}: ${codes.join(' ')}`);
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}
