/** What the DNS would answer a client were some PoPs dead: the same choice, by the same code, from what the server has told. Pure. */
import { formatAddress, maskBytes } from '../../core/runtime/addresses.ts';
import type { Topology } from '../../core/topology/load.ts';
import { type Selection, select } from '../../geo-dns/select.ts';
import { clientNetworkOf } from '../../geo-dns/steering/client-network.ts';
import type { Client } from './place.ts';
import type { Steering } from './steering.ts';
import { locatedOf, rttsOf, rulesOf, standingsOf, toldPops, without } from './world.ts';

export interface WhatIf {
  without: readonly string[];
  pops: readonly string[];
  reason: string;
  addresses: readonly string[];
  scope: string;
  candidates: readonly WhatIfCandidate[];
}

export interface WhatIfCandidate {
  pop: string;
  standing: string;
  reason: string;
  distanceKm: number | undefined;
  loadKm: number;
}

export function whatIf(
  topology: Topology,
  host: string,
  client: Client,
  steering: Steering,
  ids: readonly string[],
): WhatIf {
  const located = locatedOf(steering.why);
  const network = clientNetworkOf(client.subnet.bytes);
  const told = toldPops(steering);
  const pops = without(standingsOf(topology, told), ids);
  const selection = select(located, pops, {
    rules: rulesOf(topology, host),
    network: network.text,
    rtts: rttsOf(told),
  });
  const prefixLength = Math.max(
    selection.dependsOnPlace ? located.prefixLength : 0,
    selection.dependsOnNetwork ? network.prefixLength : 0,
  );
  return {
    without: ids,
    pops: selection.chosen.map(({ pop }) => pop.id),
    reason: selection.reason,
    addresses: selection.chosen.flatMap(({ pop }) => pop.advertise),
    scope: scopeText(client, prefixLength),
    candidates: candidatesOf(selection),
  };
}

function candidatesOf({ candidates }: Selection): WhatIfCandidate[] {
  return candidates.map(({ pop, standing, reason, distanceKm, loadKm, isShed }) => ({
    pop: pop.id,
    standing: standing === 'in' && isShed ? 'shed' : standing,
    reason,
    distanceKm: distanceKm === undefined ? undefined : Math.round(distanceKm),
    loadKm: Math.round(loadKm),
  }));
}

function scopeText({ subnet }: Client, prefixLength: number): string {
  if (prefixLength === 0) return 'everybody';
  return `${formatAddress(maskBytes(subnet.bytes, prefixLength))}/${prefixLength}`;
}
