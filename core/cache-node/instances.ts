/**
 * The process starts that this data folder has seen. Only one process can hold the folder (`folder-lock.ts`), so whoever holds it
 * knows that the earlier ones are dead: purge-api need not wait for their leases to run out. A copy of a folder proves nothing, so
 * the list names the folder that it was written in.
 */
import { readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import { maxSucceeded } from '../purge/command.ts';

const fileName = 'instances.json';
const listSchema = z.object({ writtenIn: z.string(), instances: z.array(z.string().max(64)) });

/** Enters `instance`, and returns the earlier ones, the latest first. To be called by the holder of the folder's lock. */
export function takeOverInstances(folder: string, instance: string): string[] {
  const file = path.join(folder, fileName);
  const { dev, ino } = statSync(folder);
  const writtenIn = `${dev}:${ino}`;
  const earlier = read(file, writtenIn).slice(0, maxSucceeded);
  // Before anything is served: whoever comes after must find this one in it.
  const instances = [instance, ...earlier].slice(0, maxSucceeded);
  writeFileSync(`${file}.new`, JSON.stringify({ writtenIn, instances }));
  renameSync(`${file}.new`, file);
  return earlier;
}

/** An unreadable list costs a wait for leases, and nothing else. */
function read(file: string, folderNow: string): string[] {
  try {
    const { writtenIn, instances } = listSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
    return writtenIn === folderNow ? instances : [];
  } catch {
    return [];
  }
}
