/** What each node made of a reload, in words. Pure. */
import { z } from 'zod';

const nodeChange = z.looseObject({
  node: z.string(),
  ok: z.boolean(),
  applied: z.array(z.string()).default([]),
  refused: z.array(z.string()).default([]),
  problem: z.string().optional(),
});

export const reloadResult = z.looseObject({ nodes: z.array(nodeChange) });
export type ReloadResult = z.output<typeof reloadResult>;

/** Whether every node took over all that had changed. */
export function isWhole({ nodes }: ReloadResult): boolean {
  return nodes.every(({ ok, refused }) => ok && refused.length === 0);
}

/** A line a node, and what to do where something was refused. */
export function reloadLines({ nodes }: ReloadResult): string[] {
  const width = Math.max(0, ...nodes.map(({ node }) => node.length));
  const lines = nodes.map(
    ({ node, ok, applied, refused, problem }) =>
      `${node.padEnd(width)}  ${ok ? changeText(applied, refused) : `not reloaded: ${problem ?? 'no answer'}`}`,
  );
  const needsRestart = nodes.some(({ ok, refused }) => ok && refused.length > 0);
  return needsRestart
    ? [...lines, 'What was refused takes effect when the node is restarted.']
    : lines;
}

function changeText(applied: readonly string[], refused: readonly string[]): string {
  const parts = [];
  if (applied.length > 0) parts.push(`applied ${applied.join(', ')}`);
  if (refused.length > 0) parts.push(`refused ${refused.join(', ')}`);
  return parts.join('; ') || 'nothing has changed';
}
