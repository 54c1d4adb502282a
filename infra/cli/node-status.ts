/** `GET /v1/nodes` in words. Pure. */
import { z } from 'zod';
import { clockTime } from './clock-time.ts';
import { roleName } from './role-names.ts';
import { formatTable } from './table.ts';
import type { Terminal } from './terminal.ts';

const nodeStatus = z.looseObject({
  id: z.string(),
  role: z.string(),
  connected: z.boolean(),
  ready: z.boolean(),
  draining: z.boolean(),
  load: z.number().nullable(),
  reason: z.string().nullable(),
  cursor: z.looseObject({ seq: z.number() }).nullable(),
  lag: z.number().nullable(),
  heardAt: z.string().nullable(),
  listen: z.string(),
  admin: z.string(),
  topologyMatches: z.boolean().nullable(),
  fingerprint: z.string().nullish(),
  /** Null: the node needs none. */
  lease: z.looseObject({ state: z.string(), until: z.string().nullish() }).nullish(),
  quarantined: z.boolean().default(false),
  unreachableSince: z.string().nullish(),
});
export type NodeStatus = z.output<typeof nodeStatus>;

/** The answer of the API; fields that a newer one has are kept for `--json`. */
export const networkStatus = z.looseObject({
  network: z.string(),
  head: z.looseObject({ seq: z.number() }),
  nodes: z.array(nodeStatus),
});
export type NetworkStatus = z.output<typeof networkStatus>;

/** A summary and a table. `nowMs` is for how long ago a node was heard. */
export function statusLines(
  { network, head, nodes }: NetworkStatus,
  nowMs: number,
  { style }: Pick<Terminal, 'style'>,
): string[] {
  const ready = nodes.filter((node) => node.ready && !node.draining).length;
  const rows = nodes.map((node) => {
    const text = stateText(node, nowMs);
    return [
      node.id,
      roleName(node.role),
      node.listen,
      node.admin,
      node.cursor === null ? '' : positionText(node),
      node.load === null ? '' : `${Math.round(node.load * 100)} %`,
      leaseText(node, nowMs),
      style(text === 'ready' ? 'green' : 'yellow', text),
    ];
  });
  return [
    `${network}: ${ready} of ${nodes.length} nodes ready; the purge journal has ${head.seq === 1 ? '1 entry' : `${head.seq} entries`}`,
    '',
    ...formatTable(['NODE', 'ROLE', 'ADDRESS', 'ADMIN', 'APPLIED', 'LOAD', 'LEASE', 'STATE'], rows),
    ...quarantineLines(nodes, nowMs),
  ];
}

/** The fingerprints of the nodes' keys, as `verify` takes them. */
export function keyLines({ nodes }: NetworkStatus): string[] {
  return nodes.flatMap(({ id, fingerprint }) => (fingerprint ? [`${id}=${fingerprint}`] : []));
}

/** Shown where it matters: empty for a node that holds its lease. */
function leaseText({ lease, quarantined, connected }: NodeStatus, nowMs: number): string {
  if (quarantined) return 'quarantined';
  if (!lease || (lease.state === 'held' && connected)) return '';
  // Nobody hears of it, and until then it may serve as if all were well.
  if (lease.state === 'held' && lease.until) return `until ${clockTime(lease.until, nowMs)}`;
  return lease.state;
}

/** What follows from a quarantine, and why it is one. */
function quarantineLines(nodes: readonly NodeStatus[], nowMs: number): string[] {
  const lines = nodes
    .filter(({ quarantined }) => quarantined)
    .map(({ id, role, reason, unreachableSince }) => {
      const since = unreachableSince
        ? `unreachable since ${clockTime(unreachableSince, nowMs)}`
        : '';
      const why = since || reason || 'without a lease';
      const dns = role === 'edge' ? 'DNS no longer hands it out, ' : '';
      return `${id} is quarantined (${why}): ${dns}it validates what it serves, and purges converge without it`;
    });
  return lines.length === 0 ? [] : ['', ...lines];
}

function positionText({ cursor, lag }: NodeStatus): string {
  const at = String(cursor?.seq ?? 0);
  return lag === null || lag === 0 ? at : `${at} (${lag} behind)`;
}

function stateText(node: NodeStatus, nowMs: number): string {
  const other = node.topologyMatches === false ? ', runs another configuration' : '';
  return `${mainState(node, nowMs)}${other}`;
}

function mainState(node: NodeStatus, nowMs: number): string {
  if (!node.connected) {
    if (node.heardAt === null) return 'never heard of';
    return `unreachable, last heard of ${agoText(nowMs - Date.parse(node.heardAt))} ago`;
  }
  if (node.draining) return 'draining';
  if (node.ready) return 'ready';
  return node.reason === null ? 'not ready' : `not ready: ${node.reason}`;
}

/** `4 s`, `12 min`, `3 h`. */
export function agoText(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 120) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 120 ? `${minutes} min` : `${Math.round(minutes / 60)} h`;
}
