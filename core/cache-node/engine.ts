/**
 * One worker's caching engine, put together: tiers, purge state, flights, the mesh, and the control flow over them. Nothing is
 * decided here; this file says who knows whom.
 */

import { createAccessLog } from '../cache/access-log.ts';
import { createCoalescer } from '../cache/coalesce.ts';
import type { DiskTier } from '../cache/disk-tier.ts';
import type { StoredResponse } from '../cache/entry.ts';
import type { CacheRequest } from '../cache/exchange.ts';
import { explain, type ImaginedRequest, type WorkerExplanation } from '../cache/explain.ts';
import type { FlightDeps } from '../cache/flight.ts';
import type { HandleDeps } from '../cache/handle.ts';
import { createHeat, type Heat } from '../cache/heat.ts';
import type { KeySpace } from '../cache/key.ts';
import { dryRunInMemory, type MemoryFinding } from '../cache/memory-dry-run.ts';
import {
  type HottestQuestion,
  hottestInMemory,
  type MemoryHottest,
} from '../cache/memory-hottest.ts';
import { createMemoryTier } from '../cache/memory-tier.ts';
import type { ObtainDeps } from '../cache/obtain.ts';
import { obtainForPeer } from '../cache/obtain-range.ts';
import { keyOfPart } from '../cache/part.ts';
import type { PurgeState } from '../cache/purge-state.ts';
import { refill } from '../cache/refill.ts';
import { createStore, type Store } from '../cache/store.ts';
import { isServedElsewhere } from '../cache/superseded.ts';
import type { LeaseRules } from '../cache/unleased.ts';
import type { DryRunQuestion } from '../purge/dry-run.ts';
import type { RefillOrder, RefillReport } from '../purge/warm.ts';
import type { Clock, Random } from '../runtime/deps.ts';
import { type Log, withoutRedaction } from '../runtime/log.ts';
import type { Metrics } from '../runtime/metrics.ts';
import type { TopologyWithSecret } from '../topology/secret-file.ts';
import type { Upstream } from '../upstream/upstream.ts';
import { createAdmission } from './admission.ts';
import { createEngineMetrics, type EngineMetrics } from './engine-metrics.ts';
import { createInvalidation, createLocalInvalidation } from './invalidation.ts';
import { createMesh, type Mesh } from './mesh.ts';
import type { MeshRequest } from './mesh-messages.ts';
import type { SharedState } from './shared-state.ts';
import type { WorkerStart, WorkerStats } from './worker-messages.ts';

export interface EngineDeps {
  clock: Clock;
  random: Random;
  log: Log;
  metrics: Metrics;
  upstream: Upstream;
  purges: PurgeState;
  disk: DiskTier | undefined;
  shared: SharedState;
  /** The keys of the sites as they are configured now. */
  keySpace: () => KeySpace;
}

export interface Engine {
  handle: HandleDeps;
  mesh: Mesh;
  updateTopology(topology: TopologyWithSecret): void;
  /** The port that this worker has bound: Host may name it. */
  listensOn(port: number): void;
  stats(): WorkerStats;
  /** Says what would be done and why; does nothing of it. */
  explain(request: ImaginedRequest): WorkerExplanation;
  /** Says what a purge would hit in memory; does nothing of it. */
  dryRun(question: DryRunQuestion, limitMs: number): Promise<MemoryFinding>;
  /** Which responses a purge will match, hottest first; does nothing of it. */
  hottest(question: HottestQuestion): Promise<MemoryHottest>;
  /** Fetches anew what a purge has matched. */
  refill(order: RefillOrder, lanes: number): Promise<RefillReport>;
}

/** Bodies up to this size are kept in memory whole, if a sixteenth of the worker's budget allows. */
const largestMemoryObjectBytes = 4 * 2 ** 20;
const windowBytes = 8 * 2 ** 20;
const finishBytes = 16 * 2 ** 20;
const stallLimitMs = 15_000;

/** Puts the engine of a worker together. */
export function createEngine(deps: EngineDeps, start: WorkerStart): Engine {
  const { clock, metrics, purges, disk } = deps;
  const counts = createEngineMetrics(metrics);
  const heat = createHeat({ onFull: counts.heatFull });
  const { store, flights } = createTiers(deps, start, (newer, before) => {
    const nowMs = clock.nowMs();
    if (before.some((older) => isServedElsewhere(newer, older, nowMs))) mesh.outdate(newer);
  });
  const coalescer = createCoalescer(
    { clock, metrics, purges },
    { maxWaiters: start.topology.limits.waiters },
  );
  const invalidateHere = createLocalInvalidation({
    dropLocally(keys, also) {
      store.remove(keys, false, also.groups);
      coalescer.invalidate(keys, also);
    },
    disk,
  });
  const mesh = createMesh(
    {
      revive: (request) => revive(deps.keySpace(), clock, request),
      obtain: (request) => obtainForPeer(obtainDeps, request),
      onInvalidate: invalidateHere,
      onOutdate: store.outdate,
    },
    { self: start.index, count: start.count },
  );
  const invalidate = createInvalidation({
    clock,
    here: invalidateHere,
    mesh,
    onLimit: counts.invalidationLimits,
  });
  const { memory } = store;
  const obtainDeps: ObtainDeps = {
    clock,
    store,
    purges,
    coalescer,
    flights,
    upstream: deps.upstream,
    lease: leaseRules(deps, start),
    peers: mesh,
    maxObjectBytes: disk ? start.maxObjectBytes : store.memoryObjectBytes,
    onRefresh: (outcome) => counts.refreshes({ outcome }),
    onSliceMismatch(key) {
      counts.sliceMismatches();
      void invalidate([key]);
    },
    onHints: counts.hints,
    onAsked: heat.note,
    onUnleased: (use) => counts.unleased({ use }),
    onTagsLeftOut: (count) => counts.tagsLeftOut({}, count),
    invalidate,
  };
  const admission = createAdmission(deps, start);
  return {
    mesh,
    handle: handleDepsOf(deps, start, counts, {
      admit: admission.deps,
      obtain: obtainDeps,
      invalidate,
    }),
    updateTopology: admission.update,
    listensOn: admission.listensOn,
    stats: () => ({
      memoryBytes: store.memory.bytes,
      memoryEntries: store.memory.count,
      flights: coalescer.flights,
      flightBytes: flights.memoryInUse.bytes,
    }),
    ...aroundPurges(deps, { store, heat, counts, admit: admission.deps, obtain: obtainDeps }),
    explain: (request) =>
      explain({ ...obtainDeps, nodeId: start.nodeId, memory, disk, index: purges.index }, request),
  };
}

