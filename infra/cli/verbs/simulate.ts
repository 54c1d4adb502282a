/**
 * `breakwater simulate --clients N [--without ID]`: a population of clients over the world's countries, sent by the network's steering;
 * the load of each PoP, and the routing table before and after the death of some. Nothing is sent to anybody.
 */
import type { Topology } from '../../../core/topology/load.ts';
import type { CliContext } from '../cli-context.ts';
import { CommandError } from '../command-error.ts';
import { requireTopology } from '../find-config.ts';
import { populationOf } from '../population.ts';
import { type PopLoad, type SimulationResult, type Snapshot, simulate } from '../simulation.ts';
import { formatTable } from '../table.ts';
import { parseIds, rulesOf, standingsOf } from '../world.ts';

export interface SimulateOptions {
  config?: string;
  clients: number;
  without?: string;
  host?: string;
  seed: number;
  inProgress: number;
  json: boolean;
}

/** Prints loads and routes. */
export function simulateClients(context: CliContext, options: SimulateOptions): void {
  const topology = requireTopology(options.config, context);
  const host = options.host?.toLowerCase() ?? topology.sites[0]?.hosts[0] ?? '';
  const ids = parseIds(options.without);
  const population = populationOf(options.clients, options.seed);
  const result = simulate({
    population,
    pops: popsOf(topology),
    rules: rulesOf(topology, host),
    ...dnsOf(topology, host),
    inProgress: options.inProgress,
    without: ids,
  });
  const { terminal } = context;
  if (options.json) terminal.line(JSON.stringify(asJson(host, options, ids, result, population)));
  else
    for (const line of describeSimulation(host, options, ids, result, population))
      terminal.line(line);
}

/** As the file has them: a simulation is about the network as it is meant, not as it is today. */
function popsOf(topology: Topology) {
  return standingsOf(topology, []).map((standing, index) => ({
    ...standing,
    pop: { ...standing.pop, capacity: topology.pops[index]?.capacity ?? 1 },
  }));
}

function dnsOf(topology: Topology, host: string) {
  const servers = topology.dns.flatMap((dns) => dns.zones.map((zone) => ({ dns, zone })));
  const found =
    servers.find(({ zone }) => host === zone.name || host.endsWith(`.${zone.name}`)) ?? servers[0];
  if (!found) throw new CommandError(`${topology.file} has no DNS server ("dns")`);
  const { dns, zone } = found;
  return { shedding: dns.shedding, ttlMs: zone.ttlMs, probeIntervalMs: dns.probe.intervalMs };
}

type Told = Pick<SimulateOptions, 'clients' | 'seed' | 'inProgress'>;
type People = ReturnType<typeof populationOf>;

function asJson(
  host: string,
  { clients, seed, inProgress }: Told,
  ids: readonly string[],
  { before, after, peaks, strandedMs }: SimulationResult,
  { countries }: People,
) {
  const table = ({ pops, routes }: Snapshot) => ({
    pops,
    routes: routes.flatMap((counts, index) => {
      const country = countries[index];
      const sent = counts.flatMap((count, pop) =>
        count === 0 ? [] : [[pops[pop]?.pop ?? '', count]],
      );
      if (!country || sent.length === 0) return [];
      const { code, continent } = country;
      return [{ country: code, continent, clients: Object.fromEntries(sent) }];
    }),
  });
  return {
    name: host,
    clients,
    seed,
    inProgress,
    without: ids,
    before: table(before),
    ...(after ? { after: table(after), peakLoads: peaks, strandedMs } : {}),
  };
}

/** The lines of a result. Pure. */
export function describeSimulation(
  host: string,
  { clients, seed, inProgress }: Told,
  ids: readonly string[],
  { before, after, peaks, strandedMs }: SimulationResult,
  { countries }: People,
): string[] {
  const busy = clients * inProgress;
  const lines = [
    `${host}: ${clients} clients by internet users of countries (seed ${seed}), ${Math.round(busy)} requests in progress`,
    '',
    ...loadTable(before.pops, after?.pops, peaks, ids),
    '',
    ...routeTable(before, after, countries),
  ];
  if (!after) return lines;
  const seconds = Math.round(strandedMs / 1000);
  const text = `after the death of ${ids.join(', ')} the last client is sent elsewhere within ${seconds} s (three probes and one TTL)`;
  return [...lines, '', text];
}

function loadTable(
  before: readonly PopLoad[],
  after: readonly PopLoad[] | undefined,
  peaks: readonly number[],
  ids: readonly string[],
): string[] {
  const rows = before.map((pop, index) => {
    const then = after?.[index];
    return [
      pop.pop,
      ...loadCells(pop),
      ...(then ? loadCells(then) : ['', '', '']),
      then ? (peaks[index] ?? 0).toFixed(2) : '',
      ids.includes(pop.pop) ? 'dies' : pop.standing,
    ];
  });
  const header = ['POP', 'CLIENTS', 'LOAD', 'KEEPS', 'CLIENTS AFTER', 'LOAD AFTER', 'KEEPS AFTER'];
  return formatTable([...header, 'PEAK', 'STATE'], rows);
}

function loadCells({ clients, load, share }: PopLoad): string[] {
  return [String(clients), load.toFixed(2), share < 1 ? share.toFixed(2) : ''];
}

/** By continent: which part of its clients goes where. */
function routeTable(
  before: Snapshot,
  after: Snapshot | undefined,
  countries: People['countries'],
): string[] {
  const continents = [...new Set(countries.map(({ continent }) => continent))].sort();
  const rows = continents.flatMap((continent) => {
    const counts = (snapshot: Snapshot) =>
      snapshot.pops.map((_, pop) =>
        snapshot.routes.reduce(
          (sum, row, index) =>
            countries[index]?.continent === continent ? sum + (row[pop] ?? 0) : sum,
          0,
        ),
      );
    const all = counts(before).reduce((sum, count) => sum + count, 0);
    if (all === 0) return [];
    const cell = (snapshot: Snapshot) => sharesText(counts(snapshot), all, snapshot.pops);
    return [[continent, String(all), cell(before), after ? cell(after) : '']];
  });
  return formatTable(['FROM', 'CLIENTS', 'TO', 'AFTER'], rows);
}

function sharesText(counts: readonly number[], all: number, pops: readonly PopLoad[]): string {
  return counts
    .map((count, index) => ({ pop: pops[index]?.pop ?? '', share: count / all }))
    .filter(({ share }) => share > 0)
    .sort((a, b) => b.share - a.share)
    .map(({ pop, share }) => `${pop} ${(share * 100).toFixed(1)} %`)
    .join(' · ');
}
