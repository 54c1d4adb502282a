/**
 * The only writer of a node's `cache.db`. Workers' writes wait in a queue and are committed in batches, by time or by bytes;
 * purges are committed at once, before what waits, so that it is judged by them. Knows nothing of threads: whoever
 * hosts it connects ports and passes messages.
 *
 * Invariants: rows and cursor change in transactions of one file; nothing is visible that is not whole; a damaged file is
 * set aside and replaced while the node runs; what cannot be removed for want of space is tried again until it can.
 */
import type { Position } from '../purge/command.ts';
import type { DryRunFinding, DryRunQuestion } from '../purge/dry-run.ts';
import type { Normaliser } from '../purge/index.ts';
import { assertNever, type Clock, type Timer } from '../runtime/deps.ts';
import type { Log } from '../runtime/log.ts';
import type { Metrics } from '../runtime/metrics.ts';
import { isDamage } from '../runtime/sqlite.ts';
import { dryRunOnDisk } from './disk-dry-run.ts';
import { setAside } from './disk-file.ts';
import { type DiskHottest, hottestOnDisk } from './disk-hottest.ts';
import type {
  ControlReply,
  ControlToWriter,
  DiskReport,
  DiskStats,
  JournalContents,
} from './disk-messages.ts';
import { createDiskWriterMetrics } from './disk-metrics.ts';
import {
  createWriteQueue,
  type Job,
  type WriterConnection,
  type WriterPort,
} from './disk-queue.ts';
import { maxBodyBytes } from './disk-schema.ts';
import { type DiskSession, openSession, type SessionOptions } from './disk-session.ts';

export interface DiskWriterDeps {
  clock: Clock;
  log: Log;
  metrics: Metrics;
}

export interface DiskWriterOptions {
  /** The database file; its folder exists. */
  file: string;
  /** Of visible responses and writes in progress; doomed bodies may take a tenth more. */
  budgetBytes: number;
  /** A larger body is not stored. Default: a quarter of the budget; at most 16 GiB. */
  maxObjectBytes?: number;
  normalise: Normaliser;
  /** A batch is committed so long after its first job. Default 20 ms. */
  batchMs?: number;
  /** A batch of so many bytes is committed at once. Default 4 MiB. */
  batchBytes?: number;
  /** What may wait; beyond it writes are dropped. Default 64 MiB. */
  maxQueueBytes?: number;
  /** Purge entries kept. Default 100 000. */
  maxEntries?: number;
  /** How long a doomed body can still be read. Default 30 s. */
  graceMs?: number;
  /** Between two passes of the sweeper. Default 60 s. */
  sweepIntervalMs?: number;
  /** The write-ahead log is emptied when it is larger, waiting for readers. Default 128 MiB. */
  walLimitBytes?: number;
  /** Hears of matched counts and of swept entries. */
  onReport?(report: DiskReport): void;
}

export interface DiskWriter {
  /** Adds a worker. Messages may be received at once. */
  connect(port: WriterPort): WriterConnection;
  /** Rejects when it was not done; nothing has changed then. */
  control(message: ControlToWriter): Promise<ControlReply>;
  /** What is applied, durably; null before the first apply or reset. */
  position(): Position | null;
  /** The kept journal entries numbered `from` and above, with the position that they lead to. */
  entriesFrom(from: number): JournalContents;
  stats(): DiskStats;
  /** What a purge would hit; looks for at most `limitMs`. Nothing is changed. */
  dryRun(question: DryRunQuestion, limitMs: number): Promise<DryRunFinding>;
  /** Which responses a purge will match, the most recently used first. */
  hottest(question: DryRunQuestion, limit: number, limitMs: number): Promise<DiskHottest>;
  /** Commits what waits and closes the file. Open writes are lost. */
  close(): void;
}

const maxBatchRows = 512;
const maxWaitingJobs = 100_000;
const maxOpenWrites = 4096;
/** After a failed commit. */
const retryMs = 1000;

