/** What the file of the evidence says of one entry. */
import { z } from 'zod';
import type { Position } from '../core/purge/command.ts';
import type { IdentityRow } from './evidence-file.ts';
import type { EvidenceBook, RosterNode } from './evidence-rows.ts';

export interface KeptAcknowledgement {
  /** Null: the node signed nothing. */
  publicKey: string | null;
  position: Position;
  appliedAtMs: number;
  receivedAtMs: number;
  signature: string | null;
}

export interface KeptEvidence {
  /** Of the journal under which the rest was said. */
  identity: string;
  /** Undefined: not declared converged, as far as is known. */
  declared: { atMs: number; isExact: boolean; roster: RosterNode[] } | undefined;
  /** The first that covers the entry, by node. */
  acks: Map<string, KeptAcknowledgement>;
  matched: Map<string, number>;
}

const rosterSchema = z.array(
  z.object({
    node: z.string(),
    role: z.enum(['edge', 'shield']),
    quarantined: z.boolean(),
    unreachableSinceMs: z.number().nullable(),
    reason: z.string().nullable(),
  }),
);

/** Everything about the entry `seq`; undefined when no journal has been followed. */
export function readKept(book: EvidenceBook, seq: number): KeptEvidence | undefined {
  const candidates = identitiesOf(book.identities, seq);
  const found = candidates.flatMap((row) => {
    const declared = book.file.declaredCovering.get(row.id, seq);
    return declared ? [{ row, declared }] : [];
  })[0];
  const row = found?.row ?? candidates.at(-1);
  if (!row) return undefined;
  const declared = found && {
    atMs: found.declared.at_ms,
    isExact: found.declared.exact === 1,
    roster: rosterSchema.parse(JSON.parse(found.declared.roster)),
  };
  const matched = candidates.toReversed().flatMap(({ id }) => book.file.matchedOf.all(id, seq));
  return {
    identity: row.identity,
    declared,
    acks: readAcks(book, row, seq),
    matched: new Map(matched.map(({ node, responses }) => [node, responses])),
  };
}

/**
 * The identities that the journal has had while the entry was in it, the oldest first. Before that, another entry may have had
 * its number.
 */
function identitiesOf(identities: readonly IdentityRow[], seq: number): IdentityRow[] {
  const owner = identities.findLastIndex(({ began_seq }) => began_seq < seq);
  return identities.slice(Math.max(0, owner));
}

function readAcks(
  { file, signers }: EvidenceBook,
  { id, identity }: IdentityRow,
  seq: number,
): Map<string, KeptAcknowledgement> {
  const acks = new Map<string, KeptAcknowledgement>();
  for (const signer of signers) {
    const row = file.ackCovering.get(id, signer.id, seq);
    const other = acks.get(signer.node);
    if (!row || (other && other.position.seq < row.seq)) continue;
    acks.set(signer.node, {
      publicKey: signer.public_key || null,
      position: { identity, seq: row.seq, hash: row.hash },
      appliedAtMs: row.applied_ms,
      receivedAtMs: row.received_ms,
      signature: row.signature || null,
    });
  }
  return acks;
}
