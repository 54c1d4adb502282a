/** Purge-api on a simulated machine: its parts as `purge-api/assembly.ts` wires them, over a journal whose disk is simulated. */
import { silentLog } from '../../core/runtime/log.ts';
import { nodesOf } from '../../core/topology/nodes.ts';
import { createNodeAuth } from '../../purge-api/auth.ts';
import { createFanOut, type FanOut } from '../../purge-api/fan-out.ts';
import type { Journal } from '../../purge-api/journal.ts';
import { createLeases, type LeaseHolders } from '../../purge-api/leases.ts';
import { createPurgeMetrics } from '../../purge-api/metrics.ts';
import { createNodeRegistry, type NodeRegistry } from '../../purge-api/node-registry.ts';
import { createPurges, type Purges } from '../../purge-api/purges.ts';
import { createStartGate } from '../../purge-api/start-gate.ts';
import type { Chance } from './chance.ts';
import type { ControlWire } from './control-wire.ts';
import { noMetrics } from './silence.ts';
import { type JournalDisk, openSimulatedJournal } from './simulated-journal.ts';
import type { SimulatedProcess } from './simulated-process.ts';
import { simulatedTopology } from './simulated-topology.ts';
import type { Wiring } from './wiring.ts';

export interface SimulatedPurgeApi {
  process: SimulatedProcess;
  journal: Journal;
  purges: Purges;
  registry: NodeRegistry;
  isOpen(): boolean;
}

export interface PurgeApiOptions {
  process: SimulatedProcess;
  disk: JournalDisk;
  holders: LeaseHolders;
  wire: ControlWire;
  wiring: Wiring;
  chance: Chance;
  /** A new identity was given: everything from before it counts as purged. */
  onIdentity(): void;
}

const retentionMs = 30 * 86_400_000;

/** Starts purge-api in a process; it takes connections at once. */
export function startPurgeApi(options: PurgeApiOptions): SimulatedPurgeApi {
  const { process, disk, wire, wiring, chance } = options;
  const { clock } = process;
  const topology = simulatedTopology;
  const opened = openSimulatedJournal(
    { clock, random: chance, syncMs: () => chance.between(0.2, 8) },
    disk,
    { retentionMs, maxEntries: 1_000_000 },
  );
  const journal: Journal = {
    ...opened,
    renewIdentity(reason) {
      const renewed = opened.renewIdentity(reason);
      options.onIdentity();
      return renewed;
    },
  };
  const metrics = createPurgeMetrics(noMetrics, {
    headSeq: () => journal.head().seq,
    connectedNodes: () => 0,
    waiting: () => 0,
  });
  const leases = wiring.leases(createLeases(clock, topology.leaseMs, options.holders));
  const registry = createNodeRegistry(clock, topology, leases, () => fanOut.viewChanged());
  const ids = nodesOf(topology).flatMap(({ id, role }) =>
    role === 'edge' || role === 'shield' ? [id] : [],
  );
  const gate = wiring.gate(createStartGate(clock, ids, topology.leaseMs));
  const log = silentLog;
  const purges: Purges = createPurges({
    clock,
    log,
    metrics,
    journal,
    gate,
    progress: registry.progress,
    publish: () => fanOut.publish(),
  });
  const fanOut: FanOut = createFanOut(
    { clock, random: chance, log, metrics, journal, registry, leases, gate },
    {
      onAcknowledged: purges.acknowledged,
      onDnsWelcomed() {},
      onAppend: async () => ({ ok: false, problem: 'no node of the simulation appends' }),
    },
  );
  const authorise = createNodeAuth(topology.secret);
  wire.listen({ id: 'purge', process, authorise, accept: fanOut.accept });
  return { process, journal, purges, registry, isOpen: () => gate.waitingFor().length === 0 };
}
