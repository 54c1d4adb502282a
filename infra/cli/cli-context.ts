/** What every command of the command line gets: the outside world, as values. */
import type { Clock, Random } from '../../core/runtime/deps.ts';
import type { Environment } from '../../core/topology/load.ts';
import type { Terminal } from './terminal.ts';

export interface CliContext {
  clock: Clock;
  random: Random;
  environment: Environment;
  terminal: Terminal;
  cwd: string;
  /** The file that Node was told to run; `up` starts its nodes with it. */
  script: string;
}
