import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import type { BodyReader } from '../../../core/cache/body-reader.ts';
import type {
  BodyBacking,
  CacheRequest,
  FetchReport,
  SourceResult,
} from '../../../core/cache/exchange.ts';
import { createKeySpace } from '../../../core/cache/key.ts';
import type { Answer } from '../../../core/cache/obtain.ts';
import { createMesh, type Mesh } from '../../../core/cache-node/mesh.ts';
import { creditBytes, type MeshRequest } from '../../../core/cache-node/mesh-messages.ts';
import { noDirectives } from '../../../core/http/cache-control.ts';
import { systemClock } from '../../../core/runtime/deps.ts';
import { ownerOf } from '../../../core/upstream/ring.ts';
import type { Failure } from '../../../core/upstream/upstream.ts';
import { responseWith } from '../../support/responses.ts';
import { siteWith } from '../../support/sites.ts';

const report: FetchReport = {
  from: 'origin:80',
  tier: 'origin',
  fwdStatus: 200,
  behind: undefined,
  wasAged: false,
  requestTimeMs: 1,
  responseTimeMs: 2,
};
const miss = { kind: 'miss', fwd: 'uri-miss' } as const;
const keySpace = createKeySpace([siteWith()]);

/** A target that worker 1 of two owns. */
const target = Array.from({ length: 100 }, (_, n) => `/${n}`).find(
  (path) => ownerOf(`http://www.demo.test${path}`, 2) === 1,
);

function request(): CacheRequest {
  const key = keySpace.keyOf('http', 'www.demo.test', target ?? '');
  if (!key) throw new Error('the host is known');
  return {
    method: 'GET',
    key,
    headers: ['Accept', 'text/plain'],
    forwardHeaders: () => ['Via', '1.1 par'],
    directives: { ...noDirectives, noCache: true },
    unreached: { identity: 'journal-a', seq: 7, hash: 'h' },
    isFromUnleased: true,
    isRefresh: true,
    startedAtMs: 5,
  };
}

/** A body on its way in the owner, that a test appends to. */
function body() {
  const pieces: Buffer[] = [];
  const watchers = new Set<(backing: BodyBacking) => void>();
  let state: BodyReader['state'] = 'open';
  let backing: BodyBacking | undefined;
  const reader: BodyReader & { isClosed: boolean } = {
    take: () => pieces.shift(),
    get state() {
      return pieces.length > 0 ? 'open' : state;
    },
    onReadable: null,
    close() {
      reader.isClosed = true;
    },
    isClosed: false,
  };
  return {
    reader,
    /** Pieces that nobody has taken. */
    pieces,
    hasLeft: false,
    isGone: false,
    append(...given: Buffer[]) {
      pieces.push(...given);
      reader.onReadable?.();
    },
    finish(how: 'ended' | 'failed') {
      state = how;
      reader.onReadable?.();
    },
    back(progress: Pick<BodyBacking, 'rowId' | 'committedBytes' | 'state'>) {
      backing = { pendingBytes: 0, onProgress: null, ...progress };
      for (const watcher of watchers) watcher(backing);
    },
    watch(watcher: (backing: BodyBacking) => void) {
      watchers.add(watcher);
      if (backing) watcher(backing);
    },
  };
}

function streaming(source: ReturnType<typeof body>, notStored: 'private' | null = null): Answer {
  const entry = responseWith({ tags: ['a'] }, null);
  return {
    kind: 'streaming',
    entry,
    head: {
      kind: 'streaming',
      entry,
      notStored,
      shareable: true,
      lengthBytes: undefined,
      report,
      decided: undefined,
    },
    flight: {
      epoch: { identity: 'journal-a', seq: 0, hash: '' },
      startedAt: { monotonicMs: 0, wallMs: 0 },
      head: new Promise(() => {}),
      read: () => (source.isGone ? undefined : source.reader),
      hasBeginning: () => !source.isGone,
      watchBacking: source.watch,
      isComplete: () => false,
      begun: async () => undefined,
      join: () => () => {},
      forbidStoring() {},
      isForbidden: () => false,
      interested: 1,
    },
    disposition: miss,
    collapsed: false,
    leave: () => {
      source.hasLeft = true;
    },
  };
}

interface Meshed {
  /** Worker 0. */
  asker: Mesh;
  owner: Mesh;
  ports: { port1: MessagePort; port2: MessagePort };
  /** What the owner was asked. */
  asked: MeshRequest[];
  dropped: string[][];
  outdated: unknown[];
}

