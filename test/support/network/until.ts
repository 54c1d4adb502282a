/** Waiting by condition: looks again and again until something holds, and says what it last saw when it never does. */

const intervalMs = 20;
/** A backstop far beyond what anything here takes on a loaded machine; nothing is asserted about time. */
const defaultLimitMs = 30_000;

/** Resolves with the first value of `look` that is neither undefined nor false. A rejection of `look` counts as "not yet". */
export async function until<T>(
  what: string,
  look: () => T | Promise<T>,
  limitMs = defaultLimitMs,
): Promise<Exclude<T, undefined | false>> {
  const endMs = performance.now() + limitMs;
  let last = '';
  for (;;) {
    try {
      const value = await look();
      if (value !== undefined && value !== false) return value as Exclude<T, undefined | false>;
      last = '';
    } catch (error) {
      last = `: ${(error as Error).message}`;
    }
    if (performance.now() > endMs) throw new Error(`waited in vain until ${what}${last}`);
    await pause(intervalMs);
  }
}

/** For a condition that is looked at again, never instead of one. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
