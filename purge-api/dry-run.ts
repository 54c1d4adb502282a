/**
 * `POST /v1/purges` with `dryRun`: asks the caching nodes what the purge would hit. Nodes are asked over their own streams, all at
 * once; one that does not answer in time is named. Nothing enters the journal, and no node changes anything.
 */
import { z } from 'zod';
import {
  type DryRunFinding,
  type DryRunQuestion,
  dryRunFindingSchema,
} from '../core/purge/dry-run.ts';
import { nodesOf } from '../core/topology/nodes.ts';
import type { TopologyWithSecret } from '../core/topology/secret-file.ts';
import type { FanOut } from './fan-out.ts';

export interface DryRunDeps {
  topology(): TopologyWithSecret;
  ask: FanOut['ask'];
}

/** What one node would have to forget; null where it did not say. */
export interface NodeFinding {
  node: string;
  role: 'edge' | 'shield';
  ok: boolean;
  matched: number | null;
  /** False: the node had no time to look at everything; it is at least so many. */
  complete: boolean;
  examples: string[];
  problem: string | null;
}

export interface DryRunBody {
  dryRun: true;
  soft: boolean;
  nodes: NodeFinding[];
}

/** Nodes look for a second and a half; this leaves room for busy threads, and the way there and back. */
const nodeTimeoutMs = 3000;
const failedReply = z.object({ problem: z.string() });

/** Asks every PoP and shield, in the order of `nodesOf`. */
export async function dryRunNetwork(
  deps: DryRunDeps,
  question: DryRunQuestion,
): Promise<DryRunBody> {
  const asked = nodesOf(deps.topology()).flatMap(({ id, role }) =>
    role === 'edge' || role === 'shield' ? [askNode(deps, id, role, question)] : [],
  );
  return { dryRun: true, soft: question.soft, nodes: await Promise.all(asked) };
}

async function askNode(
  { ask }: DryRunDeps,
  node: string,
  role: 'edge' | 'shield',
  question: DryRunQuestion,
): Promise<NodeFinding> {
  const { ok, body } = await ask(node, 'dry-run', question, nodeTimeoutMs);
  const found = ok ? dryRunFindingSchema.safeParse(body) : undefined;
  if (found?.success) return present(node, role, found.data);
  const failed = failedReply.safeParse(body);
  const problem = failed.success ? failed.data.problem : 'the answer was not understood';
  return { node, role, ok: false, matched: null, complete: false, examples: [], problem };
}

function present(node: string, role: 'edge' | 'shield', found: DryRunFinding): NodeFinding {
  const { matched, isComplete, examples } = found;
  return { node, role, ok: true, matched, complete: isComplete, examples, problem: null };
}
