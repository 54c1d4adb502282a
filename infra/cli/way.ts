/**
 * The way of a request in words: from the client's place to the PoP and why, through the tiers (as their Cache-Status
 * members tell, RFC 9211), to what came back and how long each step took. Pure.
 */
import { combined } from '../../core/http/headers.ts';
import { parseStructuredList } from '../../core/http/structured.ts';
import type { Topology } from '../../core/topology/load.ts';
import { findNode, nodesOf } from '../../core/topology/nodes.ts';
import { type AnycastRoutes, describeRoutes } from './anycast.ts';
import type { Page } from './fetch-page.ts';
import type { Client } from './place.ts';
import type { Steering } from './steering.ts';

/** What one cache did; in the order in which the request met them. */
export interface Step {
  node: string;
  role: string;
  did: string;
  /** The request ended here: what is before it in Cache-Status happened when the response was stored. */
  isHit: boolean;
}

export interface Way {
  url: string;
  method: string;
  client: Client;
  steering: Steering;
  pop: string;
  page: Page;
  steps: Step[];
  /** Where the address of the answer is shared: how routing chose the PoP. */
  routes?: AnycastRoutes | undefined;
}

/** The lines of the way; the first word of each says what it is about. */
export function describeWay(way: Way, topology: Topology): string[] {
  const { client, steering, page, steps } = way;
  const from = client.place === undefined ? client.network : `${client.place} (${client.network})`;
  const rows: [string, string][] = [
    ['client', clientText(way)],
    ['dns', dnsText(steering)],
    ['pop', popText(way, topology)],
    ...steps.map((step): [string, string] => [step.role, `${step.node}: ${step.did}`]),
    ...originRow(steps),
    ['time', timeText(steering, page)],
    ['answer', answerText(page)],
  ];
  const width = Math.max(...rows.map(([name]) => name.length));
  return [
    `${way.method} ${way.url} from ${from}`,
    '',
    ...rows.map(([name, text]) => `  ${name.padEnd(width)}  ${text}`),
  ];
}

/** The members of Cache-Status from the client's side, as far as this request went. */
export function stepsOf(cacheStatus: string | undefined, topology: Topology): Step[] {
  const members = (cacheStatus === undefined ? [] : parseStructuredList(cacheStatus)) ?? [];
  const steps: Step[] = [];
  for (const [name, parameters] of members.toReversed()) {
    if (Array.isArray(name)) continue;
    const node = nodeNamed(String(name), topology);
    const step = { ...node, did: describeMember(parameters), isHit: parameters.has('hit') };
    steps.push(step);
    if (step.isHit) break;
  }
  return steps;
}

type Parameters = ReadonlyMap<string, unknown>;

/** A member is named after network and node; other caches on the way keep their own names. */
function nodeNamed(name: string, topology: Topology): { node: string; role: string } {
  const ours = nodesOf(topology).find(
    ({ id }) => name === id || (name.startsWith(topology.network) && name.endsWith(id)),
  );
  return ours ? { node: ours.id, role: ours.role } : { node: name, role: 'cache' };
}

const forwardReasons: Record<string, string> = {
  bypass: 'not for caches, asked on',
  method: 'the method is not for caches, asked on',
  'uri-miss': 'MISS, nothing stored',
  'vary-miss': 'MISS, no stored variant fits',
  miss: 'MISS',
  request: 'the request wants a fresh answer, asked on',
  stale: 'stored but no longer fresh, asked on',
  partial: 'only a part is stored, asked for the rest',
};

function describeMember(parameters: Parameters): string {
  const ttl = parameters.get('ttl');
  const fwd = parameters.get('fwd');
  const parts = [];
  if (parameters.has('hit')) parts.push(`HIT${ttlText(ttl)}`);
  else if (isPurgedMiss(parameters)) parts.push('MISS, what was stored has been purged');
  else if (fwd !== undefined) parts.push(forwardReasons[String(fwd)] ?? `asked on (${fwd})`);
  const status = parameters.get('fwd-status');
  if (status !== undefined) parts.push(`was answered ${status}`);
  if (parameters.has('collapsed')) parts.push("waited for another request's answer");
  if (parameters.get('stored') === true) parts.push(`stored it${ttlText(ttl)}`);
  const detail = parameters.get('detail');
  if (detail !== undefined && !isPurgedMiss(parameters)) parts.push(String(detail));
  return parts.join(' · ') || 'passed it on';
}

