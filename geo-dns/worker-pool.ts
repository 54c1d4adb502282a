/**
 * The main thread's hold on the workers of a DNS server: starts them on one shared port, tells them what has changed, and replaces
 * the one that ends.
 */
import { Worker } from 'node:worker_threads';
import { formatHostPort, type HostPort } from '../core/runtime/addresses.ts';
import type { Clock, Timer } from '../core/runtime/deps.ts';
import type { Log } from '../core/runtime/log.ts';
import type { Metrics, MetricsSnapshot } from '../core/runtime/metrics.ts';
import type { Challenges } from './challenges.ts';
import type { MeasuredNetworks } from './measured/measured.ts';
import type { PopStanding } from './select.ts';
import type { DnsWorkerStart, FromDnsWorker, ServedData, ToDnsWorker } from './worker-messages.ts';

export interface DnsWorkerPool {
  /** `host:port` as bound. */
  readonly bound: string;
  takeServed(next: ServedData): void;
  takePops(pops: readonly PopStanding[]): void;
  takeChallenges(challenges: Challenges): void;
  takeMeasured(networks: MeasuredNetworks): void;
  /** The metrics of all workers; those that do not answer in time are left out. */
  snapshots(): Promise<MetricsSnapshot[]>;
  close(): Promise<void>;
}

export interface DnsWorkerPoolDeps {
  clock: Clock;
  log: Log;
  metrics: Metrics;
}

const restartMs = 200;
/** After a replacement that failed. */
const retryMs = 2000;
const answerLimitMs = 1000;
const closeLimitMs = 2000;

/** Starts `start.threads` workers; rejects with what the first could not do, nothing left running. */
export async function startDnsWorkers(
  deps: DnsWorkerPoolDeps,
  start: DnsWorkerStart,
): Promise<DnsWorkerPool> {
  const { clock, log } = deps;
  const countReplaced = deps.metrics.counter(
    'breakwater_dns_workers_replaced_total',
    'Worker threads of the DNS server that ended and were replaced.',
  );
  const members = new Set<Worker>();
  const calls = createCalls(clock);
  let { data, pops, challenges, measured } = start;
  let isClosing = false;
  const launch = async (listen: HostPort): Promise<number> => {
    const workerData: DnsWorkerStart = { ...start, listen, data, pops, challenges, measured };
    const worker = new Worker(new URL('./worker.ts', import.meta.url), { workerData });
    let isListening = false;
    members.add(worker);
    worker.on('message', (message: FromDnsWorker) => {
      if (message.type === 'snapshot') calls.settle(message.call, message.metrics);
    });
    worker.once('exit', () => {
      members.delete(worker);
      // One that has not come to listen is a failure of whoever started it.
      if (isListening && !isClosing) replaceLater(listen);
    });
    const port = await listening(worker);
    isListening = true;
    return port;
  };
  const replaceLater = (listen: HostPort) => {
    countReplaced();
    log.error('a worker of the DNS server has ended: replacing it');
    clock.after(restartMs, () => {
      if (isClosing) return;
      launch(listen).catch((error: unknown) => {
        log.error({ err: error }, 'a worker of the DNS server could not be replaced');
        clock.after(retryMs, () => replaceLater(listen));
      });
    });
  };
  const tell = (message: ToDnsWorker) => {
    for (const worker of members) worker.postMessage(message);
  };
  const close = async () => {
    isClosing = true;
    await Promise.all([...members].map((worker) => closed(clock, worker)));
  };
  const listen = await launchAll(launch, start).catch(async (error: unknown) => {
    await close();
    throw error;
  });
  return {
    bound: formatHostPort(listen),
    takeServed({ topology, files }) {
      data = { topology, files };
      tell({ type: 'served', data });
    },
    takePops(next) {
      pops = next;
      tell({ type: 'pops', pops });
    },
    takeChallenges(next) {
      challenges = next;
      tell({ type: 'challenges', challenges });
    },
    takeMeasured(next) {
      measured = next;
      tell({ type: 'measured', measured });
    },
    async snapshots() {
      const asked = [...members].map((worker) => calls.ask(worker));
      return (await Promise.all(asked)).filter((snapshot) => snapshot !== undefined);
    },
    close,
  };
}

/** The first one learns the port, where the system chooses it. */
async function launchAll(
  launch: (listen: HostPort) => Promise<number>,
  { listen, threads }: DnsWorkerStart,
): Promise<HostPort> {
  const shared = { ...listen, port: await launch(listen) };
  await Promise.all(Array.from({ length: threads - 1 }, () => launch(shared)));
  return shared;
}

function listening(worker: Worker): Promise<number> {
  return new Promise((resolve, reject) => {
    worker.on('message', (message: FromDnsWorker) => {
      if (message.type === 'listening') resolve(message.port);
    });
    worker.on('error', reject);
    worker.once('exit', () => reject(new Error('a worker of the DNS server ended')));
  });
}

/** Resolves when the worker has closed its listeners, or does not in time; it is ended then. */
async function closed(clock: Clock, worker: Worker): Promise<void> {
  await new Promise<void>((resolve) => {
    worker.on('message', (message: FromDnsWorker) => {
      if (message.type === 'closed') resolve();
    });
    worker.once('exit', () => resolve());
    clock.after(closeLimitMs, () => resolve());
    worker.postMessage({ type: 'close' } satisfies ToDnsWorker);
  });
  await worker.terminate();
}

/** Questions for snapshots that wait for their answers. */
function createCalls(clock: Clock) {
  const open = new Map<
    number,
    { resolve(value: MetricsSnapshot | undefined): void; timer: Timer }
  >();
  let last = 0;
  const settle = (call: number, snapshot: MetricsSnapshot | undefined) => {
    const waiting = open.get(call);
    open.delete(call);
    waiting?.timer.cancel();
    waiting?.resolve(snapshot);
  };
  return {
    settle,
    ask(worker: Worker): Promise<MetricsSnapshot | undefined> {
      last += 1;
      const call = last;
      return new Promise((resolve) => {
        const timer = clock.after(answerLimitMs, () => settle(call, undefined));
        open.set(call, { resolve, timer });
        worker.postMessage({ type: 'snapshot', call } satisfies ToDnsWorker);
      });
    },
  };
}
