/**
 * A caching engine in one thread, for tests: everything real but the upstream, the clock and the other workers. No disk unless
 * one is given.
 */
import { admit } from '../../core/cache/admit.ts';
import { type Coalescer, createCoalescer } from '../../core/cache/coalesce.ts';
import type { DiskTier } from '../../core/cache/disk-tier.ts';
import type { StoredResponse } from '../../core/cache/entry.ts';
import type { CacheRequest } from '../../core/cache/exchange.ts';
import type { FlightDeps } from '../../core/cache/flight.ts';
import type { HandleDeps } from '../../core/cache/handle.ts';
import { createKeySpace } from '../../core/cache/key.ts';
import { createMemoryTier } from '../../core/cache/memory-tier.ts';
import type { Answer, ObtainDeps, Peers } from '../../core/cache/obtain.ts';
import { obtainRange } from '../../core/cache/obtain-range.ts';
import { createStore, type Store } from '../../core/cache/store.ts';
import { isServedElsewhere } from '../../core/cache/superseded.ts';
import type { LeaseRules } from '../../core/cache/unleased.ts';
import { defaultHeadLimits } from '../../core/http/framing.ts';
import { createMetrics, type Metrics } from '../../core/runtime/metrics.ts';
import type { Site } from '../../core/topology/schema.ts';
import { createFakeClock, type FakeClock } from './fake-clock.ts';
import { createFakeJournal, type FakeJournal } from './fake-journal.ts';
import { createFakeUpstream, type FakeUpstream } from './fake-upstream.ts';
import { siteWith } from './sites.ts';

export interface EngineOptions {
  /** Keys of the site in the configuration file. */
  site?: Record<string, unknown>;
  disk?: DiskTier;
  peers?: Peers;
  limits?: Partial<FlightDeps['limits']>;
  memoryBytes?: number;
  memoryObjectBytes?: number;
  maxObjectBytes?: number;
  maxWaiters?: number;
  /** Node of the network that it is; a shield believes a tier field `ID ok`. */
  role?: 'edge' | 'shield';
  /** The node's lease; default: held. */
  lease?: LeaseRules;
}

export interface RequestOptions
  extends Partial<Pick<CacheRequest, 'unreached' | 'isRefresh' | 'isFromUnleased'>> {
  method?: string;
  headers?: string[];
}

export interface TestEngine {
  clock: FakeClock;
  metrics: Metrics;
  upstream: FakeUpstream;
  journal: FakeJournal;
  site: Site;
  store: Store;
  coalescer: Coalescer;
  obtain: ObtainDeps;
  handle: HandleDeps;
  /** What `handle` has asked to be dropped. */
  invalidated: string[];
  /** How many groups of a response were over the bound. */
  groupsLeftOut: number[];
  /** Records of the access log. */
  accessed: Parameters<HandleDeps['access']>[0][];
  /** An admitted request for a path of www.demo.test. */
  request(path?: string, options?: RequestOptions): CacheRequest;
  /** Obtains an answer, as `handle` does. */
  ask(path?: string, options?: RequestOptions): Promise<Answer>;
  /** Obtains an answer and takes its body; the body's text, or why there is none. */
  fetch(path?: string, options?: RequestOptions): Promise<Fetched>;
  counter(name: string): Promise<number>;
}

export interface Fetched {
  answer: Answer;
  body: string;
  /** The body failed before its end. */
  isCut: boolean;
}

const noPeers: Peers = {
  ownerOf: () => undefined,
  outdate: () => {},
  ask: () => Promise.reject(new Error('there is no other worker')),
};

export const heldLease: LeaseRules = {
  isHeld: () => true,
  revalidateMs: 1000,
  servesMarked: false,
};

