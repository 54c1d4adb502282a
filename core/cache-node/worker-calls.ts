/**
 * Questions of the main thread to its workers, each answered once or not at all: a worker that is busy, silent or gone is
 * waited for no longer than a limit.
 */
import type { Worker } from 'node:worker_threads';
import type { Clock } from '../runtime/deps.ts';
import type { FromWorker, ToWorker } from './worker-messages.ts';

/** Messages of a worker that answer a call. */
export type WorkerReply = Extract<
  FromWorker,
  { type: 'snapshot' | 'explained' | 'dry-ran' | 'hottest' | 'refilled' }
>;

export interface WorkerCalls {
  /** Sends what `question` makes of the call's number. Undefined: no answer within `limitMs`. */
  ask(
    worker: Worker,
    question: (call: number) => ToWorker,
    limitMs: number,
  ): Promise<WorkerReply | undefined>;
  /** Takes an answer; one that comes too late is dropped. */
  settle(reply: WorkerReply): void;
}

export function createWorkerCalls(clock: Clock): WorkerCalls {
  const open = new Map<number, (reply: WorkerReply | undefined) => void>();
  let lastCall = 0;
  return {
    ask(worker, question, limitMs) {
      lastCall += 1;
      const call = lastCall;
      const { promise, resolve } = Promise.withResolvers<WorkerReply | undefined>();
      const limit = clock.after(limitMs, () => resolve(undefined));
      open.set(call, resolve);
      worker.postMessage(question(call));
      return promise.finally(() => {
        limit.cancel();
        open.delete(call);
      });
    },
    settle: (reply) => open.get(reply.call)?.(reply),
  };
}
