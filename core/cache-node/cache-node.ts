/**
 * A caching node's main thread: locks the data folder, binds, starts the writer and the workers, follows the journal, answers the
 * admin listener, and stops everything in the right order. Edge and shield are the same here but for their worker file.
 *
 * Invariant: a purge is acknowledged only when it is durable in the node's file and every worker has applied it.
 */
import path from 'node:path';
import type { DiskReport } from '../cache/disk-messages.ts';
import { createKeySpace } from '../cache/key.ts';
import type { RequestKind } from '../purge/stream.ts';
import { createSubscriber, type Subscriber, type SubscriberOptions } from '../purge/subscriber.ts';
import { formatHostPort, type HostPort } from '../runtime/addresses.ts';
import type { Admin } from '../runtime/admin.ts';
import { endProcess } from '../runtime/environment.ts';
import { lockFolder } from '../runtime/folder-lock.ts';
import type { Service } from '../runtime/service.ts';
import { loadSigningKey, type SigningKey } from '../runtime/signing-key.ts';
import { changesBetween } from '../topology/changes.ts';
import { dataFolder, recordBound } from '../topology/nodes.ts';
import type { NodeContext } from '../topology/run-node.ts';
import type { Pop, Shield } from '../topology/schema.ts';
import { startAdmin } from './admin.ts';
import { chooseAddress, hostPorts, workerCount } from './binding.ts';
import { createDryRun } from './dry-run-node.ts';
import { createNodeExplainer, type NodeExplained } from './explain-node.ts';
import { takeOverInstances } from './instances.ts';
import { createNodeHealth, type NodeHealth } from './node-health.ts';
import { createNodePurges, type NodePurges } from './node-purges.ts';
import { type SharedState, sharedState } from './shared-state.ts';
import { createWarmer } from './warm-node.ts';
import { createWorkerPool, type WorkerPool } from './worker-pool.ts';
import { startWriterHost, type WriterHost } from './writer-host.ts';

export interface CacheNodePlan {
  role: 'edge' | 'shield';
  config: Pop | Shield;
  /** The service's worker file. */
  workerFile: URL;
}

/** A shield has no `capacity` of its own: so many requests at once count as full load. */
const defaultCapacity = 1000;

/** What the parts of a node share. `topology` is replaced by a reload. */
interface Node {
  context: NodeContext;
  plan: CacheNodePlan;
  topology: NodeContext['topology'];
  shared: SharedState;
  workers: number;
  capacity: number;
  diskFile: string | null;
  health: NodeHealth;
  /** Earlier instances that are dead for certain. */
  succeeds: readonly string[];
  /** Signs what the node acknowledges. */
  key: SigningKey;
}

/** Starts the node; resolves when it listens. It is ready once it has caught up with the journal. */
export async function startCacheNode(context: NodeContext, plan: CacheNodePlan): Promise<Service> {
  const { config } = plan;
  const folder = dataFolder(context.topology, config.id);
  const lock = lockFolder(folder);
  const node = describe(context, plan, folder);
  const listen = await chooseAddress(context, config.listen);
  // The subscriber comes last; what the disk reports before is about nobody's purge yet.
  let subscriber: Subscriber | undefined;
  const writer = await openDisk(node, (report) => {
    if (report.type === 'swept') purges.forget(report.seq);
    else subscriber?.matched(report.seq, report.responses);
  });
  const purges = createNodePurges(context.log, writer);
  const pool = openWorkers(node, listen, purges, writer, () => subscriber);
  purges.attach(pool);
  const port = await pool.start();
  const reload = createReload(node, pool, writer);
  const explain = createExplainer(node, pool, purges, () => subscriber);
  subscriber = follow(
    node,
    purges,
    answering({
      reload,
      explain: orThrow(explain),
      'dry-run': createDryRun(pool, writer),
      warm: createWarmer({ pool, writer, workers: node.workers }),
    }),
  );
  const admin = await openAdmin(node, { pool, writer, subscriber, explain });
  const bound = {
    listen: formatHostPort({ host: listen.host, port }),
    admin: formatHostPort(admin.address),
  };
  recordBound(context.topology, config.id, bound);
  node.health.setBound(bound);
  tellWhenReady(subscriber);
  context.log.info({ ...bound, workers: node.workers }, 'listening');
  return {
    bound,
    reload: async () => JSON.stringify(await reload()),
    async drain(limitMs) {
      node.health.setDraining();
      subscriber?.renewNow();
      await pool.drain(limitMs);
      // Purges are applied until the goodbye, and their rows need the writer.
      await subscriber?.stop();
      await writer?.close();
      await admin.close();
      lock.release();
    },
  };
}

function describe(context: NodeContext, plan: CacheNodePlan, folder: string): Node {
  const { config } = plan;
  const workers = workerCount(config.workers);
  const shared = sharedState({ workers });
  const capacity = 'capacity' in config ? config.capacity : defaultCapacity;
  return {
    context,
    plan,
    topology: context.topology,
    shared,
    workers,
    capacity,
    succeeds: takeOverInstances(folder, context.instance),
    key: loadSigningKey(folder),
    diskFile: config.diskBytes > 0 ? path.join(folder, 'cache.db') : null,
    health: createNodeHealth({ clock: context.clock, shared, workers, capacity }),
  };
}

