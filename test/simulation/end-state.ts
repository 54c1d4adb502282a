/** What must hold at the end, when everything has been well for a while: all have reached the head, in the same state. */
import { cleanThrough } from '../../core/cache/clean-through.ts';
import { createKeySpace } from '../../core/cache/key.ts';
import type { Position } from '../../core/purge/command.ts';
import { createPurgeIndex, type PurgeIndex } from '../../core/purge/index.ts';
import type { Clients } from './clients.ts';
import type { SimulatedNetwork } from './simulated-network.ts';
import { pages, tagsOf } from './simulated-origin.ts';
import { cachingIds, host, simulatedTopology } from './simulated-topology.ts';

const { normalise } = createKeySpace(simulatedTopology.sites, simulatedTopology.network);

/** Whether every node holds a lease and is at the head of the journal. */
export function isWell(network: SimulatedNetwork): boolean {
  const head = network.purgeApi()?.journal.head();
  return cachingIds.every((id) => {
    const node = network.node(id);
    return head && node?.isHeld() && isSame(node.purges.position(), head);
  });
}

/** Notes what is wrong with the network as it is now. */
export function judgeEnd(network: SimulatedNetwork, clients: Clients): void {
  const { history, journal } = network;
  const api = network.purgeApi();
  const head = api?.journal.head();
  if (!api || !head) {
    history.problem('purge-api does not run at the end');
    return;
  }
  for (const id of cachingIds) judgeNode(network, id, head);
  const kept = new Map(journal.entries.map(({ entry }) => [entry.hash, entry]));
  const lost = clients.accepted.filter(({ hash }) => !kept.has(hash));
  if (lost.length > 0 && !history.counts.has('lost')) {
    history.problem(`${lost.length} purges were answered 202 and are not in the journal`);
  }
  for (const entry of clients.accepted) {
    if (!kept.has(entry.hash) || clients.converged.has(entry.id)) continue;
    history.problem(`the purge ${entry.seq} has not converged at the end`);
  }
  history.note(`end ${head.seq} of ${head.identity.slice(0, 6)}`);
}

function judgeNode(
  network: SimulatedNetwork,
  id: (typeof cachingIds)[number],
  head: Position,
): void {
  const { history } = network;
  const node = network.node(id);
  if (!node) {
    history.problem(`${id} does not run at the end`);
    return;
  }
  if (!node.isHeld()) history.problem(`${id} holds no lease at the end`);
  if (!isSame(node.purges.position(), head)) {
    history.problem(`${id} is at ${node.purges.position()?.seq} at the end, not at ${head.seq}`);
  }
  for (const [number, { purges }] of node.workers.entries()) {
    purges.sync();
    const difference = differenceOf(purges.index, network);
    if (difference) history.problem(`worker ${number} of ${id}: ${difference}`);
  }
}

function isSame(position: Position | null, head: Position): boolean {
  return (
    position?.identity === head.identity && position.seq === head.seq && position.hash === head.hash
  );
}

/** What an index judges otherwise than one that has seen all entries once and in order. */
function differenceOf(index: PurgeIndex, { journal }: SimulatedNetwork): string | undefined {
  const { identity } = journal;
  const reference = createPurgeIndex({ identity, maxEntries: 10_000 }, normalise);
  for (const { entry } of journal.entries) reference.apply(entry);
  if (!isSame(index.cursor, reference.cursor)) return `is at ${index.cursor.seq}`;
  for (const page of pages) {
    for (let labelSeq = index.floorSeq; labelSeq <= index.cursor.seq; labelSeq += 1) {
      const entry = { host, url: `${host}${page}`, tags: tagsOf[page], identity, labelSeq };
      const [own, right] = [cleanThrough(entry, index), cleanThrough(entry, reference)];
      if (JSON.stringify(own) === JSON.stringify(right)) continue;
      return `judges ${page} labelled ${labelSeq} as ${own.kind}, which is ${right.kind}`;
    }
  }
  return undefined;
}
