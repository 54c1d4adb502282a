/**
 * What the command line knows of the PoPs and of a client when it chooses as the DNS does: read from `_why`, or, where no name server
 * answers, as the configuration has it. Choosing itself is geo-dns's own `select`. Pure.
 */
import type { Topology } from '../../core/topology/load.ts';
import {
  continent,
  country,
  plainSteering,
  type SteeringRules,
  steeringByHost,
} from '../../core/topology/steering-schema.ts';
import type { Located } from '../../geo-dns/locate/locate.ts';
import type { PopStanding, Standing } from '../../geo-dns/select.ts';
import { CommandError, usageError } from './command-error.ts';
import type { Steering } from './steering.ts';

/** A PoP as `_why` tells it. */
export interface ToldPop {
  pop: string;
  standing: string;
  reason: string;
  distanceKm: number | undefined;
  /** What clients of the network have measured. */
  rttMs: number | undefined;
  load: number | undefined;
  loadKm: number | undefined;
  /** The share of its networks that it keeps. */
  share: number | undefined;
}

/** Every PoP in the order of preference; empty when the name is not steered. */
export function toldPops({ why, others }: Steering): ToldPop[] {
  if (why.pop === undefined) return [];
  const { reason = '' } = why;
  const first: ToldPop = {
    pop: why.pop,
    standing: why.standing ?? (reason === 'over-capacity' ? 'shed' : 'in'),
    reason,
    ...numbersOf((name) => why[name]),
  };
  return [first, ...others.map((text) => toldPop(text, reason))];
}

/** `nyc distance-km=10849 load=0.75 load-km=500 in` */
function toldPop(text: string, firstReason: string): ToldPop {
  const words = text.split(' ');
  const value = (name: string) =>
    words.find((word) => word.startsWith(`${name}=`))?.slice(name.length + 1);
  return {
    pop: words[0] ?? '',
    standing: words.at(-1) ?? '',
    reason: value('reason') ?? firstReason,
    ...numbersOf(value),
  };
}

function numbersOf(value: (name: string) => string | undefined) {
  const number = (name: string) => {
    const text = value(name);
    return text === undefined ? undefined : Number(text);
  };
  return {
    distanceKm: number('distance-km'),
    rttMs: number('rtt-ms'),
    load: number('load'),
    loadKm: number('load-km'),
    share: number('share'),
  };
}

const standings: readonly Standing[] = ['unhealthy', 'draining', 'quarantined', 'flapping'];

/** What was measured, as far as it is told. */
export function rttsOf(told: readonly ToldPop[]): ReadonlyMap<string, number> {
  return new Map(
    told.flatMap(({ pop, rttMs }): [string, number][] =>
      rttMs === undefined ? [] : [[pop, rttMs]],
    ),
  );
}

/** The PoPs of the configuration as they stand, in its order. Of those that are not told of nothing is known, so they count as well. */
export function standingsOf(topology: Topology, told: readonly ToldPop[]): PopStanding[] {
  return topology.pops.map((pop) => {
    const known = told.find((other) => other.pop === pop.id);
    const standing = standings.find((name) => name === known?.standing) ?? 'in';
    const isDrained = !known && pop.drain;
    return {
      pop,
      standing: isDrained ? 'draining' : standing,
      why: known ? 'as its DNS server says' : 'as configured',
      load: known?.load ?? 0,
      ...(known?.share === undefined ? {} : { share: known.share }),
    };
  });
}

/** Without the PoPs that `ids` names: they are unhealthy. Throws for an id that no PoP has, and when none would be left. */
export function without(pops: readonly PopStanding[], ids: readonly string[]): PopStanding[] {
  const unknown = ids.find((id) => !pops.some(({ pop }) => pop.id === id));
  if (unknown !== undefined) {
    const known = pops.map(({ pop }) => pop.id).join(', ');
    throw usageError(`there is no PoP "${unknown}"; the PoPs are: ${known}`);
  }
  return pops.map((standing) =>
    ids.includes(standing.pop.id)
      ? { ...standing, standing: 'unhealthy', why: 'left out by --without', isReached: false }
      : { ...standing, isReached: true },
  );
}

/** Where the server has located the client, as far as it says. */
export function locatedOf(why: Readonly<Record<string, string>>): Located {
  const prefixLength = Number(why.within ?? 0);
  const [latitude, longitude] = (why.at ?? '').split(',').map(Number);
  if (why.at === undefined || latitude === undefined || longitude === undefined) {
    return { source: 'none', prefixLength };
  }
  const code = country.safeParse(why.country);
  const part = continent.safeParse(why.continent);
  return {
    source: 'places',
    latitude,
    longitude,
    ...(code.success ? { country: code.data } : {}),
    ...(part.success ? { continent: part.data } : {}),
    prefixLength,
  };
}

/** The steering rules of a host. Throws when no site has it. */
export function rulesOf(topology: Topology, host: string): SteeringRules {
  const byHost = steeringByHost(topology.sites);
  if (!byHost.has(host)) {
    const hosts = [...byHost.keys()].join(', ');
    throw new CommandError(`no site has the host ${host}; the hosts are: ${hosts}`);
  }
  return byHost.get(host) ?? plainSteering;
}

/** `par,fra` as ids. */
export function parseIds(text: string | undefined): string[] {
  return (text ?? '')
    .split(',')
    .map((id) => id.trim())
    .filter((id) => id !== '');
}