export function createTestEngine(options: EngineOptions = {}): TestEngine {
  const clock = createFakeClock();
  const metrics = createMetrics();
  const upstream = createFakeUpstream(clock.nowMs);
  const site = siteWith(options.site);
  const keySpace = createKeySpace([site], 'demo');
  const journal = createFakeJournal(clock, keySpace.normalise);
  const { purges } = journal;
  const memory = createMemoryTier({ budgetBytes: options.memoryBytes ?? 8 * 2 ** 20 });
  const memoryObjectBytes = options.memoryObjectBytes ?? 64 * 1024;
  const peers = options.peers ?? noPeers;
  const onNewer = (newer: StoredResponse, before: readonly StoredResponse[]) => {
    const nowMs = clock.nowMs();
    if (before.some((older) => isServedElsewhere(newer, older, nowMs))) peers.outdate(newer);
  };
  const store = createStore(
    { metrics, purges, memory, disk: options.disk, onNewer },
    { memoryObjectBytes },
  );
  const coalescer = createCoalescer(
    { clock, metrics, purges },
    { maxWaiters: options.maxWaiters ?? 1000 },
  );
  const flights: FlightDeps = {
    clock,
    store,
    memoryInUse: { bytes: 0 },
    limits: {
      windowBytes: 256 * 1024,
      totalWindowBytes: 64 * 2 ** 20,
      finishBytes: 1024,
      stallLimitMs: 15_000,
      ...options.limits,
    },
    onReaderCut: () => {},
    onBodyFailed: () => {},
  };
  const countRefresh = metrics.counter('breakwater_cache_refreshes_total', 'Refreshes.', [
    'outcome',
  ]);
  const countInterim = metrics.counter('breakwater_cache_interim_responses_total', 'Interim.', [
    'outcome',
  ]);
  const countUnleased = metrics.counter('breakwater_cache_unleased_uses_total', 'Uses.', ['use']);
  const invalidated: string[] = [];
  const groupsLeftOut: number[] = [];
  const invalidate: HandleDeps['invalidate'] = (keys, also) => {
    invalidated.push(...keys, ...(also?.groups?.groups ?? []).map((group) => `group ${group}`));
    store.remove(keys, true, also?.groups);
    coalescer.invalidate(keys, also);
    return Promise.resolve();
  };
  const obtainDeps: ObtainDeps = {
    clock,
    store,
    purges,
    coalescer,
    flights,
    upstream,
    peers,
    maxObjectBytes: options.maxObjectBytes ?? 2 ** 30,
    onRefresh: (outcome) => countRefresh({ outcome }),
    lease: options.lease ?? heldLease,
    onUnleased: (use) => countUnleased({ use }),
    onHints: metrics.counter('breakwater_cache_early_hints_total', 'Early hints.'),
    onSliceMismatch: (key) => void invalidate([key]),
    onTagsLeftOut: (count) => countLeftOut({}, count),
    invalidate,
  };
  const countLeftOut = metrics.counter('breakwater_cache_tags_left_out_total', 'Variants.');
  const accessed: TestEngine['accessed'] = [];
  let nextId = 0;
  const role = options.role ?? 'edge';
  const handle: HandleDeps = {
    clock,
    nodeId: role === 'edge' ? 'par' : 'eu',
    role,
    admit: {
      keySpace: () => keySpace,
      limits: defaultHeadLimits,
      cdnId: 'breakwater-demo',
      nodeId: role === 'edge' ? 'par' : 'eu',
      ports: new Set([8081]),
      isTrustedProxy: (address) => address === '192.0.2.9',
      authenticateTier: (value) =>
        role === 'shield' && /^\w+ ok$/.test(value) ? value.slice(0, -3) : undefined,
      tiersOnly: role === 'shield',
      nextRequestId() {
        nextId += 1;
        return `id-${nextId}`;
      },
    },
    obtain: obtainDeps,
    access: (record) => void accessed.push(record),
    isDraining: () => false,
    invalidate,
    onGroupsLeftOut: (count) => void groupsLeftOut.push(count),
    boundary: () => 'boundary',
    onInterim: (outcome) => countInterim({ outcome }),
  };
  const request = (path = '/', { method = 'GET', headers = [], ...more }: RequestOptions = {}) => {
    const admitted = admit(handle.admit, {
      method,
      target: path,
      rawHeaders: [
        'Host',
        'www.demo.test',
        ...(role === 'shield' ? ['Breakwater-Tier', 'par ok'] : []),
        ...headers,
      ],
      address: '192.0.2.1',
      secure: false,
      nowMs: clock.nowMs(),
    });
    if (!admitted.ok) throw new Error(`refused: ${admitted.detail}`);
    return { ...admitted.request, ...more };
  };
  const ask = async (path?: string, asked?: RequestOptions) =>
    obtainRange(obtainDeps, request(path, asked), { mayAskPeers: true });
  return {
    clock,
    metrics,
    upstream,
    journal,
    site,
    store,
    coalescer,
    obtain: obtainDeps,
    handle,
    invalidated,
    groupsLeftOut,
    accessed,
    request,
    ask,
    fetch: async (path, asked) => takeBody(store, await ask(path, asked)),
    counter: (name) => counterOf(metrics, name),
  };
}

/** Takes an answer's body as `deliver` does, waiting for what has not arrived. */
export async function takeBody(store: Store, answer: Answer): Promise<Fetched> {
  if (answer.kind !== 'stored' && answer.kind !== 'streaming') {
    return { answer, body: '', isCut: false };
  }
  const reader =
    answer.kind === 'stored'
      ? store.read(answer.entry, 0, answer.entry.bodyBytes)
      : answer.flight.read(0, Number.POSITIVE_INFINITY);
  let body = '';
  while (reader) {
    const piece = reader.take();
    if (piece) body += piece.toString('latin1');
    else if (reader.state !== 'open') break;
    else {
      await new Promise<void>((resolve) => {
        reader.onReadable = resolve;
      });
    }
  }
  const isCut = reader?.state !== 'ended';
  reader?.close();
  if (answer.kind === 'streaming') answer.leave();
  return { answer, body, isCut };
}

/** The value of a counter, all labels added up; `NAME{LABEL}` counts one line only. */
export async function counterOf(metrics: Metrics, name: string): Promise<number> {
  let sum = 0;
  for (const line of (await metrics.text()).split('\n')) {
    if (line.startsWith(name)) sum += Number(line.slice(line.lastIndexOf(' ')));
  }
  return sum;
}

/** Lets everything that is under way in this turn of the event loop come to rest. */
export function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
