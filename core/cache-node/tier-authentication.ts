/**
 * Who may speak the fields between tiers: an edge proves itself to a shield with a key that both derive from the network's
 * secret, one for each pair of nodes, so that what one node knows speaks for no other.
 */
import { timingSafeEqual } from 'node:crypto';
import { deriveKey } from '../topology/load.ts';
import type { TopologyWithSecret } from '../topology/secret-file.ts';
import { tierKeyPurpose } from '../topology/tier-keys.ts';

/** Returns the id of the edge that a field value `ID KEY` proves; undefined when it proves nobody. */
export function createTierAuthentication(
  topology: TopologyWithSecret,
  self: string,
): (value: string) => string | undefined {
  const keys = new Map(
    topology.pops.map((pop) => [
      pop.id,
      Buffer.from(deriveKey(topology.secret, tierKeyPurpose(pop.id, self))),
    ]),
  );
  return (value) => {
    const space = value.indexOf(' ');
    const id = value.slice(0, space);
    const expected = keys.get(id);
    const given = Buffer.from(value.slice(space + 1));
    if (!expected || given.length !== expected.length) return undefined;
    return timingSafeEqual(given, expected) ? id : undefined;
  };
}
