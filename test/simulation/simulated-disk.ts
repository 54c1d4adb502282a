/**
 * The disk tier of a simulated node: SQLite as in production, on a real file. A killed process leaves what was committed; a power cut
 * takes the end of the write-ahead log with it, which is not synced at each commit.
 */
import { copyFileSync, existsSync, rmSync, statSync, truncateSync } from 'node:fs';
import type { DiskReport, FromWriter, ToWriter } from '../../core/cache/disk-messages.ts';
import { createDiskReader } from '../../core/cache/disk-reader.ts';
import { createDiskTier, type DiskTier } from '../../core/cache/disk-tier.ts';
import { createDiskWriter, type DiskWriter } from '../../core/cache/disk-writer.ts';
import { createKeySpace } from '../../core/cache/key.ts';
import type { NodeWriter } from '../../core/cache-node/node-purges.ts';
import { silentLog } from '../../core/runtime/log.ts';
import { noMetrics } from './silence.ts';
import type { SimulatedProcess } from './simulated-process.ts';
import { simulatedTopology } from './simulated-topology.ts';
import { createThreadPorts } from './thread-port.ts';

export interface SimulatedDisk {
  host: NodeWriter;
  /** A worker's tier. */
  tierFor(thread: SimulatedProcess): DiskTier;
  /** The process has ended; `keptShare` of the write-ahead log survives (1: all that was committed). */
  crash(keptShare: number): void;
  close(): void;
}

export interface DiskOptions {
  file: string;
  main: SimulatedProcess;
  thread: SimulatedProcess;
  nowMs: () => number;
  /** How long a message between threads takes. */
  delayMs: () => number;
  onReport(report: DiskReport): void;
}

const budgetBytes = 8 * 2 ** 20;
const keySpace = createKeySpace(simulatedTopology.sites, simulatedTopology.network);

/** Opens the file of a node for a process that starts. */
export function openSimulatedDisk(options: DiskOptions): SimulatedDisk {
  const { file, main, thread, delayMs, nowMs } = options;
  const deps = { clock: thread.clock, log: silentLog, metrics: noMetrics };
  const writer = createDiskWriter(deps, {
    file,
    budgetBytes,
    normalise: keySpace.normalise,
    sweepIntervalMs: 5000,
    graceMs: 1000,
    onReport: (report) => main.later(delayMs(), () => options.onReport(report)),
  });
  const tiers: DiskTier[] = [];
  const ask = (message: Parameters<DiskWriter['control']>[0]): Promise<void> => {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    thread.later(delayMs(), () => {
      writer.control(message).then(
        () => main.later(delayMs(), resolve),
        (error: unknown) => main.later(delayMs(), () => reject(error)),
      );
    });
    return promise;
  };
  return {
    host: {
      journal: writer.entriesFrom(0),
      apply: (entries, position) => ask({ type: 'apply', call: 0, entries, position }),
      reset: (position) => ask({ type: 'reset', call: 0, position }),
    },
    tierFor(worker) {
      const [near, far] = createThreadPorts([worker, thread], nowMs, delayMs);
      const connection = writer.connect({ post: (message) => far.postMessage(message) });
      far.on('message', (message: ToWriter) => connection.receive(message));
      const reader = createDiskReader({ ...deps, clock: worker.clock }, { file });
      const tier = createDiskTier({
        clock: worker.clock,
        metrics: noMetrics,
        reader,
        toWriter: { post: (message) => near.postMessage(message) },
      });
      near.on('message', (message: FromWriter) => tier.receive(message));
      tiers.push(tier);
      return tier;
    },
    crash(keptShare) {
      const kept = `${file}.kept`;
      copyFileSync(file, kept);
      const wal = `${file}-wal`;
      if (existsSync(wal)) copyFileSync(wal, `${kept}-wal`);
      this.close();
      for (const suffix of ['', '-wal', '-shm']) rmSync(`${file}${suffix}`, { force: true });
      copyFileSync(kept, file);
      rmSync(kept);
      if (!existsSync(`${kept}-wal`)) return;
      copyFileSync(`${kept}-wal`, wal);
      rmSync(`${kept}-wal`);
      truncateSync(wal, Math.floor(statSync(wal).size * keptShare));
    },
    close() {
      for (const tier of tiers) tier.close();
      writer.close();
    },
  };
}
