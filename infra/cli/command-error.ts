/** How a command ends other than well. */

/** 0 is "done". Contract: DESIGN section 2. */
export const exitCodes = { done: 0, refused: 1, usage: 2, notConverged: 3 } as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/** Ends a command with a line for a person and an exit code for a program. Never a stack trace. */
export class CommandError extends Error {
  readonly exitCode: ExitCode;
  constructor(message: string, exitCode: ExitCode = exitCodes.refused, options?: ErrorOptions) {
    super(message, options);
    this.name = 'CommandError';
    this.exitCode = exitCode;
  }
}

export function usageError(message: string): CommandError {
  return new CommandError(message, exitCodes.usage);
}