/** Opens or creates the file; a damaged one is set aside first. Throws when the file cannot be used at all. */
export function createDiskWriter(deps: DiskWriterDeps, options: DiskWriterOptions): DiskWriter {
  const { clock, log } = deps;
  const { batchMs = 20, batchBytes = 4 * 2 ** 20, budgetBytes } = options;
  const counts = createDiskWriterMetrics(deps.metrics);
  const fileDeps = { clock, log, onDamaged: () => counts.damagedFiles() };
  let generation = 1;
  let isClosed = false;
  let timer: Timer | undefined;

  const queue = createWriteQueue({
    maxQueueBytes: options.maxQueueBytes ?? 64 * 2 ** 20,
    maxJobs: maxWaitingJobs,
    maxOpenWrites,
    maxObjectBytes: Math.min(options.maxObjectBytes ?? budgetBytes / 4, maxBodyBytes),
    maxOpenBytes: budgetBytes / 2,
    cursorSeq: () => session.journal.position?.seq ?? 0,
    onDropped(write, why) {
      counts.writes({ result: why });
      if (write.isListed && write.rowId !== null) {
        session.eviction.bury({ rowId: write.rowId, bytes: write.writtenBytes });
      }
    },
    onIgnored: () => counts.ignored(),
    onDamagedFile(of) {
      if (of === generation) replaceFile(new Error('a reader found damage'));
    },
    onQueued(isAwaited) {
      if (queue.isFull || queue.bytes >= batchBytes) return flush();
      if (isAwaited) timer?.cancel();
      if (isAwaited) timer = undefined;
      schedule(isAwaited ? 0 : batchMs);
    },
  });
  const sessionOptions: SessionOptions = {
    ...options,
    deps: { ...fileDeps, clock },
    queue,
    counts,
    guard: (run) => guarded('maintenance', run),
  };
  let session: DiskSession = openSession(sessionOptions, 1);

  const schedule = (delayMs: number) => {
    if (timer || isClosed) return;
    timer = clock.after(delayMs, flush);
  };
  /** Commits one batch. Returns false when the commit failed. */
  const flushBatch = (): boolean => {
    const { store, eviction, batch } = session;
    if (eviction.isCrowded) return guarded('eviction', () => store.transaction(eviction.relieve));
    const jobs = queue.take(batchBytes, maxBatchRows);
    const beganMs = clock.monotonicMs();
    const isDone = guarded(
      'batch',
      () => {
        store.transaction(() => {
          batch.perform(jobs);
          eviction.relieve();
        });
        countBytes(jobs);
        counts.commitSeconds({}, (clock.monotonicMs() - beganMs) / 1000);
      },
      () => afterFailure(jobs),
    );
    session.maintenance.wake();
    return isDone;
  };
  const flush = () => {
    timer?.cancel();
    timer = undefined;
    if (isClosed) return;
    const isDone = flushBatch();
    if (queue.length > 0) schedule(isDone ? 0 : retryMs);
  };
  const countBytes = (jobs: readonly Job[]) => {
    let bytes = 0;
    for (const job of jobs) if (job.type === 'chunk') bytes += job.bytes.length;
    if (bytes > 0) counts.writtenBytes({}, bytes);
  };
  /** The writes of a failed batch are lost; what was to disappear is tried again. */
  const afterFailure = (jobs: readonly Job[]) => {
    for (const job of jobs) if ('write' in job) queue.drop(job.write, 'error');
    queue.putBack(jobs.filter((job) => job.type === 'remove' || job.type === 'damaged'));
  };
  /** Runs what may fail in SQLite. Damage replaces the file; anything else is counted and left to a later try. */
  const guarded = (operation: string, run: () => void, onFailure?: () => void): boolean => {
    try {
      run();
      return true;
    } catch (error) {
      if (!isSqliteError(error)) throw error;
      counts.errors({ operation });
      onFailure?.();
      if (isDamage(error)) replaceFile(error);
      else log.error({ err: error, operation }, 'the disk cache could not be written');
      return false;
    }
  };
  /** Sets the file aside and begins an empty one at the same position. Readers are told to open it. */
  const replaceFile = (cause: unknown) => {
    const { position } = session.journal;
    const firstRowId = session.store.totals.nextRowId;
    queue.dropAll('error');
    guarded('close', () => session.close());
    setAside(fileDeps, options.file, cause);
    generation += 1;
    session = openSession(sessionOptions, firstRowId);
    if (position) session.journal.reset(position);
    queue.tell({ type: 'reopen', generation });
  };
  /** Commits everything; false when a commit failed. */
  const drain = (): boolean => {
    while (queue.length > 0) if (!flushBatch()) return false;
    return true;
  };
  const stats = (): DiskStats => ({
    responses: session.store.totals.responses,
    liveBytes: session.eviction.liveBytes,
    doomedBytes: session.eviction.doomedBytes,
    budgetBytes,
    queueBytes: queue.bytes,
    openWrites: queue.openWrites.size,
    position: session.journal.position,
    sweptSeq: session.journal.swept?.seq ?? null,
  });
  const control = (message: ControlToWriter): ControlReply => {
    const { call } = message;
    switch (message.type) {
      case 'apply':
        for (const entry of session.journal.apply(message.entries, message.position)) {
          session.matched.add(entry);
        }
        session.maintenance.wake();
        return { type: 'applied', call };
      case 'reset':
        session.journal.reset(message.position);
        session.maintenance.wake();
        return { type: 'applied', call };
      case 'flush':
        if (!drain()) throw new Error('the disk cache could not be written');
        return { type: 'applied', call };
      case 'stats':
        return { type: 'stats', call, stats: stats() };
      case 'entries':
        return { type: 'entries', call, journal: session.journal.contents(message.from) };
      default:
        return assertNever(message);
    }
  };
  /** A damaged file is replaced before the caller hears of the failure, so that its next try succeeds. */
  const controlled = (message: ControlToWriter): ControlReply => {
    try {
      return control(message);
    } catch (error) {
      if (isSqliteError(error)) counts.errors({ operation: message.type });
      if (isDamage(error)) replaceFile(error);
      throw error;
    }
  };
  addGauges(deps.metrics, stats);
  /** For whoever looks at all rows and changes none. */
  const lookingDeps = () => {
    const { store, journal } = session;
    const isCurrent = () => !isClosed && session.store === store;
    return { clock, store, journal, normalise: options.normalise, isCurrent };
  };
  return {
    connect: queue.connect,
    control: async (message) => controlled(message),
    position: () => session.journal.position,
    entriesFrom: (from) => session.journal.contents(from),
    stats,
    dryRun: (question, limitMs) => dryRunOnDisk(lookingDeps(), question, limitMs),
    hottest: (question, limit, limitMs) => hottestOnDisk(lookingDeps(), question, limit, limitMs),
    close() {
      if (isClosed) return;
      drain();
      isClosed = true;
      timer?.cancel();
      session.close();
    },
  };
}

/** An error of SQLite, as opposed to one of ours. */
function isSqliteError(error: unknown): boolean {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' && code.startsWith('SQLITE_');
}

function addGauges(metrics: Metrics, stats: () => DiskStats): void {
  metrics.gauge(
    'breakwater_disk_live_bytes',
    'Bytes of visible responses and of writes in progress',
    () => stats().liveBytes,
  );
  metrics.gauge(
    'breakwater_disk_doomed_bytes',
    'Bytes of bodies that are invisible and not removed yet',
    () => stats().doomedBytes,
  );
  metrics.gauge(
    'breakwater_disk_budget_bytes',
    'What the disk tier may take',
    () => stats().budgetBytes,
  );
  metrics.gauge(
    'breakwater_disk_stored_responses',
    'Visible responses of the disk tier',
    () => stats().responses,
  );
  metrics.gauge(
    'breakwater_disk_queue_bytes',
    'Bytes that wait for the writer thread',
    () => stats().queueBytes,
  );
  metrics.gauge(
    'breakwater_disk_open_writes',
    'Bodies that are being written',
    () => stats().openWrites,
  );
}
