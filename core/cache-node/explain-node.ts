/**
 * `explain` for a whole node: finds the key, asks every worker (memory differs from worker to worker, the disk is the same), and
 * puts copies of one response together.
 */
import type { HeldCopy, WorkerExplanation } from '../cache/explain.ts';
import type { KeySpace } from '../cache/key.ts';
import { normaliseUrl } from '../http/target.ts';
import type { Position } from '../purge/command.ts';
import {
  type ExplainedCopy,
  type ExplainedResponse,
  type ExplainQuestion,
  explainQuestionSchema,
  type NodeExplanation,
} from '../purge/explanation.ts';
import type { Clock } from '../runtime/deps.ts';
import { ownerOf } from '../upstream/ring.ts';
import type { WorkerPool } from './worker-pool.ts';

export interface NodeExplainDeps {
  clock: Clock;
  node: { id: string; role: 'edge' | 'shield'; workers: number };
  keySpace: () => KeySpace;
  pool: Pick<WorkerPool, 'explain'>;
  position: () => Position | null;
  head: () => Position | undefined;
  isConnected: () => boolean;
}

export type NodeExplained =
  | { ok: true; explanation: NodeExplanation }
  | { ok: false; problem: string };

/** Answers questions of anybody who may ask: what they send is checked here. */
export function createNodeExplainer(
  deps: NodeExplainDeps,
): (question: unknown) => Promise<NodeExplained> {
  return async (question) => {
    const parsed = explainQuestionSchema.safeParse(question);
    if (!parsed.success) {
      const problems = parsed.error.issues.map(({ path, message }) =>
        [...path, message].join(': '),
      );
      return { ok: false, problem: problems.join('; ') };
    }
    return explainNode(deps, parsed.data);
  };
}

async function explainNode(
  deps: NodeExplainDeps,
  { url, headers }: ExplainQuestion,
): Promise<NodeExplained> {
  const { node } = deps;
  const normal = normaliseUrl(url);
  if (!normal) return { ok: false, problem: `"${url}" is no absolute http or https URL` };
  const key = deps.keySpace().keyOf(normal.scheme, normal.host, normal.pathAndQuery);
  if (!key) return { ok: false, problem: `no site has the host "${normal.host}"` };
  const atMs = deps.clock.nowMs();
  const answers = await deps.pool.explain({
    key: key.text,
    headers: Object.entries(headers).flat(),
    // A shield is asked by tiers only, and believes what they pass on.
    honoursDirectives: key.site.cache.clientRevalidation || node.role === 'shield',
    staleWhenUnreachableMs: key.site.cache.staleWhenUnreachableMs,
    nowMs: atMs,
  });
  const owner = ownerOf(key.text, node.workers);
  return {
    ok: true,
    explanation: {
      node: node.id,
      role: node.role,
      atMs,
      key: key.text,
      site: [...key.site.hosts],
      owner,
      workers: node.workers,
      cursor: deps.position(),
      head: deps.head() ?? null,
      isConnected: deps.isConnected(),
      decision: answers.find(({ worker }) => worker === owner)?.explanation.decision ?? null,
      answers: answers.map(({ worker, explanation: { decision, hitForMiss } }) => ({
        worker,
        decision,
        hitForMiss,
      })),
      stored: gather(answers, owner),
    },
  };
}

interface WorkerAnswer {
  worker: number;
  explanation: WorkerExplanation;
}

/** Copies of the same response side by side, newest response first. The disk is the same for all: one worker's word counts. */
function gather(answers: readonly WorkerAnswer[], owner: number): ExplainedResponse[] {
  const speaker = answers.find(({ worker }) => worker === owner) ?? answers[0];
  const inMemory = answers.flatMap(({ worker, explanation }) =>
    explanation.held.filter(isIn('memory')).map((held) => ({ worker, ...held })),
  );
  const onDisk = (speaker?.explanation.held ?? []).filter(isIn('disk'));
  const responses = new Map<string, ExplainedResponse>();
  for (const { worker, facts, copy } of [
    ...inMemory,
    ...onDisk.map((held) => ({ worker: null, ...held })),
  ]) {
    // All were asked about the same moment, so what is the same response has the same facts, ages included.
    const name = JSON.stringify(facts);
    const known = responses.get(name);
    const placed: ExplainedCopy = { ...copy, worker };
    if (known) known.copies.push(placed);
    else responses.set(name, { ...facts, copies: [placed] });
  }
  return [...responses.values()].sort((a, b) => b.receivedAtMs - a.receivedAtMs);
}

const isIn = (tier: 'memory' | 'disk') => (held: HeldCopy) => held.copy.tier === tier;
