/**
 * Carries out queued jobs inside one transaction. Here is the disk tier's check-and-insert (DESIGN section 4): a response is
 * judged by every purge up to the writer's cursor in the same transaction that makes it visible.
 *
 * Invariants: a hard match is never made visible; a response becomes visible whole, and its older variant invisible, in one
 * commit; a worker hears of a commit only after it.
 */
import { assertNever } from '../runtime/deps.ts';
import type { DiskJournal } from './disk-journal.ts';
import type { DiskWriterMetrics } from './disk-metrics.ts';
import {
  groupRowsAtOnce,
  type Job,
  type OpenWrite,
  type RemoveJob,
  type WriteQueue,
} from './disk-queue.ts';
import type { DiskStore, DoomedBody } from './disk-store.ts';
import type { StoredResponseInit } from './entry.ts';
import { replaces, splitVariant } from './part.ts';

export interface BatchDeps {
  store: DiskStore;
  journal: DiskJournal;
  queue: WriteQueue;
  counts: DiskWriterMetrics;
  /** A body has chunks and will get no response. */
  bury(body: DoomedBody): void;
}

export interface Batch {
  /** Inside a transaction: carries out the jobs, in order. */
  perform(jobs: readonly Job[]): void;
}

export function createBatch(deps: BatchDeps): Batch {
  const { store, journal, queue, counts } = deps;

  const writeChunk = (write: OpenWrite, bytes: Uint8Array, touched: Set<OpenWrite>) => {
    write.rowId ??= store.newRowId();
    store.putChunk(write.rowId, write.chunks, bytes);
    write.chunks += 1;
    write.writtenBytes += bytes.length;
    touched.add(write);
  };
  /** The write will not become a response; its chunks, committed or about to be, are rubbish. */
  const giveUp = (write: OpenWrite, why: 'purged' | null) => {
    const { rowId } = write;
    if (rowId !== null && !write.isListed) store.addOrphan(rowId);
    store.afterCommit(() => {
      if (rowId !== null) write.isListed = true;
      if (why) return queue.drop(write, why);
      queue.close(write);
      counts.writes({ result: 'aborted' });
      if (rowId !== null) deps.bury({ rowId, bytes: write.writtenBytes });
    });
  };
  const finish = ({ write, init, maxVariants }: Extract<Job, { type: 'finish' }>) => {
    const judged = relabelled(init, journal);
    if (!judged) return giveUp(write, 'purged');
    const rowId = write.rowId ?? store.newRowId();
    makeRoom(init, maxVariants);
    store.insertResponse(rowId, judged);
    if (write.isListed) store.removeOrphan(rowId);
    store.afterCommit(() => {
      queue.close(write);
      const { number, writtenBytes: bytes } = write;
      write.port.post({ type: 'committed', write: number, rowId, bytes, done: true });
      counts.writes({ result: 'stored' });
    });
  };
  /** The new response replaces its own variant, and the oldest ones when there are too many. */
  const makeRoom = (init: StoredResponseInit, maxVariants: number) => {
    const others: { id: number }[] = [];
    for (const other of store.variantsOf(init.key)) {
      if (replaces(init, splitVariant(other.variant))) doom(other.id, 'replaced');
      else others.push(other);
    }
    for (const { id } of others.slice(0, Math.max(0, others.length + 1 - maxVariants))) {
      if (store.doom(id)) store.afterCommit(() => counts.variantCap());
    }
  };
  const doom = (rowId: number, reason: string) => {
    if (store.doom(rowId)) store.afterCommit(() => counts.removals({ reason }));
  };
  const update = ({ rowId, init }: Extract<Job, { type: 'update' }>) => {
    const row = store.response(rowId);
    const result = (value: string) => store.afterCommit(() => counts.updates({ result: value }));
    if (row?.key !== init.key || row.body_bytes !== init.bodyBytes) return result('gone');
    const judged = relabelled(init, journal);
    if (!judged) {
      doom(rowId, 'purged');
      return result('purged');
    }
    for (const other of store.variantsOf(init.key)) {
      if (other.id !== rowId && replaces(init, splitVariant(other.variant))) {
        doom(other.id, 'replaced');
      }
    }
    store.replaceHead(row, judged);
    result('stored');
  };
  const remove = (job: RemoveJob) => {
    let left = groupRowsAtOnce;
    const doomAll = (rows: readonly number[]) => {
      for (const id of rows) doom(id, 'invalidated');
      left -= rows.length;
    };
    for (const key of job.keys) doomAll(store.rowsBelow(key, left));
    for (const group of job.groups?.groups ?? []) {
      doomAll(store.tagged(group, job.groups?.host ?? '', left));
    }
    store.afterCommit(left > 0 ? job.onRemoved : () => queue.putBack([job]));
  };
  const perform = (job: Job, touched: Set<OpenWrite>) => {
    switch (job.type) {
      case 'chunk':
        return job.write.isOver || writeChunk(job.write, job.bytes, touched);
      case 'finish':
        touched.delete(job.write);
        return job.write.isOver || finish(job);
      case 'abort':
        touched.delete(job.write);
        return job.write.isOver || giveUp(job.write, null);
      case 'update':
        return update(job);
      case 'remove':
        return remove(job);
      case 'damaged':
        for (const rowId of job.rowIds) doom(rowId, 'damaged');
        return;
      case 'touch':
        for (const rowId of job.rowIds) store.touch(rowId);
        return;
      default:
        return assertNever(job);
    }
  };
  return {
    perform(jobs) {
      const touched = new Set<OpenWrite>();
      for (const job of jobs) perform(job, touched);
      for (const write of touched) listProgress(deps, write);
    },
  };
}

/** Lists the chunks of a write that goes on, so that a crash does not leave them unknown, and tells its worker. */
function listProgress({ store, bury }: BatchDeps, write: OpenWrite): void {
  const { rowId, writtenBytes: bytes } = write;
  if (rowId === null) return;
  if (!write.isListed) store.addOrphan(rowId);
  store.afterCommit(() => {
    write.isListed = true;
    if (write.isOver) return bury({ rowId, bytes });
    write.port.post({ type: 'committed', write: write.number, rowId, bytes, done: false });
  });
}

/** The response as valid at the writer's cursor; undefined when a hard purge matched or it is of another journal. */
function relabelled(
  init: StoredResponseInit,
  journal: DiskJournal,
): StoredResponseInit | undefined {
  const verdict = journal.judge(init);
  const { position } = journal;
  if (verdict.kind === 'hard' || !position) return undefined;
  // A label above the cursor stays: the worker has applied entries that are still on their way to this thread.
  const labelSeq = Math.max(init.labelSeq, position.seq);
  if (verdict.kind === 'clean') return { ...init, labelSeq };
  const staleSinceMs = Math.min(init.staleSinceMs ?? verdict.sinceMs, verdict.sinceMs);
  return { ...init, labelSeq, staleSinceMs };
}
