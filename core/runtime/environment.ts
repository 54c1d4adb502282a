/** What a supervisor tells a node by environment variables; the configuration file comes first where both speak. */

/** Worker threads that `up` gives each node of this machine; undefined: nobody divides it. */
export function environmentWorkers(): number | undefined {
  const given = Number(process.env.BREAKWATER_WORKERS);
  return Number.isInteger(given) && given > 0 ? given : undefined;
}
