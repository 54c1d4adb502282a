/**
 * Purge and warm: before a purge is appended the nodes say what it will match, hottest first; when it has converged, the hottest of
 * it are fetched anew, at the shields that had them and then at the edges.
 *
 * Invariants: a purge never waits for its warming, but for the one look before it; nothing is asked of a node before the purge
 * has converged, or the wait for that is over, and then the node itself refuses until it has applied it; a node gets one order
 * at a time; an upstream that fails ends the warming where it fails, and at a shield all of it; everything ends in two minutes.
 */
import { z } from 'zod';
import type { JournalEntry, Position } from '../core/purge/command.ts';
import type { DryRunQuestion } from '../core/purge/dry-run.ts';
import {
  maxRefill,
  maxWarmed,
  type RefillReport,
  refillReportSchema,
  type WarmOrder,
  warmFindingSchema,
} from '../core/purge/warm.ts';
import type { Clock } from '../core/runtime/deps.ts';
import type { Log } from '../core/runtime/log.ts';
import type { Metrics } from '../core/runtime/metrics.ts';
import { nodesOf } from '../core/topology/nodes.ts';
import type { TopologyWithSecret } from '../core/topology/secret-file.ts';
import type { FanOut } from './fan-out.ts';
import type { Purges } from './purges.ts';
import { type NodeHeld, type NodeShare, planWarm, type WarmPlan } from './warm-plan.ts';

/** How far a warming is. Counted by refills: one response at one node. */
export interface WarmProgress {
  /** `waiting` for convergence, `running`, `done`; `stopped`: failures or the time ended it; `refused`: too many at once. */
  state: 'waiting' | 'running' | 'done' | 'stopped' | 'refused';
  /** Different responses that were chosen. */
  responses: number;
  asked: number;
  done: number;
  failed: number;
  /** Nodes that did not say what they hold. */
  silent: string[];
  problem: string | null;
}

export interface WarmingDeps {
  clock: Clock;
  log: Log;
  metrics: Metrics;
  topology(): TopologyWithSecret;
  ask: FanOut['ask'];
  purges: Pick<Purges, 'wait'>;
  /** The journal that numbers belong to. */
  identity(): string;
}

/** What was found before the purge; undefined: too many warmings run. */
export type Found = { plan: WarmPlan; silent: string[] } | undefined;

export interface Warming {
  /** Looks what the purge will match, for two seconds at most. */
  find(question: DryRunQuestion, limit: number): Promise<Found>;
  /** Begins to warm after the purge `entry`, once. */
  start(entry: JournalEntry, found: Found): void;
  /** Of a purge by its id; undefined: none was wanted, or it is forgotten. */
  progress(id: string): WarmProgress | undefined;
  /** Nothing further is asked of anybody. */
  stop(): void;
}

/** The whole work after a purge: waiting, shields, edges. */
const limitMs = 120_000;
/**
 * Nodes name more than are wanted: what is hot at one edge is one request among all others at its shield, and should be found there
 * as well.
 */
const namedPerWanted = 4;
const leastNamed = 1000;
const convergenceMs = 10_000;
const findMs = 2000;
const refillMs = 15_000;
/** Beyond the limit of an order: its way there and back, and a busy thread. */
const graceMs = 2500;
const maxRunning = 4;
const maxKept = 1000;
const failedReply = z.object({ problem: z.string() });

/** Creates it with nothing to do. */
export function createWarming(deps: WarmingDeps): Warming {
  const { clock } = deps;
  const known = new Map<string, WarmProgress>();
  const counts = createCounts(deps.metrics);
  let running = 0;
  /** Looks under way: nodes walk their tiers for each. */
  let looking = 0;
  let isStopped = false;
  const remember = (id: string, progress: WarmProgress) => {
    known.set(id, progress);
    const [oldest] = known.keys();
    if (known.size > maxKept && oldest !== undefined) known.delete(oldest);
  };
  return {
    async find(question, limit) {
      if (running + looking >= maxRunning) return undefined;
      const named = Math.min(maxWarmed, Math.max(leastNamed, namedPerWanted * limit));
      looking += 1;
      const looks = await Promise.all(
        cachingNodes(deps.topology()).map((node) => look(deps, node, question, named)),
      ).finally(() => {
        looking -= 1;
      });
      const held = looks.filter((each) => each.responses !== undefined) as NodeHeld[];
      const silent = looks.filter((each) => each.responses === undefined).map(({ node }) => node);
      return { plan: planWarm(held, limit), silent };
    },
    start(entry, found) {
      if (known.has(entry.id)) return;
      if (!found || running >= maxRunning) {
        counts.warms({ outcome: 'refused' });
        remember(entry.id, { ...nothing, state: 'refused', problem: 'too many warmings at once' });
        return;
      }
      const progress = begin(found);
      remember(entry.id, progress);
      running += 1;
      const run = { deps, entry, progress, counts, endMs: clock.monotonicMs() + limitMs };
      void warm({ ...run, isStopped: () => isStopped }, found.plan).finally(() => {
        running -= 1;
        counts.warms({ outcome: progress.state });
        const { responses, asked, done, failed, state } = progress;
        const { id: purge, seq } = entry;
        deps.log.info({ purge, seq, responses, asked, done, failed, state }, 'purge warmed');
      });
    },
    progress: (id) => known.get(id),
    stop() {
      isStopped = true;
    },
  };
}

