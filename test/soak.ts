/**
 * `npm run soak`: what is too long for `npm test`, each in a file `*.soak.ts` below test/ that node:test runs; one after the other,
 * because some start whole networks. `npm run soak -- test/simulation` runs those of a folder, or a file.
 */
import path from 'node:path';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';
import { fileURLToPath } from 'node:url';
import { listFiles } from './support/tidy/source.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
process.chdir(root);

const wanted = process.argv.slice(2).map((name) => path.posix.normalize(name).replace(/\/$/, ''));
const files = listFiles(root, ['.soak.ts'])
  .filter((file) => file.startsWith('test/'))
  .filter((file) => wanted.length === 0 || wanted.some((name) => isIn(file, name)));

if (files.length === 0) {
  process.stderr.write(`no soak file lies in ${wanted.join(', ')}\n`);
  process.exit(1);
}

// Whoever started us is gone or wants an end: the test processes must not outlive us.
const stop = new AbortController();
process.once('disconnect', () => stop.abort());
process.channel?.unref();
process.once('SIGTERM', () => stop.abort());

run({ files, concurrency: 1, signal: stop.signal })
  .on('test:fail', () => {
    process.exitCode = 1;
  })
  .compose(new spec())
  .pipe(process.stdout);

function isIn(file: string, name: string): boolean {
  return file === name || file.startsWith(`${name}/`);
}
