/** Processor time of a process and its children, from /proc (Linux). */
import { readdirSync, readFileSync } from 'node:fs';

/** Clock ticks a second that the kernel counts in; 100 on every Linux that Node runs on. */
const ticksPerSecond = 100;

/** User and system time that the processes (all their threads) have used so far. */
export function cpuTimes(processIds: readonly number[]) {
  let [user, system] = [0, 0];
  for (const id of processIds) {
    const fields = statOf(id);
    // Helpers of a server may end while it is measured.
    if (!fields) continue;
    user += Number(fields[11]);
    system += Number(fields[12]);
  }
  const microseconds = (ticks: number) => (ticks * 1e6) / ticksPerSecond;
  return { userMicroseconds: microseconds(user), systemMicroseconds: microseconds(system) };
}

/** Both together. */
export function cpuMicroseconds(processIds: readonly number[]): number {
  const { userMicroseconds, systemMicroseconds } = cpuTimes(processIds);
  return userMicroseconds + systemMicroseconds;
}

/** The process and all that it has started. */
export function withDescendants(root: number): number[] {
  const parents = new Map<number, number>();
  for (const name of readdirSync('/proc')) {
    const id = Number(name);
    if (!Number.isInteger(id)) continue;
    const parent = parentOf(id);
    if (parent !== undefined) parents.set(id, parent);
  }
  const found = [root];
  for (const id of found) {
    for (const [child, parent] of parents) if (parent === id) found.push(child);
  }
  return found;
}

function parentOf(id: number): number | undefined {
  const fields = statOf(id);
  return fields && Number(fields[1]);
}

/** The fields of the process behind its name; undefined: it has ended. */
function statOf(id: number): string[] | undefined {
  try {
    // The command's name may hold spaces and brackets; the numbers begin behind its last one.
    const text = readFileSync(`/proc/${id}/stat`, 'utf8');
    return text.slice(text.lastIndexOf(')') + 2).split(' ');
  } catch {
    return undefined;
  }
}
