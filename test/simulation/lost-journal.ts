/** The worst that can happen to a journal, as a history of its own: nothing else goes wrong in it. */
import type { Chance } from './chance.ts';
import type { Clients } from './clients.ts';
import type { SimulatedNetwork } from './simulated-network.ts';
import { type CachingId, cachingIds } from './simulated-topology.ts';

/**
 * The journal is put back to an older copy while a node is away that has not seen its last purge; the others have. When it comes
 * back first, it must not be told that it has seen all there is.
 */
export async function loseJournal(
  network: SimulatedNetwork,
  chance: Chance,
  clients: Clients,
): Promise<void> {
  const { time, links, journal, history, ledger } = network;
  const id: CachingId = chance.pick(cachingIds);
  const heals = [links.cut(id, 'purge'), links.cut('purge', id)];
  network.control.breakAll(id);
  history.note(`lost journal: ${id} is away`);
  // Nobody reads meanwhile: what the node has stored stays what it was.
  clients.stop();
  await clients.purge({ kind: 'everything' }, false);
  const wait = () => {
    if (clients.accepted.every((entry) => clients.converged.has(entry.id))) return lose();
    time.after(20, wait);
    return undefined;
  };
  const lose = () => {
    network.kill('purge', 1);
    ledger.take(journal);
    const lost = journal.entries.splice(-chance.pick([1, 1, 2]));
    history.note(`lost ${lost.length} entries`);
    for (const heal of heals) heal();
    time.after(chance.between(100, 1500), () => network.start('purge'));
    time.after(3000, () => clients.go(50, 2000));
  };
  wait();
}
