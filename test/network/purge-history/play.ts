/** Plays one history from a seed: starts a network, lets it be read, purged and broken for a while, heals it, and looks where it ended. */
import { createSeededRandom } from '../../support/fake-clock.ts';
import { type LinkedNetwork, startLinkedNetwork } from '../../support/network/linked-network.ts';
import type { Hooks } from '../../support/network/network.ts';
import { pause, until } from '../../support/network/until.ts';
import { startFaults } from './faults.ts';
import type { End, History, Position, Start } from './history.ts';
import { startRecorder } from './recorder.ts';
import { createWorld, hosts } from './world.ts';

export interface Played {
  history: History;
  /** How often each fault has been injected. */
  faults: ReadonlyMap<string, number>;
}

export const leaseMs = 2000;
export const quarantineRevalidateMs = 500;

const settings = {
  sites: (url: string) => [
    { hosts: [hosts.shop, hosts.images], origins: [{ url }] },
    { hosts: [hosts.files], origins: [{ url }], cache: { slice: '64KiB' } },
  ],
  shields: [{ id: 'eu' }],
  pops: [
    { id: 'par', shield: ['eu'] },
    { id: 'nyc', shield: ['eu'], workers: 1 },
    // Straight to the origin.
    { id: 'tyo', workers: 1 },
  ],
  settings: { lease: `${leaseMs}ms`, quarantineRevalidate: `${quarantineRevalidateMs}ms` },
};

/** Plays for `forMs`, beside what it takes to start and to heal. The network ends with `hooks`. */
export async function play(seed: number, forMs: number, hooks: Hooks): Promise<Played> {
  const nowMs = () => performance.now();
  const network = await startLinkedNetwork(settings, hooks);
  await network.ready('purge');
  const random = createSeededRandom(seed);
  const world = createWorld(network.origin, createSeededRandom(seed + 1), nowMs);
  const starts: Start[] = [];
  const recorder = startRecorder({ network, world, random: createSeededRandom(seed + 2), nowMs });
  const faults = startFaults({ network, random, nowMs, starts, leaseMs });
  await pause(forMs);
  // On a loaded machine everything takes longer, and so does the history.
  await until('enough has been broken', () => total(faults.counts) >= leastFaults, forMs * 4);
  await faults.stop();
  const ids = [...network.config.shields, ...network.config.pops].map(({ id }) => id);
  await Promise.all(['purge', ...ids].map((id) => network.ready(id)));
  const last = await recorder.purge(
    { selectors: { everything: true }, matches: () => true },
    false,
  );
  await Promise.all(network.config.pops.map(({ id }) => recorder.readAll(id)));
  await recorder.stop();
  const end = await endOf(network, last.seq ?? 0);
  const { reads, purges, sightings } = recorder;
  const history = { changes: world.changes, reads, purges, sightings, starts, end };
  return { history, faults: faults.counts };
}

/** A history with fewer faults than these proves little. */
export const leastFaults = 6;

export function total(counts: ReadonlyMap<string, number>): number {
  return [...counts.values()].reduce((sum, count) => sum + count, 0);
}

interface NodesAnswer {
  head: Position;
  nodes: { id: string; role: string; cursor: Position | null }[];
}

/** Waits until all have said that they are at the head, or for long enough; tells how it is then. */
async function endOf(network: LinkedNetwork, seq: number): Promise<End> {
  const ask = async () => JSON.parse((await network.api('/v1/nodes')).text) as NodesAnswer;
  const caching = ({ nodes }: NodesAnswer) =>
    nodes.filter(({ role }) => role === 'edge' || role === 'shield');
  const isSettled = async () => {
    const answer = await ask();
    return (
      answer.head.seq >= seq && caching(answer).every((n) => n.cursor?.seq === answer.head.seq)
    );
  };
  await until('all nodes are at the head', isSettled).catch(() => {});
  const answer = await ask();
  return {
    head: answer.head,
    positions: Object.fromEntries(caching(answer).map(({ id, cursor }) => [id, cursor])),
    entries: await entriesOf(network),
  };
}

async function entriesOf(network: LinkedNetwork): Promise<End['entries']> {
  const entries: End['entries'] = [];
  for (;;) {
    const after = entries.at(-1)?.seq ?? 0;
    const { text } = await network.api(`/v1/journal?after=${after}&limit=1000`);
    const page = JSON.parse(text) as { entries: End['entries'] };
    if (page.entries.length === 0) return entries;
    entries.push(...page.entries.map(({ seq, id }) => ({ seq, id })));
  }
}
