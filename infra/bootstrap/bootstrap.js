/**
 * The bootstrap: makes sure that a good Node and the dependencies are there, then runs the script on that Node.
 *
 * In a fresh clone on an older Node it fetches both, once, with progress on stderr. When all is there it prints nothing
 * and costs a few milliseconds. The first look is without the lock; whoever finds something missing takes the lock and
 * looks again, since another bootstrap may have done the work in the meantime.
 */
import { existsSync, mkdirSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { exitCodeOf, runScript } from './child.js';
import { gatherFacts, placesIn, thisMachine } from './facts.js';
import { describeFailure, Refusal } from './failure.js';
import { installDependencies, installRuntime, logFileOf, stampDependencies } from './install.js';
import { acquireLock } from './lock.js';
import { findNpmScript } from './npm.js';
import { rememberParents, watchParents } from './parents.js';
import { INSTALL_NODE, plan } from './plan.js';

/** @typedef {Extract<import('./plan.js').Plan, { kind: 'go' }>} GoPlan */

/**
 * Runs `process.argv`'s script and ends this process with its exit code.
 *
 * @param {import('./facts.js').Machine} machine
 * @returns {Promise<void>}
 */
export async function bootstrap(machine = thisMachine()) {
  const [script, ...args] = process.argv.slice(2);
  const places = placesIn(fileURLToPath(new URL('../../', import.meta.url)));
  const parentsLive = rememberParents(process.env);
  try {
    if (script === undefined) throw new Refusal('usage: node infra/bootstrap/main.js SCRIPT …');
    const node = await prepare(machine, places, parentsLive);
    const argv = [resolve(places.root, script), ...args];
    process.exit(await runScript(node, argv, { env: process.env, parentsLive }));
  } catch (error) {
    if (error instanceof Interrupted) process.exit(exitCodeOf(error.by));
    say(describeFailure(error));
    process.exit(1);
  }
}

/**
 * @param {import('./facts.js').Machine} machine
 * @param {import('./facts.js').Places} places
 * @param {() => boolean} parentsLive
 * @returns {Promise<string>} the Node to run on
 */
async function prepare(machine, places, parentsLive) {
  const first = planFor(machine, places);
  if (first.dependencies.kind === 'stamp') stampDependencies(places, first.dependencies.lockHash);
  if (isReady(first)) return nodeOf(first, machine, places);
  return interruptible(parentsLive, async (signal) => {
    mkdirSync(places.runtimeDir, { recursive: true });
    const tellWait = (/** @type {string} */ holder) =>
      say(`another start (${holder}) is installing; waiting for it …`);
    const release = await acquireLock(join(places.runtimeDir, 'lock'), tellWait, signal);
    try {
      return await makeReady(machine, places, signal);
    } finally {
      release();
    }
  });
}

/**
 * @param {import('./facts.js').Machine} machine
 * @param {import('./facts.js').Places} places
 * @param {AbortSignal} signal
 * @returns {Promise<string>}
 */
async function makeReady(machine, places, signal) {
  const now = planFor(machine, places);
  const node = nodeOf(now, machine, places);
  if (isReady(now)) return node;
  const npmScript = findNpmScript(process.env, machine.execPath);
  if (npmScript === undefined) throw new Refusal(`npm is not to be found. ${INSTALL_NODE}.`);
  const job = { machine, places, npmScript, env: process.env, signal };
  if (now.node.kind === 'fetch') await fetchRuntime(job, now.node.runtime);
  const { dependencies } = now;
  if (dependencies.kind === 'install') await fetchDependencies(job, node, dependencies.lockHash);
  return node;
}

/**
 * @param {import('./install.js').Job} job
 * @param {import('./plan.js').RuntimePackage} runtime
 */
async function fetchRuntime(job, runtime) {
  const began = Date.now();
  const what = `Node ${runtime.version}`;
  say(`fetching ${what} (once; Node ${job.machine.nodeVersion} is too old) …`);
  await explainFailure(job, `cannot fetch ${what}`, INSTALL_NODE, () =>
    installRuntime(job, runtime),
  );
  say(`fetched ${what} in ${secondsSince(began)}`);
}

/**
 * @param {import('./install.js').Job} job
 * @param {string} node
 * @param {string} lockHash
 */
async function fetchDependencies(job, node, lockHash) {
  const began = Date.now();
  say('installing the dependencies (once for each change of package-lock.json) …');
  const advice = 'Run this again when the registry can be reached';
  const install = () => installDependencies(job, node, lockHash);
  const count = await explainFailure(job, 'cannot install the dependencies', advice, install);
  say(`installed ${count} packages in ${secondsSince(began)}`);
}

/**
 * @template T
 * @param {import('./install.js').Job} job
 * @param {string} failure
 * @param {string} advice
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
async function explainFailure({ places }, failure, advice, work) {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    const log = logFileOf(places);
    const details = existsSync(log) ? `; what npm said is in ${relative(places.root, log)}` : '';
    throw new Refusal(`${failure}: ${error.message}. ${advice}${details}.`);
  }
}

/**
 * @param {import('./facts.js').Machine} machine
 * @param {import('./facts.js').Places} places
 * @returns {GoPlan}
 */
function planFor(machine, places) {
  const decided = plan(gatherFacts(machine, places));
  if (decided.kind === 'refuse') throw new Refusal(decided.line);
  return decided;
}

/** @param {GoPlan} decided */
function isReady({ node, dependencies }) {
  return node.kind !== 'fetch' && dependencies.kind !== 'install';
}

/**
 * @param {GoPlan} decided
 * @param {import('./facts.js').Machine} machine
 * @param {import('./facts.js').Places} places
 * @returns {string}
 */
function nodeOf({ node }, machine, places) {
  if (node.kind === 'own') return machine.execPath;
  return join(places.runtimeModules, node.runtime.name, node.runtime.bin);
}

class Interrupted extends Error {
  /** @param {NodeJS.Signals} by */
  constructor(by) {
    super(`interrupted by ${by}`);
    this.by = by;
  }
}

/**
 * Until the script runs, a signal, or the death of npm, ends the installation and takes what is half made away.
 *
 * @template T
 * @param {() => boolean} parentsLive
 * @param {(signal: AbortSignal) => Promise<T>} work
 * @returns {Promise<T>}
 */
async function interruptible(parentsLive, work) {
  const controller = new AbortController();
  /** @type {(by: NodeJS.Signals) => void} */
  const interrupt = (by) => controller.abort(new Interrupted(by));
  /** @type {NodeJS.Signals[]} */
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
  for (const name of signals) process.on(name, interrupt);
  const endWatch = watchParents(parentsLive, () => interrupt('SIGTERM'));
  try {
    return await work(controller.signal);
  } catch (error) {
    throw controller.signal.aborted ? controller.signal.reason : error;
  } finally {
    endWatch();
    for (const name of signals) process.off(name, interrupt);
  }
}

/** @param {number} began */
function secondsSince(began) {
  return `${Math.max(1, Math.round((Date.now() - began) / 1000))} s`;
}

/** @param {string} line */
function say(line) {
  process.stderr.write(`breakwater: ${line}\n`);
}
