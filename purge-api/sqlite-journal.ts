/**
 * The journal in one SQLite file, for a purge-api on one machine. Appends that arrive together share one synced commit, so
 * that a burst of purges costs one sync of the device and not one each.
 *
 * Invariants: a number is given away only inside the transaction that makes its entry durable; a transaction that fails
 * changes nothing that `head` says; rows are checked against their chain of hashes when they are read.
 */
import type { JournalEntry, Position } from '../core/purge/command.ts';
import { chainHash } from '../core/purge/command.ts';
import { entryBytes } from '../core/purge/intake.ts';
import type { Clock, Random } from '../core/runtime/deps.ts';
import type { Log } from '../core/runtime/log.ts';
import { createGroupCommit } from './group-commit.ts';
import type { AppendResult, Idempotency, Journal, JournalPage, PurgeCommand } from './journal.ts';
import {
  entryOfRow,
  isJournalDamage,
  JournalDamage,
  type JournalFile,
  moveAside,
  openJournalFile,
  rowOfEntry,
} from './journal-file.ts';

export interface SqliteJournalDeps {
  clock: Clock;
  random: Random;
  log: Log;
}

export interface SqliteJournalOptions {
  /** The database file. */
  file: string;
  retentionMs: number;
  /** Entries kept at most, whatever their age. Default 1,000,000. */
  maxEntries?: number;
  /** The file turned out to be damaged while in use, and a new journal with a new identity has begun. */
  onReplaced?(reason: string): void;
}

const defaultMaxEntries = 1_000_000;

/** Entries removed at once; the rest goes the next time. */
const maxPruned = 20_000;

interface AppendItem {
  command: PurgeCommand;
  idempotency: Idempotency | undefined;
}

/** The file and what is known of it without reading. */
interface State {
  file: JournalFile;
  head: Position;
  floor: Position;
}

/** Opens (or makes) the journal. Throws when the folder cannot be written or another process has the file. */
export function openSqliteJournal(deps: SqliteJournalDeps, options: SqliteJournalOptions): Journal {
  let state = open(deps, options.file);

  /** Runs `use`; where it meets damage, a new journal takes the place of the file. */
  const guarded = <T>(use: (state: State) => T): T => {
    try {
      return use(state);
    } catch (error) {
      if (isJournalDamage(error)) {
        state.file.database.close();
        reportDamage(deps.log, moveAside(options.file, deps.clock.nowMs()), error as Error);
        state = open(deps, options.file);
        options.onReplaced?.('the journal was damaged');
      }
      throw error;
    }
  };
  const appends = createGroupCommit((items: readonly AppendItem[]) =>
    guarded((current) => commit(deps, current, items)),
  );
  return {
    head: () => state.head,
    floor: () => state.floor,
    append: (command, idempotency) => appends.add({ command, idempotency }),
    after: async (seq, page) => guarded((current) => readAfter(current, seq, page)),
    async find(id) {
      const row = guarded(({ file }) => file.byId.get(id));
      return row && { entry: entryOfRow(row), by: row.by };
    },
    positionOf: async (seq) => guarded((current) => positionOf(current, seq)),
    holds: async ({ identity, seq, hash }) =>
      guarded(
        (current) => identity === current.head.identity && positionOf(current, seq)?.hash === hash,
      ),
    renewIdentity: async (reason) => guarded((current) => renewIdentity(deps, current, reason)),
    prune: async () =>
      guarded((current) => {
        const oldestMs = deps.clock.nowMs() - options.retentionMs;
        return prune(current, { oldestMs, maxEntries: options.maxEntries ?? defaultMaxEntries });
      }),
    async close() {
      await appends.settle();
      state.file.database.close();
    },
  };
}

function open({ clock, random, log }: SqliteJournalDeps, path: string): State {
  const { journal, setAside } = openJournalFile(path, random.hex(16), clock.nowMs());
  if (setAside) reportDamage(log, setAside.movedTo, setAside.problem);
  return { file: journal, ...readBounds(journal) };
}

function reportDamage(log: Log, movedTo: string, { message }: Error): void {
  log.error({ movedTo, problem: message }, 'damaged journal set aside; a new one begins');
}

