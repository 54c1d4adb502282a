/** A worker of a simulated node: the engine of production between a simulated door and simulated upstreams. */
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import type { DiskTier } from '../../core/cache/disk-tier.ts';
import { handle } from '../../core/cache/handle.ts';
import { createKeySpace } from '../../core/cache/key.ts';
import { createPurgeState, type PurgeState } from '../../core/cache/purge-state.ts';
import { createEngine, type Engine } from '../../core/cache-node/engine.ts';
import {
  createPurgeFeed,
  type FeedChange,
  type FeedMessage,
  type FeedStart,
} from '../../core/cache-node/purge-feed.ts';
import type { SharedState } from '../../core/cache-node/shared-state.ts';
import { silentLog } from '../../core/runtime/log.ts';
import type { Dialer } from '../../core/upstream/dial.ts';
import { createOrigins } from '../../core/upstream/origins.ts';
import { createShields } from '../../edge/shields.ts';
import type { Chance } from './chance.ts';
import { noMetrics } from './silence.ts';
import { type Asked, createExchange, type Receiver } from './simulated-exchange.ts';
import type { SimulatedProcess } from './simulated-process.ts';
import { simulatedTopology } from './simulated-topology.ts';

export interface SimulatedWorker {
  engine: Engine;
  purges: PurgeState;
  appliedGeneration: number;
  /** The thread itself: it may hang while the others go on. */
  thread: SimulatedProcess;
  post(generation: number, change: FeedChange): void;
  /** Answers a request; the returned call says that the client is gone. */
  take(asked: Asked, receiver: Receiver): () => void;
  close(): void;
}

export interface WorkerOptions {
  id: string;
  role: 'edge' | 'shield';
  instance: string;
  index: number;
  count: number;
  thread: SimulatedProcess;
  shared: SharedState;
  start: FeedStart;
  disk: DiskTier | undefined;
  dialer: Dialer;
  chance: Chance;
  wrap(state: PurgeState): PurgeState;
  onApplied(): void;
}

const keySpace = createKeySpace(simulatedTopology.sites, simulatedTopology.network);
const port = 80;

/** Starts a worker with what the node holds of the journal. */
export function startWorker(options: WorkerOptions): SimulatedWorker {
  const { thread, shared, chance } = options;
  const { clock } = thread;
  const channel = new MessageChannel();
  const purges = options.wrap(
    createPurgeState(
      { clock },
      createPurgeFeed({
        port: channel.port2,
        shared,
        start: options.start,
        normalise: () => keySpace.normalise,
        onTopology: () => {},
        onFloor: () => {},
        onUnreadable: () => {},
        onApplied(generation) {
          worker.appliedGeneration = generation;
          options.onApplied();
        },
      }),
    ),
  );
  const deps = { clock, random: chance, log: silentLog, metrics: noMetrics };
  const origins = createOrigins({ ...deps, dialer: options.dialer });
  const upstream =
    options.role === 'shield'
      ? origins
      : createShields({
          ...deps,
          dialer: options.dialer,
          topology: simulatedTopology,
          nodeId: options.id,
          origins,
        });
  const engine = createEngine(
    { ...deps, upstream, purges, disk: options.disk, shared, keySpace: () => keySpace },
    engineStart(options, channel.port2),
  );
  const worker: SimulatedWorker = {
    engine,
    purges,
    appliedGeneration: options.start.generation,
    thread,
    post: (generation, change) =>
      channel.port1.postMessage({ generation, change } satisfies FeedMessage),
    take(asked, receiver) {
      const { req, res, leave } = createExchange(asked, receiver);
      handle(engine.handle, req, res).catch(() => res.destroy());
      return () => thread.run(leave);
    },
    close() {
      channel.port1.close();
      options.disk?.close();
    },
  };
  return worker;
}

function engineStart(
  { id, role, instance, index, count, shared, start }: WorkerOptions,
  purgePort: MessagePort,
) {
  return {
    role,
    nodeId: id,
    topology: simulatedTopology,
    index,
    count,
    shared: shared.buffer,
    listen: { host: '127.0.0.1', port },
    reusePort: false,
    hostPorts: [port],
    memoryBytes: 2 ** 22,
    diskFile: null,
    maxObjectBytes: 2 ** 20,
    capacity: 1000,
    purges: start,
    purgePort,
    writerPort: null,
    instance,
  };
}