/** Read at each request: the lease runs out by the time alone. */
function leaseRules({ clock, shared }: EngineDeps, { topology }: WorkerStart): LeaseRules {
  return {
    isHeld: () => shared.lease.isHeld(clock.monotonicMs(), clock.nowMs()),
    revalidateMs: topology.quarantineRevalidateMs,
    servesMarked: topology.onLeaseExpired === 'serve-marked',
  };
}

function handleDepsOf(
  { clock, log, metrics, random, shared }: EngineDeps,
  { nodeId, role }: WorkerStart,
  counts: EngineMetrics,
  parts: Pick<HandleDeps, 'admit' | 'obtain' | 'invalidate'>,
): HandleDeps {
  return {
    ...parts,
    clock,
    nodeId,
    role,
    access: createAccessLog({ log: withoutRedaction(log), metrics }),
    isDraining: shared.isDraining,
    onGroupsLeftOut: (count) => counts.groupsLeftOut({}, count),
    boundary: () => random.hex(12),
    onInterim: (outcome) => counts.interimResponses({ outcome }),
  };
}

/** What is done about a purge beside applying it. */
function aroundPurges(
  deps: EngineDeps,
  parts: { store: Store; heat: Heat; counts: EngineMetrics } & Pick<HandleDeps, 'admit' | 'obtain'>,
): Pick<Engine, 'dryRun' | 'hottest' | 'refill'> {
  const { store, heat, counts, admit, obtain } = parts;
  const { clock } = deps;
  const onRefill = (outcome: string) => counts.refills({ outcome });
  return {
    dryRun: (question, limitMs) => dryRunInMemory(dryRunDepsOf(deps, store), question, limitMs),
    hottest: (question) => hottestInMemory({ ...dryRunDepsOf(deps, store), heat }, question),
    refill: (order, lanes) => refill({ clock, admit, obtain, onRefill }, order, { lanes }),
  };
}

function dryRunDepsOf({ clock, disk, purges, keySpace }: EngineDeps, { memory }: Store) {
  return { clock, memory, disk, index: purges.index, normalise: keySpace().normalise };
}

/** Memory over disk, and what the flights that fill them may take. */
function createTiers(
  deps: EngineDeps,
  start: WorkerStart,
  onNewer: (newer: StoredResponse, before: readonly StoredResponse[]) => void,
): { store: Store; flights: FlightDeps } {
  const { clock, metrics, log, purges, disk } = deps;
  const memory = createMemoryTier({
    budgetBytes: start.memoryBytes,
    onEvict: metrics.counter(
      'breakwater_cache_memory_evictions_total',
      'URLs that left the memory tier for want of room.',
    ),
    onVariantCap: metrics.counter(
      'breakwater_cache_variant_cap_total',
      'Variants dropped because their URL had too many.',
    ),
  });
  const store = createStore(
    { metrics, purges, memory, disk, onNewer },
    { memoryObjectBytes: Math.min(largestMemoryObjectBytes, Math.floor(start.memoryBytes / 16)) },
  );
  const countFailed = metrics.counter(
    'breakwater_cache_failed_bodies_total',
    'Bodies from upstream that did not arrive whole, by kind of failure.',
    ['kind'],
  );
  const flights: FlightDeps = {
    clock,
    store,
    memoryInUse: { bytes: 0 },
    onBodyFailed(key, failure) {
      countFailed({ kind: failure.kind });
      log.warn({ key, ...failure }, 'a body did not arrive whole');
    },
    limits: {
      windowBytes,
      totalWindowBytes: Math.max(windowBytes, Math.floor(start.memoryBytes / 2)),
      finishBytes,
      stallLimitMs,
    },
    onReaderCut: metrics.counter(
      'breakwater_cache_stalled_readers_cut_total',
      'Readers cut because they alone held up others.',
    ),
  };
  return { store, flights };
}

/** The request of another worker, as if it had come here. */
function revive(keySpace: KeySpace, clock: Clock, plain: MeshRequest): CacheRequest | undefined {
  const key = keySpace.keyOf(plain.scheme, plain.host, plain.pathAndQuery);
  if (!key) return undefined;
  return {
    method: plain.method,
    key: plain.part ? keyOfPart(key, plain.part) : key,
    headers: plain.headers,
    forwardHeaders: () => plain.forwardHeaders,
    directives: plain.directives,
    unreached: plain.unreached,
    part: plain.part,
    isFromUnleased: plain.isFromUnleased,
    isRefresh: plain.isRefresh,
    startedAtMs: clock.nowMs(),
  };
}
