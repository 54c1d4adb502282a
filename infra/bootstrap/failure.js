/**
 * What can go wrong in the bootstrap and is told in one line, without a stack: a Refusal of our own, or what the
 * operating system says (a full disk, a folder that may not be written to). Anything else is a bug and shows its stack.
 */

export class Refusal extends Error {}

/**
 * @param {unknown} error
 * @returns {string | undefined} `ENOENT` and the like
 */
export function codeOf(error) {
  return error instanceof Error && 'code' in error ? String(error.code) : undefined;
}

/**
 * @param {unknown} error
 * @returns {string}
 */
export function describeFailure(error) {
  if (!(error instanceof Error)) return String(error);
  const isExpected = error instanceof Refusal || 'syscall' in error;
  return isExpected ? error.message : String(error.stack);
}
