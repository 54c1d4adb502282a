/**
 * `breakwater up`: a whole network on this machine, from one file. This is the control flow; what it decides is in the pure
 * files beside it, and the processes are the supervisor's.
 *
 * Invariant: whichever way it ends, no process of the network is left: they are stopped here, and if this process dies
 * without a chance to, they see their IPC channel close and drain.
 */
import { availableParallelism } from 'node:os';
import path from 'node:path';
import type { Clock, Random } from '../../core/runtime/deps.ts';
import { every } from '../../core/runtime/deps.ts';
import { startFailure } from '../../core/runtime/service.ts';
import { type Environment, loadTopology, type Topology } from '../../core/topology/load.ts';
import { nodesOf } from '../../core/topology/nodes.ts';
import { withSecret } from '../../core/topology/secret-file.ts';
import { sharedLines } from '../cli/anycast.ts';
import { compileCacheFolder } from '../cli/compile-cache.ts';
import { spawnChild } from './child.ts';
import { rememberCurrent } from './current.ts';
import { lockDataDir } from './data-dir-lock.ts';
import type { Report } from './events.ts';
import { demoShowcase, linesToTry, pagesToBrowse } from './lines-to-try.ts';
import { rotateLogFile } from './log-files.ts';
import { listenersOf, type ProcessPlan, planNetwork, workersPerNode } from './plan.ts';
import { findPortProblem } from './ports.ts';
import { waitUntilReady } from './readiness.ts';
import type { Signals } from './signals.ts';
import { createSupervisor, nodeDrainMs, type Supervisor } from './supervisor.ts';
import { findTools } from './tools-at-hand.ts';

/** After this long without all being ready, it says who is not. */
const patienceMs = 15_000;
const rotateEveryMs = 5000;

export interface UpDeps {
  clock: Clock;
  random: Random;
  environment: Environment;
  report: Report;
  signals: Signals;
  cwd: string;
  pid: number;
  /** Node, its options, and the entry of this command line. */
  command: readonly [string, ...string[]];
}

export interface UpOptions {
  file: string;
  /** Where the demo origin listens; undefined: it is not started. */
  demoOrigin: string | undefined;
}

/** Runs the network until a signal. Resolves with the exit code: 0 stopped as asked, 1 it could not start. */
export async function runUp(deps: UpDeps, options: UpOptions): Promise<number> {
  const { report, environment, clock } = deps;
  let lock: { release(): void } | undefined;
  try {
    const loaded = loadTopology(options.file, environment);
    lock = lockDataDir(loaded.dataDir, deps.pid);
    const topology = withSecret(loaded, deps.random);
    const tiers = planNetwork(topology, options);
    const file = shortPath(deps.cwd, topology.file);
    const problem = await findPortProblem(listenersOf(tiers), file);
    if (problem !== undefined) throw new Error(problem);
    const { network, dataDir } = topology;
    report({ event: 'starting', network, file, dataDir, processes: tiers.flat().length });
    const supervisor = createSupervisor(
      {
        clock,
        report,
        spawn: (plan) =>
          spawnChild(plan, {
            command: deps.command,
            environment: childEnvironment(deps, topology),
          }),
      },
      tiers,
    );
    return await runNetwork(deps, { topology, tiers, supervisor, options });
  } catch (error) {
    report({ event: 'failed', reason: startFailure(error) });
    return 1;
  } finally {
    lock?.release();
  }
}

interface Running {
  topology: Topology;
  tiers: readonly (readonly ProcessPlan[])[];
  supervisor: Supervisor;
  options: UpOptions;
}

