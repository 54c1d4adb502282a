/**
 * The places where a mutation can change what a simulated network is put together from. Production code has no switches: what is
 * broken on purpose is broken here, by wrapping a dependency.
 */
import type { PurgeState } from '../../core/cache/purge-state.ts';
import type { WorkerPool } from '../../core/cache-node/worker-pool.ts';
import type { LeaseCells } from '../../core/purge/lease.ts';
import type { Clock } from '../../core/runtime/deps.ts';
import type { DialDuplex } from '../../core/runtime/duplex.ts';
import type { Dialer } from '../../core/upstream/dial.ts';
import type { LeaseHolders, Leases } from '../../purge-api/leases.ts';
import type { StartGate } from '../../purge-api/start-gate.ts';

export interface Wiring {
  /** What a worker knows of purges. */
  purges(state: PurgeState): PurgeState;
  /** How an edge asks shields and origins. */
  dialer(dialer: Dialer): Dialer;
  /** How the main thread gives changes to all workers. */
  publish(publish: WorkerPool['publish'], clock: Clock): WorkerPool['publish'];
  leaseCells(cells: LeaseCells, clock: Clock, leaseMs: number): LeaseCells;
  /** How a node dials purge-api. */
  dial(dial: DialDuplex): DialDuplex;
  leases(leases: Leases): Leases;
  gate(gate: StartGate): StartGate;
  /** What purge-api remembers of leases when it starts anew. */
  holders(holders: LeaseHolders): LeaseHolders;
}

/** As in production. */
export const asInProduction: Wiring = {
  purges: (state) => state,
  dialer: (dialer) => dialer,
  publish: (publish) => publish,
  leaseCells: (cells) => cells,
  dial: (dial) => dial,
  leases: (leases) => leases,
  gate: (gate) => gate,
  holders: (holders) => holders,
};
