/**
 * Random histories over two workers of a node and their disk tier: purges, slow origins, late commits, sweeps, journals that take
 * over. Whatever the order, a read begun after a purge was published returns nothing from before it (DESIGN section 4).
 */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { MessageChannel } from 'node:worker_threads';
import fc from 'fast-check';
import { createDiskReader } from '../../../core/cache/disk-reader.ts';
import { createDiskTier } from '../../../core/cache/disk-tier.ts';
import { obtain } from '../../../core/cache/obtain.ts';
import { outcomeOf } from '../../../core/cache/outcome.ts';
import { createMesh, type Mesh } from '../../../core/cache-node/mesh.ts';
import { type Selector, startOf } from '../../../core/purge/command.ts';
import { silentLog } from '../../../core/runtime/log.ts';
import { createMetrics } from '../../../core/runtime/metrics.ts';
import { createTestEngine, settle, type TestEngine } from '../../support/engine.ts';
import type { FakeCall } from '../../support/fake-upstream.ts';
import { type Disk, openDisk } from '../cache/disk-fixture.ts';

type Step =
  | { do: 'read'; worker: number }
  | { do: 'purge'; selector: Selector; soft: boolean }
  | { do: 'reset' }
  | { do: 'release'; which: number }
  | { do: 'commit' }
  | { do: 'forget-memory' }
  | { do: 'wait'; ms: number };

const page = 'http://www.demo.test/page';
const selectors: Selector[] = [
  { kind: 'tag', tag: 'page' },
  { kind: 'url', url: page },
  { kind: 'everything' },
];
const other: Selector = { kind: 'tag', tag: 'other' };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constant('read' as const), worker: fc.nat({ max: 1 }) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('purge' as const),
      selector: fc.constantFrom(...selectors, other),
      soft: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ do: 'reset' } as const) },
  {
    weight: 5,
    arbitrary: fc.record({ do: fc.constant('release' as const), which: fc.nat({ max: 2 }) }),
  },
  { weight: 3, arbitrary: fc.constant({ do: 'commit' } as const) },
  { weight: 2, arbitrary: fc.constant({ do: 'forget-memory' } as const) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('wait' as const),
      // The last two let the sweeper pass, and the journal forget.
      ms: fc.constantFrom(5, 4000, 61_000, 130_000),
    }),
  },
);

interface Node {
  disk: Disk;
  workers: TestEngine[];
  /** What the origin has at the moment, and the requests that it has not answered. */
  version: number;
  pending: { call: FakeCall; version: number }[];
  oldest: number;
  oldestFresh: number;
}

async function startNode(t: TestContext): Promise<Node> {
  const disk = await openDisk(t, { graceMs: 1000 });
  const node: Node = {
    disk,
    workers: [],
    version: 0,
    pending: [],
    oldest: 0,
    oldestFresh: 0,
  };
  const meshes = [0, 1].map((self) => startWorker(t, node, self));
  const { port1, port2 } = new MessageChannel();
  meshes[0]?.connect(1, port1);
  meshes[1]?.connect(0, port2);
  t.after(() => port1.close());
  return node;
}

function startWorker(t: TestContext, node: Node, self: number): Mesh {
  const { disk } = node;
  const { clock } = disk;
  const reader = createDiskReader(
    { clock, metrics: createMetrics(), log: silentLog },
    { file: disk.file },
  );
  const connection = disk.writer.connect({ post: (message) => tier.receive(message) });
  const toWriter = {
    post: (message: Parameters<typeof connection.receive>[0]) =>
      connection.receive(structuredClone(message)),
  };
  const tier = createDiskTier({ clock, metrics: createMetrics(), reader, toWriter });
  t.after(() => tier.close());
  const engine = createTestEngine({
    disk: tier,
    peers: {
      ownerOf: (key) => mesh.ownerOf(key),
      ask: (...given) => mesh.ask(...given),
      outdate: (newer) => mesh.outdate(newer),
    },
  });
  const mesh = createMesh(
    {
      revive: ({ pathAndQuery, isRefresh }) => engine.request(pathAndQuery, { isRefresh }),
      obtain: (request) => obtain(engine.obtain, request, { mayAskPeers: false }),
      onOutdate: (newer) => engine.store.outdate(newer),
      onInvalidate: () => Promise.resolve(),
    },
    { self, count: 2 },
  );
  engine.upstream.script = (call) => void node.pending.push({ call, version: node.version });
  node.workers.push(engine);
  return mesh;
}

