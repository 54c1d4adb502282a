/**
 * The main thread's hold on its workers: starts them one after the other (the first binds and tells the port), connects each with
 * each, publishes purges, replaces the one that ends or falls silent.
 *
 * Invariant: `publish` resolves only when every worker that runs has applied the change, one that is still starting or being
 * ended included; one that is started meanwhile starts from the change, so it counts as well.
 */
import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads';
import type { ImaginedRequest, WorkerExplanation } from '../cache/explain.ts';
import type { MemoryFinding } from '../cache/memory-dry-run.ts';
import type { DryRunQuestion } from '../purge/dry-run.ts';
import { type Clock, every } from '../runtime/deps.ts';
import type { Log } from '../runtime/log.ts';
import type { Metrics, MetricsSnapshot } from '../runtime/metrics.ts';
import type { FeedChange, FeedMessage, FeedStart } from './purge-feed.ts';
import type { SharedState } from './shared-state.ts';
import { createWorkerCalls, type WorkerReply } from './worker-calls.ts';
import type { FromWorker, ToWorker, WorkerStart, WorkerStats } from './worker-messages.ts';

export interface WorkerPool {
  /** Starts all workers; resolves with the port that they listen on. Rejects with what the first could not do. */
  start(): Promise<number>;
  /** Gives a change to all workers; resolves when all have applied it. */
  publish(change: FeedChange): Promise<void>;
  snapshots(): Promise<{ metrics: MetricsSnapshot; stats: WorkerStats }[]>;
  /** What each worker says of a request that nobody has sent; those that do not answer in time are left out. */
  explain(request: ImaginedRequest): Promise<{ worker: number; explanation: WorkerExplanation }[]>;
  /** What each worker finds in its memory; undefined for one that does not answer in time. */
  dryRun(question: DryRunQuestion, limitMs: number): Promise<(MemoryFinding | undefined)[]>;
  /** Asks one worker; undefined: it does not run, or does not answer within the limit and a second. */
  ask(
    index: number,
    question: (call: number) => ToWorker,
    limitMs: number,
  ): Promise<WorkerReply | undefined>;
  drain(limitMs: number): Promise<void>;
  readonly running: number;
}

export interface WorkerPoolOptions {
  clock: Clock;
  log: Log;
  metrics: Metrics;
  shared: SharedState;
  count: number;
  /** The service's worker file. */
  file: URL;
  /** What worker `index` starts with; ports are added here. */
  startOf: (
    index: number,
    port: number | undefined,
  ) => Omit<WorkerStart, 'purges' | 'purgePort' | 'writerPort'>;
  /** The purges that a worker which starts now builds its index from. */
  purges: () => Omit<FeedStart, 'generation'>;
  /** A connection to the writer thread; null: no disk tier. */
  connectWriter: () => MessagePort | null;
  onPurge: (
    message: Extract<FromWorker, { type: 'purge' }>,
    reply: (message: ToWorker) => void,
  ) => void;
}

/** A worker whose heartbeat stands still for so long is ended and replaced (DESIGN section 1). */
const silentMs = 2000;
/** The same for one that has not come to listen: it loads code and opens files. */
const startLimitMs = 30_000;
const checkMs = 500;
const restartMs = 200;
const answerLimitMs = 1000;

interface Member {
  worker: Worker;
  purgePort: MessagePort;
  appliedGeneration: number;
  lastBeat: number;
  lastBeatMs: number;
  /** False until it listens: a worker that is still starting may be silent for longer. */
  isListening: boolean;
  /** It was silent for too long and is being ended. */
  isSilent: boolean;
}

