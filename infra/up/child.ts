/**
 * One process of the network: spawned with an IPC channel, which is how it tells that it has started and how it learns
 * that we are gone. Nothing here decides anything; the supervisor does.
 */
import { spawn } from 'node:child_process';
import { closeSync } from 'node:fs';
import { z } from 'zod';
import { startFailure } from '../../core/runtime/service.ts';
import { lastWords, openLogFile } from './log-files.ts';
import type { ProcessPlan } from './plan.ts';

export type StartOutcome =
  | { kind: 'started'; listen: string | undefined; admin: string | undefined }
  | { kind: 'failed'; reason: string };

export interface Child {
  pid: number;
  /** How the start went. An end before `started` is a failure. Never rejects. */
  started: Promise<StartOutcome>;
  /** `code 1` or `signal SIGKILL`, once it has ended. Never rejects. */
  exited: Promise<string>;
  /** Sends a signal; false when the process has ended. */
  signal(name: NodeJS.Signals): boolean;
}

export interface SpawnOptions {
  /** The program and its first arguments: Node, its options, and the command line's entry. */
  command: readonly [string, ...string[]];
  environment: Readonly<Record<string, string | undefined>>;
}

/** What `runService` sends (core/runtime/service.ts). */
const childMessage = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('started'),
    bound: z.object({ listen: z.string().optional(), admin: z.string().optional() }),
  }),
  z.object({ type: z.literal('failed'), reason: z.string() }),
]);

/** Spawns the process. Never throws: what cannot be spawned is a child that has failed. */
export function spawnChild(plan: ProcessPlan, options: SpawnOptions): Child {
  try {
    return spawnInto(openLogFile(plan.logFile), plan, options);
  } catch (error) {
    const reason = startFailure(error);
    return {
      pid: -1,
      started: Promise.resolve({ kind: 'failed', reason }),
      exited: Promise.resolve('no process'),
      signal: () => false,
    };
  }
}

function spawnInto(
  log: { fd: number; bytes: number },
  plan: ProcessPlan,
  { command, environment }: SpawnOptions,
): Child {
  const [program, ...args] = command;
  const child = spawn(program, [...args, ...plan.args], {
    stdio: ['ignore', log.fd, log.fd, 'ipc'],
    env: environment,
  });
  closeSync(log.fd);
  const exited = new Promise<string>((resolve) => {
    child.once('exit', (code, signal) => resolve(signal ? `signal ${signal}` : `code ${code}`));
    child.once('error', (error) => resolve(`error: ${error.message}`));
  });
  const told = new Promise<StartOutcome>((resolve) => {
    child.on('message', (message) => {
      const parsed = childMessage.safeParse(message);
      if (!parsed.success) return;
      const { data } = parsed;
      if (data.type === 'failed') resolve({ kind: 'failed', reason: data.reason });
      else resolve({ kind: 'started', listen: data.bound.listen, admin: data.bound.admin });
    });
  });
  // The channel closes after its last message, which the end of the process may overtake.
  const channelClosed = new Promise<void>((resolve) => {
    child.once('disconnect', resolve);
    child.once('error', () => resolve());
  });
  const endedEarly = exited.then(async (how): Promise<StartOutcome> => {
    await channelClosed;
    const words = lastWords(plan.logFile, log.bytes);
    return { kind: 'failed', reason: words ?? `it ended with ${how} and said nothing` };
  });
  return {
    pid: child.pid ?? -1,
    exited,
    started: Promise.race([told, endedEarly]),
    signal: (name) => child.exitCode === null && child.signalCode === null && child.kill(name),
  };
}
