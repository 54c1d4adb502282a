/**
 * The journal's SQLite file: tables, statements, and what becomes of a damaged file. Every commit is synced to the device.
 *
 * Layout: `entries` holds one row an entry; `state` one row with the identity and the floor (the newest entry that has been
 * pruned); `keys` the idempotency keys, which go with their entries.
 */
import { existsSync, mkdirSync, renameSync } from 'node:fs';
import path from 'node:path';
import type { JournalEntry, Selector } from '../core/purge/command.ts';
import { isDamage, openDatabase, type SqliteDatabase } from '../core/runtime/sqlite.ts';

/** Incremented when an older program could not read the file. */
const layoutVersion = 1;

export interface EntryRow {
  seq: number;
  id: string;
  at_ms: number;
  soft: number;
  scope: string;
  selectors: string;
  hash: string;
  by: string;
}

export interface StateRow {
  identity: string;
  floor_seq: number;
  floor_hash: string;
}

export interface KeyRow {
  fingerprint: string;
  seq: number;
}

const layout = `
  create table if not exists state (
    one integer primary key check (one = 1),
    identity text not null, floor_seq integer not null, floor_hash text not null
  ) strict;
  create table if not exists entries (
    seq integer primary key, id text not null unique, at_ms real not null, soft integer not null,
    scope text not null, selectors text not null, hash text not null, by text not null
  ) strict;
  create table if not exists keys (
    key text primary key, fingerprint text not null, seq integer not null
  ) strict, without rowid;
  create index if not exists keys_by_seq on keys (seq);
`;

export type JournalFile = ReturnType<typeof prepare> & { database: SqliteDatabase };

/** What was wrong with a file that was set aside. */
export interface SetAside {
  movedTo: string;
  problem: Error;
}

/**
 * Opens the journal at `file`, making it with `newIdentity` when there is none. A damaged file is moved aside (never
 * deleted: somebody may want to look at it) and a new one begun; `setAside` then says so.
 */
export function openJournalFile(
  file: string,
  newIdentity: string,
  nowMs: number,
): { journal: JournalFile; setAside?: SetAside } {
  mkdirSync(path.dirname(file), { recursive: true });
  try {
    return { journal: openAlone(file, newIdentity) };
  } catch (error) {
    if (!isJournalDamage(error)) throw error;
    const setAside = { movedTo: moveAside(file, nowMs), problem: error as Error };
    return { journal: openOnce(file, newIdentity), setAside };
  }
}

/** Opens a journal that is there. Throws when another process has it, or where it is damaged; it is left as it is. */
export function openExistingJournal(file: string): JournalFile {
  // Where the copy has no state it is none; the identity that it would get is of no use.
  return openAlone(file, 'none');
}

function openAlone(file: string, newIdentity: string): JournalFile {
  try {
    return openOnce(file, newIdentity);
  } catch (error) {
    if ((error as { code?: unknown }).code !== 'SQLITE_BUSY') throw error;
    throw new Error(`${file} is in use by another process: only one purge-api may have it`);
  }
}

/** Thrown when rows contradict one another although SQLite reads them. */
export class JournalDamage extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'JournalDamage';
  }
}

export function isJournalDamage(error: unknown): boolean {
  return error instanceof JournalDamage || isDamage(error);
}

/** Moves the file and its companions out of the way; returns the new name. */
export function moveAside(file: string, nowMs: number): string {
  const movedTo = `${file}.damaged-${nowMs}`;
  for (const suffix of ['', '-wal', '-shm']) {
    if (existsSync(`${file}${suffix}`)) renameSync(`${file}${suffix}`, `${movedTo}${suffix}`);
  }
  return movedTo;
}

export function entryOfRow(row: EntryRow): JournalEntry {
  return {
    seq: row.seq,
    id: row.id,
    atMs: row.at_ms,
    soft: row.soft === 1,
    scope: JSON.parse(row.scope) as string[],
    selectors: JSON.parse(row.selectors) as Selector[],
    hash: row.hash,
  };
}

export function rowOfEntry(entry: JournalEntry, by: string): EntryRow {
  return {
    seq: entry.seq,
    id: entry.id,
    at_ms: entry.atMs,
    soft: entry.soft ? 1 : 0,
    scope: JSON.stringify(entry.scope),
    selectors: JSON.stringify(entry.selectors),
    hash: entry.hash,
    by,
  };
}

function openOnce(file: string, newIdentity: string): JournalFile {
  const database = openDatabase(file, { synchronous: 'full', busyTimeoutMs: 1000 });
  try {
    // Two processes that number the same journal would each be right and together wrong: only one may have it.
    database.pragma('locking_mode = EXCLUSIVE');
    const version = database.pragma('user_version', { simple: true }) as number;
    if (version > layoutVersion) {
      throw new Error(`${file} was written by a newer version of Breakwater`);
    }
    database.exec(layout);
    database.pragma(`user_version = ${layoutVersion}`);
    database.prepare('insert or ignore into state values (1, ?, 0, ?)').run(newIdentity, '');
    return { database, ...prepare(database) };
  } catch (error) {
    database.close();
    throw error;
  }
}

function prepare(database: SqliteDatabase) {
  return {
    state: database.prepare<[], StateRow>('select identity, floor_seq, floor_hash from state'),
    newest: database.prepare<[], EntryRow>('select * from entries order by seq desc limit 1'),
    bySeq: database.prepare<[number], EntryRow>('select * from entries where seq = ?'),
    byId: database.prepare<[string], EntryRow>('select * from entries where id = ?'),
    after: database.prepare<[number, number], EntryRow>(
      'select * from entries where seq > ? order by seq limit ?',
    ),
    oldestNewerThan: database.prepare<[number], { seq: number }>(
      'select seq from entries where at_ms >= ? order by seq limit 1',
    ),
    insert: database.prepare<[EntryRow], void>(
      'insert into entries values (@seq, @id, @at_ms, @soft, @scope, @selectors, @hash, @by)',
    ),
    key: database.prepare<[string], KeyRow>('select fingerprint, seq from keys where key = ?'),
    insertKey: database.prepare<[string, string, number], void>(
      'insert into keys values (?, ?, ?)',
    ),
    setIdentity: database.prepare<[string], void>('update state set identity = ?'),
    setFloor: database.prepare<[number, string], void>(
      'update state set floor_seq = ?, floor_hash = ?',
    ),
    pruneEntries: database.prepare<[number], void>('delete from entries where seq <= ?'),
    pruneKeys: database.prepare<[number], void>('delete from keys where seq <= ?'),
  };
}