async function runNetwork(deps: UpDeps, running: Running): Promise<number> {
  const { clock, report, signals } = deps;
  const { supervisor } = running;
  const ending = new AbortController();
  const asked = signals.stopRequested().then((reason) => ({ kind: 'asked' as const, reason }));
  const stopReloads = signals.onReload(() => reload(deps, running));
  const rotate = createRotation(running.tiers, report);
  const rotation = every(clock, rotateEveryMs, () => void rotate());
  const work = startAndAnnounce(deps, running, ending.signal).then(
    () => asked,
    (error: unknown) => ({ kind: 'failed' as const, error: error as Error }),
  );
  const end = await Promise.race([asked, work]);
  if (end.kind === 'asked') report({ event: 'stopping', reason: end.reason });
  ending.abort();
  stopReloads();
  rotation.cancel();
  const beganMs = clock.monotonicMs();
  const killed = await supervisor.stop();
  if (end.kind === 'failed') throw end.error;
  report({ event: 'stopped', tookMs: Math.round(clock.monotonicMs() - beganMs), killed });
  return 0;
}

async function startAndAnnounce(deps: UpDeps, running: Running, ending: AbortSignal) {
  const { clock, report, environment, cwd, command } = deps;
  const { topology, supervisor, options } = running;
  const beganMs = clock.monotonicMs();
  const tookMs = () => Math.round(clock.monotonicMs() - beganMs);
  await supervisor.start();
  if (ending.aborted) return;
  noteCurrent(deps, topology.file);
  const nodes = await waitUntilReady(clock, supervisor.states, {
    signal: ending,
    patienceMs,
    onPatience: (states) => report({ event: 'waiting', waitedMs: tookMs(), nodes: states }),
  });
  if (ending.aborted) return;
  const tools = findTools(environment, command.at(-1) ?? '', cwd);
  const showcase = options.demoOrigin === undefined ? undefined : demoShowcase;
  const lines = linesToTry(topology, nodes, tools, showcase);
  const browse = pagesToBrowse(topology, nodes);
  report({ event: 'ready', tookMs: tookMs(), nodes, try: lines, browse });
  for (const text of sharedLines(topology)) report({ event: 'note', text });
}

/** Checks the file first: every node would, but one clear answer here is better than seven refusals in logs. */
function reload({ environment, report }: UpDeps, { topology, supervisor }: Running): void {
  try {
    const next = loadTopology(topology.file, environment);
    report({ event: 'reload', told: supervisor.signalAll('SIGHUP') });
    const before = nodesOf(topology).map((node) => node.id);
    const after = nodesOf(next).map((node) => node.id);
    const changed = [
      ...after.filter((id) => !before.includes(id)),
      ...before.filter((id) => !after.includes(id)),
    ];
    if (changed.length === 0) return;
    const text = `nodes that were added or removed (${changed.join(', ')}) need a restart of \`up\``;
    report({ event: 'note', text });
  } catch (error) {
    report({ event: 'reload-refused', reason: (error as Error).message });
  }
}

function childEnvironment({ environment }: UpDeps, topology: Topology): Environment {
  const workers = String(workersPerNode(availableParallelism(), topology));
  return {
    ...environment,
    BREAKWATER_WORKERS: environment.BREAKWATER_WORKERS ?? workers,
    BREAKWATER_DRAIN_MS: String(nodeDrainMs),
    // By the environment, because that is how worker threads learn of it too.
    NODE_COMPILE_CACHE: environment.NODE_COMPILE_CACHE ?? compileCacheFolder,
  };
}

/** A network that runs is worth more than the convenience of finding it: only a note. */
function noteCurrent({ cwd, report }: UpDeps, file: string): void {
  try {
    rememberCurrent(cwd, file);
  } catch (error) {
    const text = `other commands will need "-c ${file}" here: ${(error as Error).message}`;
    report({ event: 'note', text });
  }
}

/** A file that cannot be rotated is told once, not every five seconds. */
function createRotation(tiers: Running['tiers'], report: Report): () => Promise<void> {
  const told = new Set<string>();
  return async () => {
    for (const { logFile } of tiers.flat()) {
      try {
        await rotateLogFile(logFile);
      } catch (error) {
        const text = `${logFile} could not be rotated: ${(error as Error).message}`;
        if (!told.has(logFile)) report({ event: 'note', text });
        told.add(logFile);
      }
    }
  };
}

function shortPath(cwd: string, file: string): string {
  const relative = path.relative(cwd, file);
  return relative.startsWith('..') ? file : relative;
}
