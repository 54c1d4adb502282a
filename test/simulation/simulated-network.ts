/**
 * A whole network in one simulated world: purge-api, a shield, two edges and an origin, each on its own machine, whose
 * processes can be started, stopped, killed and paused one by one.
 */
import type { Position } from '../../core/purge/command.ts';
import { type Chance, createChance } from './chance.ts';
import { type ClockFaults, createClockFaults } from './clock-faults.ts';
import { type ControlWire, createControlWire, type WireManners } from './control-wire.ts';
import { createDataWire } from './data-wire.ts';
import { createHistory, type History } from './history.ts';
import { createLedger, type Ledger, type Versions } from './ledger.ts';
import { createLinks, type Links } from './links.ts';
import { crashDisk, createJournalDisk, type JournalDisk } from './simulated-journal.ts';
import type { SimulatedNode } from './simulated-node.ts';
import { createNodes } from './simulated-nodes.ts';
import { createOrigin, pages, type SimulatedOrigin } from './simulated-origin.ts';
import { createMachine, type Machine, startProcess } from './simulated-process.ts';
import { type SimulatedPurgeApi, startPurgeApi } from './simulated-purge-api.ts';
import { originName, type Place, places } from './simulated-topology.ts';
import { createVirtualTime, type VirtualTime } from './virtual-time.ts';
import type { Wiring } from './wiring.ts';

export interface SimulatedNetwork {
  readonly time: VirtualTime;
  readonly chance: Chance;
  readonly links: Links;
  readonly control: ControlWire;
  readonly history: History;
  readonly ledger: Ledger;
  readonly origin: SimulatedOrigin;
  readonly journal: JournalDisk;
  machine(id: string): Machine;
  /** The process that runs on a machine now; undefined: none. */
  node(id: Place): SimulatedNode | undefined;
  purgeApi(): SimulatedPurgeApi | undefined;
  versions(): Versions;
  /** Starts what does not run. */
  start(id: Place | 'purge'): void;
  /** Ends a node in order. */
  stop(id: Place): Promise<void>;
  /** Ends a process at once; `keptShare` of what a node's file has not synced is kept. */
  kill(id: Place | 'purge', keptShare: number): void;
  /** What a node has acknowledged last, in whatever process. */
  acknowledged(id: Place): Position | undefined;
  readonly clocks: ClockFaults;
  /** Calls `listener` each time that a node gains a lease. */
  onLease(listener: (id: Place) => void): void;
  /** The wire loses, doubles and mixes nothing any more. */
  calm(): void;
  /** Ends everything. */
  end(): void;
}

export interface NetworkOptions {
  seed: number;
  wiring: Wiring;
  /** A folder for the files of disk tiers; null: no node has one. */
  folder: string | null;
}

const policies = [
  'max-age=600',
  'max-age=600, stale-while-revalidate=600',
  'max-age=2, stale-while-revalidate=600, stale-if-error=600',
  'max-age=3',
] as const;

const rough: WireManners = { duplicated: 0.1, reordered: 0.1, lost: 0.005 };
const wellBehaved: WireManners = { duplicated: 0, reordered: 0, lost: 0 };

/** Starts all of it. */
export function startNetwork({ seed, wiring, folder }: NetworkOptions): SimulatedNetwork {
  const time = createVirtualTime();
  const chance = createChance(seed);
  const history = createHistory(time.nowMs);
  const ledger = createLedger();
  const links = createLinks(chance.fork());
  const isRough = chance.isLikely(0.5);
  const manners = isRough ? { ...rough } : { ...wellBehaved };
  const control = createControlWire({ nowMs: time.nowMs, chance: chance.fork(), links, manners });
  const data = createDataWire({ nowMs: time.nowMs, chance: chance.fork(), links });
  const journal = createJournalDisk(chance.hex(16));
  const machines = new Map(
    ['purge', 'origin', ...places].map((id) => [
      id,
      createMachine(time, id === 'origin' ? 1 : chance.between(0.98, 1.02)),
    ]),
  );
  const machine = (id: string): Machine => {
    const found = machines.get(id);
    if (!found) throw new Error(`there is no machine ${id}`);
    return found;
  };
  const originProcess = startProcess(time, machine('origin'));
  const origin = createOrigin(originProcess, chance.fork(), chance.pick(policies));
  data.serve(originName, origin);
  const versions = () =>
    Object.fromEntries(pages.map((page) => [page, origin.version(page)])) as Versions;
  const clocks = createClockFaults(time, history, machine);
  const nodes = createNodes({
    time,
    chance,
    history,
    wiring,
    folder,
    control,
    data,
    machine,
  });
  const granted = new Map<string, string>();
  const holders = {
    holder: (id: string) => granted.get(id),
    holds: (id: string, instance: string) => void granted.set(id, instance),
  };
  let purgeApi: SimulatedPurgeApi | undefined;
  const killPurgeApi = (): void => {
    if (!purgeApi) return;
    ledger.take(journal);
    const { seq } = purgeApi.journal.head();
    purgeApi.process.kill();
    purgeApi = undefined;
    crashDisk(journal, seq, () => chance.isLikely(0.5));
  };
  const startPurge = () => {
    purgeApi ??= startPurgeApi({
      process: startProcess(time, machine('purge')),
      disk: journal,
      holders: wiring.holders(holders),
      wire: control,
      wiring,
      chance: chance.fork(),
      onIdentity() {
        history.note(`identity ${journal.identity.slice(0, 6)}`);
        ledger.renewed(journal.identity, versions());
      },
    });
  };
  return {
    time,
    chance,
    links,
    control,
    history,
    ledger,
    origin,
    journal,
    machine,
    node: nodes.find,
    acknowledged: nodes.acknowledged,
    purgeApi: () => purgeApi,
    versions,
    start(id) {
      history.note(`start ${id}`);
      clocks.wake(id);
      if (id === 'purge') startPurge();
      else nodes.start(id);
    },
    stop(id) {
      history.note(`stop ${id}`);
      return nodes.stop(id);
    },
    kill(id, keptShare) {
      history.note(`kill ${id} ${keptShare.toFixed(3)}`);
      if (id === 'purge') killPurgeApi();
      else nodes.kill(id, keptShare);
    },
    clocks,
    onLease: nodes.onLease,
    calm: () => void Object.assign(manners, wellBehaved),
    end() {
      for (const id of places) nodes.find(id)?.close();
      purgeApi?.process.kill();
      originProcess.kill();
    },
  };
}
