/** `--header "Name: value"` of the verbs that imagine or send a request. */
import { usageError } from './command-error.ts';

/** Name and value. Throws CommandError (2) when there is no colon after a name. */
export function parseHeaderField(text: string): [string, string] {
  const colon = text.indexOf(':');
  if (colon <= 0) throw usageError(`"${text}" is no header field: write "Name: value"`);
  return [text.slice(0, colon).trim(), text.slice(colon + 1).trim()];
}