function meshed(
  t: TestContext,
  obtain: (request: CacheRequest) => Answer | Promise<Answer>,
): Meshed {
  const asked: MeshRequest[] = [];
  const dropped: string[][] = [];
  const outdated: unknown[] = [];
  const side = (self: number) =>
    createMesh(
      {
        revive(plain) {
          asked.push(plain);
          return plain.host === 'gone.test' ? undefined : request();
        },
        obtain,
        onOutdate: (newer) => void outdated.push(newer),
        async onInvalidate(keys, step, also) {
          dropped.push([`${self} ${step}`, ...keys, ...(also?.groups?.groups ?? [])]);
        },
      },
      { self, count: 2 },
    );
  const ports = new MessageChannel();
  const [asker, owner] = [side(0), side(1)];
  asker.connect(1, ports.port1);
  owner.connect(0, ports.port2);
  t.after(() => {
    ports.port1.close();
    ports.port2.close();
  });
  return { asker, owner, ports, asked, dropped, outdated };
}

/** What a sink is given, in one list. */
interface Taken {
  bytes: Buffer[];
  end: 'open' | 'ended' | Failure;
}

function take(result: SourceResult): Taken & { body: SinkBody } {
  if (result.kind !== 'streaming') throw new Error(`it is ${result.kind}`);
  const taken: Taken & { body: SinkBody } = { bytes: [], end: 'open', body: result.body };
  result.body.start({
    data: (piece) => void taken.bytes.push(piece),
    end: () => {
      taken.end = 'ended';
    },
    fail: (failure) => {
      taken.end = failure;
    },
  });
  return taken;
}

type SinkBody = Extract<SourceResult, { kind: 'streaming' }>['body'];

const lengthOf = (pieces: readonly Buffer[]) => pieces.reduce((sum, p) => sum + p.length, 0);

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await systemClock.sleep(1);
}

const open = () => new AbortController().signal;

test('each key belongs to one worker, who does not ask itself; one that is not there is nobody', (t) => {
  const { asker, owner } = meshed(t, () => ({ kind: 'only-if-cached' }));
  const key = request().key.text;
  assert.deepEqual([asker.ownerOf(key), owner.ownerOf(key)], [1, undefined]);
  const alone = createMesh(
    {
      revive: request,
      obtain: () => ({ kind: 'only-if-cached' }),
      onInvalidate: async () => {},
      onOutdate: () => {},
    },
    { self: 0, count: 2 },
  );
  assert.equal(alone.ownerOf(key), undefined);
});

test('a request reaches the owner as plain data, and a stored answer comes back with its body', async (t) => {
  const entry = responseWith({ tags: ['a'], etag: '"x"' }, 'hello');
  const { asker, asked } = meshed(t, () => ({
    kind: 'stored',
    entry,
    cleanliness: { kind: 'clean' },
    disposition: { kind: 'hit' },
    revalidated: true,
    collapsed: true,
    report,
  }));
  const result = await asker.ask(1, request(), open());
  assert.equal(result.kind, 'ready');
  if (result.kind !== 'ready') return;
  assert.deepEqual(
    [result.entry.body?.toString(), result.entry.tags, result.entry.etag, result.report],
    ['hello', ['a'], entry.etag, report],
  );
  assert.deepEqual(result.decided, {
    disposition: { kind: 'hit' },
    collapsed: true,
    revalidated: true,
  });
  const { key, forwardHeaders, startedAtMs: _, ...rest } = request();
  const { scheme, host, pathAndQuery } = key;
  const headers = forwardHeaders();
  const plain = { ...rest, scheme, host, pathAndQuery, part: undefined, forwardHeaders: headers };
  assert.deepEqual(asked, [{ ...plain, wantsInterim: false, wantsHints: false }]);
});

