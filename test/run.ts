/**
 * `npm test`: runs the test files with node:test and prints one report. `npm test -- test/core/http` runs those of a
 * folder, or a file.
 *
 * Unit and contract tests share the cores. Network tests start whole CDNs of many processes each, so they come
 * afterwards and one at a time: what they wait for would otherwise depend on what runs beside them.
 */
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { run } from 'node:test';
import { spec, type TestEvent } from 'node:test/reporters';
import { fileURLToPath } from 'node:url';
import { listFiles } from './support/tidy/source.ts';

/** A backstop for a test that waits for what never comes; no test is meant to come near it. */
const TIMEOUT_MS = 240_000;

const root = fileURLToPath(new URL('..', import.meta.url));
process.chdir(root);

const wanted = process.argv.slice(2).map((name) => path.posix.normalize(name).replace(/\/$/, ''));
const files = listFiles(root, ['.test.ts'])
  .filter((file) => file.startsWith('test/'))
  .filter((file) => isWanted(file));
/** README's commands run on the demo network, whose ports are fixed. */
const networkTests = ['test/conformance/conformance.test.ts', 'test/docs/readme.test.ts'];
const isNetwork = (file: string) => file.startsWith('test/network/') || networkTests.includes(file);
const phases = [
  { files: files.filter((file) => !isNetwork(file)), concurrency: availableParallelism() },
  { files: files.filter(isNetwork), concurrency: 1 },
];

if (files.length === 0) {
  process.stderr.write(`no test file lies in ${wanted.join(', ')}\n`);
  process.exit(1);
}

// Whoever started us is gone or wants an end: the test processes must not outlive us.
const stop = new AbortController();
process.once('disconnect', () => stop.abort());
process.channel?.unref();
process.once('SIGTERM', () => stop.abort());

const closing = { isSuccess: true, counts: new Map<string, number>() };
await pipeline(Readable.from(allEvents()), new spec(), process.stdout, { end: false });
process.exitCode = closing.isSuccess ? 0 : 1;

function isWanted(file: string): boolean {
  return wanted.length === 0 || wanted.some((name) => file === name || file.startsWith(`${name}/`));
}

/** The events of all phases as those of one run: each phase's closing lines are added up and come once, at the end. */
async function* allEvents(): AsyncGenerator<TestEvent> {
  for (const { files, concurrency } of phases) {
    if (files.length === 0 || stop.signal.aborted) continue;
    for await (const event of run({
      files,
      concurrency,
      timeout: TIMEOUT_MS,
      signal: stop.signal,
    })) {
      if (!isClosing(event)) yield event;
    }
  }
  for (const [name, count] of closing.counts) {
    const data = { nesting: 0, message: `${name} ${count}`, level: 'info' };
    yield { type: 'test:diagnostic', data } as TestEvent;
  }
}

function isClosing(event: TestEvent): boolean {
  if (event.type === 'test:summary' && event.data.file === undefined) {
    closing.isSuccess &&= event.data.success;
    return true;
  }
  if (event.type !== 'test:diagnostic' || event.data.nesting !== 0) return false;
  const [, name, count] = /^([a-z_]+) ([\d.]+)$/.exec(event.data.message) ?? [];
  if (name === undefined) return false;
  closing.counts.set(name, (closing.counts.get(name) ?? 0) + Number(count));
  return true;
}
