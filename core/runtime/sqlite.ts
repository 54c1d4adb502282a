/**
 * The one door to better-sqlite3. Opens files in WAL mode with the settings that every file of ours has, and
 * tells damage apart from other errors, so that a damaged file can be set aside instead of being served.
 */
import Database from 'better-sqlite3';

export type SqliteDatabase = Database.Database;
export type SqliteStatement<P extends unknown[] = unknown[], R = unknown> = Database.Statement<
  P,
  R
>;

/** Below this SQLite had a WAL-reset bug that could lose committed pages (DESIGN section 10). */
const minimumVersion = [3, 51, 3] as const;

export interface OpenOptions {
  readonly?: boolean;
  /** `full` syncs every commit to the device; `normal` may lose the last commits in a power cut, never consistency. */
  synchronous?: 'full' | 'normal';
  /** `delete` for files that hold a lock and nothing else. */
  journal?: 'wal' | 'delete';
  /** Page cache in bytes. */
  cacheBytes?: number;
  /** Page size of a file that is created now: a power of two, 512 to 65536. Large pages suit large blobs. Default 4096. */
  pageBytes?: number;
  /** Milliseconds that a call waits for another connection's lock. */
  busyTimeoutMs?: number;
}

/** Opens (and unless `readonly`, creates) the database file at `path`. Throws SqliteError when it is damaged. */
export function openDatabase(path: string, options: OpenOptions = {}): SqliteDatabase {
  const database = connect(path, options);
  try {
    assertVersion(database);
    if (!options.readonly) {
      // These two take effect only on a file that has no tables yet; later they are no-ops.
      if (options.pageBytes) database.pragma(`page_size = ${options.pageBytes}`);
      database.pragma('auto_vacuum = INCREMENTAL');
      if (options.journal !== 'delete') database.pragma('journal_mode = WAL');
      database.pragma(`synchronous = ${options.synchronous === 'full' ? 'FULL' : 'NORMAL'}`);
    }
    database.pragma('foreign_keys = OFF');
    database.pragma(`cache_size = -${Math.ceil((options.cacheBytes ?? 8 << 20) / 1024)}`);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

/** SQLite does not say which file it could not open; whoever shows the error to a person needs to know. */
function connect(path: string, options: OpenOptions): SqliteDatabase {
  try {
    return new Database(path, {
      readonly: options.readonly ?? false,
      timeout: options.busyTimeoutMs ?? 5000,
    });
  } catch (error) {
    throw Object.assign(error as Error, { path });
  }
}

/** True when the error says that the file itself is damaged or is no database. */
export function isDamage(error: unknown): boolean {
  const code = (error as { code?: unknown } | null)?.code;
  return (
    typeof code === 'string' && (code.startsWith('SQLITE_CORRUPT') || code === 'SQLITE_NOTADB')
  );
}

function assertVersion(database: SqliteDatabase): void {
  const row = database.prepare('select sqlite_version() as version').get() as { version: string };
  const parts = row.version.split('.').map(Number);
  for (const [index, wanted] of minimumVersion.entries()) {
    const have = parts[index] ?? 0;
    if (have > wanted) return;
    if (have < wanted) {
      throw new Error(
        `SQLite ${row.version} is too old: ${minimumVersion.join('.')} or newer is needed`,
      );
    }
  }
}