/** Creates the pool; no worker runs yet. */
export function createWorkerPool(options: WorkerPoolOptions): WorkerPool {
  const { clock, log, shared, count } = options;
  const members = new Map<number, Member>();
  const waiters = new Set<() => void>();
  const calls = createWorkerCalls(clock);
  const countReplaced = options.metrics.counter(
    'breakwater_node_workers_replaced_total',
    'Worker threads that were replaced, by reason.',
    ['reason'],
  );
  let generation = 0;
  let boundPort: number | undefined;
  let hasStarted = false;
  let isDraining = false;
  const settle = () => {
    for (const check of [...waiters]) check();
  };

  const launch = (index: number): Promise<number> => {
    const purges = new MessageChannel();
    const writerPort = options.connectWriter();
    const data: WorkerStart = {
      ...options.startOf(index, boundPort),
      purges: { ...options.purges(), generation },
      purgePort: purges.port2,
      writerPort,
    };
    const transferList = writerPort ? [purges.port2, writerPort] : [purges.port2];
    const worker = new Worker(options.file, {
      workerData: data,
      transferList,
      name: `worker ${index}`,
    });
    const member: Member = {
      worker,
      purgePort: purges.port1,
      appliedGeneration: generation,
      lastBeat: shared.heartbeat(index),
      lastBeatMs: clock.monotonicMs(),
      isListening: false,
      isSilent: false,
    };
    members.set(index, member);
    connectToOthers(index, worker);
    return listening(index, member);
  };

  const connectToOthers = (index: number, worker: Worker) => {
    for (const [other, { worker: peer }] of members) {
      if (other === index) continue;
      const link = new MessageChannel();
      worker.postMessage({ type: 'peer', index: other, port: link.port1 } satisfies ToWorker, [
        link.port1,
      ]);
      peer.postMessage({ type: 'peer', index, port: link.port2 } satisfies ToWorker, [link.port2]);
    }
  };

  const listening = (index: number, member: Member): Promise<number> => {
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    const { worker } = member;
    worker.on('message', (message: FromWorker) => {
      if (message.type === 'listening') {
        member.isListening = true;
        member.lastBeatMs = clock.monotonicMs();
        resolve(message.port);
      } else receive(member, message);
    });
    worker.on('error', (error) => {
      // Before all have started, `start` tells the error.
      if (hasStarted) log.error({ err: error, worker: index }, 'a worker failed');
      reject(error);
    });
    worker.on('exit', () => {
      reject(new Error(`worker ${index} ended`));
      // Not before: until a thread has ended, a change counts as applied only when it says so.
      members.delete(index);
      member.purgePort.close();
      settle();
      if (hasStarted && !isDraining) replace(index, member.isSilent ? 'silent' : 'ended');
    });
    return promise;
  };

  const receive = (member: Member, message: FromWorker) => {
    switch (message.type) {
      case 'applied':
        member.appliedGeneration = message.generation;
        settle();
        break;
      case 'snapshot':
      case 'explained':
      case 'dry-ran':
      case 'hottest':
      case 'refilled':
        calls.settle(message);
        break;
      case 'purge':
        options.onPurge(message, (reply) => member.worker.postMessage(reply));
        break;
      default:
        break;
    }
  };

  const replace = (index: number, reason: 'ended' | 'silent') => {
    countReplaced({ reason });
    log.error({ worker: index, reason }, 'replacing a worker');
    shared.clear(index);
    clock.after(restartMs, () => {
      if (isDraining || members.has(index)) return;
      // The thread's end is what is acted upon, whether it came to listen or not.
      launch(index).catch((error: unknown) => {
        log.error({ err: error, worker: index }, 'a worker could not be replaced');
      });
    });
  };

  let checkedAtMs = clock.monotonicMs();
  const checkHeartbeats = () => {
    const nowMs = clock.monotonicMs();
    // While the whole process stood still (SIGSTOP, a machine without time to give) nobody could beat.
    const lostMs = Math.max(0, nowMs - checkedAtMs - checkMs);
    checkedAtMs = nowMs;
    for (const [index, member] of members) {
      member.lastBeatMs = Math.min(nowMs, member.lastBeatMs + lostMs);
      const beat = shared.heartbeat(index);
      if (beat !== member.lastBeat) {
        member.lastBeat = beat;
        member.lastBeatMs = nowMs;
      }
      const limitMs = member.isListening ? silentMs : startLimitMs;
      if (member.isSilent || nowMs - member.lastBeatMs <= limitMs) continue;
      member.isSilent = true;
      void member.worker.terminate();
    }
  };

  const send = (message: ToWorker) => {
    for (const { worker } of members.values()) worker.postMessage(message);
  };

  return {
    async start() {
      boundPort = await launch(0);
      const others = Array.from({ length: count - 1 }, (_, i) => launch(i + 1));
      await Promise.all(others);
      hasStarted = true;
      checkedAtMs = clock.monotonicMs();
      every(clock, checkMs, checkHeartbeats);
      return boundPort;
    },
    publish(change) {
      generation += 1;
      const wanted = generation;
      const message: FeedMessage = { generation, change };
      // Posted first, published second: a worker that sees the generation finds the change on its port.
      for (const member of members.values()) member.purgePort.postMessage(message);
      shared.publishGeneration(generation);
      send({ type: 'sync' });
      const { promise, resolve } = Promise.withResolvers<void>();
      const check = () => {
        for (const member of members.values()) if (member.appliedGeneration < wanted) return;
        waiters.delete(check);
        resolve();
      };
      waiters.add(check);
      check();
      return promise;
    },
    async snapshots() {
      const replies = [...members.values()].map(async ({ worker }) => {
        const question = (call: number): ToWorker => ({ type: 'snapshot', call });
        const reply = await calls.ask(worker, question, answerLimitMs);
        return reply?.type === 'snapshot' ? [{ metrics: reply.metrics, stats: reply.stats }] : [];
      });
      return (await Promise.all(replies)).flat();
    },
    async explain(request) {
      const replies = [...members].map(async ([index, { worker }]) => {
        const question = (call: number): ToWorker => ({ type: 'explain', call, request });
        const reply = await calls.ask(worker, question, answerLimitMs);
        return reply?.type === 'explained'
          ? [{ worker: index, explanation: reply.explanation }]
          : [];
      });
      return (await Promise.all(replies)).flat().sort((a, b) => a.worker - b.worker);
    },
    dryRun(question, limitMs) {
      const replies = [...members.values()].map(async ({ worker }) => {
        const order = (call: number): ToWorker => ({ type: 'dry-run', call, question, limitMs });
        const reply = await calls.ask(worker, order, limitMs + answerLimitMs);
        return reply?.type === 'dry-ran' ? reply.finding : undefined;
      });
      return Promise.all(replies);
    },
    async ask(index, question, limitMs) {
      const member = members.get(index);
      return member && calls.ask(member.worker, question, limitMs + answerLimitMs);
    },
    async drain(limitMs) {
      isDraining = true;
      const all = [...members.values()].map(
        ({ worker }) =>
          new Promise<void>((resolve) => {
            worker.on('message', (message: FromWorker) => {
              if (message.type === 'drained') resolve();
            });
            worker.once('exit', () => resolve());
          }),
      );
      send({ type: 'drain', limitMs });
      await Promise.all(all);
    },
    get running() {
      return members.size;
    },
  };
}