/** Appends all items in one transaction; `head` moves only when it is durable. */
function commit(
  deps: SqliteJournalDeps,
  state: State,
  items: readonly AppendItem[],
): AppendResult[] {
  let { head } = state;
  const results: AppendResult[] = [];
  state.file.database
    .transaction(() => {
      for (const { command, idempotency } of items) {
        const result = appendOne(state.file, deps, head, command, idempotency);
        if (result.kind === 'appended') {
          head = { ...head, seq: result.entry.seq, hash: result.entry.hash };
        }
        results.push(result);
      }
    })
    .immediate();
  state.head = head;
  return results;
}

function positionOf({ file, head, floor }: State, seq: number): Position | undefined {
  if (seq === head.seq) return head;
  if (seq === floor.seq) return floor;
  const row = seq > floor.seq && seq < head.seq ? file.bySeq.get(seq) : undefined;
  return row && { identity: head.identity, seq, hash: row.hash };
}

function renewIdentity({ random, log }: SqliteJournalDeps, state: State, reason: string): Position {
  const identity = random.hex(16);
  state.file.setIdentity.run(identity);
  log.error({ identity, reason, seq: state.head.seq }, 'the journal has a new identity');
  state.head = { ...state.head, identity };
  state.floor = { ...state.floor, identity };
  return state.head;
}

function appendOne(
  file: JournalFile,
  { clock, random }: SqliteJournalDeps,
  head: Position,
  command: PurgeCommand,
  idempotency: Idempotency | undefined,
): AppendResult {
  const known = idempotency && file.key.get(idempotency.key);
  if (known && idempotency) {
    if (known.fingerprint !== idempotency.fingerprint) return { kind: 'conflict' };
    const row = file.bySeq.get(known.seq);
    if (!row) throw new JournalDamage(`the entry ${known.seq} of a key is missing`);
    return { kind: 'repeated', entry: entryOfRow(row) };
  }
  const unchained = {
    seq: head.seq + 1,
    id: random.hex(10),
    atMs: clock.nowMs(),
    soft: command.soft,
    scope: [...command.scope],
    selectors: [...command.selectors],
  };
  const entry: JournalEntry = { ...unchained, hash: chainHash(head.hash, unchained) };
  file.insert.run(rowOfEntry(entry, command.by));
  if (idempotency) file.insertKey.run(idempotency.key, idempotency.fingerprint, entry.seq);
  return { kind: 'appended', entry };
}

function readBounds(file: JournalFile): { head: Position; floor: Position } {
  const state = file.state.get();
  if (!state) throw new JournalDamage('the journal has no state');
  const { identity } = state;
  const floor = { identity, seq: state.floor_seq, hash: state.floor_hash };
  const newest = file.newest.get();
  const head = newest ? { identity, seq: newest.seq, hash: newest.hash } : floor;
  return { head, floor };
}

/** Reads a page and checks that its hashes follow from one another: a wrong row is never handed to a node. */
function readAfter(state: State, afterSeq: number, { limit, maxBytes }: JournalPage) {
  const start = positionOf(state, Math.max(afterSeq, state.floor.seq));
  if (!start) return [];
  const entries: JournalEntry[] = [];
  let { seq, hash } = start;
  let bytes = 0;
  for (const row of state.file.after.iterate(seq, limit)) {
    const entry = entryOfRow(row);
    if (entry.seq !== seq + 1 || entry.hash !== chainHash(hash, entry)) {
      throw new JournalDamage(`the entry ${entry.seq} does not follow from those before it`);
    }
    bytes += entryBytes(entry);
    if (maxBytes !== undefined && bytes > maxBytes && entries.length > 0) break;
    entries.push(entry);
    ({ seq, hash } = entry);
  }
  return entries;
}

/** Removes entries that are too old or too many, and moves the floor; the newest always stays. */
function prune(
  state: State,
  { oldestMs, maxEntries }: { oldestMs: number; maxEntries: number },
): number {
  const { file, head, floor } = state;
  // Entries are in the order of their numbers; a wall clock that went back only keeps a few for longer.
  const tooOld = (file.oldestNewerThan.get(oldestMs)?.seq ?? head.seq) - 1;
  const tooMany = head.seq - maxEntries;
  const wanted = Math.min(Math.max(tooOld, tooMany), head.seq - 1);
  const seq = Math.min(wanted, floor.seq + maxPruned);
  const row = seq > floor.seq ? file.bySeq.get(seq) : undefined;
  if (!row) return 0;
  file.database
    .transaction(() => {
      file.setFloor.run(seq, row.hash);
      file.pruneKeys.run(seq);
      file.pruneEntries.run(seq);
    })
    .immediate();
  state.floor = { identity: head.identity, seq, hash: row.hash };
  return seq - floor.seq;
}
