/**
 * A caching node on a simulated machine: the subscriber, the node's state of purges, and its workers, put together as
 * `core/cache-node/cache-node.ts` does; threads are processes that share their machine and their fate.
 */
import { createNodeHealth, type NodeHealth } from '../../core/cache-node/node-health.ts';
import { createNodePurges, type NodePurges } from '../../core/cache-node/node-purges.ts';
import { sharedState } from '../../core/cache-node/shared-state.ts';
import type { Position } from '../../core/purge/command.ts';
import type { LeaseCells } from '../../core/purge/lease.ts';
import { createSubscriber, type Subscriber } from '../../core/purge/subscriber.ts';
import type { DialDuplex } from '../../core/runtime/duplex.ts';
import { silentLog } from '../../core/runtime/log.ts';
import type { Chance } from './chance.ts';
import type { ControlWire } from './control-wire.ts';
import type { DataWire } from './data-wire.ts';
import { noMetrics } from './silence.ts';
import { openSimulatedDisk, type SimulatedDisk } from './simulated-disk.ts';
import { connectWorkers, createPool } from './simulated-pool.ts';
import { type Machine, type SimulatedProcess, startProcess } from './simulated-process.ts';
import { leaseMs, simulatedTopology } from './simulated-topology.ts';
import { type SimulatedWorker, startWorker } from './simulated-worker.ts';
import type { VirtualTime } from './virtual-time.ts';
import type { Wiring } from './wiring.ts';

export interface SimulatedNode {
  readonly id: string;
  readonly place: string;
  readonly instance: string;
  readonly workers: readonly SimulatedWorker[];
  readonly purges: NodePurges;
  readonly isPaused: boolean;
  /** Whether it holds a lease, as its workers see it at a request. */
  isHeld(): boolean;
  pause(): void;
  resume(): void;
  /** One worker stands still until the returned call. */
  hang(index: number): () => void;
  /** Says goodbye, then ends. */
  stop(): Promise<void>;
  /** The process dies; of its file's log only a share is left after a power cut. */
  kill(keptShare: number): void;
  /** The world is over: everything is closed. */
  close(): void;
}

export interface NodeOptions {
  /** Its id in the topology, and where it runs. */
  id: string;
  place: string;
  role: 'edge' | 'shield';
  time: VirtualTime;
  machine: Machine;
  chance: Chance;
  control: ControlWire;
  data: DataWire;
  wiring: Wiring;
  instance: string;
  succeeds: readonly string[];
  workerCount: number;
  /** Null: no disk tier. */
  file: string | null;
  /** The node says on its stream that it has applied everything up to a position. */
  onAcknowledged(position: Position): void;
  /** The node holds a lease that it did not hold. */
  onLease(): void;
}

/** Starts a node. */
export function startNode(options: NodeOptions): SimulatedNode {
  const { id, place, time, machine, chance, wiring, workerCount } = options;
  const main = startProcess(time, machine);
  const threads = Array.from({ length: workerCount }, () => startProcess(time, machine));
  const writerThread = startProcess(time, machine);
  const all = [main, writerThread, ...threads];
  const { clock } = main;
  const threadMs = () => (chance.isLikely(0.05) ? chance.between(1, 60) : chance.between(0, 1));
  const shared = sharedState({ workers: workerCount });
  const cells = wiring.leaseCells(shared.lease, clock, leaseMs);
  let subscriber: Subscriber | undefined;
  const disk: SimulatedDisk | undefined =
    options.file === null
      ? undefined
      : openSimulatedDisk({
          file: options.file,
          main,
          thread: writerThread,
          nowMs: time.nowMs,
          delayMs: threadMs,
          onReport(report) {
            if (report.type === 'swept') purges.forget(report.seq);
            else subscriber?.matched(report.seq, report.responses);
          },
        });
  const purges = createNodePurges(silentLog, disk?.host);
  const pool = createPool({ main, shared, threadMs });
  purges.attach({ publish: wiring.publish(pool.publish, clock) });
  const workers = threads.map((thread, index) =>
    startWorker({
      id,
      role: options.role,
      instance: options.instance,
      index,
      count: workerCount,
      thread,
      shared,
      start: { ...purges.feedStart(), generation: 0 },
      disk: disk?.tierFor(thread),
      dialer: wiring.dialer(options.data.dialerFrom(place, thread)),
      chance,
      wrap: wiring.purges,
      onApplied: pool.applied,
    }),
  );
  pool.workers.push(...workers);
  connectWorkers(workers, time, threadMs);
  const node: SimulatedNode = {
    id,
    place,
    instance: options.instance,
    workers,
    purges,
    get isPaused() {
      return main.isPaused;
    },
    isHeld: () => shared.lease.isHeld(clock.monotonicMs(), clock.nowMs()),
    pause() {
      for (const process of all) process.pause();
    },
    resume() {
      for (const process of all) process.resume(chance.shuffle);
    },
    hang(index) {
      const thread = threads[index];
      thread?.pause();
      return () => thread?.resume(chance.shuffle);
    },
    async stop() {
      shared.setDraining();
      subscriber?.renewNow();
      await subscriber?.stop();
      end();
      disk?.close();
    },
    kill(keptShare) {
      end();
      disk?.crash(keptShare);
    },
    close() {
      end();
      disk?.close();
    },
  };
  const end = () => {
    for (const process of all) process.kill();
    for (const worker of workers) worker.close();
  };
  subscriber = follow(options, main, {
    purges,
    cells,
    health: createNodeHealth({ clock, shared, workers: workerCount, capacity: 1000 }),
  });
  options.data.serve(place, {
    process: threads[0] ?? main,
    take(asked, receiver) {
      const worker = workers[chance.below(workers.length)];
      let leave = () => {};
      worker?.thread.run(() => {
        leave = worker.take(asked, receiver);
      });
      return () => leave();
    },
  });
  return node;
}

/** The node's side of the stream. */
function follow(
  options: NodeOptions,
  main: SimulatedProcess,
  parts: { purges: NodePurges; cells: LeaseCells; health: NodeHealth },
): Subscriber {
  const { id, place, wiring, chance, control } = options;
  const { purges, cells, health } = parts;
  const dial = observed(wiring.dial(control.dialFrom(place, main)), options.onAcknowledged);
  const subscriber = createSubscriber(
    { clock: main.clock, random: chance, log: silentLog, metrics: noMetrics, dial },
    {
      topology: simulatedTopology,
      node: { id, role: options.role },
      instance: options.instance,
      wantsView: false,
      position: purges.position,
      apply: purges.apply,
      reset: purges.reset,
      health: health.now,
      onRequest: () => Promise.reject(new Error('not asked in the simulation')),
      leaseCells: cells,
      succeeds: options.succeeds,
    },
  );
  subscriber.onLease(() => {
    subscriber.renewNow();
    options.onLease();
  });
  return subscriber;
}

/** Hears of the acknowledgements that go out. */
function observed(dial: DialDuplex, onAck: (position: Position) => void): DialDuplex {
  return (deps, options) =>
    dial(deps, {
      ...options,
      onOpen: (duplex) =>
        options.onOpen({
          ...duplex,
          send(message) {
            const { type, position } = message as { type: string; position: Position };
            if (type === 'ack') onAck(position);
            return duplex.send(message);
          },
        }),
    });
}
