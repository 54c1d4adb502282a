/**
 * Under which purges an answer was judged, as extension parameters of this tier's member of Cache-Status (RFC 9211 §2): the node's
 * cursor when the read began, and the label of the response. Said to tiers always, because they share flights; to clients only where they
 * show the debug token.
 */
import type { Position } from '../purge/command.ts';

/** The field in which a client shows the debug token; like every field of ours it reaches no upstream. */
export const debugField = 'breakwater-debug';

/** Enough of an identity to tell journals apart. */
const identityLength = 8;

/** `; breakwater-cursor="IDENTITY:SEQ"; breakwater-label=SEQ`. `label` undefined: nothing is stored of it. */
export function judgedUnder(cursor: Position, label: number | undefined): string {
  const at = `; breakwater-cursor="${cursor.identity.slice(0, identityLength)}:${cursor.seq}"`;
  return label === undefined ? at : `${at}; breakwater-label=${label}`;
}

/** The members of tiers behind, without what is not for every client. */
export function withoutJudgedUnder(members: string): string {
  return members.includes('; breakwater-') ? members.replace(parameters, '') : members;
}

const parameters = /; breakwater-(?:cursor="[^"]{0,64}"|label=\d{1,15})/g;
