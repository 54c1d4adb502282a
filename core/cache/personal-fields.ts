/**
 * Fields that are for one client alone: those that a qualified `private` or `no-cache` of the response names (RFC 9111 §5.2.2.4,
 * §5.2.2.7). No stored copy has them, but the client whose request fetched the response is the user whom they are for. Pure.
 *
 * Invariant: who has joined the fetch of somebody else, or is answered from a store, does not get them. An edge that asks a
 * shield is a client here: it gets them, and does not store them either, because it reads the same directives.
 */
import type { Freshness } from '../http/freshness.ts';
import type { RawHeaders } from '../http/headers.ts';
import type { SetCookiePolicy } from '../http/storable.ts';

/** The lines of such fields, flat, but for those that this tier writes itself; undefined: there are none. */
export function personalFields(
  received: RawHeaders,
  { excludedFields }: Pick<Freshness, 'excludedFields'>,
  ownFields: ReadonlySet<string>,
  setCookie: SetCookiePolicy,
): RawHeaders | undefined {
  if (excludedFields.length === 0) return undefined;
  const lines: string[] = [];
  for (let i = 0; i + 1 < received.length; i += 2) {
    const name = received[i] ?? '';
    const lowerName = name.toLowerCase();
    if (!excludedFields.includes(lowerName) || ownFields.has(lowerName)) continue;
    // What a site strips is stripped for everybody.
    if (lowerName === 'set-cookie' && setCookie === 'strip') continue;
    lines.push(name, received[i + 1] ?? '');
  }
  return lines.length === 0 ? undefined : lines;
}
