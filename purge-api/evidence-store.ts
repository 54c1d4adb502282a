/**
 * What is known of each purge, for as long as the journal keeps it: acknowledgements with their signatures, counts of matched
 * responses, and when a purge was declared converged without whom. Rows wait in memory for a moment and are written together,
 * behind the purges and never before them.
 *
 * Invariants: nothing here throws, refuses or delays a purge, whatever happens to the file; what waits and what is kept are
 * bounded; what has once been declared stays.
 */
import type { Position } from '../core/purge/command.ts';
import type { Timer } from '../core/runtime/deps.ts';
import { createEvidenceAccess, type EvidenceStoreDeps } from './evidence-access.ts';
import { type EvidenceItem, lastDeclared, writeItems } from './evidence-rows.ts';
import { type KeptEvidence, readKept } from './kept-evidence.ts';
import { pruneStep } from './prune-evidence.ts';

export interface EvidenceStoreOptions {
  file: string;
  /** Rows kept at most; beyond it the oldest go. Default 4,000,000, about half a gigabyte. */
  maxRows?: number;
}

export interface EvidenceStore {
  /** The journal has this identity from `head` on. To be called before anything is added under it. */
  follow(head: Position): void;
  add(item: EvidenceItem): void;
  /** What is kept of the entry; undefined: nothing, or the file cannot be read. */
  read(seq: number): KeptEvidence | undefined;
  /** The newest entry that is declared converged under the identity followed; 0: none. */
  declaredThrough(): number;
  /** The journal no longer keeps the entries up to `seq`. */
  prune(seq: number): void;
  /** Writes what waits. */
  close(): void;
}

/** Rows that wait to be written; more are dropped. */
const maxWaiting = 50_000;
/** Rows in one transaction: purges wait for no longer than that takes. */
const maxGroup = 1000;
/** Groups that are written before a read, so that it finds what has just been said. */
const maxGroupsForRead = 10;
const writeDelayMs = 50;
const retryMs = 1000;
const defaultMaxRows = 4_000_000;

/** Opens the store; it is of use even where the file is not. */
export function openEvidenceStore(
  deps: EvidenceStoreDeps,
  { file, maxRows = defaultMaxRows }: EvidenceStoreOptions,
): EvidenceStore {
  const { clock, metrics } = deps;
  const access = createEvidenceAccess(deps, file);
  let waiting: EvidenceItem[] = [];
  let declaredSeq = 0;
  let floorSeq = 0;
  let isPruned = true;
  let timer: Timer | undefined;
  let isClosed = false;

  const writeGroup = () => {
    const group = waiting.slice(0, maxGroup);
    if (group.length === 0) return;
    const written = access.run('write', (book) => {
      const rows = writeItems(book, group);
      isPruned &&= book.rows <= maxRows;
      return rows;
    });
    if (written === undefined) return;
    metrics.kept(written);
    waiting = waiting.slice(group.length);
  };
  const pruneSome = () => {
    const step = access.run('prune', (book) => pruneStep(book, floorSeq, maxRows));
    if (!step) return;
    isPruned = step.isDone;
    if (step.dropped > 0) metrics.dropped('full', step.dropped);
  };
  const tick = () => {
    timer = undefined;
    writeGroup();
    if (!isPruned) pruneSome();
    if (waiting.length > 0 || !isPruned) schedule();
  };
  const schedule = () => {
    if (isClosed) return;
    const delayMs = waiting.length >= maxGroup ? 0 : writeDelayMs;
    timer ??= clock.after(access.hasFailed() ? retryMs : delayMs, tick);
  };
  return {
    follow(head) {
      if (access.identity() === head.identity) return;
      access.follow(head);
      declaredSeq = access.run('read', (book) => lastDeclared(book, head.identity)) ?? 0;
    },
    add(item) {
      if (waiting.length >= maxWaiting) return metrics.dropped('queue', 1);
      if (item.kind === 'declared') declaredSeq = item.position.seq;
      waiting.push(item);
      schedule();
    },
    read(seq) {
      for (let group = 0; group < maxGroupsForRead && waiting.length > 0; group += 1) writeGroup();
      return access.run('read', (book) => readKept(book, seq));
    },
    declaredThrough: () => declaredSeq,
    prune(seq) {
      floorSeq = seq;
      isPruned = false;
      schedule();
    },
    close() {
      isClosed = true;
      timer?.cancel();
      // A file that cannot be written takes none, however often it is tried.
      for (let before = Number.POSITIVE_INFINITY; waiting.length < before; ) {
        before = waiting.length;
        writeGroup();
      }
      access.close();
    },
  };
}
