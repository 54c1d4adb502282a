/**
 * The parts of purge-api wired together, without any listener: journal, registry, fan-out, purges, and what a reload changes.
 */
import path from 'node:path';
import { z } from 'zod';
import { assertNever } from '../core/runtime/deps.ts';
import { type Changes, changesBetween } from '../core/topology/changes.ts';
import { dataFolder, nodesOf } from '../core/topology/nodes.ts';
import type { NodeContext } from '../core/topology/run-node.ts';
import type { TopologyWithSecret } from '../core/topology/secret-file.ts';
import { type AcmeChallenges, createAcmeChallenges } from './acme-challenges.ts';
import type { ReloadAnswer, ReloadOutcome } from './api.ts';
import { type Caller, createTokenAuth, outsideOf } from './auth.ts';
import { type Evidence, openEvidence } from './evidence.ts';
import { createFanOut, type FanOut } from './fan-out.ts';
import type { Journal } from './journal.ts';
import { openLeaseHolders } from './lease-holders.ts';
import { createLeases } from './leases.ts';
import { createPurgeMetrics, type PurgeMetrics } from './metrics.ts';
import type { AppendAnswer, AppendMessage } from './node-link.ts';
import { createNodeRegistry, type NodeRegistry } from './node-registry.ts';
import { describeSelector, maxSelectors, problemOf } from './parse-purge.ts';
import { createPurges, type Purges } from './purges.ts';
import { openSqliteJournal } from './sqlite-journal.ts';
import { createStartGate, type StartGate } from './start-gate.ts';
import { createTokenLimits, type TokenLimits } from './token-limits.ts';
import { createWarming, type Warming } from './warming.ts';

export interface Assembly {
  metrics: PurgeMetrics;
  journal: Journal;
  registry: NodeRegistry;
  gate: StartGate;
  fanOut: FanOut;
  purges: Purges;
  topology(): TopologyWithSecret;
  authenticate(authorization: string | undefined): Caller | undefined;
  limits: TokenLimits;
  /** Reads purge-api's own file again. Throws TopologyError. */
  reloadSelf(): Changes;
  /** The same, and asks every node to do so. */
  reloadAll(): Promise<ReloadOutcome>;
  evidence: Evidence;
  acme: AcmeChallenges;
  warming: Warming;
}

const reloadTimeoutMs = 10_000;

/** Wires everything to the journal: the one that is given, else the SQLite file. Throws when that cannot be opened. */
export function assemble(context: NodeContext, opened?: Journal): Assembly {
  const { clock, random, log } = context;
  let { topology } = context;
  let authenticate = createTokenAuth(topology.purge.tokens);
  const limits = createTokenLimits(context, topology.purge.tokens);
  const openFile = () =>
    openSqliteJournal(context, {
      file: path.join(dataFolder(topology, context.node.id), 'journal.sqlite'),
      retentionMs: topology.purge.journal.retentionMs,
      onReplaced: (reason) => fanOut.resetAll(reason),
    });
  const journal = opened ?? openFile();
  const metrics = createPurgeMetrics(context.metrics, {
    headSeq: () => journal.head().seq,
    connectedNodes: () => fanOut.connectedIds().length,
    waiting: () => purges.waiting(),
  });
  const holders = openLeaseHolders(dataFolder(topology, context.node.id));
  const leases = createLeases(clock, topology.leaseMs, holders);
  const registry = createNodeRegistry(clock, topology, leases, () => fanOut.viewChanged());
  const evidence = openEvidence(context, journal);
  const gate = createStartGate(clock, cachingIds(topology), topology.leaseMs);
  const purges: Purges = createPurges({
    clock,
    log,
    metrics,
    journal,
    gate,
    progress: registry.progress,
    publish: () => fanOut.publish(),
    evidence,
  });
  const fanOut: FanOut = createFanOut(
    { clock, random, log, metrics, journal, registry, leases, gate, witness: evidence.witness },
    {
      onAcknowledged: purges.acknowledged,
      onAppend: (nodeId, message) =>
        appendForNode({ purges, limits, metrics }, topology, nodeId, message),
      onDnsWelcomed: (nodeId) => greetDns(acme, nodeId),
    },
  );
  const acme = createAcmeChallenges({ clock, metrics: context.metrics, ask: fanOut.ask });
  const reloadSelf = () => {
    const plan = changesBetween(topology, context.loadAgain(), context.node.id);
    topology = plan.merged;
    authenticate = createTokenAuth(topology.purge.tokens);
    limits.update(topology.purge.tokens);
    registry.setTopology(topology);
    fanOut.dropUnknown();
    purges.acknowledged();
    return plan;
  };
  return {
    metrics,
    journal,
    registry,
    gate,
    fanOut,
    purges,
    topology: () => topology,
    authenticate: (authorization) => authenticate(authorization),
    limits,
    reloadSelf,
    evidence,
    acme,
    warming: createWarming({
      ...context,
      topology: () => topology,
      ask: fanOut.ask,
      purges,
      identity: () => journal.head().identity,
    }),
    reloadAll: () => reloadNetwork(fanOut, context.node.id, reloadSelf, () => topology),
  };
}