type Counts = ReturnType<typeof createCounts>;

function createCounts(metrics: Metrics) {
  return {
    warms: metrics.counter(
      'breakwater_purge_warms_total',
      'Warmings after a purge, by outcome: done, stopped, refused (too many at once).',
      ['outcome'],
    ),
    refills: metrics.counter(
      'breakwater_purge_warm_refills_total',
      'Responses fetched anew at a node after a purge, by outcome: done, failed.',
      ['outcome'],
    ),
  };
}

const nothing = { responses: 0, asked: 0, done: 0, failed: 0, silent: [], problem: null };

function begin({ plan, silent }: NonNullable<Found>): WarmProgress {
  const asked = [...plan.shields, ...plan.edges].reduce((sum, s) => sum + s.responses.length, 0);
  return { ...nothing, state: 'waiting', responses: plan.responses, asked, silent };
}

interface CachingNode {
  node: string;
  role: 'edge' | 'shield';
}

function cachingNodes(topology: TopologyWithSecret): CachingNode[] {
  return nodesOf(topology).flatMap(({ id, role }) =>
    role === 'edge' || role === 'shield' ? [{ node: id, role }] : [],
  );
}

async function look(
  { ask }: WarmingDeps,
  asked: CachingNode,
  question: DryRunQuestion,
  limit: number,
): Promise<CachingNode & { responses: NodeHeld['responses'] | undefined }> {
  const order: WarmOrder = { step: 'find', question, limit };
  const { ok, body } = await ask(asked.node, 'warm', order, findMs);
  const found = ok ? warmFindingSchema.safeParse(body) : undefined;
  return { ...asked, responses: found?.success ? found.data.responses : undefined };
}

/** One warming under way. */
interface Run {
  deps: WarmingDeps;
  entry: JournalEntry;
  progress: WarmProgress;
  counts: Counts;
  endMs: number;
  isStopped(): boolean;
}

async function warm(run: Run, { shields, edges }: WarmPlan): Promise<void> {
  const { deps, entry, progress } = run;
  await deps.purges.wait(entry, convergenceMs);
  progress.state = 'running';
  const atShields = await Promise.all(shields.map((share) => warmNode(run, share)));
  const isFailing = atShields.some((problem) => problem !== undefined);
  // Behind a shield whose origin fails, an edge would only ask the same origin again.
  const atEdges = isFailing ? [] : await Promise.all(edges.map((share) => warmNode(run, share)));
  progress.problem = [...atShields, ...atEdges].find((problem) => problem !== undefined) ?? null;
  const left = progress.asked - progress.done - progress.failed;
  if (left > 0) count(run, { done: 0, failed: left });
  progress.state = progress.problem === null ? 'done' : 'stopped';
}

/** One order after the other; why it ended early, if it did. */
async function warmNode(run: Run, { node, responses }: NodeShare): Promise<string | undefined> {
  const { deps, endMs } = run;
  for (let at = 0; at < responses.length; at += maxRefill) {
    const leftMs = Math.min(refillMs, endMs - deps.clock.monotonicMs());
    if (run.isStopped() || leftMs <= 0) return 'the time was over';
    const order: WarmOrder = {
      step: 'refill',
      position: positionOf(run),
      responses: responses.slice(at, at + maxRefill),
      limitMs: Math.ceil(leftMs),
    };
    const { ok, body } = await deps.ask(node, 'warm', order, order.limitMs + graceMs);
    const report = ok ? refillReportSchema.safeParse(body) : undefined;
    if (!report?.success)
      return `${node}: ${failedReply.safeParse(body).data?.problem ?? 'no word'}`;
    count(run, report.data);
    if (report.data.stopped) return `${node}: too many failures in a row, or no time left`;
  }
  return undefined;
}

function count({ progress, counts }: Run, report: Pick<RefillReport, 'done' | 'failed'>): void {
  progress.done += report.done;
  progress.failed += report.failed;
  if (report.done > 0) counts.refills({ outcome: 'done' }, report.done);
  if (report.failed > 0) counts.refills({ outcome: 'failed' }, report.failed);
}

function positionOf({ deps, entry: { seq, hash } }: Run): Position {
  return { identity: deps.identity(), seq, hash };
}
