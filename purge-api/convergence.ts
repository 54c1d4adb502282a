/**
 * Has a purge taken effect everywhere? Pure: from what each node has acknowledged to the answer, with the evidence for it.
 *
 * A purge n has converged when every edge and shield of the topology has acknowledged, by a position in this journal, that
 * all its workers and its disk have applied everything up to n (starting and draining nodes too), or is quarantined: then it
 * holds no lease, and serves nothing that it has not validated a moment before.
 */
import type { Position } from '../core/purge/command.ts';
import type { RosterNode } from './evidence-rows.ts';

/** Everything up to `seq` was acknowledged at a time; null where it was learnt from a `hello` and the time is not known. */
export interface Acknowledgement {
  seq: number;
  /** The node's clock. */
  appliedAtMs: number | null;
  /** Our clock. */
  receivedAtMs: number | null;
}

/** What one node of the topology has acknowledged. */
export interface NodeProgress {
  node: string;
  role: 'edge' | 'shield';
  isConnected: boolean;
  /** The last acknowledged position; null: never heard of, or of another journal. */
  acknowledged: Position | null;
  /** Ascending by `seq`; older ones may have been forgotten. */
  acknowledgements: readonly Acknowledgement[];
  /** It holds no lease for certain, and has not been heard of for at least as long as one lasts, or said goodbye. */
  isQuarantined: boolean;
  /** Another process may run under its id and hold a lease: what this one acknowledges is not enough. */
  hasRival: boolean;
  /** Since when it cannot be reached, by our clock, milliseconds since 1970; null: it can, or was never heard of. */
  unreachableSinceMs: number | null;
  /** It ended in order: it said goodbye. */
  hasSaidGoodbye: boolean;
  /** How many stored responses the entry matched; undefined while it has not been counted. */
  matched(seq: number): number | undefined;
}

export interface NodeEvidence {
  node: string;
  role: 'edge' | 'shield';
  cursor: Position | null;
  /** When the node had applied the purge, by its own clock. */
  appliedAt: string | null;
  matched: number | null;
  /** Converged without its acknowledgement: it holds no lease, so it validates what it serves. */
  quarantined: boolean;
  state: 'acknowledged' | 'behind' | 'unreachable';
  unreachableSince: string | null;
  /** Why it has not acknowledged, in words; null: it has, or is about to. */
  reason: string | null;
}

export interface Convergence {
  status: 'pending' | 'converged';
  /** From the append to the last acknowledgement, by our clock; null while pending or where a time is not known. */
  convergedInMs: number | null;
  nodes: NodeEvidence[];
}

/** Judges the entry `seq`, appended at `atMs`, of the journal whose newest entry is `head`. */
export function judgeConvergence(
  { seq, atMs }: { seq: number; atMs: number },
  head: Position,
  progress: readonly NodeProgress[],
): Convergence {
  const judged = progress.map((node) => {
    const has = hasAcknowledged(node, seq, head.identity);
    return { node, has, first: has ? firstCovering(node.acknowledgements, seq) : undefined };
  });
  const isConverged = judged.every(({ node, has }) => isSettled(node, has));
  const times = judged.flatMap(({ has, first }) => (has ? [first?.receivedAtMs ?? null] : []));
  const isTimed = isConverged && times.every((time) => time !== null);
  return {
    status: isConverged ? 'converged' : 'pending',
    convergedInMs: isTimed ? Math.max(0, ...times.map((time) => (time ?? 0) - atMs)) : null,
    nodes: judged.map(({ node, has, first }) => ({
      node: node.node,
      role: node.role,
      cursor: node.acknowledged,
      appliedAt: isoTime(first?.appliedAtMs ?? null),
      matched: node.matched(seq) ?? null,
      quarantined: !has && node.isQuarantined,
      state: has ? 'acknowledged' : isUnreachable(node) ? 'unreachable' : 'behind',
      unreachableSince: has ? null : isoTime(node.unreachableSinceMs),
      reason: reasonOf(node, has),
    })),
  };
}

/** The newest entry of the journal that has converged; −1: a node is missing that follows no position of this journal. */
export function convergedThrough(head: Position, progress: readonly NodeProgress[]): number {
  const through = progress.map((node) => {
    if (node.isQuarantined) return head.seq;
    if (node.hasRival || node.acknowledged?.identity !== head.identity) return -1;
    return node.acknowledged.seq;
  });
  return Math.min(head.seq, ...through);
}

/** Who was needed for what has converged now, and who was not because it was quarantined. */
export function rosterOf(progress: readonly NodeProgress[]): RosterNode[] {
  return progress.map((node) => ({
    node: node.node,
    role: node.role,
    quarantined: node.isQuarantined,
    unreachableSinceMs: node.isQuarantined ? node.unreachableSinceMs : null,
    reason: node.isQuarantined ? reasonOf(node, false) : null,
  }));
}

/** Whether nothing more has to be heard of the node. */
function isSettled({ isQuarantined, hasRival }: NodeProgress, has: boolean): boolean {
  return isQuarantined || (has && !hasRival);
}

function isUnreachable({ isConnected, isQuarantined }: NodeProgress): boolean {
  return !isConnected || isQuarantined;
}

function reasonOf(node: NodeProgress, has: boolean): string | null {
  if (node.hasRival && node.isConnected && !node.isQuarantined) {
    return 'another process may still run under its id and hold a lease';
  }
  if (has) return null;
  if (node.hasSaidGoodbye) return 'it was stopped';
  if (!isUnreachable(node)) return null;
  if (node.unreachableSinceMs === null) return 'never heard of';
  return `unreachable since ${isoTime(node.unreachableSinceMs)}`;
}

function hasAcknowledged(node: NodeProgress, seq: number, identity: string): boolean {
  // Numbers mean something only within one identity.
  const { acknowledged } = node;
  return acknowledged !== null && acknowledged.identity === identity && acknowledged.seq >= seq;
}

/** The acknowledgement by which a node first covered `seq`, found by bisection. */
function firstCovering(
  acknowledgements: readonly Acknowledgement[],
  seq: number,
): Acknowledgement | undefined {
  let low = 0;
  let high = acknowledgements.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((acknowledgements[middle]?.seq ?? 0) < seq) low = middle + 1;
    else high = middle;
  }
  return acknowledgements[low];
}

export function isoTime(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString();
}
