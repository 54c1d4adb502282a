/** How the main thread of a simulated node gives changes to its workers, and how they know of each other. */
import type { FeedChange } from '../../core/cache-node/purge-feed.ts';
import type { SharedState } from '../../core/cache-node/shared-state.ts';
import type { WorkerPool } from '../../core/cache-node/worker-pool.ts';
import type { SimulatedProcess } from './simulated-process.ts';
import type { SimulatedWorker } from './simulated-worker.ts';
import { createThreadPorts } from './thread-port.ts';
import type { VirtualTime } from './virtual-time.ts';

/** What `worker-pool.ts` does with changes: posted first, published second, and done when every worker has said so. */
export function createPool(deps: {
  main: SimulatedProcess;
  shared: SharedState;
  threadMs: () => number;
}) {
  const { main, shared, threadMs } = deps;
  const workers: SimulatedWorker[] = [];
  const waiters = new Set<() => void>();
  let generation = 0;
  const publish: WorkerPool['publish'] = (change: FeedChange) => {
    generation += 1;
    const wanted = generation;
    for (const worker of workers) worker.post(wanted, change);
    shared.publishGeneration(wanted);
    for (const { thread, purges } of workers) thread.later(threadMs(), purges.sync);
    const { promise, resolve } = Promise.withResolvers<void>();
    const check = () => {
      if (workers.some(({ appliedGeneration }) => appliedGeneration < wanted)) return;
      waiters.delete(check);
      resolve();
    };
    waiters.add(check);
    check();
    return promise;
  };
  return {
    publish,
    workers,
    applied: () =>
      main.later(threadMs(), () => {
        for (const check of [...waiters]) check();
      }),
  };
}

/** Connects each with each. */
export function connectWorkers(
  workers: readonly SimulatedWorker[],
  time: VirtualTime,
  delayMs: () => number,
): void {
  for (const [one, worker] of workers.entries()) {
    for (const [other, peer] of workers.entries()) {
      if (other <= one) continue;
      const ends = [worker.thread, peer.thread] as const;
      const [near, far] = createThreadPorts(ends, time.nowMs, delayMs);
      worker.engine.mesh.connect(other, near);
      peer.engine.mesh.connect(one, far);
    }
  }
}
