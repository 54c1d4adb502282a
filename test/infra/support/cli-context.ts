/** The outside world of a command, as a test wants it. */
import { systemClock, systemRandom } from '../../../core/runtime/deps.ts';
import type { CliContext } from '../../../infra/cli/cli-context.ts';
import { type CapturedTerminal, createCapturedTerminal } from './captured-terminal.ts';
import { cliFile } from './run-process.ts';

export function createContext(
  changes: Partial<CliContext> = {},
): CliContext & { terminal: CapturedTerminal } {
  return {
    clock: systemClock,
    random: systemRandom,
    environment: {},
    cwd: '/',
    script: cliFile,
    ...changes,
    terminal: createCapturedTerminal(),
  };
}
