/**
 * Clients that read at a rate, in a thread of their own so that they disturb no measurement, and judge every answer: what is read
 * after a purge has converged must not be of an older version than the purge wanted gone.
 */
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { createAgent, send } from '../support/network/client.ts';

export interface ReaderPlan {
  /** `http://127.0.0.1:PORT` of every PoP. */
  bases: string[];
  host: string;
  paths: string[];
  perSecond: number;
}

export interface ReadCounts {
  reads: number;
  /** Bodies of a version that had been proved gone before the read began. */
  stale: number;
  failed: number;
  /** Not sent because too many were under way: the rate was not reached. */
  skipped: number;
}

export interface Readers {
  /** From now on nothing older may be read. */
  require(version: number): void;
  /** Ends the reads and tells what they were. */
  stop(): Promise<ReadCounts>;
}

interface ThreadStart extends ReaderPlan {
  required: SharedArrayBuffer;
}

const tickMs = 5;
const maxUnderWay = 500;

/** Starts reading. */
export function startReaders(plan: ReaderPlan): Readers {
  const required = new SharedArrayBuffer(4);
  const cell = new Int32Array(required);
  const thread = new Worker(new URL(import.meta.url), {
    workerData: { ...plan, required } satisfies ThreadStart,
  });
  return {
    require: (version) => void Atomics.store(cell, 0, version),
    async stop() {
      const told = new Promise<ReadCounts>((resolve, reject) => {
        thread.once('message', resolve);
        thread.once('error', reject);
      });
      thread.postMessage('stop');
      const counts = await told;
      await thread.terminate();
      return counts;
    },
  };
}

/** One read, judged: the version that was required when it began against the one that came. */
async function read(url: string, target: string, plan: ThreadStart, counts: ReadCounts) {
  const required = Atomics.load(new Int32Array(plan.required), 0);
  try {
    const got = await send({ base: url, path: target, host: plan.host, agent });
    counts.reads += 1;
    if (got.status !== 200) counts.failed += 1;
    else if (Number(got.text) < required) counts.stale += 1;
  } catch {
    counts.failed += 1;
  }
}

const agent = createAgent();

function runThread(plan: ThreadStart): void {
  const counts: ReadCounts = { reads: 0, stale: 0, failed: 0, skipped: 0 };
  const underWay = new Set<Promise<void>>();
  const beganMs = performance.now();
  let sent = 0;
  const timer = setInterval(() => {
    const due = ((performance.now() - beganMs) / 1000) * plan.perSecond;
    for (; sent < due; sent += 1) {
      if (underWay.size >= maxUnderWay) {
        counts.skipped += 1;
        continue;
      }
      const base = plan.bases[sent % plan.bases.length] ?? '';
      const target = plan.paths[Math.floor(sent / plan.bases.length) % plan.paths.length] ?? '';
      const reading = read(base, target, plan, counts).finally(() => underWay.delete(reading));
      underWay.add(reading);
    }
  }, tickMs);
  parentPort?.once('message', async () => {
    clearInterval(timer);
    await Promise.all(underWay);
    parentPort?.postMessage(counts);
  });
}

if (!isMainThread && workerData) runThread(workerData as ThreadStart);
