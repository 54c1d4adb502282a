/** What travels between the main thread of a caching node and its writer thread; workers speak to it on ports of their own. */
import type { MessagePort } from 'node:worker_threads';
import type { DiskHottest } from '../cache/disk-hottest.ts';
import type {
  ControlReply,
  ControlToWriter,
  DiskReport,
  JournalContents,
} from '../cache/disk-messages.ts';
import type { DiskWriterOptions } from '../cache/disk-writer.ts';
import type { DryRunFinding, DryRunQuestion } from '../purge/dry-run.ts';
import type { LogLevel } from '../runtime/log.ts';
import type { MetricsSnapshot } from '../runtime/metrics.ts';
import type { Site } from '../topology/schema.ts';

/** What the writer thread starts with (`workerData`). */
export interface WriterStart {
  service: string;
  nodeId: string;
  logLevel?: LogLevel;
  disk: Omit<DiskWriterOptions, 'normalise' | 'onReport'>;
  /** Their query rules are those of the purges' URLs. */
  sites: readonly Site[];
}

export type ToWriterThread =
  | ControlToWriter
  /** Adds a worker: it speaks `ToWriter` and hears `FromWriter` on this port. */
  | { type: 'connect'; port: MessagePort }
  | { type: 'snapshot'; call: number }
  | { type: 'dry-run'; call: number; question: DryRunQuestion; limitMs: number }
  | { type: 'hottest'; call: number; question: DryRunQuestion; limit: number; limitMs: number }
  /** Other sites: what is applied from now on is read by their rules. */
  | { type: 'sites'; sites: readonly Site[] }
  /** Commits everything, closes the file, ends the thread. */
  | { type: 'close'; call: number };

export type FromWriterThread =
  | ControlReply
  | DiskReport
  /** The file is open; the purges that indexes are built from. */
  | { type: 'ready'; journal: JournalContents }
  | { type: 'snapshot'; call: number; metrics: MetricsSnapshot }
  | { type: 'dry-ran'; call: number; finding: DryRunFinding }
  | { type: 'hottest'; call: number; found: DiskHottest };
