/**
 * `breakwater explain-dns NAME --from PLACE|IP`: which PoPs the DNS of the network would send a client to, and why. Asks over
 * DNS only, so that it tells what a resolver would be told.
 */
import type { CliContext } from '../cli-context.ts';
import { requireTopology } from '../find-config.ts';
import { type Client, findClient } from '../place.ts';
import { askSteering, type Steering } from '../steering.ts';
import { formatTable } from '../table.ts';

export interface ExplainDnsOptions {
  config?: string;
  from: string;
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
  const { terminal } = context;
  if (options.json) terminal.line(JSON.stringify({ name: host, client, ...steering }));
  else for (const line of describeSteering(host, client, steering)) terminal.line(line);
}

/** The lines of an explanation. Pure. */
export function describeSteering(host: string, client: Client, steering: Steering): string[] {
  const { why, server, addresses, ttlSeconds, scope, transport } = steering;
  const rows: [string, string][] = [['client', client.network]];
  if (why.pop === undefined) rows.push(['pop', 'none: the name is no host of a site']);
  else {
    const place = `${why.place ?? 'unknown'} (source: ${why.source ?? 'unknown'})`;
    rows.push(['place', `${place}, by the ${why.basis ?? 'subnet'}`]);
    rows.push(['pop', `${why.pop} (${why.reason ?? 'unknown'})`]);
  }
  rows.push(['answer', `${addresses.join(', ')} from ${server} over ${transport}`]);
  rows.push(['ttl', `${ttlSeconds} s`], ['scope', scope ?? 'not told']);
  const lines = rows.map(([label, text]) => `  ${label.padEnd(6)}  ${text}`);
  return [`${host} for ${client.place ?? client.network}`, '', ...lines, ...candidates(steering)];
}

/** A row for each PoP in the order of preference: the parts of its score, and how it stands. */
function candidates({ why, others }: Steering): string[] {
  if (why.pop === undefined) return [];
  // The server says of the first only why it is first; that it is well follows unless every PoP is out.
  const standing = why.reason === 'fail-open' ? 'out' : 'in';
  const first = [why.pop, why['distance-km'] ?? '', why.load ?? '', why['load-km'] ?? '', standing];
  const rows = [first, ...others.map(rowOf)];
  return ['', ...formatTable(['POP', 'DISTANCE KM', 'LOAD', 'LOAD KM', 'STATE'], rows)];
}

/** `nyc distance-km=10849 load=0.75 load-km=500 in` as cells. */
function rowOf(text: string): string[] {
  const words = text.split(' ');
  const value = (name: string) =>
    words.find((word) => word.startsWith(`${name}=`))?.slice(name.length + 1) ?? '';
  return [
    words[0] ?? '',
    value('distance-km'),
    value('load'),
    value('load-km'),
    words.at(-1) ?? '',
  ];
}
