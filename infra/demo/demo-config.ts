/**
 * The demo network's configuration on this machine. Its PoPs listen on loopback addresses of their own, so that DNS answers
 * differ and can be connected to; Linux has all of 127.0.0.0/8 without setup. Elsewhere the PoPs share 127.0.0.1, and their
 * ports tell them apart.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

/** The file as it stands in the repository. */
export const demoConfigFile = path.join(import.meta.dirname, 'breakwater.yaml');

/** The file to start the demo from; on other systems than Linux it is written into `folder` first. */
export function demoConfigFor(platform: NodeJS.Platform, folder: string): string {
  if (platform === 'linux') return demoConfigFile;
  const file = path.join(folder, 'demo.yaml');
  mkdirSync(folder, { recursive: true });
  writeFileSync(file, onOneAddress(readFileSync(demoConfigFile, 'utf8')));
  return file;
}

/** The same network on 127.0.0.1 alone, its data folder beside the file. */
export function onOneAddress(text: string): string {
  return text
    .replace(/127\.0\.0\.[23]\b/g, '127.0.0.1')
    .replace(/^dataDir: .*$/m, 'dataDir: ./demo');
}
