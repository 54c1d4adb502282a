/** The purge API's answers in words: how far a purge is, and the proof of it. Pure. */
import { z } from 'zod';
import { clockTime } from './clock-time.ts';
import { formatTable } from './table.ts';
import { warmProgress } from './warm-words.ts';

const nodeEvidence = z.looseObject({
  node: z.string(),
  role: z.string(),
  cursor: z.looseObject({ seq: z.number() }).nullish(),
  appliedAt: z.string().nullish(),
  matched: z.number().nullish(),
  quarantined: z.boolean().default(false),
  state: z.string(),
  unreachableSince: z.string().nullish(),
  reason: z.string().nullish(),
});
type NodeEvidence = z.output<typeof nodeEvidence>;

/** A purge as the API shows it; fields that a newer API has are kept for `--json`. */
export const purgeStatus = z.looseObject({
  id: z.string(),
  seq: z.number(),
  status: z.enum(['pending', 'converged']),
  convergedInMs: z.number().nullish(),
  nodes: z.array(nodeEvidence).default([]),
  warm: warmProgress.optional(),
});
export type PurgeStatus = z.output<typeof purgeStatus>;

export interface Judgement {
  /** Whether the purge has taken effect as whoever asked wants it. */
  isConverged: boolean;
  lines: string[];
}

export interface JudgeOptions {
  /** Stands in where the API does not say how long it took. */
  waitedMs: number;
  nowMs: number;
  /** The purge API. */
  base: string;
  /** A node that certainly holds no lease is good enough: it validates what it serves, and DNS leaves it out. */
  acceptsQuarantined: boolean;
}

/** `3 of 5 nodes; tyo at entry 40 of 42, us unreachable since 14:02`. */
export function progressText(purge: PurgeStatus, nowMs: number): string {
  const { nodes, seq } = purge;
  const open = nodes.filter((node) => !hasAcknowledged(node));
  const missing = open.map((node) =>
    node.state === 'behind' && node.cursor
      ? `${node.node} at entry ${node.cursor.seq} of ${seq}`
      : missingText(node, nowMs),
  );
  const done = `${nodes.length - open.length} of ${nodes.length} nodes`;
  return missing.length === 0 ? done : `${done}; ${missing.join(', ')}`;
}

/** The result after a wait, with its evidence. */
export function judgePurge(purge: PurgeStatus, options: JudgeOptions): Judgement {
  const { nodes } = purge;
  const isDeclared = purge.status === 'converged';
  const quarantined = isDeclared ? nodes.filter((node) => !hasAcknowledged(node)) : [];
  const isConverged = isDeclared && (quarantined.length === 0 || options.acceptsQuarantined);
  const table = evidenceTable(nodes);
  if (isConverged)
    return { isConverged, lines: [convergedLine(purge, quarantined, options), ...table] };
  const missing = nodes
    .filter((node) => !hasAcknowledged(node))
    .map((node) => missingText(node, options.nowMs));
  const after = isDeclared ? '' : ` after ${(options.waitedMs / 1000).toFixed(1)} s`;
  return {
    isConverged,
    lines: [
      `not converged${after}: ${missing.join('; ') || 'no node has answered'}`,
      ...table,
      isDeclared
        ? 'A quarantined node validates all that it serves; --accept-quarantined counts that as converged.'
        : `It goes on by itself, and shows how far it is at ${options.base}/v1/purges/${purge.id}`,
    ],
  };
}

/** Without `--wait`: that it is in the journal, and no more. */
export function acceptedLine({ id, seq }: PurgeStatus): string {
  return `accepted as entry ${seq} of the journal (${id}); --wait 10s would tell when it has taken effect`;
}

function convergedLine(
  purge: PurgeStatus,
  quarantined: readonly NodeEvidence[],
  { waitedMs, nowMs }: JudgeOptions,
): string {
  const tookMs = Math.round(purge.convergedInMs ?? waitedMs);
  const done = purge.nodes.length - quarantined.length;
  const without = quarantined.map((node) => missingText(node, nowMs)).join('; ');
  return `converged in ${tookMs} ms: ${done === 1 ? '1 node' : `${done} nodes`}${without === '' ? '' : `; without ${without}`}`;
}

function hasAcknowledged({ state, quarantined }: NodeEvidence): boolean {
  return state === 'acknowledged' && !quarantined;
}

/** `tok-1 unreachable since 14:02, quarantined: DNS no longer hands it out`. */
function missingText(node: NodeEvidence, nowMs: number): string {
  const { state, unreachableSince, reason, role } = node;
  const since = unreachableSince ? `unreachable since ${clockTime(unreachableSince, nowMs)}` : '';
  // A reason that only repeats since when it is unreachable says nothing new.
  const why = reason && !reason.startsWith('unreachable') ? reason : '';
  const texts = [since, why].filter((text) => text !== '');
  if (texts.length === 0) texts.push(state);
  if (node.quarantined) {
    texts.push(
      role === 'edge'
        ? 'quarantined: DNS no longer hands it out'
        : 'quarantined: it validates all that it serves',
    );
  }
  return `${node.node} ${texts.join(', ')}`;
}

function evidenceTable(nodes: PurgeStatus['nodes']): string[] {
  const rows = nodes.map(({ node, role, state, quarantined, cursor, appliedAt, matched }) => [
    node,
    role,
    quarantined ? 'quarantined' : state,
    cursor ? String(cursor.seq) : '',
    appliedAt ?? '',
    matched === null || matched === undefined ? '' : String(matched),
  ]);
  const header = ['NODE', 'ROLE', 'STATE', 'CURSOR', 'APPLIED AT', 'MATCHED'];
  return formatTable(header, rows).map((line) => `  ${line}`);
}
