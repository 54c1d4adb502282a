/**
 * One node of the network as a real process: `node infra/cli/main.ts edge -c FILE --id ID`. It holds an IPC channel, so that it
 * ends with the test whatever way the test ends, and by which it tells what it has bound.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import path from 'node:path';

const entry = path.join(import.meta.dirname, '../../../infra/cli/main.ts');
const stopLimitMs = 15_000;

export type Verb = 'edge' | 'shield' | 'dns' | 'purge-api';

export interface NodePlan {
  id: string;
  verb: Verb;
  configFile: string;
  logFile: string;
}

export interface NodeProcess {
  readonly id: string;
  readonly verb: Verb;
  readonly pid: number;
  /** Where it listens, of its last start. */
  readonly url: string;
  readonly adminUrl: string;
  isRunning(): boolean;
  /** Starts it (again); rejects with its last words when it does not come up. */
  start(): Promise<void>;
  /** Sends a signal and does not wait. */
  signal(name: NodeJS.Signals): void;
  /** Sends a signal and resolves with how the process ended: `code 0`, `SIGKILL`. */
  end(name: NodeJS.Signals): Promise<string>;
  /** Resolves with how the process ended, once it has. */
  ended(): Promise<string>;
  /** All lines of its log so far, of all its starts. */
  logLines(): string[];
  /** The last of them, for people. */
  logTail(lines?: number): string;
}

/** A node that has not been started yet. */
export function createNodeProcess(plan: NodePlan): NodeProcess {
  let child: ChildProcess | undefined;
  let ended: Promise<string> = Promise.resolve('never started');
  let bound: { listen: string; admin: string } | undefined;
  const isRunning = () =>
    child !== undefined && child.exitCode === null && child.signalCode === null;
  const logLines = () => readFileSync(plan.logFile, 'utf8').trimEnd().split('\n');
  const logTail = (lines = 25) =>
    logLines()
      .slice(-lines)
      .map((line) => line.slice(0, 400))
      .join('\n');
  const boundOrThrow = () => {
    if (!bound) throw new Error(`${plan.id} has not been started`);
    return bound;
  };
  return {
    id: plan.id,
    verb: plan.verb,
    get pid() {
      return child?.pid ?? -1;
    },
    get url() {
      return `http://${connectable(boundOrThrow().listen)}`;
    },
    get adminUrl() {
      return `http://${connectable(boundOrThrow().admin)}`;
    },
    isRunning,
    async start() {
      if (isRunning()) throw new Error(`${plan.id} runs already`);
      const started = spawnNode(plan);
      child = started;
      ended = new Promise((resolve) => {
        started.once('exit', (code, signal) => resolve(signal ?? `code ${code}`));
      });
      bound = await boundOf(started, ended, plan.id, logTail);
    },
    signal(name) {
      if (isRunning()) child?.kill(name);
    },
    async end(name) {
      if (!isRunning()) return ended;
      child?.kill(name);
      const limit = setTimeout(() => child?.kill('SIGKILL'), stopLimitMs);
      const how = await ended;
      clearTimeout(limit);
      return how;
    },
    ended: () => ended,
    logLines,
    logTail,
  };
}

function spawnNode({ verb, configFile, id, logFile }: NodePlan): ChildProcess {
  const log = openSync(logFile, 'a');
  const { BREAKWATER_CONFIG: _, NODE_TEST_CONTEXT: __, ...environment } = process.env;
  const child = spawn(process.execPath, [entry, verb, '-c', configFile, '--id', id], {
    stdio: ['ignore', log, log, 'ipc'],
    env: environment,
  });
  closeSync(log);
  return child;
}

interface Told {
  type: 'started' | 'failed';
  bound?: { listen: string; admin: string };
  reason?: string;
}

function boundOf(
  child: ChildProcess,
  ended: Promise<string>,
  id: string,
  logTail: () => string,
): Promise<{ listen: string; admin: string }> {
  return new Promise((resolve, reject) => {
    child.on('message', (message: Told) => {
      if (message.type === 'started' && message.bound) resolve(message.bound);
      else reject(new Error(message.reason ?? `${id} did not start`));
    });
    child.once('error', reject);
    void ended.then((how) => reject(new Error(`${id} ended with ${how}: ${logTail()}`)));
  });
}

/** A wildcard is reached by the loopback address of its family. */
function connectable(listen: string): string {
  return listen.replace(/^0\.0\.0\.0:/, '127.0.0.1:').replace(/^\[::\]:/, '[::1]:');
}
