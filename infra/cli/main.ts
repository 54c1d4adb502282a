#!/usr/bin/env node
/**
 * The one entry of Breakwater: `breakwater VERB`. Makes the real world (clock, chance, environment, terminal), runs the command
 * line, and turns how it ended into an exit code: 0 done, 1 refused, 2 usage, 3 not converged.
 */
import { keepCompiledModules } from './compile-cache.ts';

keepCompiledModules();
const { systemClock, systemRandom } = await import('../../core/runtime/deps.ts');
const { createTerminal } = await import('./terminal.ts');
const { runProgram } = await import('./program.ts');

// `breakwater status | head` closes the pipe early, a closed window its terminal: nobody is left to tell.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE' || error.code === 'EIO') process.exit(0);
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
