/**
 * What `up` tells while it runs. `--json` prints each event as one line, and that is a contract for tests and tools:
 * fields are added, never changed. People get the same events in words (`report.ts`).
 */

import type { LineToTry, PageToBrowse } from './lines-to-try.ts';
import type { ProcessPlan } from './plan.ts';

/** A process of the network, as it stands. */
export interface ProcessState {
  id: string;
  role: ProcessPlan['role'];
  place: string;
  pid: number | undefined;
  /** What was bound, `host:port`; as configured until then. */
  listen: string;
  admin: string | undefined;
  state: 'starting' | 'started' | 'ready' | 'not ready' | 'ended';
  /** Why it is not ready, in words. */
  reason?: string;
  restarts: number;
}

export type UpEvent =
  | { event: 'starting'; network: string; file: string; dataDir: string; processes: number }
  | { event: 'started'; id: string; pid: number; listen: string; admin: string | undefined }
  | {
      event: 'ready';
      tookMs: number;
      nodes: ProcessState[];
      try: LineToTry[];
      browse: PageToBrowse[];
    }
  /** Everything runs, but some nodes do not serve yet; `ready` follows when they do. */
  | { event: 'waiting'; waitedMs: number; nodes: ProcessState[] }
  | {
      event: 'ended';
      id: string;
      /** `code 1` or `signal SIGKILL`, with what the node said if it said anything. */
      why: string;
      delayMs: number;
      restart: number;
    }
  | { event: 'restarted'; id: string; pid: number; restart: number }
  | { event: 'reload'; told: number }
  | { event: 'reload-refused'; reason: string }
  | { event: 'note'; text: string }
  | { event: 'stopping'; reason: string }
  | { event: 'stopped'; tookMs: number; killed: string[] }
  | { event: 'failed'; reason: string };

export type Report = (event: UpEvent) => void;
