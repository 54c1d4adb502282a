/** Runs a TypeScript file as a process of its own and gathers what it says. */
import { type ChildProcess, spawn } from 'node:child_process';
import path from 'node:path';

export const cliFile = path.join(import.meta.dirname, '../../../infra/cli/main.ts');

export interface Finished {
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

export interface Running {
  child: ChildProcess;
  /** Resolves when the process has ended and its output has been read. */
  finished: Promise<Finished>;
  /** Resolves with the first line of standard output for which `accepts` is true; rejects when the process ends before. */
  line(accepts: (line: string) => boolean): Promise<string>;
}

export interface RunOptions {
  cwd?: string;
  environment?: Record<string, string>;
}

/** Starts `node FILE args…`. */
export function startProcess(
  file: string,
  args: readonly string[],
  options: RunOptions = {},
): Running {
  const {
    BREAKWATER_CONFIG: _,
    BREAKWATER_API: __,
    BREAKWATER_TOKEN: ___,
    ...inherited
  } = process.env;
  const child = spawn(process.execPath, [file, ...args], {
    cwd: options.cwd,
    env: { ...inherited, NO_COLOR: '1', ...options.environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  const watchers = new Set<() => void>();
  child.stdout?.on('data', (part) => {
    stdout += part;
    for (const watcher of watchers) watcher();
  });
  child.stderr?.on('data', (part) => {
    stderr += part;
  });
  const finished = new Promise<Finished>((resolve) => {
    child.once('close', (code, signal) => resolve({ code, signal, stdout, stderr }));
  });
  const find = (accepts: (line: string) => boolean) =>
    stdout.split('\n').slice(0, -1).find(accepts);
  return {
    child,
    finished,
    line: (accepts) =>
      new Promise((resolve, reject) => {
        const look = () => {
          const found = find(accepts);
          if (found === undefined) return;
          watchers.delete(look);
          resolve(found);
        };
        watchers.add(look);
        void finished.then((end) =>
          reject(new Error(`ended with ${end.code}: ${end.stderr}${end.stdout}`)),
        );
        look();
      }),
  };
}

/** Runs the command line to its end. */
export function breakwater(args: readonly string[], options: RunOptions = {}): Promise<Finished> {
  return startProcess(cliFile, args, options).finished;
}

/** Whether a process with this id exists. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    // ESRCH: there is none.
    return false;
  }
}

/** Resolves when none of the processes exists any more; looks until the test's own timeout. */
export async function allGone(pids: readonly number[]): Promise<void> {
  while (pids.some(isAlive)) await new Promise((resolve) => setTimeout(resolve, 20));
}
