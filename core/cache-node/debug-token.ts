/** Whether a request shows the debug token of the configuration (`debugToken`); as hashes, in constant time. */
import { createHash, timingSafeEqual } from 'node:crypto';

/** Undefined without a token: then nobody is asked for one, and a request costs nothing. */
export function createDebugAuth(
  token: string | undefined,
): ((value: string) => boolean) | undefined {
  if (token === undefined) return undefined;
  const digest = (text: string) => createHash('sha256').update(text).digest();
  const wanted = digest(token);
  return (value) => timingSafeEqual(wanted, digest(value));
}
