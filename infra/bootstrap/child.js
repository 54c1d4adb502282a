/**
 * Runs the script on the right Node and stands in for it: the same terminal, its exit code, its signals.
 *
 * Contract with every script: it holds an IPC channel to us (`process.channel`) and must drain and end when that closes
 * ('disconnect'), because that is how it learns that we were killed with -9. A script that listens to 'disconnect' or
 * 'message' keeps the channel, and so itself, open: it calls `process.channel.unref()` if it means to end by itself.
 *
 * Signals. Ctrl-C reaches the whole terminal group, the script included: SIGINT is not passed on, and we wait for the
 * script to finish. SIGTERM and SIGHUP reach us alone and are forwarded. If npm or its shell dies, the script gets
 * SIGTERM: at once, or, after a Ctrl-C (which kills the shell too), only when it has had time to drain.
 */
import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { withNodeFirst } from './npm.js';
import { watchParents } from './parents.js';

const DRAIN_AFTER_INTERRUPT_MS = 5_000;
const KILL_ORPHAN_MS = 10_000;

/**
 * @param {string} node
 * @param {string[]} args script and its arguments
 * @param {{ env: NodeJS.ProcessEnv, parentsLive: () => boolean }} options
 * @returns {Promise<number>} the exit code; 128 + n if signal n ended the script
 */
export function runScript(node, args, { env, parentsLive }) {
  const child = spawn(node, ['--disable-warning=ExperimentalWarning', ...args], {
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
    env: { ...withNodeFirst(env, node), NODE: node, npm_node_execpath: node },
  });
  let isInterrupted = false;
  process.on('SIGINT', () => {
    isInterrupted = true;
  });
  process.on('SIGTERM', () => child.kill('SIGTERM'));
  process.on('SIGHUP', () => child.kill('SIGHUP'));
  watchParents(parentsLive, () => {
    const graceMs = isInterrupted ? DRAIN_AFTER_INTERRUPT_MS : 0;
    setTimeout(() => child.kill('SIGTERM'), graceMs).unref();
    setTimeout(() => child.kill('SIGKILL'), graceMs + KILL_ORPHAN_MS).unref();
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, signal) => resolve(code ?? exitCodeOf(signal)));
  });
}

/**
 * What a shell reports for a process that a signal ended.
 *
 * @param {NodeJS.Signals | null} signal
 * @returns {number}
 */
export function exitCodeOf(signal) {
  return 128 + (signal === null ? 0 : constants.signals[signal]);
}
