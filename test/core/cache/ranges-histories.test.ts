/**
 * Random histories of ranges: parts and slices, in memory and on disk, over an origin that changes, answers late, in pieces, with
 * other bytes than it was asked for, or wrongly. Whatever the order, an answer that is complete holds the bytes of one version at
 * the place that it claims (RFC 9110 §14, RFC 9111 §3.3, 3.4), and none of a version from before the last purge.
 */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import fc from 'fast-check';
import { handle } from '../../../core/cache/handle.ts';
import { resolveRange, wantedRanges } from '../../../core/http/partial.ts';
import { createTestEngine, settle, type TestEngine } from '../../support/engine.ts';
import { createFakeDisk } from '../../support/fake-disk.ts';
import { exchange, type HttpAnswer, serve } from '../../support/http-exchange.ts';
import { contentOf, createOrigin, type Manner, manners, type Origin } from './ranges-origin.ts';

interface Read {
  do: 'read';
  range: string | undefined;
  /** The version whose tag goes in If-Range, counted back from the latest. */
  ifRange: number | undefined;
  kind: number;
  isForced: boolean;
}

interface Purge {
  do: 'purge';
  by: 'url' | 'tag' | 'everything' | 'request';
  soft: boolean;
}

type Step =
  | Read
  | Purge
  | { do: 'release'; which: number; manner: Manner }
  | { do: 'change'; lengthBytes: number }
  | { do: 'forget-memory' }
  | { do: 'wait'; ms: number };

interface World {
  tag: 'strong' | 'weak' | 'none';
  sliceBytes: number | undefined;
  hasDisk: boolean;
  memoryObjectBytes: number;
}

const url = 'http://www.demo.test/';
const position = fc.nat({ max: 70 });
const range = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.tuple(position, position).map(([a, b]) => `${Math.min(a, b)}-${Math.max(a, b)}`),
  },
  { weight: 3, arbitrary: position.map((from) => `${from}-`) },
  { weight: 2, arbitrary: position.map((last) => `-${last}`) },
);
const field = fc.oneof(
  { weight: 8, arbitrary: range.map((one) => `bytes=${one}`) },
  { weight: 1, arbitrary: fc.tuple(range, range).map((two) => `bytes=${two.join(',')}`) },
);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 10,
    arbitrary: fc.record({
      do: fc.constant('read' as const),
      range: fc.option(field, { nil: undefined, freq: 5 }),
      ifRange: fc.option(fc.nat({ max: 1 }), { nil: undefined, freq: 1 }),
      kind: fc.constantFrom(0, 0, 0, 1),
      isForced: fc.nat({ max: 9 }).map((n) => n === 9),
    }),
  },
  {
    weight: 12,
    arbitrary: fc.record({
      do: fc.constant('release' as const),
      which: fc.nat({ max: 3 }),
      manner: fc.oneof(
        { weight: 6, arbitrary: fc.constant('well' as const) },
        { weight: 4, arbitrary: fc.constantFrom(...manners) },
      ),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('change' as const),
      lengthBytes: fc.constantFrom(60, 60, 64, 40, 1, 0),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('purge' as const),
      by: fc.constantFrom('url', 'tag', 'everything', 'request'),
      soft: fc.boolean(),
    }),
  },
  { weight: 2, arbitrary: fc.constant({ do: 'forget-memory' } as const) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.constantFrom(1, 61_000) }),
  },
);
const world: fc.Arbitrary<World> = fc.record({
  tag: fc.constantFrom('strong', 'strong', 'weak', 'none'),
  sliceBytes: fc.constantFrom(undefined, 16, 100),
  hasDisk: fc.boolean(),
  memoryObjectBytes: fc.constantFrom(24, 1024),
});

interface Claim {
  start: number;
  /** `*`: it is not told. */
  total: string;
  bytes: string;
}

/** What is claimed of the bytes of an answer. */
function claimsOf(answer: HttpAnswer): Claim[] {
  const body = answer.body.toString('latin1');
  const place = answer.header('content-range');
  if (answer.status === 200) {
    assert.equal(place, undefined);
    return [{ start: 0, total: String(body.length), bytes: body }];
  }
  assert.equal(answer.status, 206);
  if (place !== undefined) return [claim(place, body)];
  const parts = [...body.matchAll(/Content-Range: (.*)\r\n\r\n(.*)\r\n/g)];
  assert.ok(parts.length > 1, 'several ranges');
  return parts.map(([, at = '', bytes = '']) => claim(at, bytes));
}

function claim(place: string, bytes: string): Claim {
  const [, start, end, total = ''] = /^bytes (\d+)-(\d+)\/(\d+|\*)$/.exec(place) ?? [];
  assert.equal(Number(end) - Number(start) + 1, bytes.length, `${place} of ${bytes.length} bytes`);
  return { start: Number(start), total, bytes };
}

/** The version that all bytes are of; undefined: there is none. */
function versionOf({ lengths }: Origin, kind: number, claims: Claim[], oldest: number) {
  for (let version = lengths.length - 1; version >= oldest; version -= 1) {
    const content = contentOf(version, kind, lengths[version] ?? 0);
    const isOfIt = ({ start, total, bytes }: Claim) =>
      (total === '*' || total === String(content.length)) &&
      content.slice(start, start + bytes.length) === bytes;
    if (claims.every(isOfIt)) return version;
  }
  return undefined;
}

interface Asked {
  read: Read;
  condition: string | undefined;
  /** The latest version when something was purged last before the read. */
  oldest: number;
}

