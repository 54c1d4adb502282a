/**
 * `breakwater explain-dns NAME --from PLACE|IP`: which PoPs the DNS of the network would send a client to, and why. Asks over
 * DNS only, so that it tells what a resolver would be told. `--without` chooses once more as if some PoPs were dead.
 */
import { describeRoutes, routesOf } from '../anycast.ts';
import type { CliContext } from '../cli-context.ts';
import { CommandError } from '../command-error.ts';
import { requireTopology } from '../find-config.ts';
import { type Client, findClient } from '../place.ts';
import { askSteering, type Steering } from '../steering.ts';
import { formatTable } from '../table.ts';
import { type WhatIf, whatIf } from '../what-if.ts';
import { parseIds, toldPops } from '../world.ts';

export interface ExplainDnsOptions {
  config?: string;
  from: string;
  without?: string;
  json: boolean;
}

/** Prints the explanation. Throws CommandError when no name server answers. */
export async function explainDns(
  context: CliContext,
  name: string,
  options: ExplainDnsOptions,
): Promise<void> {
  const topology = requireTopology(options.config, context);
  const client = findClient(options.from, topology);
  const host = name.toLowerCase().replace(/\.$/, '');
  const steering = await askSteering(context, topology, host, client);
  const ids = parseIds(options.without);
  if (ids.length > 0 && steering.why.pop === undefined) {
    throw new CommandError(`${host} is no host of a site: its answer is the same without a PoP`);
  }
  const instead = ids.length > 0 ? whatIf(topology, host, client, steering, ids) : undefined;
  const routes = routesOf(topology, steering);
  const { terminal } = context;
  if (options.json) {
    const told = { name: host, client, ...steering, candidates: toldPops(steering) };
    const anycast = routes ? { anycast: routes } : {};
    terminal.line(JSON.stringify({ ...told, ...anycast, ...(instead ? { whatIf: instead } : {}) }));
    return;
  }
  for (const line of describeSteering(host, client, steering)) terminal.line(line);
  if (routes) for (const line of ['', `  anycast  ${describeRoutes(routes)}`]) terminal.line(line);
  if (instead) for (const line of describeWhatIf(instead)) terminal.line(line);
}

/** The lines of an explanation. Pure. */
export function describeSteering(host: string, client: Client, steering: Steering): string[] {
  const { why, server, addresses, ttlSeconds, scope, transport } = steering;
  const rows: [string, string][] = [['client', client.network]];
  if (why.pop === undefined) rows.push(['pop', 'none: the name is no host of a site']);
  else {
    const place = `${why.place ?? 'unknown'} (source: ${why.source ?? 'unknown'})`;
    rows.push(['place', `${place}, by the ${why.basis ?? 'subnet'}`]);
    rows.push(['pop', `${why.answer ?? why.pop} (${why.reason ?? 'unknown'})`]);
    if (why.policy !== undefined) rows.push(['policy', why.policy]);
  }
  rows.push(['answer', `${addresses.join(', ')} from ${server} over ${transport}`]);
  rows.push(['ttl', `${ttlSeconds} s`], ['scope', scope ?? 'not told']);
  return [
    `${host} for ${client.place ?? client.network}`,
    '',
    ...rows.map(rowText),
    ...candidates(steering),
  ];
}

/** The lines of a what-if. Pure. */
export function describeWhatIf({ without, pops, reason, addresses, scope, candidates }: WhatIf) {
  const rows: [string, string][] = [
    ['pop', `${pops.join(' ')} (${reason})`],
    ['answer', addresses.join(', ')],
    ['scope', scope],
  ];
  const table = candidates.map((candidate) => [
    candidate.pop,
    candidate.distanceKm === undefined ? '' : String(candidate.distanceKm),
    candidate.loadKm === 0 ? '' : String(candidate.loadKm),
    candidate.reason === reason ? '' : candidate.reason,
    without.includes(candidate.pop) ? 'left out' : candidate.standing,
  ]);
  return [
    '',
    `without ${without.join(', ')}`,
    '',
    ...rows.map(rowText),
    '',
    ...formatTable(['POP', 'DISTANCE KM', 'LOAD KM', 'REASON', 'STATE'], table),
  ];
}

function rowText([label, text]: [string, string]): string {
  return `  ${label.padEnd(6)}  ${text}`;
}

/** A row for each PoP in the order of preference: the parts of its score, and how it stands. */
function candidates(steering: Steering): string[] {
  const told = toldPops(steering);
  const first = told[0];
  if (!first) return [];
  // An older server says of the first only why it is first; that it is well follows unless every PoP is out.
  const firstStanding =
    first.reason === 'fail-open' && first.standing === 'in' ? 'out' : first.standing;
  const cell = (value: number | undefined) => (value === undefined ? '' : String(value));
  const rows = told.map(
    ({ pop, distanceKm, rttMs, load, loadKm, share, reason, standing }, index) => [
      pop,
      cell(distanceKm),
      cell(rttMs),
      load === undefined ? '' : load.toFixed(2),
      cell(loadKm),
      share === undefined ? '' : share.toFixed(2),
      reason === first.reason ? '' : reason,
      index === 0 ? firstStanding : standing,
    ],
  );
  const header = ['POP', 'DISTANCE KM', 'RTT MS', 'LOAD', 'LOAD KM', 'KEEPS', 'REASON', 'STATE'];
  return ['', ...formatTable(header, rows)];
}