test('interim responses come to who asked for them, in order and before the answer, and to nobody else', async (t) => {
  const failed: Answer = {
    kind: 'failed',
    failure: { source: 'upstream', kind: 'cut', retryable: false, cause: 'by the test' },
    disposition: miss,
    collapsed: false,
  };
  const seen: boolean[] = [];
  const { asker } = meshed(t, async ({ onInterim, wantsHints }) => {
    seen.push(onInterim !== undefined, wantsHints === true);
    onInterim?.(102, []);
    await systemClock.sleep(1);
    onInterim?.(103, ['LINK', '</a>', 'Link', '</b>']);
    return failed;
  });
  const heard: [number, ...string[]][] = [];
  const onInterim = (status: number, headers: readonly string[]) => {
    heard.push([status, ...headers]);
  };
  await asker.ask(1, { ...request(), onInterim, wantsHints: true }, open());
  assert.deepEqual(heard, [[102], [103, 'LINK', '</a>', 'Link', '</b>']]);
  await asker.ask(1, request(), open());
  assert.deepEqual(seen, [true, true, false, false]);
  assert.equal(heard.length, 2);
});

test('an ask that was cancelled, or has its answer, hears of no interim response any more', async (t) => {
  const { promise, resolve } = Promise.withResolvers<Answer>();
  const told: (() => void)[] = [];
  const { asker } = meshed(t, ({ onInterim }) => {
    told.push(() => onInterim?.(103, []));
    return told.length === 1 ? promise : { kind: 'only-if-cached' };
  });
  let heard = 0;
  const asking = { ...request(), onInterim: () => (heard += 1) };
  const abort = new AbortController();
  const cancelled = asker.ask(1, asking, abort.signal);
  await until(() => told.length === 1);
  abort.abort();
  await cancelled;
  await asker.ask(1, asking, open());
  for (const tell of told) tell();
  resolve({ kind: 'only-if-cached' });
  // What was posted before this one has arrived with it.
  await asker.ask(1, asking, open());
  assert.equal(heard, 0);
});

test('what is older than a response is forgotten by the others', async (t) => {
  const { owner, outdated } = meshed(t, () => ({ kind: 'only-if-cached' }));
  const newer = { key: 'http://a.test/', variant: 'a', varyFields: ['x'], responseTimeMs: 5 };
  owner.outdate(responseWith(newer, 'new'));
  while (outdated.length === 0) await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(outdated, [newer]);
});

test('a body that is only on disk is told by its row', async (t) => {
  const entry = responseWith({ bodyBytes: 9 }, null);
  entry.rowId = 42;
  const stored = { cleanliness: { kind: 'clean' }, disposition: { kind: 'hit' } } as const;
  const { asker } = meshed(t, () => ({
    kind: 'stored',
    entry,
    ...stored,
    revalidated: false,
    collapsed: false,
    report: undefined,
  }));
  const result = await asker.ask(1, request(), open());
  assert.deepEqual(
    result.kind === 'ready' && [result.entry.rowId, result.entry.body, result.entry.bodyBytes],
    [42, null, 9],
  );
});

test('lines for one client only come with the answer, where the owner says that they are for this one', async (t) => {
  const personal = ['X-User', 'me'];
  for (const told of [personal, undefined]) {
    const answer = streaming(body());
    assert.ok(answer.kind === 'streaming');
    const { asker } = meshed(t, () => ({ ...answer, personal: told }));
    const result = await asker.ask(1, request(), open());
    assert.deepEqual(result.kind === 'streaming' && result.personal, told);
  }
  const { asker } = meshed(t, () => ({
    kind: 'stored',
    entry: responseWith({}, 'hello'),
    cleanliness: { kind: 'clean' },
    disposition: { kind: 'revalidate', fwd: 'stale' },
    revalidated: true,
    collapsed: false,
    report,
    personal,
  }));
  const result = await asker.ask(1, request(), open());
  assert.deepEqual(result.kind === 'ready' && result.personal, personal);
});

test('a failure in the owner is the same failure here', async (t) => {
  const failure: Failure = {
    source: 'upstream',
    kind: 'timeout',
    retryable: true,
    cause: 'no head in time',
  };
  const { asker } = meshed(t, () => ({
    kind: 'failed',
    failure,
    disposition: miss,
    collapsed: false,
  }));
  assert.deepEqual(await asker.ask(1, request(), open()), { kind: 'failed', failure });
});

