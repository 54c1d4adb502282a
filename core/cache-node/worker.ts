/**
 * A worker thread of a caching node: one listener, one memory tier, its flights, a read-only connection to the disk tier. Edge and
 * shield differ in the upstream that they give.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { parentPort, workerData } from 'node:worker_threads';
import type { DiskTier } from '../cache/disk-tier.ts';
import { handle } from '../cache/handle.ts';
import { createKeySpace } from '../cache/key.ts';
import { createPurgeState } from '../cache/purge-state.ts';
import { type Clock, every, type Random, systemClock, systemRandom } from '../runtime/deps.ts';
import { createLog, type Log } from '../runtime/log.ts';
import { createMetrics, type Metrics } from '../runtime/metrics.ts';
import type { TopologyWithSecret } from '../topology/secret-file.ts';
import type { Upstream } from '../upstream/upstream.ts';
import { createEngine, type Engine } from './engine.ts';
import { createListener } from './listener.ts';
import { answerProbe, type ProbeState } from './probe.ts';
import { createPublicPurge } from './public-purge.ts';
import { createPurgeFeed } from './purge-feed.ts';
import { type SharedState, sharedState } from './shared-state.ts';
import { refuseWhileDraining } from './tier-refusal.ts';
import { openWorkerDisk } from './worker-disk.ts';
import type { FromWorker, ToWorker, WorkerStart } from './worker-messages.ts';

export interface UpstreamDeps {
  clock: Clock;
  random: Random;
  log: Log;
  metrics: Metrics;
  topology: TopologyWithSecret;
  nodeId: string;
}

/** What an edge or a shield asks when it has not got it. */
export interface NodeUpstream extends Upstream {
  updateTopology?(topology: TopologyWithSecret): void;
}

/** Access lines are written when so many bytes wait, and at least every half second. */
const logBufferBytes = 4000;
const heartbeatMs = 250;

/** Runs this thread as a worker; to be called once, by the service's own worker file. */
export function runCacheWorker(createUpstream: (deps: UpstreamDeps) => NodeUpstream): void {
  const parent = parentPort;
  if (!parent) throw new Error('a cache worker runs in a thread of its node');
  const start = workerData as WorkerStart;
  const log = createLog({ service: start.role, node: start.nodeId, bufferBytes: logBufferBytes });
  const metrics = createMetrics();
  const clock = systemClock;
  const shared = sharedState(start.shared);
  const tell = (message: FromWorker) => parent.postMessage(message);
  let keySpace = createKeySpace(start.topology.sites, start.topology.network);
  const upstream = createUpstream({
    clock,
    random: systemRandom,
    log,
    metrics,
    topology: start.topology,
    nodeId: start.nodeId,
  });
  const purges = createPurgeState(
    { clock },
    createPurgeFeed({
      port: start.purgePort,
      shared,
      start: start.purges,
      normalise: () => keySpace.normalise,
      onTopology: (topology) => takeTopology(topology),
      onFloor: metrics.counter(
        'breakwater_cache_purge_floor_total',
        'Times the purge index was full and everything labelled below its floor counted as purged.',
      ),
      onUnreadable: metrics.counter(
        'breakwater_cache_unreadable_selectors_total',
        'Purge selectors that have no normal form here; their whole host was purged.',
      ),
      onApplied: (generation) => tell({ type: 'applied', generation }),
    }),
  );
  const engine = createEngine(
    {
      clock,
      random: systemRandom,
      log,
      metrics,
      upstream,
      purges,
      disk: openDisk(start, log, metrics, clock),
      shared,
      keySpace: () => keySpace,
    },
    start,
  );
  const publicPurge = createPublicPurge(
    { clock, keySpace: () => keySpace, tell },
    start.topology.purge.tokens,
  );
  const takeTopology = (topology: TopologyWithSecret) => {
    keySpace = createKeySpace(topology.sites, topology.network);
    engine.updateTopology(topology);
    publicPurge.updateTokens(topology.purge.tokens);
    upstream.updateTopology?.(topology);
  };
  const listener = createListener(
    { clock, log, metrics, handle: requestHandler(engine, start, shared, publicPurge.answer) },
    start.topology.limits,
  );
  every(clock, heartbeatMs, () => shared.beat(start.index));
  parent.on('message', (message: ToWorker) => {
    switch (message.type) {
      case 'peer':
        engine.mesh.connect(message.index, message.port);
        break;
      case 'sync':
        purges.sync();
        break;
      case 'snapshot':
        void metrics.snapshot().then((snapshot) => {
          tell({ type: 'snapshot', call: message.call, metrics: snapshot, stats: engine.stats() });
        });
        break;
      case 'explain':
        purges.sync();
        tell({
          type: 'explained',
          call: message.call,
          explanation: engine.explain(message.request),
        });
        break;
      case 'dry-run':
        purges.sync();
        void engine.dryRun(message.question, message.limitMs).then((finding) => {
          tell({ type: 'dry-ran', call: message.call, finding });
        });
        break;
      case 'hottest':
        purges.sync();
        void engine.hottest(message).then((found) => {
          tell({ type: 'hottest', call: message.call, found });
        });
        break;
      case 'refill':
        void engine.refill(message.order, message.lanes).then((report) => {
          tell({ type: 'refilled', call: message.call, report });
        });
        break;
      case 'purge-appended':
        publicPurge.settle(message);
        break;
      case 'drain':
        void listener
          .drain(message.limitMs)
          .then(() => upstream.close())
          .then(() => {
            log.flush();
            tell({ type: 'drained' });
          });
        break;
    }
  });
  listener.listen(start.listen, start.reusePort).then(
    (port) => {
      engine.listensOn(port);
      tell({ type: 'listening', port });
    },
    (error: unknown) => {
      // An error of this thread reaches the main thread as it is, with its code and address.
      throw error;
    },
  );
}

function openDisk(
  start: WorkerStart,
  log: Log,
  metrics: Metrics,
  clock: Clock,
): DiskTier | undefined {
  const { diskFile, writerPort } = start;
  if (diskFile === null || writerPort === null) return undefined;
  return openWorkerDisk({ clock, log, metrics }, { file: diskFile, port: writerPort });
}

function requestHandler(
  engine: Engine,
  start: WorkerStart,
  shared: SharedState,
  answerPurge: (req: IncomingMessage, res: ServerResponse) => Promise<boolean> | false,
): (req: IncomingMessage, res: ServerResponse) => Promise<void> {
  const probe = (): ProbeState => ({
    node: start.nodeId,
    ready: shared.lease.isHeld(systemClock.monotonicMs(), systemClock.nowMs()),
    draining: shared.isDraining(),
    load: loadOf(shared, start),
  });
  return async (req, res) => {
    if (answerProbe(req, res, probe)) return;
    if (start.role === 'shield' && refuseWhileDraining(shared, res)) return;
    if (req.method === 'PURGE' && (await answerPurge(req, res))) return;
    shared.addRequests(start.index, 1);
    res.once('close', () => shared.addRequests(start.index, -1));
    await handle(engine.handle, req, res);
  };
}

function loadOf(shared: SharedState, { count, capacity }: WorkerStart): number {
  let requests = 0;
  for (let index = 0; index < count; index += 1) requests += shared.requests(index);
  return Math.round((requests / capacity) * 1000) / 1000;
}
