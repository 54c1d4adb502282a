/**
 * The request fields that select a stored variant: the way back from a secondary key (`variantKey` of vary.ts), for whoever asks
 * for a response again that a client is known to have asked for.
 */
import type { RawHeaders } from './headers.ts';

/** The fields, flat; undefined where the variant was made for somebody in particular, whose credentials are not repeated. */
export function fieldsOfVariant(variant: string): RawHeaders | undefined {
  const fields: string[] = [];
  for (const line of variant.split('\n')) {
    // A name without a colon was absent, and the last line is empty.
    const colon = line.indexOf(':');
    const name = colon === -1 ? line : line.slice(0, colon);
    if (colon === -1) continue;
    if (credentials.has(name)) return undefined;
    const value = line.slice(colon + 1);
    // The key of a request that takes no coding at all is empty; the field that says so is not (RFC 9110 §12.5.3).
    fields.push(name, name === 'accept-encoding' && value === '' ? 'identity' : value);
  }
  return fields;
}

const credentials: ReadonlySet<string> = new Set(['authorization', 'cookie']);
