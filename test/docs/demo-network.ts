/**
 * The demo network as a user starts it: `npm start` in the checkout, on its fixed ports. Waits for others to leave those
 * ports; stops by what Ctrl-C does, a SIGINT to the whole process group.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { loadTopology } from '../../core/topology/load.ts';
import { demoOriginAddress } from '../../infra/cli/find-config.ts';
import { demoConfigFile } from '../../infra/demo/demo-config.ts';
import { listenersOf, planNetwork } from '../../infra/up/plan.ts';
import { findPortProblem } from '../../infra/up/ports.ts';

export const root = fileURLToPath(new URL('../..', import.meta.url));

export interface DemoNetwork {
  /** What `npm start` has printed so far. */
  output(): string;
  /** Ctrl-C. Resolves when npm has ended. */
  interrupt(): Promise<void>;
}

export interface Finished {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** Somebody who tries the demo network on this machine needs it for a while. */
const portsLimitMs = 90_000;
const startLimitMs = 90_000;
const pauseMs = 250;

/** The environment of a user's shell: nothing of the test runner, no configuration of Breakwater. */
export function shellEnvironment(): NodeJS.ProcessEnv {
  const own = /^(NODE_TEST_CONTEXT|BREAKWATER_|npm_)/;
  const kept = Object.entries(process.env).filter(([name]) => !own.test(name));
  return { ...Object.fromEntries(kept), NO_COLOR: '1' };
}

/** What the ports of the demo network say: undefined when all are free, else who has what. */
export function demoPortProblem(): Promise<string | undefined> {
  const tiers = planNetwork(loadTopology(demoConfigFile, {}), { demoOrigin: demoOriginAddress });
  return findPortProblem(listenersOf(tiers), demoConfigFile);
}

/** Runs a line as `sh` would in the checkout. */
export function runLine(line: string): Promise<Finished> {
  const child = spawn('sh', ['-c', line], {
    cwd: root,
    env: shellEnvironment(),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const stdout = gather(child.stdout);
  const stderr = gather(child.stderr);
  return new Promise((resolve) => {
    child.once('close', (code) => resolve({ code, stdout: stdout(), stderr: stderr() }));
  });
}

/** Starts the network; resolves when it is ready. Rejects with what npm said, nothing left running. */
export async function startDemoNetwork(): Promise<DemoNetwork> {
  const ports = async () => (await demoPortProblem()) ?? 'free';
  const problem = await waitFor(ports, ['free'], portsLimitMs);
  if (problem !== 'free') throw new Error(`README's commands need the demo's ports: ${problem}`);
  const child = spawn('npm', ['start'], {
    cwd: root,
    env: shellEnvironment(),
    stdio: ['ignore', 'pipe', 'inherit'],
    // A group of its own, as a terminal gives it.
    detached: true,
  });
  const output = gather(child.stdout);
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const group = watchGroup(child);
  const state = async () => {
    if (output().includes('Ready in')) return 'ready';
    return group.hasEnded() ? 'ended' : 'starting';
  };
  const interrupt = async () => {
    group.signal('SIGINT');
    await ended;
  };
  const reached = await waitFor(state, ['ready', 'ended'], startLimitMs);
  if (reached === 'ready') return { output, interrupt };
  await interrupt();
  throw new Error(`npm start did not become ready (${reached}):\n${output()}`);
}

/** The process group of a detached child: signalled as a whole, and never left behind by an end of this process. */
function watchGroup(child: ChildProcess) {
  let hasEnded = false;
  const signal = (name: NodeJS.Signals) => {
    if (!hasEnded && child.pid !== undefined) process.kill(-child.pid, name);
  };
  const onExit = () => signal('SIGINT');
  // The runner ends a test that takes too long; without a handler `exit` would not be emitted.
  const onTerm = () => process.exit(1);
  process.once('exit', onExit);
  process.once('SIGTERM', onTerm);
  child.once('close', () => {
    hasEnded = true;
    process.off('exit', onExit);
    process.off('SIGTERM', onTerm);
  });
  return { hasEnded: () => hasEnded, signal };
}

function gather(stream: Readable): () => string {
  let text = '';
  stream.setEncoding('utf8').on('data', (part: string) => {
    text += part;
  });
  return () => text;
}

/** Asks until the answer is one of `wanted`, or `limitMs` have passed; resolves with the last answer. */
export async function waitFor(
  ask: () => Promise<string>,
  wanted: readonly string[],
  limitMs: number,
): Promise<string> {
  const untilMs = Date.now() + limitMs;
  for (;;) {
    const answer = await ask();
    if (wanted.includes(answer) || Date.now() > untilMs) return answer;
    await sleep(pauseMs);
  }
}
