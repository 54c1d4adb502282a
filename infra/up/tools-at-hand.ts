/** Which programs this machine has, and how this command line was called: for the lines that `up` prints. */
import { accessSync, constants } from 'node:fs';
import path from 'node:path';
import type { Environment } from '../../core/topology/load.ts';
import type { ToolsAtHand } from './lines-to-try.ts';

/** Looks through PATH; reads only. `script` is the file that Node was told to run. */
export function findTools(environment: Environment, script: string, cwd: string): ToolsAtHand {
  const has = (name: string) => isInPath(name, environment.PATH ?? '');
  return {
    breakwater: ownCommand(environment, script, cwd),
    curl: has('curl'),
    dns: (['dig', 'kdig'] as const).find(has),
  };
}

/** How somebody types this command line again. npm says so when it was npm that started it. */
export function ownCommand(environment: Environment, script: string, cwd: string): string {
  if (environment.npm_package_name === 'breakwater') return 'npm run -s breakwater --';
  if (path.basename(script) === 'breakwater') return 'breakwater';
  const relative = path.relative(cwd, script);
  return `node ${relative.startsWith('..') ? script : relative}`;
}

function isInPath(name: string, searchPath: string): boolean {
  return searchPath.split(path.delimiter).some((folder) => {
    if (folder === '') return false;
    try {
      accessSync(path.join(folder, name), constants.X_OK);
      return true;
    } catch {
      // Absent or not for us: the next folder may have it.
      return false;
    }
  });
}
