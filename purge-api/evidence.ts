/**
 * Purge-api's desk of evidence: its own key, the pinned keys of the nodes, and the witness of what they say.
 */
import path from 'node:path';
import { loadSigningKey, type SigningKey } from '../core/runtime/signing-key.ts';
import { dataFolder } from '../core/topology/nodes.ts';
import type { NodeContext } from '../core/topology/run-node.ts';
import { createEvidenceMetrics } from './evidence-metrics.ts';
import { type NodeKeys, openNodeKeys } from './node-keys.ts';
import { createWitness, type Witness } from './witness.ts';

export interface Evidence {
  /** Purge-api's own. */
  key: SigningKey;
  keys: NodeKeys;
  witness: Witness;
}

/** Opens what lies in purge-api's data folder, which the open journal holds for this process. */
export function openEvidence(context: NodeContext): Evidence {
  const { clock, log, topology, node } = context;
  const folder = dataFolder(topology, node.id);
  const metrics = createEvidenceMetrics(context.metrics);
  const keys = openNodeKeys({ clock, log, metrics }, path.join(folder, 'node-keys.json'));
  return {
    key: loadSigningKey(folder),
    keys,
    witness: createWitness({ network: topology.network, keys, metrics }),
  };
}
