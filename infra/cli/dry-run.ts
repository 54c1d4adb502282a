/** The answer to `purge --dry-run` in words. Pure. */
import { z } from 'zod';
import { roleName } from './role-names.ts';
import { formatTable } from './table.ts';

const nodeFinding = z.looseObject({
  node: z.string(),
  role: z.string(),
  ok: z.boolean(),
  matched: z.number().nullable(),
  complete: z.boolean(),
  examples: z.array(z.string()),
  problem: z.string().nullable(),
});

/** The answer of the API; fields that a newer one has are kept for `--json`. */
export const dryRunAnswer = z.looseObject({
  dryRun: z.literal(true),
  nodes: z.array(nodeFinding),
});
export type DryRunAnswer = z.output<typeof dryRunAnswer>;

const maxShown = 10;

/** A table of the nodes, and a few URLs over all of them. */
export function dryRunLines({ nodes }: DryRunAnswer): string[] {
  const rows = nodes.map(({ node, role, matched, complete, problem }) => [
    node,
    roleName(role),
    matched === null ? '' : `${complete ? '' : 'at least '}${matched}`,
    problem ?? '',
  ]);
  const examples = [...new Set(nodes.flatMap((node) => node.examples))].slice(0, maxShown);
  return [
    'a dry run: nothing was purged',
    ...formatTable(['NODE', 'ROLE', 'WOULD MATCH', 'PROBLEM'], rows).map((line) => `  ${line}`),
    ...(examples.length > 0 ? ['for example', ...examples.map((url) => `  ${url}`)] : []),
  ];
}
