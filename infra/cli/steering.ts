/**
 * Where the network's DNS sends a client, and why: the A (or AAAA) answer, and the TXT answer of `_why.HOST`, which names
 * the PoP and the reason.
 */

import { recordTypes, txtStrings } from '../../core/dns/record.ts';
import {
  formatAddress,
  formatHostPort,
  type HostPort,
  maskBytes,
} from '../../core/runtime/addresses.ts';
import type { Topology } from '../../core/topology/load.ts';
import { findNode, reachOf } from '../../core/topology/nodes.ts';
import { type Message, rcodeName, rcodes } from '../../geo-dns/wire/message.ts';
import { askDns, type DnsReply } from './ask-dns.ts';
import type { CliContext } from './cli-context.ts';
import { CommandError } from './command-error.ts';
import type { Client } from './place.ts';
import { serversFor, zoneNames } from './zones.ts';

export interface Steering {
  /** Id of the name server. */
  server: string;
  addresses: string[];
  ttlSeconds: number;
  /** The network for which the answer holds; undefined when the server did not say. */
  scope: string | undefined;
  transport: 'UDP' | 'TCP';
  tookMs: number;
  /** The pairs of `_why`: pop, reason, place, distance-km …; empty when the server gives none. */
  why: Record<string, string>;
  /** The other PoPs in their order, as `nyc distance-km=10849 in` each. */
  others: string[];
}

/** Asks the name servers for `host` as `client`, in their order, until one answers. Throws CommandError. */
export async function askSteering(
  context: CliContext,
  topology: Topology,
  host: string,
  client: Client,
): Promise<Steering> {
  const servers = serversFor(host, topology);
  if (servers.length === 0) throw new CommandError(noServerText(topology, host));
  const problems: string[] = [];
  for (const { id } of servers) {
    const reach = reachOf(topology, findNode(topology, id));
    if (!reach) {
      problems.push(`${id} has not been started here`);
      continue;
    }
    try {
      return await askOne(context, { id, reach }, host, client);
    } catch (error) {
      if (error instanceof CommandError) throw error;
      problems.push(unreachableText(id, reach, error as NodeJS.ErrnoException));
    }
  }
  throw new CommandError(problems.join('; '));
}

async function askOne(
  context: CliContext,
  { id, reach }: { id: string; reach: HostPort },
  host: string,
  client: Client,
): Promise<Steering> {
  const ask = (name: string, type: number) =>
    askDns(context, reach, { name, type, subnet: client.subnet });
  // First the explanation, so that the time of the answer proper is the server's and not of a cold start here.
  const why = await ask(`_why.${host}`, recordTypes.TXT);
  let reply = await ask(host, recordTypes.A);
  if (addressesOf(reply.message).length === 0 && reply.message.header.rcode === rcodes.NOERROR) {
    reply = await ask(host, recordTypes.AAAA);
  }
  const { rcode } = reply.message.header;
  if (rcode !== rcodes.NOERROR) {
    throw new CommandError(`${id} answers ${rcodeName(rcode)} for ${host}`);
  }
  if (addressesOf(reply.message).length === 0) {
    throw new CommandError(`${id} knows ${host}, but no address for it`);
  }
  return steeringOf(id, reply, why.message);
}

/** What two answers say together. Pure. */
export function steeringOf(server: string, reply: DnsReply, why: Message): Steering {
  const { message, transport, tookMs } = reply;
  const subnet = message.edns?.clientSubnet;
  const ttls = message.answers.map((record) => record.ttlSeconds);
  return {
    server,
    addresses: addressesOf(message),
    ttlSeconds: ttls.length === 0 ? 0 : Math.min(...ttls),
    scope: subnet ? scopeText(subnet.bytes, subnet.scopePrefixLength) : undefined,
    transport,
    tookMs,
    ...explanationOf(why),
  };
}

/** `pop=tyo` becomes `{ pop: 'tyo' }`, the first of a name; `then=…` is repeated, once for each other PoP. */
function explanationOf(message: Message): Pick<Steering, 'why' | 'others'> {
  const pairs = message.answers.flatMap(({ data }) =>
    data.type === 'TXT' ? txtStrings(data).map(splitPair) : [],
  );
  return {
    why: Object.fromEntries(pairs.filter(([name]) => name !== 'then').toReversed()),
    others: pairs.filter(([name]) => name === 'then').map(([, value]) => value),
  };
}

function splitPair(text: string): [string, string] {
  const equals = text.indexOf('=');
  return equals < 0 ? [text, ''] : [text.slice(0, equals), text.slice(equals + 1)];
}

function addressesOf(message: Message): string[] {
  return message.answers.flatMap(({ data }) =>
    data.type === 'A' || data.type === 'AAAA' ? [data.address] : [],
  );
}

function scopeText(bytes: readonly number[], prefixLength: number): string {
  if (prefixLength === 0) return 'everybody';
  const masked = maskBytes(bytes, prefixLength);
  return `${formatAddress(masked)}/${prefixLength}`;
}

function noServerText(topology: Topology, host: string): string {
  const zones = zoneNames(topology);
  if (zones.length === 0) return `${topology.file} has no DNS server ("dns")`;
  return `no DNS server of the network answers for ${host}; the zones are: ${zones.join(', ')}`;
}

function unreachableText(id: string, reach: HostPort, error: NodeJS.ErrnoException): string {
  const at = formatHostPort(reach);
  return error.code === 'ECONNREFUSED'
    ? `no DNS server is running at ${at} (${id}): start the network with npm start`
    : `${id} at ${at}: ${error.message}`;
}
