/** The evidence of a purge as a signed document (`core/purge/evidence.ts`), from what is known of it. Pure, but for the key. */
import type { Position } from '../core/purge/command.ts';
import {
  type EvidenceDocument,
  type EvidenceNode,
  evidenceVersion,
} from '../core/purge/evidence.ts';
import { evidenceText } from '../core/purge/signature.ts';
import { fingerprintOf, type SigningKey } from '../core/runtime/signing-key.ts';
import type { Convergence, NodeEvidence } from './convergence.ts';
import type { Recorded } from './journal.ts';
import type { KeptEvidence } from './kept-evidence.ts';

export interface DocumentParts {
  network: string;
  recorded: Recorded;
  /** The position before the entry. */
  previous: Position;
  convergence: Convergence;
  kept: KeptEvidence;
  issuer: { node: string; key: SigningKey };
  issuedAtMs: number;
}

/** Puts the document together and signs it. */
export function issueDocument(parts: DocumentParts): EvidenceDocument {
  const { network, recorded, previous, convergence, kept, issuer, issuedAtMs } = parts;
  const { publicKey, fingerprint } = issuer.key;
  const unsigned = {
    breakwater: 'evidence' as const,
    version: evidenceVersion as typeof evidenceVersion,
    network,
    entry: recorded.entry,
    by: recorded.by,
    // The entry was acknowledged under the identity that the journal had then.
    previous: { ...previous, identity: kept.identity },
    status: convergence.status,
    convergedAtMs: kept.declared?.atMs ?? null,
    nodes: convergence.nodes.map((row) => nodeOf(row, kept)),
    issuedAtMs,
    issuer: { node: issuer.node, publicKey, fingerprint },
  };
  return { ...unsigned, signature: issuer.key.sign(evidenceText(unsigned)) };
}

function nodeOf(row: NodeEvidence, { acks }: KeptEvidence): EvidenceNode {
  const { node, role, matched, quarantined, unreachableSince, reason } = row;
  const ack = acks.get(node);
  return {
    node,
    role,
    publicKey: ack?.publicKey ?? null,
    fingerprint: ack?.publicKey ? fingerprintOf(ack.publicKey) : null,
    acknowledgement: ack
      ? {
          position: ack.position,
          appliedAtMs: ack.appliedAtMs,
          receivedAtMs: ack.receivedAtMs,
          signature: ack.signature,
        }
      : null,
    matched,
    quarantined: quarantined
      ? { sinceMs: unreachableSince === null ? null : Date.parse(unreachableSince), reason }
      : null,
  };
}
