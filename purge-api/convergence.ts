/**
 * Has a purge taken effect everywhere? Pure: from what each node has acknowledged to the answer, with the evidence for it.
 *
 * A purge n has converged when every edge and shield of the topology has acknowledged, by a position in this journal, that
 * all its workers and its disk have applied everything up to n. Starting and draining nodes count too.
 */
import type { Position } from '../core/purge/command.ts';

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
  quarantined: boolean;
  state: 'acknowledged' | 'behind' | 'unreachable';
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
  const isConverged = judged.every(({ has }) => has);
  const times = judged.map(({ first }) => first?.receivedAtMs ?? null);
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
      quarantined: false,
      state: has ? 'acknowledged' : node.isConnected ? 'behind' : 'unreachable',
    })),
  };
}

/** Whether every node has acknowledged `seq`: what a waiting caller waits for. */
export function hasConverged(
  seq: number,
  identity: string,
  progress: readonly NodeProgress[],
): boolean {
  return progress.every((node) => hasAcknowledged(node, seq, identity));
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