/** As the main thread does: first durable at the writer, then published to all workers, who take it with their next read. */
async function purge(node: Node, selector: Selector, soft: boolean): Promise<void> {
  node.version += 1;
  await node.disk.purge([selector], { soft });
  for (const { journal } of node.workers) journal.purge([selector], { soft });
  if (selector === other) return;
  if (!soft) node.oldest = node.version;
  node.oldestFresh = node.version;
}

async function reset(node: Node): Promise<void> {
  node.version += 1;
  const identity = `journal-${node.version}`;
  await node.disk.writer.control({ type: 'reset', call: 0, position: startOf(identity) });
  for (const { journal } of node.workers) journal.reset(identity);
  node.oldest = node.version;
  node.oldestFresh = node.version;
}

function release(node: Node, which: number, cacheControl: string): void {
  const [taken] = node.pending.splice(which % Math.max(1, node.pending.length), 1);
  if (!taken) return;
  const etag = `"${taken.version}"`;
  const headers = ['Cache-Control', cacheControl, 'Surrogate-Key', 'page', 'ETag', etag];
  if (taken.call.field('if-none-match') === etag) taken.call.respond({ status: 304, headers });
  else taken.call.respond({ headers, body: String(taken.version) });
}

async function read(node: Node, worker: TestEngine, history: string): Promise<void> {
  const { oldest, oldestFresh } = node;
  const { answer, body, isCut } = await worker.fetch('/page');
  if (isCut || (answer.kind !== 'stored' && answer.kind !== 'streaming')) return;
  const version = Number(body);
  const isFresh = outcomeOf(answer, worker.clock.nowMs()).staleSinceMs === undefined;
  assert.ok(version >= oldest, `${version} after a hard purge of all before ${oldest}; ${history}`);
  assert.ok(
    !isFresh || version >= oldestFresh,
    `${version} as fresh after a purge of all before ${oldestFresh}; ${history}`,
  );
}

async function pass(node: Node, ms: number): Promise<void> {
  const clocks = [node.disk, ...node.workers].map(({ clock }) => clock);
  await Promise.all(clocks.map((clock) => clock.advance(ms)));
  for (const { type, seq } of node.disk.reports.splice(0)) {
    if (type !== 'swept') continue;
    for (const { journal } of node.workers) journal.purges.index.forgetThrough(seq);
  }
}

/** Messages between the workers and all promises come to rest. */
async function rest(): Promise<void> {
  for (let turn = 0; turn < 6; turn += 1) await settle();
}

async function act(node: Node, now: Exclude<Step, { do: 'read' }>, policy: string): Promise<void> {
  if (now.do === 'purge') return purge(node, now.selector, now.soft);
  if (now.do === 'reset') return reset(node);
  if (now.do === 'commit') return node.disk.settle();
  if (now.do === 'wait') return pass(node, now.ms);
  if (now.do === 'release') return release(node, now.which, policy);
  for (const { store } of node.workers) store.memory.clear();
}

async function run(t: TestContext, steps: readonly Step[], policy: string): Promise<void> {
  const node = await startNode(t);
  const history = JSON.stringify(steps);
  const reads: Promise<void>[] = [];
  for (const now of steps) {
    const worker = now.do === 'read' ? node.workers[now.worker] : undefined;
    if (worker) reads.push(read(node, worker, history));
    else if (now.do !== 'read') await act(node, now, policy);
    await rest();
  }
  let areDone = false;
  const done = Promise.all(reads).finally(() => {
    areDone = true;
  });
  done.catch(() => {});
  while (!areDone) {
    release(node, 0, policy);
    await node.disk.settle();
    await rest();
  }
  await done;
}

test('no worker gives out what was purged before the read began, nor what was soft-purged as fresh', async (t) => {
  const policies = ['max-age=600', 'max-age=2, stale-while-revalidate=600', 'max-age=3'];
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { minLength: 5, maxLength: 40 }),
      fc.constantFrom(...policies),
      (steps, policy) => run(t, steps, policy),
    ),
    { numRuns: Number(process.env.HISTORIES ?? 40) },
  );
});
