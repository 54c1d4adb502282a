#!/usr/bin/env node
/**
 * The one entry of Breakwater: `breakwater VERB`. Makes the real world (clock, chance, environment, terminal), runs the command
 * line, and turns how it ended into an exit code: 0 done, 1 refused, 2 usage, 3 not converged.
 */
import { systemClock, systemRandom } from '../../core/runtime/deps.ts';
import { runProgram } from './program.ts';
import { createTerminal } from './terminal.ts';

// `breakwater status | head` closes the pipe early: that is no error, and nobody is left to tell.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

process.exitCode = await runProgram(
  {
    clock: systemClock,
    random: systemRandom,
    environment: process.env,
    terminal: createTerminal(process.stdout, process.stderr),
    cwd: process.cwd(),
    script: import.meta.filename,
  },
  process.argv.slice(2),
);