test('never more than the credit is on the way, and what the sink has taken is granted anew', async (t) => {
  const source = body();
  const { asker } = meshed(t, () => streaming(source));
  const result = await asker.ask(1, request(), open());
  const taken = take(result);
  taken.body.pause();
  const piece = Buffer.alloc(creditBytes - 1000, 'a');
  source.append(piece, Buffer.alloc(5000, 'b'), Buffer.alloc(creditBytes, 'c'));
  await systemClock.sleep(20);
  // The second piece has been taken and the part of it that fits was sent.
  assert.deepEqual([lengthOf(source.pieces), lengthOf(taken.bytes)], [creditBytes, 0]);
  taken.body.resume();
  assert.equal(lengthOf(taken.bytes), creditBytes);
  source.finish('ended');
  await until(() => taken.end !== 'open');
  assert.equal(taken.end, 'ended');
  const text = Buffer.concat(taken.bytes).toString();
  assert.match(text.replace(/(.)\1*/g, '$1'), /^abc$/);
  assert.equal(text.length, 2 * creditBytes + 4000);
  assert.deepEqual([source.reader.isClosed, source.hasLeft], [true, true]);
});

test('a sink that pauses while it takes gets nothing until it resumes, and then all in order', async (t) => {
  const source = body();
  const { asker } = meshed(t, () => streaming(source));
  const result = await asker.ask(1, request(), open());
  if (result.kind !== 'streaming') return assert.fail(result.kind);
  const got: string[] = [];
  const sink = {
    data(piece: Buffer) {
      got.push(piece.toString());
      result.body.pause();
    },
    end: () => void got.push('end'),
    fail: () => void got.push('fail'),
  };
  result.body.start(sink);
  source.append(Buffer.from('1'), Buffer.from('2'));
  source.finish('ended');
  await systemClock.sleep(10);
  assert.deepEqual(got, ['1']);
  result.body.resume();
  assert.deepEqual(got, ['1', '2']);
  result.body.resume();
  assert.deepEqual(got, ['1', '2', 'end']);
});

test('a transfer that is cut in the owner fails here, after what came before the cut', async (t) => {
  const source = body();
  const { asker } = meshed(t, () => streaming(source));
  const taken = take(await asker.ask(1, request(), open()));
  source.append(Buffer.from('beginning'));
  source.finish('failed');
  await until(() => taken.end !== 'open');
  assert.equal(Buffer.concat(taken.bytes).toString(), 'beginning');
  assert.equal(typeof taken.end === 'object' && taken.end.kind, 'cut');
});

test('a flight whose beginning is gone is a cut transfer and not a hang', async (t) => {
  const source = body();
  source.isGone = true;
  const { asker } = meshed(t, () => streaming(source));
  const taken = take(await asker.ask(1, request(), open()));
  await until(() => taken.end !== 'open');
  assert.deepEqual([typeof taken.end, source.hasLeft], ['object', true]);
});

test('whoever gives a body up frees the owner’s reader, and hears no more', async (t) => {
  const source = body();
  const { asker } = meshed(t, () => streaming(source));
  const taken = take(await asker.ask(1, request(), open()));
  source.append(Buffer.from('1'));
  await until(() => taken.bytes.length === 1);
  taken.body.abort();
  await until(() => source.hasLeft);
  source.append(Buffer.from('2'));
  await systemClock.sleep(5);
  assert.deepEqual([taken.bytes.length, taken.end, source.reader.isClosed], [1, 'open', true]);
});

test('an ask that is aborted before its head fails at once, and the flight is left when it arrives', async (t) => {
  const source = body();
  const answer = Promise.withResolvers<Answer>();
  const { asker, asked } = meshed(t, () => answer.promise);
  const abort = new AbortController();
  const asking = asker.ask(1, request(), abort.signal);
  await until(() => asked.length === 1);
  abort.abort();
  const result = await asking;
  assert.equal(result.kind === 'failed' && result.failure.kind, 'aborted');
  await systemClock.sleep(5);
  answer.resolve(streaming(source));
  await until(() => source.hasLeft);
  assert.equal(source.reader.isClosed, false);
  const late = await asker.ask(1, request(), abort.signal);
  assert.equal(late.kind, 'failed');
  assert.equal(asked.length, 1);
});

test('asks that were cancelled after their end do not make the owner deaf to later cancels', async (t) => {
  let source = body();
  let answer: Answer | Promise<Answer> | undefined;
  const { asker, asked } = meshed(t, () => answer ?? streaming(source));
  for (let round = 0; round < 10_001; round += 1) {
    source = body();
    source.finish('ended');
    const result = await asker.ask(1, request(), open());
    if (result.kind === 'streaming') result.body.abort();
  }
  const late = Promise.withResolvers<Answer>();
  answer = late.promise;
  const abort = new AbortController();
  void asker.ask(1, request(), abort.signal);
  await until(() => asked.length === 10_002);
  abort.abort();
  await systemClock.sleep(5);
  source = body();
  late.resolve(streaming(source));
  await until(() => source.hasLeft);
});

