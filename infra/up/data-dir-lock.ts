/**
 * One `up` for each data folder. The lock is the operating system's, and so it ends with the process, however that ends; the
 * file with the process id beside it only serves the message for whoever comes second.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { FolderInUse, lockFolder } from '../../core/runtime/folder-lock.ts';

/** Makes the folder where it is missing, and locks it. Throws one line that says what is wrong and what to do. */
export function lockDataDir(dataDir: string, pid: number): { release(): void } {
  const pidFile = path.join(dataDir, 'up.pid');
  try {
    const lock = lockFolder(dataDir);
    try {
      writeFileSync(pidFile, `${pid}\n`);
    } catch (error) {
      lock.release();
      throw error;
    }
    return lock;
  } catch (error) {
    if (error instanceof FolderInUse) throw new Error(inUse(dataDir, pidFile), { cause: error });
    const { code, message } = error as NodeJS.ErrnoException;
    throw new Error(
      `${dataDir} cannot be written (${code ?? message}): change its owner, or "dataDir" in the configuration`,
      { cause: error },
    );
  }
}

function inUse(dataDir: string, pidFile: string): string {
  const owner = readOwner(pidFile);
  const who = owner === undefined ? '' : ` (process ${owner})`;
  return `another \`breakwater up\`${who} is using ${dataDir}: stop that one, or give this network its own "dataDir"`;
}

function readOwner(pidFile: string): string | undefined {
  try {
    return readFileSync(pidFile, 'utf8').trim();
  } catch {
    // The first is still on its way to writing it; that it is there is the answer.
    return undefined;
  }
}