function isPurgedMiss(parameters: Parameters): boolean {
  return (
    String(parameters.get('detail')) === 'purged' && String(parameters.get('fwd')) === 'uri-miss'
  );
}

function ttlText(ttl: unknown): string {
  if (typeof ttl !== 'number') return '';
  return ttl >= 0 ? `, fresh for ${ttl} s` : `, stale for ${-ttl} s`;
}

/** The origin has no Cache-Status; that the last cache asked on is what shows that it was asked. */
function originRow(steps: readonly Step[]): [string, string][] {
  const last = steps.at(-1);
  return last && !last.isHit ? [['origin', 'answered']] : [];
}

const sources: Record<string, string> = {
  places: 'a place of the configuration',
  database: 'by the GeoIP database',
  registry: 'a guess, by the registry that gave out the address',
  none: 'its place is not known',
};

function clientText({ client, steering }: Way): string {
  const { place, source } = steering.why;
  const parts = [client.network, place ?? client.place];
  if (source !== undefined) parts.push(sources[source] ?? source);
  return parts.filter((part) => part !== undefined && part !== 'unknown').join(' · ');
}

function dnsText(steering: Steering): string {
  const { server, addresses, ttlSeconds, scope, transport } = steering;
  const parts = [`${server} says ${addresses.join(', ')}`, `for ${ttlSeconds} s`];
  if (scope !== undefined) parts.push(`the same for all of ${scope}`);
  if (transport === 'TCP') parts.push('over TCP');
  return parts.join(' · ');
}

function popText({ pop, steering, routes }: Way, topology: Topology): string {
  const city = findNode(topology, pop).location?.city;
  if (routes) {
    const place = city === undefined ? pop : `${pop} in ${city}`;
    return `${place} · anycast: ${describeRoutes(routes)} · by DNS it would be ${steering.why.pop ?? 'unknown'}`;
  }
  const { reason } = steering.why;
  const [next] = steering.others;
  const distance = steering.why['distance-km'];
  const parts = [city === undefined ? pop : `${pop} in ${city}`];
  if (reason !== undefined) parts.push(reasons[reason] ?? reason);
  if (distance !== undefined) parts.push(`${distance} km away`);
  if (next !== undefined) parts.push(`next would be ${runnerUp(next)}`);
  return parts.join(' · ');
}

const reasons: Record<string, string> = {
  nearest: 'the nearest',
  measured: 'the nearest by the times that its network has measured',
  'least-loaded': 'the least loaded, since the place is not known',
  country: 'named for the country',
  continent: 'named for the continent',
  default: 'named for everybody else',
  weighted: 'by its share of the networks',
  failover: 'the first of the order that is well',
  'round-robin': 'in turn',
  hash: 'by the hash of the network',
  'over-capacity': 'all that are well are near their capacity',
  'fail-open': 'no PoP is well, so all are handed out',
};

/** `nyc distance-km=10849 in` becomes `nyc, 10849 km`. */
function runnerUp(text: string): string {
  const [id = ''] = text.split(' ');
  const distance = /distance-km=(\d+)/.exec(text)?.[1];
  return distance === undefined ? id : `${id}, ${distance} km`;
}

function timeText(steering: Steering, { timings }: Page): string {
  const parts: [string, number][] = [
    ['dns', steering.tookMs],
    ['connect', timings.connectMs],
    ['first byte', timings.firstByteMs],
    ['total', timings.totalMs],
  ];
  return parts.map(([name, ms]) => `${name} ${ms.toFixed(1)} ms`).join(' · ');
}

function answerText(page: Page): string {
  const field = (name: string) => combined(page.rawHeaders, name);
  const shown = (['X-Cache', 'Age'] as const).flatMap((name) => {
    const value = field(name.toLowerCase());
    return value === undefined ? [] : [`${name}: ${value}`];
  });
  const type = field('content-type')?.split(';')[0];
  const size = `${formatBytes(page.bytes)}${type === undefined ? '' : ` of ${type}`}`;
  return [`${page.status} ${page.reason}`.trim(), ...shown, size].join(' · ');
}

/** `842 B`, `20 MiB`, `1.5 GiB`. */
export function formatBytes(bytes: number): string {
  const units: [number, string][] = [
    [2 ** 30, 'GiB'],
    [2 ** 20, 'MiB'],
    [2 ** 10, 'KiB'],
  ];
  const unit = units.find(([size]) => bytes >= size);
  return unit ? `${Number((bytes / unit[0]).toFixed(1))} ${unit[1]}` : `${bytes} B`;
}
