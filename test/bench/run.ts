/**
 * `npm run bench`: runs the files `test/bench/*.bench.ts`, one after the other so that none disturbs another, under a line
 * that says where. `npm run bench -- decide` runs those whose name contains the word, and gives them what else is said. Figures of a shared machine are
 * for comparing two runs on it, so a bench never fails for being slow.
 */
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { availableParallelism, cpus } from 'node:os';
import path from 'node:path';

const [word = '', ...more] = process.argv.slice(2);
const names = readdirSync(import.meta.dirname)
  .filter((name) => name.endsWith('.bench.ts') && name.includes(word))
  .sort();

const commit = spawnSync('git', ['describe', '--always', '--dirty'], { encoding: 'utf8' });
const machine = `${availableParallelism()} × ${cpus()[0]?.model ?? process.arch}`;
process.stdout.write(
  `Node ${process.versions.node}, ${machine}, commit ${commit.stdout?.trim() || 'unknown'}\n`,
);
if (names.length === 0) process.stdout.write(`There is no bench named ${word || '*.bench.ts'}.\n`);

for (const name of names) {
  process.stdout.write(`\n${name.replace('.bench.ts', '')}\n`);
  const { status } = spawnSync(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', path.join(import.meta.dirname, name), ...more],
    { stdio: 'inherit' },
  );
  if (status !== 0) process.exitCode = 1;
}
