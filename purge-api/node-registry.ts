/**
 * What purge-api knows of each node of the topology: its stream, its last health, what it has acknowledged. The view that
 * geo-dns steers by and `GET /v1/nodes` shows is read from here.
 *
 * Invariants: only nodes of the topology have a record; a renewal older than the last one of its instance changes nothing.
 */

import type { NodeHealth, Position, UpMessage, ViewNode } from '../core/purge/command.ts';
import { formatHostPort } from '../core/runtime/addresses.ts';
import type { Clock } from '../core/runtime/deps.ts';
import { type NodeSummary, nodesOf, reachOf } from '../core/topology/nodes.ts';
import type { TopologyWithSecret } from '../core/topology/secret-file.ts';
import { type AckLog, createAckLog } from './ack-log.ts';
import type { NodeProgress } from './convergence.ts';
import type { Leases, Moment } from './leases.ts';

type Hello = Extract<UpMessage, { type: 'hello' }>;
type Renewal = Extract<UpMessage, { type: 'renew' }>;

export interface NodeRecord {
  summary: NodeSummary;
  /** `host:port` under which others reach it; undefined while that is not known. */
  reach: string | undefined;
  isConnected: boolean;
  instance: string | null;
  version: number;
  heardAtMs: number | null;
  /** The same by both clocks; for judging whether an instance is dead. */
  heardAt: Moment | null;
  /** When its stream ended; null while it is up. */
  lostAtMs: number | null;
  hasSaidGoodbye: boolean;
  /** What the node last said; may be ahead of what it has acknowledged, or of another journal. */
  position: Position | null;
  health: NodeHealth | null;
  topologyHash: string | undefined;
  acks: AckLog;
}

export type LeaseState = 'held' | 'waiting' | 'none';

/** A node with what purge-api concludes. */
export interface NodeStanding {
  record: NodeRecord;
  /** Null: it stores nothing and needs none. */
  lease: { state: LeaseState; untilMs: number | null } | null;
  /** A caching node that holds no lease for certain, and is not there to ask for one. */
  quarantined: boolean;
}

export interface NodeRegistry {
  find(id: string): NodeRecord | undefined;
  standings(): readonly NodeStanding[];
  hello(message: Hello): void;
  renewed(id: string, message: Renewal): void;
  disconnected(id: string): void;
  goodbye(id: string): void;
  /** Purge-api about itself. */
  self(id: string, state: { instance: string; health: NodeHealth; topologyHash: string }): void;
  /** A checked `ack`. */
  acknowledged(id: string, position: Position, appliedAtMs: number): void;
  matched(id: string, seq: number, responses: number): void;
  /** The caching nodes, for judging convergence; those too that a reload has taken away, while they may hold a lease. */
  progress(): NodeProgress[];
  view(): ViewNode[];
  /** Takes the nodes of a changed topology; those that stay keep their record. */
  setTopology(topology: TopologyWithSecret): void;
}

/** Entries whose counts of matched responses are remembered for a node. */
const maxMatchedCounts = 1000;

