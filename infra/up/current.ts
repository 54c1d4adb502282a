/**
 * Which network was started last from this folder: `.breakwater/current` holds the path of its configuration, so that
 * `breakwater status` and the other commands need no `-c`.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

const folderName = '.breakwater';

/** Remembers `file` for commands that are run in `folder` or below it. Throws where it cannot be written. */
export function rememberCurrent(folder: string, file: string): void {
  mkdirSync(path.join(folder, folderName), { recursive: true });
  writeFileSync(path.join(folder, folderName, 'current'), `${file}\n`);
}

/** What the nearest folder at or above `folder` remembers; undefined when none does. */
export function findCurrent(folder: string): string | undefined {
  for (let at = path.resolve(folder); ; at = path.dirname(at)) {
    try {
      const text = readFileSync(path.join(at, folderName, 'current'), 'utf8').trim();
      if (text !== '') return text;
    } catch {
      // Not here; perhaps further up.
    }
    if (at === path.dirname(at)) return undefined;
  }
}
