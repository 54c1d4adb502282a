/**
 * Hands journal entries to the node in order, a batch at a time, and tries again what fails. A reset overtakes every entry
 * that waits, because those belong to a past that no longer counts.
 *
 * Invariants: `apply` and `reset` never overlap; `onMoved` is called only after one of them has resolved.
 */
import { createBoundedQueue } from '../runtime/bounded-queue.ts';
import type { Clock } from '../runtime/deps.ts';
import type { Log } from '../runtime/log.ts';
import type { JournalEntry, Position } from './command.ts';
import { entryBytes } from './intake.ts';

/** Entries given to one `apply`. */
const maxBatch = 500;
const maxQueuedEntries = 10_000;
const maxQueuedBytes = 32 * 2 ** 20;
const retryMs = 1000;

export interface ApplyPumpOptions {
  position(): Position | null;
  apply(entries: readonly JournalEntry[]): Promise<void>;
  reset(position: Position, reason: string): Promise<void>;
  /** `position()` may have moved; `applied` entries were new, or all was reset. */
  onMoved(applied: number): void;
  onFailure(): void;
  /** Nothing waits any more. */
  onIdle(): void;
}

export interface ApplyPump {
  /** False: there is no room; the entry must be asked for again. */
  push(entry: JournalEntry): boolean;
  /** Drops what waits, and resets once the batch in progress is done. */
  reset(position: Position, reason: string): void;
  /** Takes no further batch; resolves when the one in progress is done. */
  stop(): Promise<void>;
}

interface Reset {
  position: Position;
  reason: string;
}

/** Creates an idle pump. */
export function createApplyPump(
  { clock, log }: { clock: Clock; log: Log },
  options: ApplyPumpOptions,
): ApplyPump {
  const queue = createBoundedQueue<JournalEntry>({
    maxItems: maxQueuedEntries,
    maxBytes: maxQueuedBytes,
  });
  const stopping = new AbortController();
  let pending: Reset | undefined;
  let isRunning = false;
  let running: Promise<void> | undefined;

  /** Runs `step` until it succeeds, or until that is pointless. */
  const persist = async (step: () => Promise<void>, isPointless: () => boolean) => {
    while (!stopping.signal.aborted && !isPointless()) {
      try {
        return await step();
      } catch (error) {
        options.onFailure();
        log.error({ err: error }, 'purges could not be applied; trying again');
        await clock.sleep(retryMs, stopping.signal);
      }
    }
  };
  const runReset = async (reset: Reset) => {
    const { position, reason } = reset;
    await options.reset(position, reason);
    if (pending === reset) pending = undefined;
    options.onMoved(0);
  };
  const runBatch = async (batch: readonly JournalEntry[]) => {
    // A batch that failed half-way is tried again; what it did apply is not.
    const fresh = batch.filter(isAfter(options.position()));
    if (fresh.length > 0) await options.apply(fresh);
    options.onMoved(fresh.length);
  };
  const takeBatch = (): JournalEntry[] => {
    const batch: JournalEntry[] = [];
    for (let entry = queue.shift(); entry; entry = queue.shift()) {
      batch.push(entry);
      if (batch.length >= maxBatch) break;
    }
    return batch;
  };
  const run = async () => {
    while (!stopping.signal.aborted) {
      const reset = pending;
      if (reset) {
        const isOvertaken = () => pending !== reset;
        await persist(() => runReset(reset), isOvertaken);
        continue;
      }
      const batch = takeBatch();
      if (batch.length === 0) break;
      await persist(
        () => runBatch(batch),
        () => pending !== undefined,
      );
    }
    isRunning = false;
    options.onIdle();
  };
  const wake = () => {
    if (isRunning) return;
    isRunning = true;
    running = run();
  };
  return {
    push(entry) {
      const hasRoom = queue.push(entry, entryBytes(entry));
      wake();
      return hasRoom;
    },
    reset(position, reason) {
      for (let entry = queue.shift(); entry; entry = queue.shift()) {
        // These follow a position that is no longer ours.
      }
      pending = { position, reason };
      wake();
    },
    async stop() {
      stopping.abort();
      await running;
    },
  };
}

function isAfter(position: Position | null): (entry: JournalEntry) => boolean {
  return (entry) => position === null || entry.seq > position.seq;
}
