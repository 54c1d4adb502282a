/**
 * The lock that keeps two bootstraps of one checkout from installing at the same time: a file that only one of them can
 * create, with the pid of its holder, whose time of change the holder renews.
 *
 * A lock is stale when its holder's pid is gone, or, where pids say nothing (another host or container on the same
 * folder, a pid that was given out again), when nobody has renewed it for 15 s. Taking a stale lock over is a rename,
 * which one of several waiters wins. Should the lock ever be held twice, nothing breaks: each holder works in a
 * folder of its own and the last step is a rename.
 */
import { readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { codeOf } from './failure.js';

const RENEW_MS = 2_000;
const STALE_MS = 15_000;
const POLL_MS = 200;

/**
 * Waits until this process holds the lock.
 *
 * @param {string} file
 * @param {(holder: string) => void} onWait told once, if somebody else holds it
 * @param {AbortSignal} signal ends the wait with an AbortError
 * @returns {Promise<() => void>} gives the lock back
 */
export async function acquireLock(file, onWait, signal) {
  for (let waits = 0; !tryCreate(file); ) {
    const holder = readHolder(file);
    if (holder === undefined) continue;
    if (isStale(file, holder)) {
      takeAway(file, holder);
      continue;
    }
    if (waits++ === 0) onWait(holder.pid > 0 ? `pid ${holder.pid}` : 'another process');
    await sleep(POLL_MS, undefined, { signal });
  }
  const renewal = setInterval(() => touch(file), RENEW_MS);
  renewal.unref();
  return () => {
    clearInterval(renewal);
    rmSync(file, { force: true });
  };
}

/**
 * @typedef {object} Holder
 * @property {string} text the file as it is
 * @property {number} pid 0 if the file does not say (it is being written)
 * @property {string} host
 */

/** @param {string} file */
function tryCreate(file) {
  try {
    writeFileSync(file, JSON.stringify({ pid: process.pid, host: hostname() }), { flag: 'wx' });
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw error;
  }
}

/**
 * @param {string} file
 * @returns {Holder | undefined} undefined if the lock has just been given back
 */
function readHolder(file) {
  let text = '';
  try {
    text = readFileSync(file, 'utf8');
    const { pid, host } = JSON.parse(text);
    return { text, pid: Number(pid) || 0, host: String(host) };
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    if (error instanceof SyntaxError) return { text, pid: 0, host: '' };
    throw error;
  }
}

/**
 * @param {string} file
 * @param {Holder} holder
 */
function isStale(file, { pid, host }) {
  if (pid > 0 && host === hostname() && !isAlive(pid)) return true;
  const changed = statSync(file, { throwIfNoEntry: false })?.mtimeMs;
  return changed !== undefined && Date.now() - changed > STALE_MS;
}

/** @param {number} pid */
function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return codeOf(error) !== 'ESRCH';
  }
}

/**
 * Removes a stale lock, unless somebody else did so and holds a new one by now: then that one is put back.
 *
 * @param {string} file
 * @param {Holder} stale
 */
function takeAway(file, stale) {
  const aside = `${file}.stale-${process.pid}`;
  try {
    renameSync(file, aside);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return;
    throw error;
  }
  if (readFileSync(aside, 'utf8') === stale.text) rmSync(aside);
  else renameSync(aside, file);
}

/** @param {string} file */
function touch(file) {
  const now = new Date();
  try {
    utimesSync(file, now, now);
  } catch (error) {
    // Taken over by somebody who thought us dead (a suspended machine): nothing to renew, and nothing breaks.
    if (codeOf(error) !== 'ENOENT') throw error;
  }
}
