/**
 * The handful of commands that `up` prints. Each works as printed, in a shell in the folder where `up` was started:
 * they are made from the configuration and from the programs that this machine has. Pure.
 */
import { parseHostPort } from '../../core/runtime/addresses.ts';
import type { Topology } from '../../core/topology/load.ts';
import type { Place } from '../../core/topology/schema.ts';
import { serversFor } from '../cli/zones.ts';
import type { ProcessState } from './events.ts';

export interface LineToTry {
  /** What it shows, for a person. */
  shows: string;
  command: string;
}

export interface ToolsAtHand {
  /** How this command line itself is called: `npm run -s breakwater --`. */
  breakwater: string;
  curl: boolean;
  dns: 'dig' | 'kdig' | undefined;
}

/** A site as one PoP serves it, for a browser on this machine. */
export interface PageToBrowse {
  url: string;
  place: string;
}

/** The demo network has more to show: tagged pages, and a page that changes at each fetch. */
export interface Showcase {
  page: string;
  changing: string;
  tag: string;
}

export const demoShowcase: Showcase = { page: '/news/1', changing: '/now', tag: 'news' };

/** Lines for a network whose processes are `nodes` (for the ports that were bound). */
export function linesToTry(
  topology: Topology,
  nodes: readonly ProcessState[],
  tools: ToolsAtHand,
  showcase: Showcase | undefined,
): LineToTry[] {
  const host = steeredHost(topology) ?? topology.sites[0]?.hosts[0] ?? 'localhost';
  const page = `http://${host}${showcase?.page ?? '/'}`;
  return [
    ...pageLines(topology, nodes, { tools, host, page }),
    ...dnsLines(topology, nodes, tools),
    ...wayLines(topology, tools, `http://${host}${showcase?.changing ?? '/'}`),
    ...purgeLines(topology, tools, { page, tag: showcase?.tag }),
    { shows: 'The network and its nodes', command: `${tools.breakwater} status` },
  ];
}

/** Browsers know no Host but that of the URL, so there are pages only where a site is called `localhost`. */
export function pagesToBrowse(
  { sites, pops }: Topology,
  nodes: readonly ProcessState[],
): PageToBrowse[] {
  if (!sites.some((site) => site.hosts.includes('localhost'))) return [];
  return pops.flatMap((pop) => {
    const address = parseHostPort(nodes.find((node) => node.id === pop.id)?.listen ?? '');
    if (address?.host !== '127.0.0.1') return [];
    return [{ url: `http://localhost:${address.port}/`, place: pop.location.city ?? pop.id }];
  });
}

interface PageOptions {
  tools: ToolsAtHand;
  host: string;
  page: string;
}

function pageLines(
  topology: Topology,
  nodes: readonly ProcessState[],
  { tools, host, page }: PageOptions,
): LineToTry[] {
  const [pop] = topology.pops;
  const bound = nodes.find((node) => node.id === pop?.id);
  if (!pop || !bound || !tools.curl) return [];
  const { pathname } = new URL(page);
  return [
    {
      shows: `A page, from the PoP ${cityOf(pop)}: run it twice, for a MISS and then a HIT`,
      command: `curl -i http://${bound.listen}${pathname} -H 'Host: ${host}'`,
    },
  ];
}

function dnsLines(
  topology: Topology,
  nodes: readonly ProcessState[],
  tools: ToolsAtHand,
): LineToTry[] {
  const host = steeredHost(topology);
  if (host === undefined || tools.dns === undefined) return [];
  const [server] = serversFor(host, topology);
  const bound = nodes.find((node) => node.id === server?.id)?.listen;
  if (!server || !bound) return [];
  const colon = bound.lastIndexOf(':');
  const address = bound.slice(0, colon).replace(/^\[(.*)\]$/, '$1');
  const at = `@${address} -p ${bound.slice(colon + 1)}`;
  return twoPlaces(server.geoip.places).map((place) => ({
    shows: `DNS: where a client in ${place.name} is sent, and why`,
    command: `${tools.dns} ${at} +subnet=${place.networks[0]} +noall +answer ${host} A _why.${host} TXT`,
  }));
}

function wayLines(topology: Topology, tools: ToolsAtHand, url: string): LineToTry[] {
  const [place] = twoPlaces(topology.dns.flatMap((dns) => dns.geoip.places));
  if (!place || steeredHost(topology) === undefined) return [];
  return [
    {
      shows: `The whole way of a request from ${place.name}`,
      command: `${tools.breakwater} get ${url} --from ${quoted(place.name)}`,
    },
  ];
}

function purgeLines(
  topology: Topology,
  tools: ToolsAtHand,
  { page, tag }: { page: string; tag: string | undefined },
): LineToTry[] {
  if (topology.purge.tokens.length === 0) return [];
  const byUrl = {
    shows: 'Purge that page everywhere; the next answer is a MISS',
    command: `${tools.breakwater} purge --url ${page} --wait 10s`,
  };
  if (tag === undefined) return [byUrl];
  return [
    byUrl,
    {
      shows: `Purge everything with the tag “${tag}”`,
      command: `${tools.breakwater} purge --tag ${tag} --wait 10s`,
    },
  ];
}

/** Tokyo and Paris where they are configured, for they lie far apart; else the first two. */
function twoPlaces(places: readonly Place[]): Place[] {
  const named = ['Tokyo', 'Paris'].flatMap((name) => places.filter((p) => p.name === name));
  return named.length >= 2 ? named.slice(0, 2) : places.slice(0, 2);
}

/** The first host that a DNS server of the network answers for. */
function steeredHost(topology: Topology): string | undefined {
  return topology.sites
    .flatMap((site) => site.hosts)
    .find((host) => serversFor(host, topology).length > 0);
}

function cityOf(pop: Topology['pops'][number]): string {
  return pop.location.city === undefined ? pop.id : `in ${pop.location.city}`;
}

function quoted(text: string): string {
  return /^[\w.-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
