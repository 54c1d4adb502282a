/**
 * Notices that whoever started us is gone, so that nothing outlives `npm start` when npm is killed, even with -9.
 *
 * npm does not run a script itself: it starts a shell, and on Debian the shell stays between npm and us. If npm dies, the
 * shell lives on; if a signal reaches npm, npm hands it to the shell, which dies without telling us. So both are
 * watched: our parent by its pid changing, and, where /proc is there to tell, the parent's parent.
 *
 * Only under npm: a bootstrap that somebody started by hand with `nohup … &` must survive its terminal.
 */
import { readFileSync } from 'node:fs';

const POLL_MS = 250;

/**
 * @param {NodeJS.ProcessEnv} env
 * @returns {() => boolean} whether all parents of the start still live
 */
export function rememberParents(env) {
  if (env.npm_lifecycle_event === undefined) return () => true;
  const parent = process.ppid;
  const grandparent = parentOf(parent);
  return () => process.ppid === parent && parentOf(parent) === grandparent;
}

/**
 * @param {() => boolean} parentsLive
 * @param {() => void} onOrphaned called once
 * @returns {() => void} ends the watch
 */
export function watchParents(parentsLive, onOrphaned) {
  const poll = setInterval(() => {
    if (parentsLive()) return;
    clearInterval(poll);
    onOrphaned();
  }, POLL_MS);
  poll.unref();
  return () => clearInterval(poll);
}

/**
 * @param {number} pid
 * @returns {number | undefined} undefined where there is no /proc, or no such process
 */
function parentOf(pid) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // `pid (name) state ppid …`, and a name may hold blanks and parentheses.
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
  } catch {
    return undefined;
  }
}
