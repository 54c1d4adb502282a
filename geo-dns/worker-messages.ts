/** What travels between the main thread of a DNS server and its workers. */
import type { HostPort } from '../core/runtime/addresses.ts';
import type { MetricsSnapshot } from '../core/runtime/metrics.ts';
import type { TopologyWithSecret } from '../core/topology/secret-file.ts';
import type { Challenges } from './challenges.ts';
import type { MeasuredNetworks } from './measured/measured.ts';
import type { PopStanding } from './select.ts';
import type { ZoneFiles } from './zone-source.ts';

/** What a worker answers from: it reads the files that the configuration names itself. */
export interface ServedData {
  topology: TopologyWithSecret;
  /** What zone files held when they were last good. */
  files: ZoneFiles;
}

/** What a worker thread starts with (`workerData`). */
export interface DnsWorkerStart {
  nodeId: string;
  listen: HostPort;
  threads: number;
  data: ServedData;
  pops: readonly PopStanding[];
  challenges: Challenges;
  measured: MeasuredNetworks;
}

export type ToDnsWorker =
  | { type: 'served'; data: ServedData }
  | { type: 'pops'; pops: readonly PopStanding[] }
  | { type: 'challenges'; challenges: Challenges }
  | { type: 'measured'; measured: MeasuredNetworks }
  | { type: 'snapshot'; call: number }
  | { type: 'close' };

export type FromDnsWorker =
  | { type: 'listening'; port: number }
  | { type: 'snapshot'; call: number; metrics: MetricsSnapshot }
  | { type: 'closed' };