/** Creates a record for every node of `topology`. `onChange` is called after whatever a view would show. */
export function createNodeRegistry(
  clock: Clock,
  topology: TopologyWithSecret,
  leases: Leases,
  onChange: () => void,
): NodeRegistry {
  let records = new Map<string, NodeRecord>();
  /** Caching nodes that the topology no longer has, and that may still hold a lease: they serve from their stores meanwhile. */
  const leaving = new Map<string, NodeRecord>();
  const counts = createMatchedCounts();
  const takeTopology = (next: TopologyWithSecret) => {
    const before = records;
    records = new Map(
      nodesOf(next).map((summary) => {
        const known = records.get(summary.id);
        const isSame = known && known.summary.role === summary.role;
        const record = isSame ? { ...known, summary } : newRecord(summary);
        return [summary.id, { ...record, reach: reachText(next, summary) ?? record.reach }];
      }),
    );
    for (const [id, record] of before) if (isCaching(record)) leaving.set(id, record);
    // Whoever is of the topology, again or still, is judged by its own record.
    for (const [id, record] of records) if (isCaching(record)) leaving.delete(id);
  };
  const update = (id: string, change: (record: NodeRecord) => void) => {
    const record = records.get(id);
    if (!record) return;
    change(record);
    onChange();
  };
  const heard = (record: NodeRecord) => {
    record.heardAtMs = clock.nowMs();
    record.heardAt = leases.now();
  };
  const isQuarantined = (record: NodeRecord) =>
    isCaching(record) &&
    !leases.mayOtherHold(record.summary.id, null) &&
    (!record.isConnected || record.hasSaidGoodbye || isSilent(record, leases));
  const awaited = (): NodeRecord[] => {
    for (const id of leaving.keys()) if (!leases.mayOtherHold(id, null)) leaving.delete(id);
    return [...records.values(), ...leaving.values()];
  };
  takeTopology(topology);
  return {
    find: (id) => records.get(id),
    standings: () =>
      [...records.values()].map((record) => ({
        record,
        lease: leaseOf(record, leases),
        quarantined: isQuarantined(record),
      })),
    hello: (message) =>
      update(message.node, (record) => {
        heard(record);
        record.isConnected = true;
        record.lostAtMs = null;
        record.hasSaidGoodbye = false;
        record.instance = message.instance;
        record.version = 0;
        record.position = message.position;
        record.health = message.health;
        record.topologyHash = message.topologyHash;
        record.reach ??= message.health.listen;
      }),
    renewed: (id, message) =>
      update(id, (record) => {
        heard(record);
        if (message.version <= record.version) return;
        record.version = message.version;
        record.position = message.position;
        record.health = message.health;
        record.topologyHash = message.topologyHash;
        record.reach ??= message.health.listen;
      }),
    disconnected: (id) =>
      update(id, (record) => {
        record.isConnected = false;
        record.lostAtMs = clock.nowMs();
      }),
    goodbye: (id) =>
      update(id, (record) => {
        record.hasSaidGoodbye = true;
        if (record.health) record.health = { ...record.health, ready: false, draining: true };
      }),
    self: (id, state) =>
      update(id, (record) => {
        heard(record);
        record.isConnected = true;
        record.version += 1;
        Object.assign(record, state);
        record.reach ??= state.health.listen;
      }),
    acknowledged: (id, position, appliedAtMs) =>
      update(id, (record) => {
        record.position = position;
        record.acks.acknowledge(position, appliedAtMs, clock.nowMs());
      }),
    matched: counts.set,
    progress: () =>
      awaited().flatMap((record) => {
        const { id, role } = record.summary;
        if (role !== 'edge' && role !== 'shield') return [];
        const { position, acknowledgements } = record.acks;
        return [
          {
            node: id,
            role,
            isConnected: record.isConnected,
            acknowledged: position,
            acknowledgements,
            isQuarantined: isQuarantined(record),
            hasRival: leases.mayOtherHold(id, record.instance),
            unreachableSinceMs: unreachableSince(record, leases),
            hasSaidGoodbye: record.hasSaidGoodbye,
            matched: (seq: number) => counts.get(id, seq),
          },
        ];
      }),
    view: () => [...records.values()].map((record) => viewOf(record, isQuarantined(record))),
    setTopology(next) {
      takeTopology(next);
      onChange();
    },
  };
}

/** How many responses each node matched with an entry; the oldest are forgotten. */
function createMatchedCounts() {
  const byNode = new Map<string, Map<number, number>>();
  return {
    get: (id: string, seq: number) => byNode.get(id)?.get(seq),
    set(id: string, seq: number, responses: number) {
      const counts = byNode.get(id) ?? new Map<number, number>();
      byNode.set(id, counts);
      counts.set(seq, responses);
      if (counts.size <= maxMatchedCounts) return;
      for (const oldest of counts.keys()) {
        counts.delete(oldest);
        break;
      }
    },
  };
}

function newRecord(summary: NodeSummary): NodeRecord {
  return {
    summary,
    reach: undefined,
    isConnected: false,
    instance: null,
    version: 0,
    heardAtMs: null,
    heardAt: null,
    lostAtMs: null,
    hasSaidGoodbye: false,
    position: null,
    health: null,
    topologyHash: undefined,
    acks: createAckLog(),
  };
}

function reachText(topology: TopologyWithSecret, summary: NodeSummary): string | undefined {
  const reach = reachOf(topology, summary);
  return reach && formatHostPort(reach);
}

function leaseOf(record: NodeRecord, leases: Leases): NodeStanding['lease'] {
  if (!isCaching(record)) return null;
  const untilMs = leases.untilMs(record.summary.id, record.instance);
  if (untilMs !== null) return { state: 'held', untilMs };
  return { state: record.isConnected ? 'waiting' : 'none', untilMs: null };
}

function isCaching({ summary: { role } }: NodeRecord): boolean {
  return role === 'edge' || role === 'shield';
}

/** Its stream may be up for long after the line was cut. */
function isSilent({ heardAt }: NodeRecord, leases: Leases): boolean {
  return heardAt === null || leases.hasLapsed(heardAt);
}

function unreachableSince(record: NodeRecord, leases: Leases): number | null {
  if (!record.isConnected) return record.lostAtMs;
  return isSilent(record, leases) ? record.heardAtMs : null;
}

function viewOf(record: NodeRecord, quarantined: boolean): ViewNode {
  const { summary, isConnected, heardAtMs, instance, version, position, health } = record;
  const { id, role } = summary;
  return {
    id,
    role,
    connected: isConnected,
    heardAtMs,
    instance,
    version,
    position,
    health,
    quarantined,
  };
}
