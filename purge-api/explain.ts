/**
 * `POST /v1/explain`: asks the caching nodes what they hold under a URL and what they would answer. Nodes are asked over their
 * own streams, all at once; one that does not answer in time is said so, and keeps nobody from the rest.
 */
import { z } from 'zod';
import { normaliseUrl } from '../core/http/target.ts';
import {
  type ExplainQuestion,
  explainQuestionSchema,
  type NetworkExplanation,
  nodeExplanationSchema,
} from '../core/purge/explanation.ts';
import { nodesOf } from '../core/topology/nodes.ts';
import type { TopologyWithSecret } from '../core/topology/secret-file.ts';
import { type Caller, mayUse } from './auth.ts';
import type { FanOut } from './fan-out.ts';
import type { BodyProblem } from './parse-purge.ts';
import type { ProblemCode } from './problem.ts';

export interface ExplainDeps {
  topology(): TopologyWithSecret;
  ask: FanOut['ask'];
}

/** The body of the request. */
export const explainRequest = explainQuestionSchema.extend({
  node: z.string().optional().describe('One PoP or shield; default: all.'),
});

export type Explained =
  | { ok: true; answer: NetworkExplanation }
  | { ok: false; code: ProblemCode; detail: string; problems?: BodyProblem[] };

type CachingNode = { id: string; role: 'edge' | 'shield' };

/** Nodes give their workers a second; this leaves room for the way there and back. */
const nodeTimeoutMs = 3000;
const failedReply = z.object({ problem: z.string() });

/** Judges the question (parsed JSON) and asks the nodes. */
export async function explainNetwork(
  deps: ExplainDeps,
  caller: Caller,
  body: unknown,
): Promise<Explained> {
  const parsed = explainRequest.safeParse(body);
  if (!parsed.success) return notUnderstood(parsed.error);
  const { node, ...question } = parsed.data;
  const topology = deps.topology();
  const host = normaliseUrl(question.url)?.host;
  if (host === undefined) return invalid('url', 'no absolute http or https URL');
  if (!topology.sites.some(({ hosts }) => hosts.includes(host))) {
    return invalid('url', `no site has the host "${host}"`);
  }
  if (!mayUse(caller, [host])) {
    const detail = `the host "${host}" is not of ${caller.hosts.join(', ')}`;
    return { ok: false, code: 'forbidden-host', detail };
  }
  const all = cachingNodes(topology);
  const asked = node === undefined ? all : all.filter(({ id }) => id === node);
  if (asked.length === 0) {
    return invalid('node', `no PoP or shield "${node}" (there are: ${idsOf(all)})`);
  }
  const nodes = await Promise.all(asked.map((each) => askNode(deps, each, question)));
  return { ok: true, answer: { url: question.url, nodes } };
}

async function askNode(
  { ask }: ExplainDeps,
  { id, role }: CachingNode,
  question: ExplainQuestion,
): Promise<NetworkExplanation['nodes'][number]> {
  const { ok, body } = await ask(id, 'explain', question, nodeTimeoutMs);
  const explained = ok ? nodeExplanationSchema.safeParse(body) : undefined;
  if (explained?.success) return { node: id, role, ok: true, explanation: explained.data };
  const failed = failedReply.safeParse(body);
  const problem = failed.success ? failed.data.problem : 'the answer was not understood';
  return { node: id, role, ok: false, problem };
}

/** Every PoP and shield, in the order of `nodesOf`. */
function cachingNodes(topology: TopologyWithSecret): CachingNode[] {
  return nodesOf(topology).flatMap(({ id, role }) =>
    role === 'edge' || role === 'shield' ? [{ id, role }] : [],
  );
}

function idsOf(nodes: readonly CachingNode[]): string {
  return nodes.map(({ id }) => id).join(', ');
}

function invalid(path: string, message: string): Explained {
  const detail = path === '' ? message : `${path}: ${message}`;
  return { ok: false, code: 'invalid-parameter', detail, problems: [{ path, message }] };
}

function notUnderstood({ issues }: z.ZodError): Explained {
  const problems = issues.map(({ path, message }) => ({ path: path.join('.'), message }));
  const detail = 'expected { "url", "headers", "node" }';
  return { ok: false, code: 'invalid-parameter', detail, problems };
}
