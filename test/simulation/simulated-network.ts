/**
 * A whole network in one simulated world: purge-api, a shield, two edges and an origin, each on its own machine, whose
 * processes can be started, stopped, killed and paused one by one.
 */
import path from 'node:path';
import type { Position } from '../../core/purge/command.ts';
import { type Chance, createChance } from './chance.ts';
import { type ControlWire, createControlWire, type WireManners } from './control-wire.ts';
import { createDataWire, type DataWire } from './data-wire.ts';
import { createHistory, type History } from './history.ts';
import { createLedger, type Ledger, type Versions } from './ledger.ts';
import { createLinks, type Links } from './links.ts';
import { crashDisk, createJournalDisk, type JournalDisk } from './simulated-journal.ts';
import { type SimulatedNode, startNode } from './simulated-node.ts';
import { createOrigin, pages, type SimulatedOrigin } from './simulated-origin.ts';
import { createMachine, type Machine, startProcess } from './simulated-process.ts';
import { type SimulatedPurgeApi, startPurgeApi } from './simulated-purge-api.ts';
import { type CachingId, cachingIds, originName, shieldIds } from './simulated-topology.ts';
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
  node(id: CachingId): SimulatedNode | undefined;
  purgeApi(): SimulatedPurgeApi | undefined;
  versions(): Versions;
  /** Starts what does not run. */
  start(id: CachingId | 'purge'): void;
  /** Ends a node in order. */
  stop(id: CachingId): Promise<void>;
  /** Ends a process at once; `keptShare` of what a node's file has not synced is kept. */
  kill(id: CachingId | 'purge', keptShare: number): void;
  /** What a node has acknowledged last, in whatever process. */
  acknowledged(id: CachingId): Position | undefined;
  /** When the wall clock of a machine was last set back. */
  setBackAtMs(id: string): number;
  /** Sets it; not back while the monotonic clock has lost time as well: then nothing on the machine could tell how much. */
  stepWall(id: string, ms: number): void;
  /** Stops the machine's monotonic clock, unless its wall clock has just been set back, until the returned call. */
  suspend(id: string): () => void;
  /** Calls `listener` each time that a node gains a lease. */
  onLease(listener: (id: CachingId) => void): void;
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
    ['purge', 'origin', ...cachingIds].map((id) => [
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
  const world: World = { time, chance, history, ledger, wiring, folder, control, data, machine };
  const nodes = createNodes(world);
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
    setBackAtMs: clocks.setBackAtMs,
    stepWall: clocks.stepWall,
    suspend: clocks.suspend,
    onLease: nodes.onLease,
    calm: () => void Object.assign(manners, wellBehaved),
    end() {
      for (const id of cachingIds) nodes.find(id)?.close();
      purgeApi?.process.kill();
      originProcess.kill();
    },
  };
}

interface World {
  time: VirtualTime;
  chance: Chance;
  history: History;
  ledger: Ledger;
  wiring: Wiring;
  folder: string | null;
  control: ControlWire;
  data: DataWire;
  machine(id: string): Machine;
}

interface Nodes {
  find(id: CachingId): SimulatedNode | undefined;
  start(id: CachingId): void;
  stop(id: CachingId): Promise<void>;
  kill(id: CachingId, keptShare: number): void;
  acknowledged(id: CachingId): Position | undefined;
  onLease(listener: (id: CachingId) => void): void;
}

/** The caching nodes, with what outlives their processes: the file, the earlier instances, what was acknowledged. */
function createNodes(world: World): Nodes {
  const { chance, history } = world;
  const running = new Map<CachingId, SimulatedNode>();
  const instances = new Map<CachingId, string[]>();
  const acknowledged = new Map<CachingId, Position>();
  const listeners: ((id: CachingId) => void)[] = [];
  const workerCounts = new Map(cachingIds.map((id) => [id, chance.isLikely(0.5) ? 2 : 1]));
  return {
    find: (id) => running.get(id),
    acknowledged: (id) => acknowledged.get(id),
    onLease: (listener) => void listeners.push(listener),
    start(id) {
      if (running.has(id)) return;
      const instance = chance.hex(4);
      const succeeds = instances.get(id) ?? [];
      const isShield = shieldIds.some((shield) => shield === id);
      const { time, control, data, wiring, folder } = world;
      const node = startNode({
        id,
        role: isShield ? 'shield' : 'edge',
        time,
        machine: world.machine(id),
        chance: chance.fork(),
        control,
        data,
        wiring,
        instance,
        succeeds: [...succeeds],
        workerCount: workerCounts.get(id) ?? 1,
        file: folder && path.join(folder, `${id}.db`),
        onAcknowledged(position) {
          history.note(`ack ${id} ${position.identity.slice(0, 6)} ${position.seq}`);
          acknowledged.set(id, position);
        },
        onLease() {
          history.note(`lease ${id}`);
          for (const listener of listeners) listener(id);
        },
      });
      instances.set(id, [instance, ...succeeds].slice(0, 16));
      running.set(id, node);
    },
    async stop(id) {
      const node = running.get(id);
      await node?.stop();
      if (running.get(id) === node) running.delete(id);
    },
    kill(id, keptShare) {
      running.get(id)?.kill(keptShare);
      running.delete(id);
    },
  };
}

/** So long after one clock of a machine was wrong the other one must be right: several leases. */
const clockPauseMs = 10_000;

/** Faults of clocks, never of both of a machine at the same time. */
function createClockFaults(
  { nowMs }: VirtualTime,
  history: History,
  machine: (id: string) => Machine,
): Pick<SimulatedNetwork, 'setBackAtMs' | 'stepWall' | 'suspend'> & { wake(id: string): void } {
  const setBack = new Map<string, number>();
  const suspended = new Map<string, number>();
  const wakes = new Map<string, () => void>();
  const isRecent = (moments: ReadonlyMap<string, number>, id: string) =>
    nowMs() - (moments.get(id) ?? Number.NEGATIVE_INFINITY) < clockPauseMs;
  return {
    setBackAtMs: (id) => setBack.get(id) ?? Number.NEGATIVE_INFINITY,
    stepWall(id, ms) {
      const stepMs = isRecent(suspended, id) ? Math.abs(ms) : ms;
      history.note(`step ${id} ${stepMs.toFixed(0)}`);
      machine(id).stepWall(stepMs);
      if (stepMs < 0) setBack.set(id, nowMs());
    },
    suspend(id) {
      if (isRecent(setBack, id) || wakes.has(id)) return () => {};
      suspended.set(id, Number.POSITIVE_INFINITY);
      const wake = machine(id).suspend();
      const wakeOnce = () => {
        if (wakes.get(id) !== wakeOnce) return;
        wakes.delete(id);
        wake();
        suspended.set(id, nowMs());
      };
      wakes.set(id, wakeOnce);
      return wakeOnce;
    },
    wake: (id) => wakes.get(id)?.(),
  };
}
