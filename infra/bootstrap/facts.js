/**
 * Looks at this machine and this checkout, and reports what plan.js decides on. Reads only.
 *
 * It runs before every npm script, so it stays cheap when all is there: two small files are read and one is hashed.
 * What costs more (which C library, is a node_modules without our stamp complete) is looked at only when it matters.
 */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { codeOf } from './failure.js';
import { isNewEnough } from './plan.js';

/**
 * @typedef {object} Machine what the process itself says; a test passes another one
 * @property {string} nodeVersion
 * @property {string} execPath
 * @property {string} platform
 * @property {string} arch
 * @property {() => 'glibc' | 'musl' | undefined} libc
 */

/**
 * @typedef {object} Places
 * @property {string} root the checkout
 * @property {string} runtimeDir `.runtime`: the fetched Node, the lock, whatever is half made
 * @property {string} runtimeModules where the fetched Node lives
 * @property {string} modules the checkout's node_modules
 * @property {string} stampFile
 * @property {string} lockFile package-lock.json
 * @property {string} pinnedDir the committed package.json and lock file of the runtime packages
 */

/**
 * @param {string} root
 * @returns {Places}
 */
export function placesIn(root) {
  const runtimeDir = join(root, '.runtime');
  const modules = join(root, 'node_modules');
  return {
    root,
    runtimeDir,
    runtimeModules: join(runtimeDir, 'node_modules'),
    modules,
    stampFile: join(modules, '.breakwater-lock-hash'),
    lockFile: join(root, 'package-lock.json'),
    pinnedDir: join(root, 'infra', 'bootstrap', 'runtime'),
  };
}

/** @returns {Machine} */
export function thisMachine() {
  const { platform, arch, execPath, versions } = process;
  return { nodeVersion: versions.node, execPath, platform, arch, libc: findLibc };
}

/**
 * @param {Machine} machine
 * @param {Places} places
 * @returns {import('./plan.js').Facts}
 */
export function gatherFacts(machine, places) {
  const { nodeVersion, platform, arch } = machine;
  const lockHash = hashLock(machine, places);
  const stamp = readText(places.stampFile)?.trim();
  const matchesLock =
    stamp === lockHash || modulesMatchLock(machine, places.lockFile, places.modules);
  const facts = { nodeVersion, platform, arch, lockHash };
  if (isNewEnough(nodeVersion)) {
    const installed = { runtimes: {}, stamp, matchesLock };
    return { ...facts, libc: undefined, pinned: {}, installed };
  }
  const pinned = readJson(join(places.pinnedDir, 'package.json')).optionalDependencies;
  const installed = { runtimes: findRuntimes(places, pinned), stamp, matchesLock };
  return { ...facts, libc: machine.libc(), pinned, installed };
}

/**
 * The platform is in it, so that a folder shared by two machines (a container's mount) is not taken for installed.
 *
 * @param {Machine} machine
 * @param {Places} places
 */
function hashLock({ platform, arch }, places) {
  const hash = createHash('sha256').update(`${platform}-${arch}\n`);
  return hash.update(readFileSync(places.lockFile)).digest('hex');
}

/**
 * Whether `modules` has all that the lock file asks for. npm writes .package-lock.json there as the last step of an
 * install; what is in the lock file and not in it may only be the optional packages of other platforms.
 *
 * @param {Machine} machine
 * @param {string} lockFile
 * @param {string} modules
 * @returns {boolean}
 */
export function modulesMatchLock(machine, lockFile, modules) {
  const present = readText(join(modules, '.package-lock.json'));
  if (present === undefined) return false;
  const found = JSON.parse(present).packages;
  return Object.entries(readJson(lockFile).packages).every(([path, entry]) => {
    if (path === '') return true;
    if (found[path] === undefined) return entry.optional === true && !isFor(machine, entry);
    return found[path].version === entry.version && found[path].integrity === entry.integrity;
  });
}

/**
 * @param {Machine} machine
 * @param {{ os?: string[], cpu?: string[], libc?: string[] }} entry of a lock file; one that names a C library counts
 *   as another platform's, since which library this is costs too much to find out for what only spares a reinstall
 */
function isFor({ platform, arch }, { os, cpu, libc }) {
  const fits = (os?.includes(platform) ?? true) && (cpu?.includes(arch) ?? true);
  return fits && libc === undefined;
}

/**
 * @param {Places} places
 * @param {Record<string, string>} pinned
 * @returns {Record<string, string>}
 */
function findRuntimes(places, pinned) {
  /** @type {Record<string, string>} */
  const found = {};
  for (const name of Object.keys(pinned)) {
    const file = join(places.runtimeModules, name, 'package.json');
    if (existsSync(file)) found[name] = readJson(file).version;
  }
  return found;
}

/**
 * glibc says its version in the process report; a Linux without one is taken for musl, because the runtime packages
 * are linked against glibc.
 */
function findLibc() {
  if (process.platform !== 'linux') return undefined;
  // Without this, the report looks up the name of every network interface's address, which can take seconds.
  Object.assign(process.report ?? {}, { excludeNetwork: true });
  const report = /** @type {any} */ (process.report?.getReport());
  return report?.header?.glibcVersionRuntime ? 'glibc' : 'musl';
}

/** @param {string} file */
export function readJson(file) {
  return JSON.parse(readFileSync(file, 'utf8'));
}

/**
 * @param {string} file
 * @returns {string | undefined} undefined if there is no such file
 */
function readText(file) {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}
