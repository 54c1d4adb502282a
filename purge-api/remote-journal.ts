/** The journal that is not a file of this machine, loaded only where the configuration asks for it. */
import { mkdirSync } from 'node:fs';
import { natsSettings } from '../core/topology/journal-schema.ts';
import { dataFolder } from '../core/topology/nodes.ts';
import type { NodeContext } from '../core/topology/run-node.ts';
import type { FanOut } from './fan-out.ts';
import type { Journal } from './journal.ts';

/** Opens it; undefined: the journal is the SQLite file. `fanOut` is undefined until purge-api is wired together. */
export async function openRemoteJournal(
  context: NodeContext,
  fanOut: () => FanOut | undefined,
): Promise<Journal | undefined> {
  const { topology, node } = context;
  const { journal } = topology.purge;
  if (journal.kind !== 'nats') return undefined;
  // Keys and evidence lie there; with SQLite, the journal would have made the folder.
  mkdirSync(dataFolder(topology, node.id), { recursive: true });
  const { openNatsJournal } = await import('./nats/nats-journal.ts');
  return openNatsJournal(context, {
    settings: natsSettings(journal, topology.network),
    retentionMs: journal.retentionMs,
    clientName: `breakwater ${topology.network} ${node.id}`,
    onReplaced: (reason) => fanOut()?.resetAll(reason),
    onGrown: () => fanOut()?.publish(),
  });
}
