/** What is asked of the purge API, and its answers in words. Pure. */
import { z } from 'zod';
import { usageError } from './command-error.ts';
import { formatTable } from './table.ts';

export interface PurgeSelection {
  url: string[];
  tag: string[];
  prefix: string[];
  host: string[];
  all: boolean;
  soft: boolean;
}

/** The body of `POST /v1/purges`. Throws when nothing is selected: that must never come to mean everything. */
export function purgeBody(selection: PurgeSelection): Record<string, unknown> {
  const lists = {
    urls: selection.url,
    tags: selection.tag,
    prefixes: selection.prefix,
    hosts: selection.host,
  };
  const given = Object.entries(lists).filter(([, values]) => values.length > 0);
  if (given.length === 0 && !selection.all) {
    throw usageError('nothing to purge: give --url, --tag, --prefix or --host, or --all');
  }
  return {
    ...Object.fromEntries(given),
    ...(selection.all ? { everything: true } : {}),
    ...(selection.soft ? { soft: true } : {}),
  };
}

const nodeEvidence = z.looseObject({
  node: z.string(),
  role: z.string(),
  appliedAt: z.string().nullish(),
  matched: z.number().nullish(),
  quarantined: z.boolean().default(false),
  state: z.string(),
});

/** A purge as the API shows it; fields that a newer API has are kept for `--json`. */
export const purgeStatus = z.looseObject({
  id: z.string(),
  seq: z.number(),
  status: z.enum(['pending', 'converged']),
  convergedInMs: z.number().nullish(),
  nodes: z.array(nodeEvidence).default([]),
});
export type PurgeStatus = z.output<typeof purgeStatus>;

/** `3 of 5 nodes, waiting for tyo, us`. */
export function progressText({ nodes }: PurgeStatus): string {
  const open = waitingFor(nodes);
  const done = nodes.length - open.length;
  const names = open.map(({ node }) => node).join(', ');
  return `${done} of ${nodes.length} nodes${names === '' ? '' : `, waiting for ${names}`}`;
}

/** The result after a wait. `waitedMs` stands in where the API does not say how long it took; `base` is the API. */
export function resultLines(purge: PurgeStatus, waitedMs: number, base: string): string[] {
  const { status, nodes } = purge;
  if (status === 'converged') {
    const tookMs = Math.round(purge.convergedInMs ?? waitedMs);
    const count = nodes.length === 1 ? '1 node' : `${nodes.length} nodes`;
    return [`converged in ${tookMs} ms: ${count}`, ...evidenceTable(nodes)];
  }
  const missing = waitingFor(nodes).map(
    ({ node, state, quarantined }) => `${node} is ${quarantined ? 'quarantined' : state}`,
  );
  return [
    `not converged after ${(waitedMs / 1000).toFixed(1)} s: ${missing.join(', ') || 'no node has answered'}`,
    ...evidenceTable(nodes),
    `It goes on by itself, and shows how far it is at ${base}/v1/purges/${purge.id}`,
  ];
}

/** Without `--wait`: that it is in the journal, and no more. */
export function acceptedLine({ id, seq }: PurgeStatus): string {
  return `accepted as entry ${seq} of the journal (${id}); --wait 10s would tell when it has taken effect`;
}

function waitingFor(nodes: PurgeStatus['nodes']): PurgeStatus['nodes'] {
  return nodes.filter(({ state, quarantined }) => state !== 'acknowledged' && !quarantined);
}

function evidenceTable(nodes: PurgeStatus['nodes']): string[] {
  const rows = nodes.map(({ node, role, state, appliedAt, matched }) => [
    node,
    role,
    state,
    appliedAt ?? '',
    matched === null || matched === undefined ? '' : String(matched),
  ]);
  return formatTable(['NODE', 'ROLE', 'STATE', 'APPLIED AT', 'MATCHED'], rows).map(
    (line) => `  ${line}`,
  );
}
