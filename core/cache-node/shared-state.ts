/**
 * What the threads of a node read of each other without a message: a few integers in shared memory. The main thread writes the
 * generation, the deadline of the lease and the flags; each worker its heartbeat and the number of its requests.
 */
import type { LeaseCells } from '../purge/lease.ts';

/** The deadlines of the lease by the monotonic and by the wall clock, whole milliseconds; they come first, being aligned to 8 bytes. */
const deadlines = { monotonic: 0, wall: 1 } as const;
const deadlineBytes = 16;

/** Slots of the array behind them; a worker's own slots follow at `workerBase + 2 · index`. */
const slots = { generation: 0, draining: 1 } as const;
const workerBase = 2;

export interface SharedState {
  readonly buffer: SharedArrayBuffer;
  /** Grows with each change of the purge index that the main thread publishes. */
  generation(): number;
  publishGeneration(value: number): void;
  readonly lease: LeaseCells;
  isDraining(): boolean;
  setDraining(): void;
  /** Says that worker `index` is alive. */
  beat(index: number): void;
  heartbeat(index: number): number;
  addRequests(index: number, by: 1 | -1): void;
  requests(index: number): number;
  /** A worker that was replaced has left its requests behind. */
  clear(index: number): void;
}

/** The state over `buffer`, or over a new one for `workers` workers. */
export function sharedState(from: SharedArrayBuffer | { workers: number }): SharedState {
  const buffer =
    from instanceof SharedArrayBuffer
      ? from
      : new SharedArrayBuffer(deadlineBytes + 4 * (workerBase + 2 * from.workers));
  const cells = new Int32Array(buffer, deadlineBytes);
  const heartbeatSlot = (index: number) => workerBase + 2 * index;
  const requestSlot = (index: number) => workerBase + 2 * index + 1;
  return {
    buffer,
    generation: () => Atomics.load(cells, slots.generation),
    publishGeneration: (value) => void Atomics.store(cells, slots.generation, value),
    lease: leaseCells(new BigInt64Array(buffer, 0, 2)),
    isDraining: () => Atomics.load(cells, slots.draining) === 1,
    setDraining: () => void Atomics.store(cells, slots.draining, 1),
    beat: (index) => void Atomics.add(cells, heartbeatSlot(index), 1),
    heartbeat: (index) => Atomics.load(cells, heartbeatSlot(index)),
    addRequests: (index, by) => void Atomics.add(cells, requestSlot(index), by),
    requests: (index) => Atomics.load(cells, requestSlot(index)),
    clear: (index) => void Atomics.store(cells, requestSlot(index), 0),
  };
}

/** Rounded down: a lease may end a millisecond early, never late. */
function leaseCells(until: BigInt64Array): LeaseCells {
  const store = (monotonicMs: number, wallMs: number) => {
    Atomics.store(until, deadlines.monotonic, BigInt(Math.floor(monotonicMs)));
    Atomics.store(until, deadlines.wall, BigInt(Math.floor(wallMs)));
  };
  return {
    set: store,
    clear: () => store(0, 0),
    // Both are written one after the other; whoever reads in between finds two deadlines that were both promised.
    isHeld: (nowMonotonicMs, nowWallMs) =>
      nowMonotonicMs < Number(Atomics.load(until, deadlines.monotonic)) &&
      nowWallMs < Number(Atomics.load(until, deadlines.wall)),
  };
}
