/** `breakwater get URL --from PLACE|IP`: what a client there would get, and the way it takes. */
import { combined } from '../../../core/http/headers.ts';
import { formatHostPort } from '../../../core/runtime/addresses.ts';
import type { Topology } from '../../../core/topology/load.ts';
import { findNode, reachOf } from '../../../core/topology/nodes.ts';
import { routesOf } from '../anycast.ts';
import type { CliContext } from '../cli-context.ts';
import { CommandError, usageError } from '../command-error.ts';
import { fetchPage, type Page } from '../fetch-page.ts';
import { requireTopology } from '../find-config.ts';
import { parseHeaderField } from '../header-field.ts';
import { findClient } from '../place.ts';
import { askSteering, type Steering } from '../steering.ts';
import { describeWay, stepsOf, type Way } from '../way.ts';

export interface GetOptions {
  config?: string;
  from: string;
  method: string;
  header: string[];
  body: boolean;
  json: boolean;
}

/** Prints the way; the body instead of it with `--body`. Throws CommandError. */
export async function get(context: CliContext, given: string, options: GetOptions): Promise<void> {
  const { terminal } = context;
  const url = parseUrl(given);
  const headers = options.header.map(parseHeaderField);
  const topology = requireTopology(options.config, context);
  const client = findClient(options.from, topology);
  const steering = await askSteering(context, topology, url.hostname, client);
  const routes = routesOf(topology, steering);
  const pop = routes?.routes[0]?.pop ?? popOf(steering, topology);
  const page = await fetchFromPop(context, { topology, pop, url, headers, options });
  const steps = stepsOf(combined(page.rawHeaders, 'cache-status'), topology);
  const way: Way = {
    url: url.href,
    method: options.method,
    client,
    steering,
    pop,
    page,
    steps,
    routes,
  };
  if (options.json) terminal.line(JSON.stringify(wayAsJson(way)));
  else if (!options.body) for (const line of describeWay(way, topology)) terminal.line(line);
}

interface PopFetch {
  topology: Topology;
  pop: string;
  url: URL;
  headers: [string, string][];
  options: GetOptions;
}

async function fetchFromPop(context: CliContext, fetched: PopFetch): Promise<Page> {
  const { topology, pop, url, headers, options } = fetched;
  const at = reachOf(topology, findNode(topology, pop));
  if (!at) throw new CommandError(`the PoP ${pop} has not been started here`);
  try {
    return await fetchPage(context.clock, {
      at,
      method: options.method,
      host: url.host,
      pathAndQuery: `${url.pathname}${url.search}`,
      headers,
      sink: options.body && !options.json ? (part) => context.terminal.bytes(part) : undefined,
    });
  } catch (error) {
    throw new CommandError(`${pop} at ${formatHostPort(at)}: ${(error as Error).message}`);
  }
}

/** `_why` names the PoP; on one machine all of them may have the same address. */
function popOf({ why, addresses }: Steering, topology: Topology): string {
  const named = topology.pops.find((pop) => pop.id === why.pop);
  const pop =
    named ?? topology.pops.find((p) => p.advertise.some((address) => addresses.includes(address)));
  if (pop) return pop.id;
  throw new CommandError(`no PoP of ${topology.file} advertises ${addresses.join(', ')}`);
}

function parseUrl(text: string): URL {
  if (!URL.canParse(text)) throw usageError(`"${text}" is no URL: write http://HOST/PATH`);
  const url = new URL(text);
  if (url.protocol !== 'http:') {
    throw usageError(`"${text}": the PoPs listen on HTTP, so write http://HOST/PATH`);
  }
  return url;
}

function wayAsJson({ url, method, client, steering, pop, page, steps, routes }: Way) {
  const fields = new Headers();
  for (let i = 0; i + 1 < page.rawHeaders.length; i += 2) {
    fields.append(page.rawHeaders[i] ?? '', page.rawHeaders[i + 1] ?? '');
  }
  return {
    url,
    method,
    from: { place: client.place ?? null, network: client.network },
    dns: steering,
    pop,
    ...(routes ? { anycast: routes } : {}),
    steps,
    status: page.status,
    headers: Object.fromEntries(fields),
    bytes: page.bytes,
    timings: page.timings,
  };
}
