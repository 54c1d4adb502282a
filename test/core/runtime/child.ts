/** Runs a file of this folder as a process, with a parent's IPC channel or without. */
import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import type { TestContext } from 'node:test';

export interface Child {
  process: ChildProcess;
  /** What it has written so far. */
  output(): string;
  errors(): string;
  /** Resolves once standard output matches. */
  says(pattern: RegExp): Promise<void>;
  /** Resolves with the exit code, or the signal's name, when all output has been read. */
  ended(): Promise<number | string>;
}

/** Starts the file; it is killed at the end of the test if it still runs. */
export function startChild(
  t: TestContext,
  file: string,
  args: string[],
  { hasParent = false, environment = {} } = {},
): Child {
  const script = path.join(import.meta.dirname, file);
  const env = { ...process.env, ...environment };
  const child = hasParent
    ? fork(script, args, { env, silent: true })
    : spawn(process.execPath, [script, ...args], { env, stdio: 'pipe' });
  t.after(() => child.kill('SIGKILL'));
  // Not 'close', which does not come when this side has ended the channel.
  const closed = Promise.all(
    [once(child, 'exit')].concat(
      [child.stdout, child.stderr].map((s) => once(s ?? child, 'close')),
    ),
  );
  let output = '';
  let errors = '';
  child.stdout?.on('data', (part) => {
    output += part;
  });
  child.stderr?.on('data', (part) => {
    errors += part;
  });
  return {
    process: child,
    output: () => output,
    errors: () => errors,
    async says(pattern) {
      while (!pattern.test(output)) {
        if (child.exitCode !== null) throw new Error(`it ended: ${output}${errors}`);
        await Promise.race([once(child.stdout ?? child, 'data'), closed]);
      }
    },
    async ended() {
      await closed;
      return child.exitCode ?? child.signalCode ?? 'still runs';
    },
  };
}
