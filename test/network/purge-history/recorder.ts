/**
 * Those who act on the network while its history is recorded: clients that read at every PoP, somebody who changes pages and purges
 * them, and somebody who asks each node how it is. What fails is nobody's fault here: the network is being broken meanwhile.
 */
import type { Random } from '../../../core/runtime/deps.ts';
import type { LinkedNetwork } from '../../support/network/linked-network.ts';
import type { PurgeAnswer } from '../../support/network/network.ts';
import { pause } from '../../support/network/until.ts';
import type { Purge, Read, Sighting } from './history.ts';
import {
  type Page,
  type Purging,
  purgings,
  range,
  urlOf,
  versionsIn,
  type World,
} from './world.ts';

export interface RecorderDeps {
  network: LinkedNetwork;
  world: World;
  random: Random;
  nowMs(): number;
}

export interface Records {
  reads: Read[];
  purges: Purge[];
  sightings: Sighting[];
}

export interface Recorder extends Records {
  /** Changes what a purging matches, purges it, and follows the purge until it has converged or the recorder ends. */
  purge(purging: Purging, soft: boolean): Promise<Purge>;
  /** One read of each page at a PoP. */
  readAll(pop: string): Promise<void>;
  /** Ends all that is going on; resolves when nobody acts any more. */
  stop(): Promise<void>;
}

const readersAtPop = 3;
const readPauseMs = 12;
const purgePauseMs = 350;
const sightingPauseMs = 300;
/** Purges of which somebody still asks whether they have converged. */
const maxFollowed = 20;

/** Starts all of them. */
export function startRecorder(deps: RecorderDeps): Recorder {
  const { network, random } = deps;
  const records: Records = { reads: [], purges: [], sightings: [] };
  const pops = network.config.pops.map(({ id }) => id);
  const nodes = [...network.config.shields.map(({ id }) => id), ...pops];
  const followed = new Set<Promise<Purge>>();
  let isOver = false;
  const repeat = async (pauseMs: number, act: () => Promise<unknown>) => {
    while (!isOver) {
      // A node that is down or stopped answers nobody.
      await act().catch(() => pause(readPauseMs));
      await pause(pauseMs * (0.5 + random.unit()));
    }
  };
  const purge = (purging: Purging, soft: boolean) => {
    const done = purgeAndFollow(deps, records, purging, { soft, isOver: () => isOver });
    followed.add(done);
    void done.finally(() => followed.delete(done));
    return done;
  };
  const acting = [
    ...pops.flatMap((pop) =>
      Array.from({ length: readersAtPop }, () =>
        repeat(readPauseMs, () => readOne(deps, records, pop, chosen(random, deps.world.pages))),
      ),
    ),
    ...nodes.map((node) => repeat(sightingPauseMs, () => look(deps, records, node))),
    repeat(purgePauseMs, async () => {
      const next = purge(chosen(random, purgings), random.unit() < 0.3);
      if (followed.size >= maxFollowed) await next;
    }),
  ];
  return {
    ...records,
    purge,
    async readAll(pop) {
      await Promise.all(deps.world.pages.map((page) => readOne(deps, records, pop, page)));
    },
    async stop() {
      isOver = true;
      await Promise.all([...acting, ...followed]);
    },
  };
}

export function chosen<T>(random: Random, from: readonly T[]): T {
  const one = from[Math.floor(random.unit() * from.length)];
  if (one === undefined) throw new Error('there is nothing to choose from');
  return one;
}

async function readOne(
  { network, random, nowMs }: RecorderDeps,
  { reads }: Records,
  pop: string,
  page: Page,
): Promise<void> {
  const headers = {
    ...(page.isVaried ? { 'accept-language': chosen(random, ['fr', 'ja']) } : {}),
    ...(page.isSliced && random.unit() < 0.9 ? { range } : {}),
    // By connections of their own requests come to all workers.
    ...(random.unit() < 0.3 ? { connection: 'close' } : {}),
  };
  const begunAtMs = nowMs();
  const answer = await network.request(pop, page.path, { host: page.host, headers });
  const isUsual = answer.status === 200 || answer.status === 206;
  if (!answer.complete || !isUsual) return;
  const isStale = answer.header('x-cache') === 'STALE';
  const cacheStatus = answer.header('cache-status') ?? '';
  reads.push({
    node: pop,
    url: urlOf(page),
    begunAtMs,
    endedAtMs: nowMs(),
    versions: versionsIn(answer.text),
    isStale,
    isUnvalidated: isStale && cacheStatus.includes('detail=no-lease'),
    cacheStatus,
  });
}

async function look(
  { network, nowMs }: RecorderDeps,
  { sightings }: Records,
  node: string,
): Promise<void> {
  const begunAtMs = nowMs();
  const { status } = await network.admin(node, '/readyz');
  const seq = await network.metric(node, 'breakwater_purge_cursor_entries');
  sightings.push({ node, begunAtMs, endedAtMs: nowMs(), isReady: status === 200, seq });
}

async function purgeAndFollow(
  deps: RecorderDeps,
  { purges }: Records,
  purging: Purging,
  { soft, isOver }: { soft: boolean; isOver: () => boolean },
): Promise<Purge> {
  const { network, world, nowMs } = deps;
  const matching = world.pages.filter(purging.matches);
  world.change(matching);
  const purge: Purge = {
    id: null,
    seq: null,
    soft,
    matches: matching.map(urlOf),
    sentAtMs: nowMs(),
    acceptedAtMs: null,
    convergedAtMs: null,
    quarantined: [],
    acknowledged: [],
  };
  purges.push(purge);
  const answer = await network
    .purge({ ...purging.selectors, soft }, { wait: '0s' })
    .catch(() => {});
  if (answer?.httpStatus !== 200 && answer?.httpStatus !== 202) return purge;
  Object.assign(purge, { id: answer.id, seq: answer.seq, acceptedAtMs: nowMs() });
  note(purge, answer, nowMs());
  while (purge.convergedAtMs === null && !isOver()) {
    const next = await found(network, answer.id);
    if (next) note(purge, next, nowMs());
    else await pause(readPauseMs);
  }
  return purge;
}

async function found(network: LinkedNetwork, id: string): Promise<PurgeAnswer | undefined> {
  const answer = await network.api(`/v1/purges/${id}?wait=200ms`).catch(() => undefined);
  return answer?.status === 200 || answer?.status === 202
    ? (JSON.parse(answer.text) as PurgeAnswer)
    : undefined;
}

/** Takes down what an answer says at `atMs`, once it has been received. */
function note(purge: Purge, answer: PurgeAnswer, atMs: number): void {
  for (const { node, state } of answer.nodes) {
    const isNew = !purge.acknowledged.some((known) => known.node === node);
    if (state === 'acknowledged' && isNew) purge.acknowledged.push({ node, atMs });
  }
  if (answer.status !== 'converged') return;
  purge.convergedAtMs = atMs;
  const without = answer.nodes.filter(({ state }) => state !== 'acknowledged');
  purge.quarantined = without.map(({ node }) => node);
}
