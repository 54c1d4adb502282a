/** Purges that wait to be appended: one group at a time is under way, and what arrives meanwhile is the next. */
import type { Clock } from '../../core/runtime/deps.ts';
import type { AppendResult, Idempotency, PurgeCommand } from '../journal.ts';
import type { Append } from './append.ts';

export interface AppendQueue {
  add(command: PurgeCommand, idempotency?: Idempotency): Promise<AppendResult>;
  /** Resolves when nothing waits any more. */
  settle(): Promise<void>;
}

/** Messages that are sent to the server without waiting for one another. */
const maxGroup = 500;
/** Purges that may wait; more are refused. */
const maxWaiting = 20_000;

/** `limitMs`: how long a purge waits. `commit` resolves or rejects every member of its group, and never throws. */
export function createAppendQueue(
  clock: Clock,
  limitMs: number,
  commit: (group: Append[]) => Promise<void>,
): AppendQueue {
  let waiting: Append[] = [];
  let running: Promise<void> | undefined;
  const run = async () => {
    while (waiting.length > 0) {
      const group = waiting.slice(0, maxGroup);
      waiting = waiting.slice(maxGroup);
      await commit(group);
    }
    running = undefined;
  };
  return {
    add(command, idempotency) {
      if (waiting.length >= maxWaiting) {
        return Promise.reject(new Error(`${maxWaiting} appends wait already`));
      }
      return new Promise((resolve, reject) => {
        const deadlineMs = clock.monotonicMs() + limitMs;
        waiting.push({ command, idempotency, deadlineMs, tried: [], resolve, reject });
        // In the next turn of the microtask queue, so that calls of one turn share a group.
        running ??= Promise.resolve().then(run);
      });
    },
    async settle() {
      while (running) await running;
    },
  };
}
