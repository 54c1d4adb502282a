/** What a supervisor tells a node by environment variables; the configuration file comes first where both speak. */

/** Worker threads that `up` gives each node of this machine; undefined: nobody divides it. */
export function environmentWorkers(): number | undefined {
  const given = Number(process.env.BREAKWATER_WORKERS);
  return Number.isInteger(given) && given > 0 ? given : undefined;
}

/** The variables that a configuration may refer to as `env:NAME`. */
export function environmentVariables(): Readonly<Record<string, string | undefined>> {
  return process.env;
}

/** Ends the process at once, for a state from which only a restart helps; a supervisor starts it again. */
export function endProcess(exitCode: number): never {
  process.exit(exitCode);
}
