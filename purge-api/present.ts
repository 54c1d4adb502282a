/** What the API answers with: purges, nodes and journal entries as plain JSON. Pure. */
import type { JournalEntry, Position } from '../core/purge/command.ts';
import { type Convergence, isoTime } from './convergence.ts';
import type { Recorded } from './journal.ts';
import type { NodeRecord, NodeStanding } from './node-registry.ts';
import type { WarmProgress } from './warming.ts';

export type PurgeBody = ReturnType<typeof presentPurge>;
export type NodeBody = ReturnType<typeof presentNode>;
export type EntryBody = ReturnType<typeof presentEntry>;

/** A purge with its evidence. */
export function presentPurge(
  { entry, by }: Recorded,
  convergence: Convergence,
  warm?: WarmProgress,
) {
  const { id, seq, soft, scope, selectors } = entry;
  return {
    id,
    seq,
    status: convergence.status,
    acceptedAt: isoTime(entry.atMs),
    soft,
    scope,
    selectors,
    by,
    convergedInMs: convergence.convergedInMs,
    nodes: convergence.nodes,
    ...(warm ? { warm } : {}),
  };
}

export function presentEntry({ atMs, ...entry }: JournalEntry) {
  return { ...entry, at: isoTime(atMs) };
}

/** A node as `GET /v1/nodes` shows it. */
export function presentNode(
  { record, lease, quarantined }: NodeStanding,
  head: Position,
  topologyHash: string,
) {
  const { summary, health, isConnected, position } = record;
  return {
    id: summary.id,
    role: summary.role,
    connected: isConnected,
    ready: isConnected && (health?.ready ?? false),
    draining: health?.draining ?? false,
    load: health?.load ?? null,
    reason: reasonOf(record),
    lease: lease && { state: lease.state, until: isoTime(lease.untilMs) },
    quarantined,
    unreachableSince: isConnected ? null : isoTime(record.lostAtMs),
    cursor: position,
    lag: position && position.identity === head.identity ? head.seq - position.seq : null,
    heardAt: isoTime(record.heardAtMs),
    listen: health?.listen ?? summary.listen,
    admin: health?.admin ?? summary.admin,
    reach: record.reach ?? null,
    workers: health?.workers ?? null,
    topologyMatches:
      record.topologyHash === undefined ? null : record.topologyHash === topologyHash,
    instance: record.instance,
  };
}

function reasonOf({ isConnected, heardAtMs, health, hasSaidGoodbye }: NodeRecord): string | null {
  if (heardAtMs === null) return 'never heard of';
  if (hasSaidGoodbye) return 'it was stopped';
  if (!isConnected) return 'not connected';
  return health?.reason ?? null;
}
