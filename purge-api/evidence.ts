/**
 * Purge-api's desk of evidence: its own key, the pinned keys of the nodes, the witness of what they say, the store that keeps it,
 * and the documents made of it.
 */
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import type { JournalEntry, Position } from '../core/purge/command.ts';
import type { EvidenceDocument } from '../core/purge/evidence.ts';
import { fingerprintOf, loadSigningKey } from '../core/runtime/signing-key.ts';
import { dataFolder } from '../core/topology/nodes.ts';
import type { NodeContext } from '../core/topology/run-node.ts';
import { completeEvidence } from './complete-evidence.ts';
import { type Convergence, type NodeProgress, rosterOf } from './convergence.ts';
import { issueDocument } from './evidence-document.ts';
import { createEvidenceMetrics } from './evidence-metrics.ts';
import { type EvidenceStore, openEvidenceStore } from './evidence-store.ts';
import type { Journal, Recorded } from './journal.ts';
import { type NodeKeys, openNodeKeys } from './node-keys.ts';
import { createWitness, type Witness } from './witness.ts';

export interface Evidence {
  keys: NodeKeys;
  witness: Witness;
  /** The fingerprint of the key of a node, purge-api's own included; null: none is known. */
  fingerprintOf(node: string): string | null;
  /** Up to `throughSeq` all has converged, judged by `progress`; once declared it stays so. */
  declare(throughSeq: number, progress: readonly NodeProgress[]): void;
  /** The newest entry that has been declared. */
  declaredThrough(): number;
  /** What is known now, completed by what was kept. */
  complete(entry: JournalEntry, live: Convergence): Convergence;
  /** The document of a purge; undefined when the journal no longer has what it needs. */
  document(recorded: Recorded, live: Convergence): Promise<EvidenceDocument | undefined>;
  /** Follows what the journal has forgotten. */
  prune(): void;
  close(): void;
}

/** Opens what lies in purge-api's data folder, which no other process may use. */
export function openEvidence(context: NodeContext, journal: Journal): Evidence {
  const { clock, log, topology, node } = context;
  const { network } = topology;
  const folder = dataFolder(topology, node.id);
  mkdirSync(folder, { recursive: true });
  const metrics = createEvidenceMetrics(context.metrics);
  const key = loadSigningKey(folder);
  const keys = openNodeKeys({ clock, log, metrics }, path.join(folder, 'node-keys.json'));
  const file = path.join(folder, 'evidence.sqlite');
  const store = openEvidenceStore({ clock, log, metrics }, { file });
  const witness = createWitness({ clock, network, keys, metrics, store, head: journal.head });
  witness.followJournal();
  const complete = ({ seq, atMs }: JournalEntry, live: Convergence) => {
    const kept = store.read(seq);
    return { kept, convergence: kept ? completeEvidence(atMs, live, kept) : live };
  };
  return {
    keys,
    witness,
    fingerprintOf: (id) => (id === node.id ? key.fingerprint : pinnedFingerprint(keys, id)),
    declare: (throughSeq, progress) =>
      declare(store, { ...journal.head(), seq: throughSeq }, witness.followedFrom(), {
        atMs: clock.nowMs(),
        progress,
      }),
    declaredThrough: store.declaredThrough,
    complete: (entry, live) => complete(entry, live).convergence,
    async document(recorded, live) {
      const previous = await journal.positionOf(recorded.entry.seq - 1);
      const { kept, convergence } = complete(recorded.entry, live);
      if (!previous || !kept) return undefined;
      const issuer = { node: node.id, key };
      const issuedAtMs = clock.nowMs();
      return issueDocument({ network, recorded, previous, convergence, kept, issuer, issuedAtMs });
    },
    prune: () => store.prune(journal.floor().seq),
    close: store.close,
  };
}

/** Entries up to `fromSeq` may have converged before this process could see it. */
function declare(
  store: EvidenceStore,
  position: Position,
  fromSeq: number,
  { atMs, progress }: { atMs: number; progress: readonly NodeProgress[] },
): void {
  const lastSeq = store.declaredThrough();
  if (position.seq <= lastSeq) return;
  const roster = rosterOf(progress);
  const add = (seq: number, isExact: boolean) =>
    store.add({ kind: 'declared', position: { ...position, seq }, atMs, isExact, roster });
  if (lastSeq < fromSeq) add(Math.min(fromSeq, position.seq), false);
  if (position.seq > fromSeq) add(position.seq, true);
}

function pinnedFingerprint(keys: NodeKeys, node: string): string | null {
  const publicKey = keys.of(node);
  return publicKey === undefined ? null : fingerprintOf(publicKey);
}