test('a row that is complete before the body has come through does not end the transfer', async (t) => {
  const source = body();
  source.back({ rowId: null, committedBytes: 0, state: 'open' });
  const { asker } = meshed(t, () => streaming(source));
  const result = await asker.ask(1, request(), open());
  const taken = take(result);
  source.append(Buffer.from('1'));
  source.back({ rowId: 7, committedBytes: 2, state: 'stored' });
  const backing = result.kind === 'streaming' ? result.backing : undefined;
  await until(() => backing?.state === 'stored');
  assert.deepEqual([backing?.rowId, backing?.committedBytes], [7, 2]);
  source.append(Buffer.from('2'));
  source.finish('ended');
  await until(() => taken.end === 'ended');
  assert.equal(Buffer.concat(taken.bytes).toString(), '12');
});

test('rows may be stored after the end of the body; a body without rows is not told to have any', async (t) => {
  const source = body();
  source.back({ rowId: 7, committedBytes: 0, state: 'open' });
  const { asker } = meshed(t, () => streaming(source));
  const result = await asker.ask(1, request(), open());
  const backing = result.kind === 'streaming' ? result.backing : undefined;
  let progress = 0;
  if (backing) {
    backing.onProgress = () => {
      progress += 1;
    };
  }
  source.finish('ended');
  const taken = take(result);
  await until(() => taken.end === 'ended');
  source.back({ rowId: 7, committedBytes: 9, state: 'stored' });
  await until(() => backing?.state === 'stored');
  assert.ok(progress >= 1);
  const plain = meshed(t, () => streaming(body()));
  const unbacked = await plain.asker.ask(1, request(), open());
  assert.equal(unbacked.kind === 'streaming' && unbacked.backing, undefined);
});

test('a worker that is lost fails its asks, bodies and rows; then it owns nothing, until it is back', async (t) => {
  const source = body();
  source.back({ rowId: 7, committedBytes: 0, state: 'open' });
  let answers: Answer | Promise<Answer> = streaming(source);
  const { asker, ports, asked } = meshed(t, () => answers);
  const result = await asker.ask(1, request(), open());
  const taken = take(result);
  answers = new Promise(() => {});
  const waiting = asker.ask(1, request(), open());
  await until(() => asked.length === 2);
  ports.port2.close();
  const lost = await waiting;
  assert.equal(
    lost.kind === 'failed' && lost.failure.cause,
    'the worker that owns the key is gone',
  );
  await until(() => typeof taken.end === 'object');
  assert.equal(result.kind === 'streaming' && result.backing?.state, 'dropped');
  assert.equal(asker.ownerOf(request().key.text), undefined);
  assert.equal((await asker.ask(1, request(), open())).kind, 'failed');
  const { port1 } = new MessageChannel();
  t.after(() => port1.close());
  asker.connect(1, port1);
  assert.equal(asker.ownerOf(request().key.text), 1);
});

test('an asker that is lost frees the owner’s reader', async (t) => {
  const source = body();
  const { asker, ports } = meshed(t, () => streaming(source));
  take(await asker.ask(1, request(), open()));
  ports.port1.close();
  await until(() => source.hasLeft);
});

test('a host that the owner does not serve is a failure after which the asker fetches for itself', async (t) => {
  const { asker } = meshed(t, () => assert.fail('not to be called'));
  const key = { ...request().key, host: 'gone.test' };
  const result = await asker.ask(1, { ...request(), key }, open());
  assert.deepEqual(result.kind === 'failed' && [result.failure.source, result.failure.retryable], [
    'internal',
    true,
  ]);
});

test('an invalidation is done when all other workers have dropped the keys, or have ended', async (t) => {
  const { asker, ports, dropped } = meshed(t, () => ({ kind: 'only-if-cached' }));
  await asker.invalidate(['a', 'b'], 'rows');
  assert.deepEqual(dropped, [['1 rows', 'a', 'b']]);
  await asker.invalidate([], 'memory', { host: 'www.demo.test', groups: ['news'] });
  assert.deepEqual(dropped[1], ['1 memory', 'news']);
  ports.port2.close();
  await asker.invalidate(['c'], 'rows');
  await asker.invalidate(['d'], 'memory');
  assert.equal(dropped.length, 2);
});
