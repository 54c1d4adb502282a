/**
 * One process a data folder. The lock is a SQLite file that the process keeps open exclusively: the operating system lets go
 * of it whatever way the process ends, so a crash leaves nothing to clean up.
 */
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { openDatabase } from './sqlite.ts';

/** Another process holds the folder; `message` says what to do. */
export class FolderInUse extends Error {}

/** Locks `folder`, making it if needed. Throws FolderInUse when another process holds it. */
export function lockFolder(folder: string): { release(): void } {
  mkdirSync(folder, { recursive: true });
  try {
    return holdExclusively(path.join(folder, 'lock.db'));
  } catch (error) {
    // Opening alone can meet the lock: it sets what the file does not have yet.
    if ((error as { code?: string }).code?.startsWith('SQLITE_BUSY')) {
      throw new FolderInUse(
        `another process uses ${folder}: stop it first, or give this node another "dataDir"`,
      );
    }
    throw error;
  }
}

function holdExclusively(file: string): { release(): void } {
  const database = openDatabase(file, { busyTimeoutMs: 0, journal: 'delete' });
  try {
    database.pragma('locking_mode = EXCLUSIVE');
    database.exec('BEGIN EXCLUSIVE');
    return { release: () => void database.close() };
  } catch (error) {
    database.close();
    throw error;
  }
}