async function openDisk(
  { plan, topology, diskFile, context }: Node,
  onReport: (report: DiskReport) => void,
): Promise<WriterHost | undefined> {
  if (diskFile === null) return undefined;
  const { config, role } = plan;
  return startWriterHost({
    service: role,
    nodeId: config.id,
    disk: {
      file: diskFile,
      budgetBytes: config.diskBytes,
      maxObjectBytes: maxObjectBytes(config),
    },
    sites: topology.sites,
    onReport,
    onFailure(error) {
      // A node that cannot make purges durable must not serve on; its supervisor starts it again.
      context.log.fatal({ err: error }, 'the writer of the disk tier is gone');
      endProcess(1);
    },
  });
}

function openWorkers(
  node: Node,
  listen: HostPort,
  purges: NodePurges,
  writer: WriterHost | undefined,
  subscriber: () => Subscriber | undefined,
): WorkerPool {
  const { context, plan, shared, workers } = node;
  const { config } = plan;
  return createWorkerPool({
    clock: context.clock,
    log: context.log,
    metrics: context.metrics,
    shared,
    count: workers,
    file: plan.workerFile,
    startOf: (index, port = listen.port) => ({
      role: plan.role,
      nodeId: config.id,
      topology: node.topology,
      index,
      count: workers,
      shared: shared.buffer,
      listen: { ...listen, port },
      reusePort: workers > 1,
      hostPorts: hostPorts(config, port),
      memoryBytes: Math.floor(config.memoryBytes / workers),
      diskFile: node.diskFile,
      maxObjectBytes: maxObjectBytes(config),
      capacity: node.capacity,
      instance: context.instance,
    }),
    purges: purges.feedStart,
    connectWriter: () => writer?.connect() ?? null,
    async onPurge({ call, url, soft, token }, reply) {
      const scope = node.topology.purge.tokens.find(({ name }) => name === token)?.hosts;
      const outcome = scope
        ? await subscriber()?.append({ soft, scope, selectors: [{ kind: 'url', url }], token })
        : undefined;
      reply({
        type: 'purge-appended',
        call,
        ...(outcome ?? { ok: false, problem: 'the node is still starting' }),
      });
    },
  });
}

export interface Reloaded {
  applied: string[];
  refused: string[];
}

function createReload(
  node: Node,
  pool: WorkerPool,
  writer: WriterHost | undefined,
): () => Promise<Reloaded> {
  return async () => {
    const next = node.context.loadAgain();
    const { merged, applied, refused } = changesBetween(node.topology, next, node.plan.config.id);
    node.topology = merged;
    writer?.updateSites(merged.sites);
    // Said to be done when every worker has it: a purge that follows is read by the new rules.
    await pool.publish({ type: 'topology', topology: merged });
    return { applied, refused };
  };
}

type Explain = (question: unknown) => Promise<NodeExplained>;

function createExplainer(
  node: Node,
  pool: WorkerPool,
  purges: NodePurges,
  subscriber: () => Subscriber | undefined,
): Explain {
  const { context, plan, workers } = node;
  return createNodeExplainer({
    clock: context.clock,
    node: { id: plan.config.id, role: plan.role, workers },
    keySpace: () => createKeySpace(node.topology.sites),
    pool,
    position: purges.position,
    head: () => subscriber()?.head(),
    isConnected: () => subscriber()?.isConnected() === true,
  });
}

/** What purge-api may ask of this node over the stream. */
function answering(
  answers: Partial<Record<RequestKind, (body: unknown) => Promise<unknown>>>,
): SubscriberOptions['onRequest'] {
  return async (what, body) => {
    const answer = answers[what];
    if (!answer) throw new Error(`"${what}" is not answered by this node`);
    return answer(body);
  };
}

function orThrow(explain: Explain): (question: unknown) => Promise<unknown> {
  return async (question) => {
    const explained = await explain(question);
    if (explained.ok) return explained.explanation;
    throw new Error(explained.problem);
  };
}

function follow(
  node: Node,
  purges: NodePurges,
  onRequest: SubscriberOptions['onRequest'],
): Subscriber {
  const { context, plan } = node;
  return createSubscriber(context, {
    topology: context.topology,
    node: { id: plan.config.id, role: plan.role },
    instance: context.instance,
    wantsView: false,
    position: purges.position,
    apply: purges.apply,
    reset: purges.reset,
    health: node.health.now,
    topologyHash: () => node.topology.hash,
    onRequest,
    leaseCells: node.shared.lease,
    succeeds: node.succeeds,
    key: node.key,
  });
}

function openAdmin(
  node: Node,
  parts: {
    pool: WorkerPool;
    writer: WriterHost | undefined;
    subscriber: Subscriber;
    explain: Explain;
  },
): Promise<Admin> {
  const { pool, writer, subscriber, explain } = parts;
  return startAdmin(node.context, {
    node: node.plan.config,
    health: node.health,
    metrics: async () => {
      const workers = (await pool.snapshots()).map((worker) => worker.metrics);
      return writer ? [...workers, await writer.snapshot()] : workers;
    },
    append: (selectors, soft) => subscriber.append({ soft, scope: ['*'], selectors }),
    keySpace: () => createKeySpace(node.topology.sites),
    explain,
  });
}

/** Whoever steers by the node's health should not wait a third of a lease for it. */
function tellWhenReady(subscriber: Subscriber): void {
  subscriber.onLease(() => subscriber.renewNow());
}

function maxObjectBytes(config: Pop | Shield): number {
  return Math.floor(config.diskBytes / 4);
}
