/** What travels between the main thread of a caching node and its workers, beside purges (their own port) and the mesh. */
import type { MessagePort } from 'node:worker_threads';
import type { ImaginedRequest, WorkerExplanation } from '../cache/explain.ts';
import type { MemoryFinding } from '../cache/memory-dry-run.ts';
import type { HottestQuestion, MemoryHottest } from '../cache/memory-hottest.ts';
import type { DryRunQuestion } from '../purge/dry-run.ts';
import type { RefillOrder, RefillReport } from '../purge/warm.ts';
import type { HostPort } from '../runtime/addresses.ts';
import type { MetricsSnapshot } from '../runtime/metrics.ts';
import type { TopologyWithSecret } from '../topology/secret-file.ts';
import type { FeedStart } from './purge-feed.ts';

/** What a worker thread starts with (`workerData`). */
export interface WorkerStart {
  role: 'edge' | 'shield';
  nodeId: string;
  topology: TopologyWithSecret;
  /** This worker's number and how many there are. */
  index: number;
  count: number;
  shared: SharedArrayBuffer;
  listen: HostPort;
  /** Several sockets share the port; the kernel spreads connections. */
  reusePort: boolean;
  /** Ports that Host may name. */
  hostPorts: readonly number[];
  memoryBytes: number;
  /** The disk tier's file; null: none. */
  diskFile: string | null;
  maxObjectBytes: number;
  /** Requests under way at which the node counts as fully loaded. */
  capacity: number;
  purges: FeedStart;
  purgePort: MessagePort;
  /** Null: no disk tier. */
  writerPort: MessagePort | null;
  /** Distinguishes the request ids of process starts. */
  instance: string;
}

export type ToWorker =
  | { type: 'peer'; index: number; port: MessagePort }
  /** Something was published in shared memory: take it even if no request comes. */
  | { type: 'sync' }
  | { type: 'snapshot'; call: number }
  | { type: 'explain'; call: number; request: ImaginedRequest }
  | { type: 'dry-run'; call: number; question: DryRunQuestion; limitMs: number }
  | ({ type: 'hottest'; call: number } & HottestQuestion)
  | { type: 'refill'; call: number; order: RefillOrder; lanes: number }
  | {
      type: 'purge-appended';
      call: number;
      ok: boolean;
      id?: string;
      seq?: number;
      problem?: string;
    }
  | { type: 'drain'; limitMs: number };

export type FromWorker =
  | { type: 'listening'; port: number }
  | { type: 'applied'; generation: number }
  | { type: 'snapshot'; call: number; metrics: MetricsSnapshot; stats: WorkerStats }
  | { type: 'explained'; call: number; explanation: WorkerExplanation }
  | { type: 'dry-ran'; call: number; finding: MemoryFinding }
  | { type: 'hottest'; call: number; found: MemoryHottest }
  | { type: 'refilled'; call: number; report: RefillReport }
  /** RFC 9111 §4.4 is done by the workers; this is a `PURGE` on the public listener. */
  | { type: 'purge'; call: number; url: string; soft: boolean; token: string }
  | { type: 'drained' };

export interface WorkerStats {
  memoryBytes: number;
  memoryEntries: number;
  flights: number;
  flightBytes: number;
}