function judge(origin: Origin, { read, condition, oldest }: Asked, answer: HttpAnswer): void {
  const wanted = read.range === undefined ? undefined : wantedRanges(read.range);
  if (answer.status >= 500) return;
  if (answer.status === 416) {
    const isPast = (length: number) => wanted?.every((one) => !resolveRange(one, length));
    assert.ok(origin.lengths.slice(oldest).some(isPast), 'a range past the end');
    return;
  }
  const claims = claimsOf(answer);
  const version = versionOf(origin, read.kind, claims, oldest);
  assert.ok(version !== undefined, `bytes of no version since ${oldest}`);
  if (answer.status === 200) return;
  assert.ok(wanted, 'a part for whoever asks for one');
  if (condition !== undefined) assert.equal(answer.header('etag'), condition, 'under If-Range');
  const [only, second] = wanted;
  const [one] = claims;
  if (!origin.hasBeenExact() || !one || !only || second) return;
  const place = { start: one.start, end: one.start + one.bytes.length - 1 };
  assert.deepEqual(place, resolveRange(only, Number(one.total)), 'the range that was asked for');
}

interface History {
  engine: TestEngine;
  origin: Origin;
  port: number;
  arrived: () => number;
  oldest: number;
  open: number;
  complete: number;
  failures: unknown[];
}

async function turn({ engine }: History): Promise<void> {
  await engine.clock.advance(0);
  await settle();
}

async function begin(history: History, read: Read): Promise<void> {
  const { origin, arrived, oldest } = history;
  const version = Math.max(0, origin.lengths.length - 1 - (read.ifRange ?? 0));
  const condition = read.ifRange === undefined ? undefined : origin.tagOf(version, read.kind);
  const headers = [
    ...['X-Kind', String(read.kind)],
    ...(read.range === undefined ? [] : ['Range', read.range]),
    ...(condition === undefined ? [] : ['If-Range', condition]),
    ...(read.isForced ? ['Cache-Control', 'no-cache'] : []),
  ];
  const before = arrived();
  history.open += 1;
  const take = (answer: HttpAnswer) => {
    if (answer.isCut) return;
    if (answer.status < 300) history.complete += 1;
    try {
      judge(origin, { read, condition, oldest }, answer);
    } catch (failure) {
      history.failures.push(failure);
    }
  };
  void exchange(history.port, { headers })
    .then(take, () => {})
    .finally(() => {
      history.open -= 1;
    });
  while (arrived() === before) await settle();
  await turn(history);
}

function purge({ engine, origin }: History, { by, soft }: Purge): Promise<void> | undefined {
  if (by === 'request') return engine.handle.invalidate([url]);
  const selectors = {
    url: { kind: 'url', url },
    tag: { kind: 'tag', tag: origin.surrogateKey },
    everything: { kind: 'everything' },
  } as const;
  engine.journal.purge([selectors[by]], { soft });
  return undefined;
}

async function perform(history: History, now: Step): Promise<void> {
  const { engine, origin } = history;
  if (now.do === 'read') return begin(history, now);
  if (now.do === 'wait') return engine.clock.advance(now.ms);
  if (now.do === 'forget-memory') return engine.store.memory.clear();
  if (now.do === 'change') return void origin.lengths.push(now.lengthBytes);
  if (now.do === 'release') {
    origin.release(now.which, now.manner);
    return turn(history);
  }
  // What was softly purged may be served stale, as the origin allows.
  if (now.by === 'request' || !now.soft) history.oldest = origin.lengths.length - 1;
  await purge(history, now);
}

async function start(t: TestContext, world: World): Promise<History & { end: () => void }> {
  const disk = createFakeDisk();
  disk.isEager = true;
  const engine = createTestEngine({
    ...(world.hasDisk ? { disk } : {}),
    memoryObjectBytes: world.memoryObjectBytes,
  });
  engine.site.cache.sliceBytes = world.sliceBytes;
  const origin = createOrigin(world.tag);
  engine.upstream.script = origin.hold;
  let arrived = 0;
  const { port, server } = await serve(t, (req, res) => {
    arrived += 1;
    void handle(engine.handle, req, res);
  });
  const counts = { oldest: 0, open: 0, complete: 0, failures: [] };
  return { engine, origin, port, arrived: () => arrived, ...counts, end: () => server.close() };
}

/** How many answers were complete. */
async function run(t: TestContext, world: World, steps: readonly Step[]): Promise<number> {
  const history = await start(t, world);
  const { engine, origin } = history;
  for (const now of steps) await perform(history, now);
  while (history.open > 0 || origin.isHolding()) {
    origin.release(0, 'well');
    await turn(history);
  }
  history.end();
  if (history.failures.length > 0) throw history.failures[0];
  await turn(history);
  assert.equal(engine.coalescer.flights, 0, 'no flight is left');
  assert.equal(engine.obtain.flights.memoryInUse.bytes, 0, 'nothing is held of what is over');
  return history.complete;
}

test('a complete answer holds the bytes of one version where it says, and none from before a purge', async (t) => {
  const numRuns = Number(process.env.HISTORIES ?? 60);
  let complete = 0;
  await fc.assert(
    fc.asyncProperty(
      world,
      fc.array(step, { minLength: 5, maxLength: 40 }),
      async (options, steps) => {
        complete += await run(t, options, steps);
      },
    ),
    { numRuns },
  );
  assert.ok(complete > numRuns, `${complete} complete answers`);
});
