/**
 * Puts the pinned Node and the dependencies in place. Each is made in a folder of its own under .runtime and renamed when
 * it is whole, so that whoever is interrupted, at whatever point, leaves either the old or the new behind.
 *
 * Only the holder of the lock calls these functions.
 */
import { spawnSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { modulesMatchLock, readJson } from './facts.js';
import { codeOf, Refusal } from './failure.js';
import { npmCi } from './npm.js';

/**
 * @typedef {object} Job
 * @property {import('./facts.js').Machine} machine
 * @property {import('./facts.js').Places} places
 * @property {string} npmScript
 * @property {NodeJS.ProcessEnv} env
 * @property {AbortSignal} signal
 */

const HALF_MADE = 'tmp-';

/**
 * @param {Job} job
 * @param {import('./plan.js').RuntimePackage} runtime
 * @returns {Promise<void>}
 */
export async function installRuntime(job, runtime) {
  await inScratchFolder(job.places, 'node', async (scratch) => {
    writeRuntimeManifest(job.places, runtime, scratch);
    await runNpmCi(job, job.machine.execPath, scratch);
    const binary = join(scratch, 'node_modules', runtime.name, runtime.bin);
    const trial = spawnSync(binary, ['--version']);
    if (trial.status !== 0) throw new Refusal(`${runtime.name} does not run on this machine`);
    replaceFolder(job.places.runtimeModules, join(scratch, 'node_modules'), scratch);
  });
}

/**
 * @param {Job} job
 * @param {string} node the Node that will run Breakwater; npm runs on it, since `engines` is enforced
 * @param {string} lockHash
 * @returns {Promise<number>} how many packages were installed
 */
export async function installDependencies(job, node, lockHash) {
  const { machine, places } = job;
  return inScratchFolder(places, 'modules', async (scratch) => {
    for (const name of ['package.json', 'package-lock.json', '.npmrc']) {
      const source = join(places.root, name);
      if (existsSync(source)) copyFileSync(source, join(scratch, name));
    }
    await runNpmCi(job, node, scratch);
    const modules = join(scratch, 'node_modules');
    // npm takes an optional package that it could not fetch for one that is not needed; ours are (compiler, linter).
    if (!modulesMatchLock(machine, places.lockFile, modules)) {
      throw new Refusal('npm left out a part of what the lock file asks for');
    }
    writeFileSync(join(modules, '.breakwater-lock-hash'), `${lockHash}\n`);
    replaceFolder(places.modules, modules, scratch);
    return Object.keys(readJson(join(places.modules, '.package-lock.json')).packages).length;
  });
}

/**
 * Remembers that a node_modules made by hand is complete. Needs no lock: half a stamp is taken for none.
 *
 * @param {import('./facts.js').Places} places
 * @param {string} lockHash
 */
export function stampDependencies(places, lockHash) {
  try {
    writeFileSync(places.stampFile, `${lockHash}\n`);
  } catch (error) {
    // A checkout that may not be written to works as well; each start then compares again.
    if (!['EACCES', 'EPERM', 'EROFS'].includes(codeOf(error) ?? '')) throw error;
  }
}

/**
 * The committed lock file lists every platform's package as optional, and npm passes over an optional package that it
 * cannot fetch. So this platform's entry, with its version and integrity hash, becomes the one thing that is required.
 *
 * @param {import('./facts.js').Places} places
 * @param {import('./plan.js').RuntimePackage} runtime
 * @param {string} folder
 */
function writeRuntimeManifest(places, { name, version }, folder) {
  const path = `node_modules/${name}`;
  const committed = readJson(join(places.pinnedDir, 'package-lock.json')).packages[path];
  const { optional: _, ...entry } = committed;
  const project = {
    name: 'breakwater-runtime',
    version: '1.0.0',
    dependencies: { [name]: version },
  };
  const lock = { ...project, lockfileVersion: 3, packages: { '': project, [path]: entry } };
  writeFileSync(join(folder, 'package.json'), JSON.stringify(project));
  writeFileSync(join(folder, 'package-lock.json'), JSON.stringify(lock));
}

/**
 * @param {Job} job
 * @param {string} node
 * @param {string} folder
 */
function runNpmCi({ places, npmScript, env, signal }, node, folder) {
  return npmCi(node, npmScript, folder, { logFile: logFileOf(places), env, signal });
}

/** @param {import('./facts.js').Places} places */
export function logFileOf(places) {
  return join(places.runtimeDir, 'npm.log');
}

/**
 * @template T
 * @param {import('./facts.js').Places} places
 * @param {string} what
 * @param {(folder: string) => Promise<T>} work
 * @returns {Promise<T>}
 */
async function inScratchFolder(places, what, work) {
  removeHalfMade(places);
  const folder = join(places.runtimeDir, `${HALF_MADE}${what}-${process.pid}`);
  mkdirSync(folder);
  try {
    return await work(folder);
  } finally {
    remove(folder);
  }
}

/**
 * What a bootstrap that was killed left behind; there is no other one at work, since we hold the lock.
 *
 * @param {import('./facts.js').Places} places
 */
function removeHalfMade(places) {
  for (const name of readdirSync(places.runtimeDir)) {
    if (name.startsWith(HALF_MADE)) remove(join(places.runtimeDir, name));
  }
}

/**
 * Two renames: the old folder stays whole until the new one is in its place, and comes back if that fails.
 *
 * @param {string} target
 * @param {string} fresh
 * @param {string} scratch where the old one goes
 */
function replaceFolder(target, fresh, scratch) {
  const old = join(scratch, 'old');
  // lstat: a link that leads nowhere is also in the way.
  const hadOne = lstatSync(target, { throwIfNoEntry: false }) !== undefined;
  if (hadOne) renameSync(target, old);
  try {
    renameSync(fresh, target);
  } catch (error) {
    if (hadOne) renameSync(old, target);
    throw error;
  }
}

/** @param {string} folder */
function remove(folder) {
  rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
}
