/**
 * Takes what purges have killed out of the file, and lets the journal forget. A pass begun at cursor c walks all responses
 * in bounded steps: a hard match is removed, a soft one marked stale.
 *
 * Clean rows are not rewritten: when a pass has ended, `swept` = c says that every row counts as labelled c at least (rows
 * stored meanwhile are labelled c or above). Readers see `swept` in the same snapshot as the row. So a purge costs no
 * rewriting of the whole tier.
 *
 * Entries through c are forgotten a grace after the pass, and none that a write in progress may still need: the epoch of
 * a response that is being fetched is older than c, and a forgotten entry counts as having matched it.
 */
import type { Clock } from '../runtime/deps.ts';
import type { DiskJournal } from './disk-journal.ts';
import type { StepResult } from './disk-maintenance.ts';
import { decodeRow, headCrc, liftOf } from './disk-schema.ts';
import type { DiskStore, ResponseRow } from './disk-store.ts';

export interface DiskSweeper {
  step(): StepResult;
}

export interface DiskSweeperOptions {
  /** From the end of a pass to the begin of the next one. */
  intervalMs: number;
  /** From the end of a pass until its entries are forgotten. */
  graceMs: number;
  /** The smallest cursor at which a write in progress began; undefined without one. */
  oldestWriteSeq(): number | undefined;
  onRemoved(reason: 'purged' | 'damaged'): void;
  onSoftMarked(): void;
  onPass(): void;
  /** The journal's entries up to `seq` are gone. */
  onForgotten(seq: number): void;
}

interface Pass {
  /** The cursor at its begin. */
  through: number;
  identity: string;
  afterId: number;
  /** The newest row at its begin; later ones are labelled `through` at least. */
  lastId: number;
}

const rowsPerStep = 200;
const entriesPerStep = 2000;

export function createDiskSweeper(
  clock: Clock,
  { store, journal }: { store: DiskStore; journal: DiskJournal },
  options: DiskSweeperOptions,
): DiskSweeper {
  let pass: Pass | undefined;
  let nextPassAtMs = clock.monotonicMs();
  let forgetting: { through: number; identity: string; atMs: number } | undefined;

  const isBehind = () => {
    const { position, swept } = journal;
    return position !== null && (swept?.identity !== position.identity || swept.seq < position.seq);
  };
  const sweepRow = (row: ResponseRow) => {
    if (headCrc(row, row.key) !== row.crc) return remove(row, 'damaged');
    if (row.identity !== journal.position?.identity) return remove(row, 'purged');
    const swept = liftOf(journal.swept, row.identity);
    if (Math.max(row.label_seq, swept) >= journal.position.seq) return;
    const verdict = journal.judge(decodeRow(row, row.key, swept));
    if (verdict.kind === 'hard') return remove(row, 'purged');
    if (verdict.kind === 'clean') return;
    const since = Math.min(row.stale_since_ms ?? verdict.sinceMs, verdict.sinceMs);
    store.markStale(row, journal.position.seq, since);
    store.afterCommit(options.onSoftMarked);
  };
  const remove = (row: ResponseRow, reason: 'purged' | 'damaged') => {
    store.doom(row.id);
    store.afterCommit(() => options.onRemoved(reason));
  };
  const walk = (current: Pass) => {
    const rows = store.responsesAfter(current.afterId, rowsPerStep);
    const isEnd = rows.length < rowsPerStep || (rows.at(-1)?.id ?? 0) > current.lastId;
    store.transaction(() => {
      for (const row of rows) sweepRow(row);
      if (isEnd) journal.markSwept(current.through);
    });
    current.afterId = rows.at(-1)?.id ?? current.afterId;
    if (isEnd) end(current);
  };
  const end = ({ through, identity }: Pass) => {
    pass = undefined;
    const now = clock.monotonicMs();
    nextPassAtMs = now + options.intervalMs;
    // No later than the next pass may begin, or passes in a row would put it off for ever.
    const graceMs = Math.min(options.graceMs, options.intervalMs);
    forgetting = { through, identity, atMs: now + graceMs };
    options.onPass();
  };
  const forget = (): StepResult => {
    if (!forgetting || forgetting.atMs > clock.monotonicMs()) return 'idle';
    const { through, identity } = forgetting;
    const before = journal.start;
    if (before?.identity !== identity) {
      forgetting = undefined;
      return 'idle';
    }
    const upTo = Math.min(through, options.oldestWriteSeq() ?? through);
    const isMore = journal.forgetThrough(upTo, entriesPerStep);
    if (!isMore && upTo === through) forgetting = undefined;
    const after = journal.start?.seq ?? 0;
    if (!isMore && after > before.seq) options.onForgotten(after);
    return isMore ? 'more' : 'idle';
  };

  return {
    step() {
      const { position } = journal;
      // A reset ends the pass: what it has seen was judged by another journal.
      if (pass && pass.identity !== position?.identity) pass = undefined;
      if (!pass && forget() === 'more') return 'more';
      if (!pass && position && isBehind() && clock.monotonicMs() >= nextPassAtMs) {
        const lastId = store.totals.nextRowId - 1;
        pass = { through: position.seq, identity: position.identity, afterId: 0, lastId };
      }
      if (!pass) return 'idle';
      walk(pass);
      return pass ? 'more' : 'idle';
    },
  };
}
