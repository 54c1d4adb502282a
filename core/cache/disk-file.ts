/**
 * Opens a node's `cache.db` for writing. A damaged file is set aside under another name and counted, never served; a file
 * of another layout is discarded. Both are losses of cached copies only: the node then holds nothing and asks the
 * journal where to begin.
 */
import { readdirSync, renameSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { Clock } from '../runtime/deps.ts';
import type { Log } from '../runtime/log.ts';
import { isDamage, openDatabase, type SqliteDatabase } from '../runtime/sqlite.ts';
import { decodeState, pageBytes, type StateRow, schema, schemaVersion } from './disk-schema.ts';

export interface DiskFileDeps {
  clock: Clock;
  log: Log;
  /** A damaged file was set aside. */
  onDamaged(): void;
}

/** Damaged files that are kept for whoever wants to look into it; older ones are deleted. */
const keptDamagedFiles = 2;
const cacheBytes = 16 * 2 ** 20;
/** The write-ahead log is cut back to this after a checkpoint. */
const walLimitBytes = 64 * 2 ** 20;

/** Opens or creates the file, replacing a damaged one. Throws what is not damage (no space, no permission). */
export function openCacheFile(deps: DiskFileDeps, file: string): SqliteDatabase {
  try {
    return openSound(deps, file);
  } catch (error) {
    if (!isDamage(error)) {
      const problem = (error as Error).message;
      throw new Error(`the disk cache ${file} cannot be opened: ${problem}`, { cause: error });
    }
    setAside(deps, file, error);
    return openSound(deps, file);
  }
}

/** Renames the file, which nobody writes to any more, and deletes the oldest such files beyond two. */
export function setAside(deps: DiskFileDeps, file: string, cause: unknown): void {
  const aside = `${file}.damaged-${deps.clock.nowMs()}`;
  for (const suffix of suffixes) renameIfThere(file + suffix, aside + suffix);
  deps.onDamaged();
  deps.log.error(
    { file, aside: basename(aside), cause: (cause as Error).message },
    'the disk cache is damaged: set aside, beginning with an empty one',
  );
  const prefix = `${basename(file)}.damaged-`;
  const kept = readdirSync(dirname(file))
    .filter((name) => name.startsWith(prefix) && /^\d+$/.test(name.slice(prefix.length)))
    .sort((a, b) => Number(b.slice(prefix.length)) - Number(a.slice(prefix.length)));
  for (const name of kept.slice(keptDamagedFiles)) removeFile(join(dirname(file), name));
}

/** Deletes a database file and what belongs to it. */
export function removeFile(file: string): void {
  for (const suffix of suffixes) rmSync(file + suffix, { force: true });
}

const suffixes = ['', '-wal', '-shm'];

function openSound(deps: DiskFileDeps, file: string): SqliteDatabase {
  let database = open(file);
  const version = database.pragma('user_version', { simple: true });
  if (version !== schemaVersion && hasTables(database)) {
    database.close();
    deps.log.warn({ file, version, schemaVersion }, 'the disk cache has another layout: discarded');
    removeFile(file);
    database = open(file);
  }
  try {
    if (!hasTables(database)) createTables(database);
    checkState(database);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

function open(file: string): SqliteDatabase {
  const database = openDatabase(file, { synchronous: 'normal', pageBytes, cacheBytes });
  try {
    database.pragma(`journal_size_limit = ${walLimitBytes}`);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

function hasTables(database: SqliteDatabase): boolean {
  return database.prepare('select 1 from sqlite_schema limit 1').get() !== undefined;
}

function createTables(database: SqliteDatabase): void {
  database.transaction(() => {
    database.exec(schema);
    database.pragma(`user_version = ${schemaVersion}`);
  })();
}

/** The state is few rows, and everything else hangs on it; other rows are checked when they are read. */
function checkState(database: SqliteDatabase): void {
  for (const row of database.prepare('select name, value, crc from state').all()) {
    decodeState(row as StateRow);
  }
}

function renameIfThere(from: string, to: string): void {
  try {
    renameSync(from, to);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}
