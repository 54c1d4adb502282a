/** The PoPs as the network's DNS servers see them now, or as the configuration has them where none answers. */
import type { Topology } from '../../core/topology/load.ts';
import type { PopStanding } from '../../geo-dns/select.ts';
import { clientSubnetOf } from '../../geo-dns/wire/client.ts';
import type { CliContext } from './cli-context.ts';
import { CommandError } from './command-error.ts';
import { askSteering } from './steering.ts';
import { standingsOf, toldPops } from './world.ts';

export interface WorldNow {
  pops: PopStanding[];
  /** Who told, or why nobody did. */
  source: string;
}

/** An address of a network for documentation (RFC 5737): what is asked for is what the answer says of the PoPs, not where it sends. */
const anybody = '203.0.113.0/24';

export async function worldNow(
  context: CliContext,
  topology: Topology,
  host: string,
): Promise<WorldNow> {
  const subnet = clientSubnetOf(anybody);
  if (!subnet) throw new CommandError(`${anybody} is no network`);
  try {
    const client = { place: undefined, network: anybody, subnet };
    const steering = await askSteering(context, topology, host, client);
    const told = toldPops(steering);
    return { pops: standingsOf(topology, told), source: `as ${steering.server} sees the PoPs` };
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    const pops = standingsOf(topology, []);
    return { pops, source: `as configured, since no DNS server tells more: ${error.message}` };
  }
}
