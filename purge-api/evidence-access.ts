/**
 * Use of the evidence's file that cannot fail for whoever uses it: what goes wrong is counted, said once, and the file is opened
 * anew the next time; a damaged one is set aside first.
 */
import type { Position } from '../core/purge/command.ts';
import type { Clock } from '../core/runtime/deps.ts';
import type { Log } from '../core/runtime/log.ts';
import { isDamage } from '../core/runtime/sqlite.ts';
import { openEvidenceFile } from './evidence-file.ts';
import type { EvidenceMetrics } from './evidence-metrics.ts';
import { beginIdentity, dropBeyond, type EvidenceBook, openBook } from './evidence-rows.ts';
import { moveAside } from './journal-file.ts';

export interface EvidenceStoreDeps {
  clock: Clock;
  log: Log;
  metrics: EvidenceMetrics;
}

export interface EvidenceAccess {
  /** Runs `use` on the file; undefined where that fails, and before `follow`. */
  run<T>(operation: 'write' | 'read' | 'prune', use: (book: EvidenceBook) => T): T | undefined;
  /** The journal has another identity, from `head` on. */
  follow(head: Position): void;
  identity(): string | undefined;
  /** The last use failed. */
  hasFailed(): boolean;
  close(): void;
}

/** Opens nothing yet. */
export function createEvidenceAccess(deps: EvidenceStoreDeps, path: string): EvidenceAccess {
  const { clock, log, metrics } = deps;
  let book: EvidenceBook | undefined;
  let began: Position | undefined;
  let hasFailed = false;
  let isFirst = true;

  const reportDamage = (movedTo: string) => {
    metrics.damaged();
    log.error({ movedTo }, 'damaged evidence set aside; a new file begins');
  };
  const open = (at: Position): EvidenceBook => {
    const { opened, movedTo } = openEvidenceFile(path, clock.nowMs());
    if (movedTo !== undefined) reportDamage(movedTo);
    try {
      const fresh = openBook(opened);
      beginIdentity(fresh, at);
      // Only a process that starts can find what its journal has lost; later the file may be ahead of where it began.
      if (isFirst) dropBeyond(fresh, at);
      isFirst = false;
      return fresh;
    } catch (error) {
      opened.database.close();
      throw error;
    }
  };
  /** What a failed write has left in memory may be wrong, so nothing of it is used again. */
  const giveUp = (error: unknown) => {
    book?.file.database.close();
    book = undefined;
    if (isDamage(error)) reportDamage(moveAside(path, clock.nowMs()));
  };
  const run: EvidenceAccess['run'] = (operation, use) => {
    if (!began) return undefined;
    try {
      book ??= open(began);
      const result = use(book);
      hasFailed = false;
      return result;
    } catch (error) {
      metrics.failed(book ? operation : 'open');
      // Once for each change: a full disk would say it every second.
      if (!hasFailed) log.error({ err: error, operation }, 'evidence cannot be kept at present');
      hasFailed = true;
      giveUp(error);
      return undefined;
    }
  };
  return {
    run,
    follow(head) {
      began = head;
      run('write', (current) => beginIdentity(current, head));
    },
    identity: () => began?.identity,
    hasFailed: () => hasFailed,
    close() {
      book?.file.database.close();
      book = undefined;
      began = undefined;
    },
  };
}