/** A DNS server that was away, or has started anew, answers what is kept. */
function greetDns(acme: AcmeChallenges, nodeId: string): void {
  if (acme.list().length > 0) void acme.tell([nodeId]);
}

async function reloadNetwork(
  fanOut: FanOut,
  ownId: string,
  reloadSelf: () => Changes,
  topology: () => TopologyWithSecret,
): Promise<ReloadOutcome> {
  let own: Changes;
  try {
    own = reloadSelf();
  } catch (error) {
    return { ok: false, problem: (error as Error).message };
  }
  const { applied, refused } = own;
  const others = nodesOf(topology()).filter(({ id }) => id !== ownId);
  const answers = await Promise.all(others.map(({ id }) => askToReload(fanOut, id)));
  return { ok: true, nodes: [{ node: ownId, ok: true, applied, refused }, ...answers] };
}

/** A purge that came in at a node: checked as one that comes by the API is. */
async function appendForNode(
  { purges, limits, metrics }: Pick<Assembly, 'purges' | 'limits' | 'metrics'>,
  topology: TopologyWithSecret,
  nodeId: string,
  { soft, scope, selectors, token }: AppendMessage,
): Promise<AppendAnswer> {
  const knownHosts = new Set(topology.sites.flatMap((site) => site.hosts));
  const problem = selectors.map((selector) => problemOf(selector, knownHosts)).find(Boolean);
  if (problem !== undefined) return { ok: false, problem };
  if (selectors.length > maxSelectors) return { ok: false, problem: 'too many selectors' };
  const [outside] = outsideOf(scope, selectors);
  if (outside) {
    return { ok: false, problem: `${describeSelector(outside)} is not of ${scope.join(', ')}` };
  }
  if (token !== undefined && limits.take(token)?.isAllowed === false) {
    metrics.request('limit-reached');
    return { ok: false, problem: `the limit of the token "${token}" is reached` };
  }
  const submitted = await purges.submit({ soft, scope, selectors, by: `node:${nodeId}` });
  switch (submitted.kind) {
    case 'accepted':
      return { ok: true, id: submitted.recorded.entry.id, seq: submitted.recorded.entry.seq };
    case 'starting':
      return {
        ok: false,
        problem: `waits for the positions of ${submitted.waitingFor.join(', ')}`,
      };
    case 'failed':
      return { ok: false, problem: submitted.problem };
    case 'conflict':
      return { ok: false, problem: 'conflict' };
    default:
      return assertNever(submitted);
  }
}

const reloadReply = z.object({ applied: z.array(z.string()), refused: z.array(z.string()) });
const failedReply = z.object({ problem: z.string() });

async function askToReload(fanOut: FanOut, id: string): Promise<ReloadAnswer> {
  const { ok, body } = await fanOut.ask(id, 'reload', {}, reloadTimeoutMs);
  const done = ok ? reloadReply.safeParse(body) : undefined;
  if (done?.success) return { node: id, ok: true, ...done.data };
  const failed = failedReply.safeParse(body);
  const problem = failed.success ? failed.data.problem : 'the answer was not understood';
  return { node: id, ok: false, applied: [], refused: [], problem };
}

function cachingIds(topology: TopologyWithSecret): string[] {
  return nodesOf(topology)
    .filter(({ role }) => role === 'edge' || role === 'shield')
    .map(({ id }) => id);
}
