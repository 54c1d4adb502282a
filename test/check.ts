/**
 * `npm run check`: types, lint and format, and the rules of tidy.test.ts, in less than a minute. All three run at the same
 * time and to the end, so that one look shows everything that is wrong; what passes stays quiet.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const checks = [
  { name: 'types', command: ['node_modules/typescript/bin/tsc'] },
  {
    name: 'lint',
    command: [
      'node_modules/@biomejs/biome/bin/biome',
      'check',
      '--colors=off',
      '--error-on-warnings',
      '--max-diagnostics=100',
    ],
  },
  { name: 'tidy', command: ['--test', '--test-reporter=spec', 'test/tidy.test.ts'] },
];

interface Outcome {
  name: string;
  isGood: boolean;
  output: string;
  seconds: string;
}

const root = fileURLToPath(new URL('..', import.meta.url));
const running: ChildProcess[] = [];
const stop = () => {
  for (const child of running) child.kill('SIGTERM');
};
process.once('disconnect', stop);
process.channel?.unref();
process.once('SIGTERM', stop);

const outcomes = await Promise.all(checks.map(runCheck));
for (const { isGood, output } of outcomes)
  if (!isGood) process.stdout.write(`${output.trim()}\n\n`);
for (const { name, isGood, seconds } of outcomes) {
  process.stdout.write(
    `${isGood ? '✔' : '✖'} ${name} ${isGood ? 'passed' : 'FAILED'} (${seconds} s)\n`,
  );
}
process.exitCode = outcomes.every(({ isGood }) => isGood) ? 0 : 1;

function runCheck({ name, command }: (typeof checks)[number]): Promise<Outcome> {
  const began = Date.now();
  const child = spawn(process.execPath, command, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
  running.push(child);
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => {
      const seconds = ((Date.now() - began) / 1000).toFixed(1);
      resolve({ name, isGood: code === 0, output, seconds });
    });
  });
}
