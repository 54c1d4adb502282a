/**
 * Where the nodes' output goes: a file each, appended to by the node itself, so that it costs `up` nothing and no line is
 * lost when `up` dies. When a file has grown past its limit, its content moves to `log.old` and it begins anew; each node
 * keeps two at most.
 */
import { closeSync, mkdirSync, openSync, readSync, statSync } from 'node:fs';
import { copyFile, stat, truncate } from 'node:fs/promises';
import path from 'node:path';

export const logLimitBytes = 16 * 2 ** 20;

/** Opens for appending, with its folder; the caller closes it once the child has its own copy. */
export function openLogFile(file: string): { fd: number; bytes: number } {
  mkdirSync(path.dirname(file), { recursive: true });
  const fd = openSync(file, 'a');
  return { fd, bytes: statSync(file).size };
}

/**
 * Moves the content of a file over the limit to `FILE.old`. The node goes on writing to the same open file, which is why
 * it is copied and emptied, not renamed; a line written in between is lost. Returns whether it did so; a file that somebody has removed is none of our business.
 */
export async function rotateLogFile(file: string, limitBytes = logLimitBytes): Promise<boolean> {
  if ((await sizeOf(file)) <= limitBytes) return false;
  await copyFile(file, `${file}.old`);
  await truncate(file, 0);
  return true;
}

async function sizeOf(file: string): Promise<number> {
  try {
    return (await stat(file)).size;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 0;
    throw error;
  }
}

/** What a node said last that was not a log line: the reason of a start that failed, as a person would read it. */
export function lastWords(file: string, fromByte: number): string | undefined {
  const fd = openSync(file, 'r');
  try {
    const size = statSync(file).size;
    const start = Math.max(fromByte, size - 16 * 1024);
    const buffer = Buffer.alloc(Math.max(0, size - start));
    readSync(fd, buffer, 0, buffer.length, start);
    return pickLastWords(buffer.toString('utf8'));
  } finally {
    closeSync(fd);
  }
}

/** The line that names the error in what a dying Node prints, else the last line that is no JSON. */
export function pickLastWords(text: string): string | undefined {
  const lines = text
    .split('\n')
    .map((line) => line.trimEnd())
    .filter((line) => line !== '' && !line.startsWith('{'));
  const named = lines.findLast((line) => /^(\w*Error|Uncaught)\b.*:/.test(line));
  return named ?? lines.at(-1);
}
