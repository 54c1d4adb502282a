/**
 * What the threads of a node read of each other without a message: a few integers in shared memory. The main thread writes the
 * generation and the flags; each worker its heartbeat and the number of its requests.
 */

/** Slots of the array; a worker's own slots follow at `workerBase + 2 · index`. */
const slots = { generation: 0, ready: 1, draining: 2 } as const;
const workerBase = 4;

export interface SharedState {
  readonly buffer: SharedArrayBuffer;
  /** Grows with each change of the purge index that the main thread publishes. */
  generation(): number;
  publishGeneration(value: number): void;
  isReady(): boolean;
  setReady(value: boolean): void;
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
      : new SharedArrayBuffer(4 * (workerBase + 2 * from.workers));
  const cells = new Int32Array(buffer);
  const heartbeatSlot = (index: number) => workerBase + 2 * index;
  const requestSlot = (index: number) => workerBase + 2 * index + 1;
  return {
    buffer,
    generation: () => Atomics.load(cells, slots.generation),
    publishGeneration: (value) => void Atomics.store(cells, slots.generation, value),
    isReady: () => Atomics.load(cells, slots.ready) === 1,
    setReady: (value) => void Atomics.store(cells, slots.ready, value ? 1 : 0),
    isDraining: () => Atomics.load(cells, slots.draining) === 1,
    setDraining: () => void Atomics.store(cells, slots.draining, 1),
    beat: (index) => void Atomics.add(cells, heartbeatSlot(index), 1),
    heartbeat: (index) => Atomics.load(cells, heartbeatSlot(index)),
    addRequests: (index, by) => void Atomics.add(cells, requestSlot(index), by),
    requests: (index) => Atomics.load(cells, requestSlot(index)),
    clear: (index) => void Atomics.store(cells, requestSlot(index), 0),
  };
}
