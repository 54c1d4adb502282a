/**
 * What is known now of a purge, completed by what was kept: times and counts that memory no longer has, and above all that a
 * purge which was once declared converged stays so, with those who were quarantined then. Pure.
 */
import { type Convergence, isoTime, type NodeEvidence } from './convergence.ts';
import type { RosterNode } from './evidence-rows.ts';
import type { KeptAcknowledgement, KeptEvidence } from './kept-evidence.ts';

/** The convergence of the entry that was appended at `atMs`. */
export function completeEvidence(
  atMs: number,
  live: Convergence,
  { declared, acks, matched }: KeptEvidence,
): Convergence {
  const complete = (row: NodeEvidence): NodeEvidence => ({
    ...row,
    appliedAt: isoTime(acks.get(row.node)?.appliedAtMs ?? null) ?? row.appliedAt,
    matched: row.matched ?? matched.get(row.node) ?? null,
  });
  if (!declared) return { ...live, nodes: live.nodes.map(complete) };
  const rows = new Map(live.nodes.map((row) => [row.node, row]));
  return {
    status: 'converged',
    convergedInMs: declared.isExact ? Math.max(0, declared.atMs - atMs) : live.convergedInMs,
    nodes: declared.roster.map((node) =>
      complete(rowAsDeclared(node, declared.atMs, rows.get(node.node), acks.get(node.node))),
    ),
  };
}

/** The row of a node that was there when the purge was declared; what it has said since is shown too. */
function rowAsDeclared(
  then: RosterNode,
  declaredAtMs: number,
  now: NodeEvidence | undefined,
  ack: KeptAcknowledgement | undefined,
): NodeEvidence {
  const hadAcknowledged = ack !== undefined && ack.receivedAtMs <= declaredAtMs;
  const quarantined = then.quarantined && !hadAcknowledged;
  // Who was needed has acknowledged, or it would not have been declared.
  const has = ack !== undefined || !quarantined || now?.state === 'acknowledged';
  return {
    node: then.node,
    role: then.role,
    cursor: now?.cursor ?? ack?.position ?? null,
    appliedAt: now?.appliedAt ?? null,
    matched: now?.matched ?? null,
    quarantined,
    state: has ? 'acknowledged' : 'unreachable',
    unreachableSince: quarantined ? isoTime(then.unreachableSinceMs) : null,
    reason: quarantined ? then.reason : null,
  };
}
