/**
 * Runs npm's own script with a Node of our choice. Never `npm` itself: that would run on whatever Node comes first in
 * PATH, which is the old one that the bootstrap is there to replace.
 */
import { spawn } from 'node:child_process';
import { existsSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { Refusal } from './failure.js';

/** Few and short retries: by default npm is silent for more than a minute before it admits that there is no network. */
const CI = [
  'ci',
  '--ignore-scripts',
  '--include=dev',
  '--include=optional',
  '--prefer-offline',
  '--no-audit',
  '--no-fund',
  '--fetch-retries=2',
  '--fetch-retry-mintimeout=1000',
  '--fetch-retry-maxtimeout=4000',
];

const NETWORK_CODES = new Set([
  'EAI_AGAIN',
  'ECONNREFUSED',
  'ECONNRESET',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTCACHED',
  'ENOTFOUND',
  'ERR_SOCKET_TIMEOUT',
  'ETIMEDOUT',
  'FETCH_ERROR',
]);

/**
 * `npm ci --ignore-scripts` in a folder that has a package.json and a lock file.
 *
 * @param {string} node
 * @param {string} npmScript
 * @param {string} folder
 * @param {{ logFile: string, env: NodeJS.ProcessEnv, signal: AbortSignal }} options `logFile` receives what npm said,
 *   if it failed
 * @returns {Promise<void>} rejects with a Refusal whose message is the cause in a few words
 */
export async function npmCi(node, npmScript, folder, { logFile, env, signal }) {
  rmSync(logFile, { force: true });
  const child = spawn(node, [npmScript, ...CI], {
    cwd: folder,
    env: npmEnvironment(env, node),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  // Not spawn's own `signal` option: that gives up at once, and npm would go on writing into a folder being removed.
  const end = () => child.kill();
  signal.addEventListener('abort', end, { once: true });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text) => {
      said = (said + text).slice(-64 * 1024);
    });
  }
  const code = await new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  signal.removeEventListener('abort', end);
  signal.throwIfAborted();
  if (code === 0) return;
  writeFileSync(logFile, said);
  throw new Refusal(causeOf(said, code));
}

/**
 * The npm that runs this script; else the one that belongs to the Node at hand; else the first in PATH.
 *
 * @param {NodeJS.ProcessEnv} env
 * @param {string} execPath
 * @returns {string | undefined}
 */
export function findNpmScript(env, execPath) {
  // Under yarn or pnpm this variable names their script, which has no `ci`.
  const running = env.npm_execpath;
  if (running && /(^|[\\/])npm-cli\.[cm]?js$/.test(running) && existsSync(running)) return running;

  const nodeDir = dirname(execPath);
  const inPath = (env.PATH ?? env.Path ?? '').split(delimiter).filter(Boolean);
  const candidates = [
    join(nodeDir, '..', 'lib', 'node_modules', 'npm', 'bin', 'npm-cli.js'),
    join(nodeDir, 'node_modules', 'npm', 'bin', 'npm-cli.js'),
    ...inPath.map((dir) => join(dir, 'npm')),
    ...inPath.map((dir) => join(dir, 'node_modules', 'npm', 'bin', 'npm-cli.js')),
  ];
  const found = candidates.filter(existsSync).map((file) => realpathSync(file));
  return found.find((file) => /npm-cli\.[cm]?js$/.test(file));
}

/**
 * The user's npm settings stay (a registry, a proxy, a cache); what the outer npm says about *its* package goes, and the
 * chosen Node comes first for whatever npm starts.
 *
 * @param {NodeJS.ProcessEnv} env
 * @param {string} node
 * @returns {NodeJS.ProcessEnv}
 */
function npmEnvironment(env, node) {
  const kept = Object.entries(env).filter(([name]) => {
    return !/^npm_(config_local_prefix$|package_|lifecycle_|command$|node_execpath$)/.test(name);
  });
  return withNodeFirst(Object.fromEntries(kept), node);
}

/**
 * @param {NodeJS.ProcessEnv} env
 * @param {string} node
 * @returns {NodeJS.ProcessEnv} with the folder of this Node at the head of PATH, so that nested tools use it too
 */
export function withNodeFirst(env, node) {
  // On Windows the variable is usually called Path, and two spellings of it would be two variables.
  const name = Object.keys(env).find((key) => key.toUpperCase() === 'PATH') ?? 'PATH';
  return { ...env, [name]: [dirname(node), env[name]].filter(Boolean).join(delimiter) };
}

/**
 * @param {string} said npm's output
 * @param {number | null} exitCode null if a signal ended it
 * @returns {string}
 */
function causeOf(said, exitCode) {
  const code = /npm (?:ERR!|error) code (\S+)/.exec(said)?.[1];
  if (code === undefined) return `npm ci ended with ${exitCode ?? 'a signal'}`;
  return NETWORK_CODES.has(code)
    ? `the package registry is out of reach (${code})`
    : `npm ci failed with ${code}`;
}
