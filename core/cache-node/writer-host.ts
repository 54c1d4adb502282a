/**
 * The main thread's hold on the writer thread: starts it, asks it, hears its reports.
 *
 * Invariant: a writer thread that ends by itself is an error that `onFailure` must end the process with: purges could no
 * longer be made durable, and nothing in the process can tell what was.
 */
import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads';
import type { DiskHottest } from '../cache/disk-hottest.ts';
import type {
  ControlToWriter,
  DiskReport,
  DiskStats,
  JournalContents,
} from '../cache/disk-messages.ts';
import type { JournalEntry, Position } from '../purge/command.ts';
import type { DryRunFinding, DryRunQuestion } from '../purge/dry-run.ts';
import type { MetricsSnapshot } from '../runtime/metrics.ts';
import type { Site } from '../topology/schema.ts';
import type { FromWriterThread, ToWriterThread, WriterStart } from './writer-messages.ts';

export interface WriterHost {
  /** What the file held when it was opened. */
  readonly journal: JournalContents;
  /** Resolves when entries and position are durable; rejects when they are not. What is applied already is ignored. */
  apply(entries: readonly JournalEntry[], position: Position): Promise<void>;
  /** Everything held counts as hard-purged from here on, durably. */
  reset(position: Position): Promise<void>;
  /** The kept entries, for a worker that starts later. */
  contents(): Promise<JournalContents>;
  /** Resolves when all that was asked before is committed. */
  flush(): Promise<void>;
  /** What a purge would hit on disk; looks for at most `limitMs`. */
  dryRun(question: DryRunQuestion, limitMs: number): Promise<DryRunFinding>;
  /** Which responses on disk a purge will match, the most recently used first. */
  hottest(question: DryRunQuestion, limit: number, limitMs: number): Promise<DiskHottest>;
  stats(): Promise<DiskStats>;
  snapshot(): Promise<MetricsSnapshot>;
  /** A port for one worker: `ToWriter` in, `FromWriter` out. */
  connect(): MessagePort;
  updateSites(sites: readonly Site[]): void;
  /** Commits everything and ends the thread. */
  close(): Promise<void>;
}

export interface WriterHostOptions extends WriterStart {
  onReport(report: DiskReport): void;
  /** The thread has ended though nobody closed it. */
  onFailure(error: Error): void;
}

/** Without the number of the call, which the host adds. */
type Question<M> = M extends { call: number } ? Omit<M, 'call'> : never;
type Answer = Extract<FromWriterThread, { call: number }>;

/** Starts the thread; rejects with what it could not do (no permission, no space). */
export async function startWriterHost(options: WriterHostOptions): Promise<WriterHost> {
  const { onReport, onFailure, ...start } = options;
  const worker = new Worker(new URL('./writer-thread.ts', import.meta.url), {
    workerData: start satisfies WriterStart,
    name: 'disk writer',
  });
  const calls = new Map<number, PromiseWithResolvers<Answer>>();
  const ready = Promise.withResolvers<JournalContents>();
  let nextCall = 1;
  let isReady = false;
  let isClosing = false;

  const send = (message: ToWriterThread, transfer: readonly MessagePort[] = []) =>
    worker.postMessage(message, transfer);
  const ask = (question: Question<ControlToWriter | ToWriterThread>): Promise<Answer> => {
    // Nobody would answer: a caller that waited would wait for ever.
    if (isClosing && question.type !== 'close') {
      return Promise.reject(new Error('the disk cache is closed'));
    }
    const call = nextCall;
    nextCall += 1;
    const answer = Promise.withResolvers<Answer>();
    calls.set(call, answer);
    send({ ...question, call } as ToWriterThread);
    return answer.promise;
  };
  const fail = (error: Error) => {
    for (const { reject } of calls.values()) reject(error);
    calls.clear();
    ready.reject(error);
    if (isReady && !isClosing) onFailure(error);
    isClosing = true;
  };
  const settle = (answer: Answer) => {
    const call = calls.get(answer.call);
    calls.delete(answer.call);
    if (answer.type === 'failed') call?.reject(new Error(answer.problem));
    else call?.resolve(answer);
  };
  worker.on('message', (message: FromWriterThread) => {
    if (message.type === 'ready') ready.resolve(message.journal);
    else if (message.type === 'matched' || message.type === 'swept') onReport(message);
    else settle(message);
  });
  worker.on('error', (error) => fail(error as Error));
  worker.on('exit', () => fail(new Error('the writer thread of the disk cache has ended')));

  const journal = await ready.promise;
  isReady = true;
  return {
    journal,
    apply: async (entries, position) => void (await ask({ type: 'apply', entries, position })),
    reset: async (position) => void (await ask({ type: 'reset', position })),
    contents: async () => expectAnswer(await ask({ type: 'entries', from: 0 }), 'entries').journal,
    flush: async () => void (await ask({ type: 'flush' })),
    dryRun: async (question, limitMs) =>
      expectAnswer(await ask({ type: 'dry-run', question, limitMs }), 'dry-ran').finding,
    hottest: async (question, limit, limitMs) =>
      expectAnswer(await ask({ type: 'hottest', question, limit, limitMs }), 'hottest').found,
    stats: async () => expectAnswer(await ask({ type: 'stats' }), 'stats').stats,
    snapshot: async () => expectAnswer(await ask({ type: 'snapshot' }), 'snapshot').metrics,
    connect() {
      const channel = new MessageChannel();
      send({ type: 'connect', port: channel.port1 }, [channel.port1]);
      return channel.port2;
    },
    updateSites: (sites) => send({ type: 'sites', sites }),
    async close() {
      if (isClosing) return;
      isClosing = true;
      const ended = new Promise((resolve) => worker.once('exit', resolve));
      await ask({ type: 'close' });
      await ended;
    },
  };
}

function expectAnswer<T extends Answer['type']>(
  answer: Answer,
  type: T,
): Extract<Answer, { type: T }> {
  if (answer.type !== type) throw new Error(`the writer answered ${answer.type}, not ${type}`);
  return answer as Extract<Answer, { type: T }>;
}
