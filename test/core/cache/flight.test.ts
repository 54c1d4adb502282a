/** Rules of core/cache/flight.ts and transfer.ts: one fetch, streamed to readers, memory and disk at once. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { BodyReader } from '../../../core/cache/body-reader.ts';
import type { SourceResult } from '../../../core/cache/exchange.ts';
import { type Flight, type FlightDeps, startFlight } from '../../../core/cache/flight.ts';
import { createTestEngine, type EngineOptions, settle } from '../../support/engine.ts';
import { createFakeDisk } from '../../support/fake-disk.ts';
import { createFakeBody } from '../../support/fake-upstream.ts';
import { initWith, type ResponseOverrides, responseWith } from '../../support/responses.ts';

const chunk = 256 * 1024;
const key = 'http://www.demo.test/';

type Streaming = Extract<SourceResult, { kind: 'streaming' }>;

/** A flight whose source the test is. */
function launch(options: EngineOptions & { writesToDisk?: boolean } = {}) {
  const { writesToDisk = true, ...engineOptions } = options;
  const engine = createTestEngine(engineOptions);
  const cut: string[] = [];
  const failed: string[] = [];
  const deps: FlightDeps = {
    ...engine.obtain.flights,
    onReaderCut: () => void cut.push('cut'),
    onBodyFailed: (_, failure) => void failed.push(failure.kind),
  };
  const { promise, resolve } = Promise.withResolvers<SourceResult>();
  let settled = 0;
  let signal: AbortSignal | undefined;
  const flight: Flight = startFlight(deps, {
    request: engine.request(),
    epoch: engine.obtain.purges.position(),
    writesToDisk,
    fetch(given) {
      signal = given;
      return promise;
    },
    onSettled: () => {
      settled += 1;
    },
  });
  const leave = flight.join();
  /** Gives the head; the body is for the test to fill. */
  const arrive = async (
    overrides: ResponseOverrides = {},
    more: Partial<Streaming> & { lengthBytes?: number } = {},
  ) => {
    const { lengthBytes, ...rest } = more;
    const body = createFakeBody(lengthBytes);
    const report = { from: 'o', tier: 'origin' as const, fwdStatus: 200, behind: undefined };
    resolve({
      kind: 'streaming',
      init: initWith(overrides),
      body,
      notStored: null,
      shareable: true,
      report: { ...report, wasAged: false, requestTimeMs: 0, responseTimeMs: 0 },
      ...rest,
    });
    await settle();
    return body;
  };
  return {
    engine,
    flight,
    leave,
    resolve,
    arrive,
    cut,
    failed,
    settledCount: () => settled,
    isAborted: () => signal?.aborted === true,
    memoryInUse: deps.memoryInUse,
    stored: () => engine.store.memory.find(key, []).found,
  };
}

function reader(flight: Flight): BodyReader {
  const made = flight.read(0, Number.POSITIVE_INFINITY);
  assert.ok(made);
  return made;
}

function drain(from: BodyReader): string {
  let text = '';
  for (let piece = from.take(); piece; piece = from.take()) text += piece.toString('latin1');
  return text;
}

describe('whether a body has begun', () => {
  const hasBegun = async (flight: Flight) => {
    let told: string | undefined;
    void flight.begun().then((failure) => {
      told = failure?.kind ?? 'begun';
    });
    await settle();
    return told;
  };

  it('is open until its first byte or its end', async () => {
    for (const begin of ['push', 'end'] as const) {
      const { arrive, flight } = launch();
      const body = await arrive();
      assert.equal(await hasBegun(flight), undefined);
      body[begin]('h');
      assert.equal(await hasBegun(flight), 'begun');
      body.fail();
      assert.equal(await hasBegun(flight), 'begun');
    }
  });

  it('is answered by the failure when it breaks off before, or when nobody wants it', async () => {
    const { arrive, flight } = launch();
    (await arrive()).fail();
    assert.equal(await hasBegun(flight), 'cut');
    const left = launch();
    await left.arrive();
    left.leave();
    assert.equal(await hasBegun(left.flight), 'aborted');
  });
});

describe('a body that ends well', () => {
  it('goes to its readers as it comes, and into memory when it is whole', async () => {
    const { arrive, flight, stored, settledCount } = launch();
    const body = await arrive();
    const one = reader(flight);
    body.push('he');
    assert.equal(drain(one), 'he');
    assert.equal(stored(), undefined);
    body.push('llo');
    body.end();
    assert.equal(drain(one), 'llo');
    assert.equal(one.state, 'ended');
    assert.deepEqual([stored()?.body?.toString(), stored()?.bodyBytes], ['hello', 5]);
    assert.equal(settledCount(), 1);
  });

  it('has ended with the last byte that its head announced, whatever the upstream does then', async () => {
    const { arrive, flight, stored, settledCount, failed } = launch();
    const body = await arrive({}, { lengthBytes: 5 });
    const one = reader(flight);
    body.push('hell');
    assert.deepEqual([stored(), one.state], [undefined, 'open']);
    body.push('o');
    assert.deepEqual([stored()?.body?.toString(), settledCount()], ['hello', 1]);
    body.fail();
    assert.deepEqual([drain(one), one.state, failed], ['hello', 'ended', []]);
  });

  it('is kept in memory of its own, exactly as large as it is', async () => {
    const { arrive, flight, stored } = launch();
    const body = await arrive();
    reader(flight);
    body.push('hello');
    body.end();
    assert.equal(stored()?.body?.buffer.byteLength, 5);
  });

  it('goes to disk in chunks as well, and the flight serves newcomers until the row is visible', async () => {
    const disk = createFakeDisk();
    const { arrive, flight, settledCount, stored } = launch({ disk, memoryObjectBytes: 0 });
    const body = await arrive();
    reader(flight);
    body.push('hello');
    body.end();
    assert.equal(settledCount(), 0);
    assert.equal(drain(reader(flight)), 'hello');
    disk.writes[0]?.commit();
    assert.equal(settledCount(), 1);
    assert.equal(disk.rows.get(1)?.body.toString(), 'hello');
    assert.equal(stored(), undefined);
  });

  it('is not written to disk by a worker that does not own it', async () => {
    const disk = createFakeDisk();
    const { arrive, flight } = launch({ disk, writesToDisk: false });
    const body = await arrive();
    reader(flight);
    body.push('x');
    body.end();
    assert.equal(disk.writes.length, 0);
  });

  it('that is not storable goes to its readers only', async () => {
    const disk = createFakeDisk();
    const { arrive, flight, settledCount, stored } = launch({ disk });
    const body = await arrive({}, { notStored: 'private', shareable: false });
    assert.equal(settledCount(), 1, 'newcomers are not for it');
    const one = reader(flight);
    body.push('mine');
    body.end();
    assert.equal(drain(one), 'mine');
    assert.deepEqual([stored(), disk.writes.length], [undefined, 0]);
  });
});

describe('a body that fails', () => {
  it('fails its readers, is stored nowhere, and is told', async () => {
    const disk = createFakeDisk();
    const { arrive, failed, flight, settledCount, stored, memoryInUse } = launch({ disk });
    const body = await arrive({}, { lengthBytes: 10 });
    const one = reader(flight);
    body.push('hell');
    body.fail();
    assert.equal(drain(one), 'hell');
    assert.equal(one.state, 'failed');
    assert.deepEqual([stored(), disk.rows.size, disk.writes[0]?.state], [undefined, 0, 'dropped']);
    assert.deepEqual([failed, settledCount(), memoryInUse.bytes], [['cut'], 1, 0]);
  });
});

describe('a disk that drops the write', () => {
  it('costs the row only: readers and memory have the body, and the flight settles', async () => {
    const disk = createFakeDisk();
    const { arrive, flight, settledCount, stored } = launch({ disk });
    const body = await arrive();
    const one = reader(flight);
    body.push('hel');
    disk.writes[0]?.drop();
    body.push('lo');
    body.end();
    assert.equal(drain(one), 'hello');
    assert.ok(stored());
    assert.equal(settledCount(), 1);
  });
});

describe('the pace of the upstream', () => {
  it('is that of the slowest reader without a disk', async () => {
    const { arrive, engine, flight } = launch({ limits: { windowBytes: 8 } });
    const body = await arrive();
    const one = reader(flight);
    await engine.clock.advance(0);
    body.push('0123456789');
    assert.ok(body.isPaused);
    drain(one);
    assert.ok(!body.isPaused);
  });

  it('is that of the disk when it lags behind', async () => {
    const disk = createFakeDisk();
    const { arrive, flight } = launch({ disk, limits: { windowBytes: chunk } });
    const body = await arrive();
    const one = reader(flight);
    for (let i = 0; i < 3; i += 1) body.push(Buffer.alloc(chunk));
    drain(one);
    assert.ok(body.isPaused, 'more than a window waits for the disk');
    disk.writes[0]?.commit();
    await settle();
    assert.ok(!body.isPaused);
  });

  it('leaves a slow reader to the disk, and holds nothing of the body in memory', async () => {
    const disk = createFakeDisk();
    disk.isEager = true;
    const { arrive, flight, memoryInUse } = launch({ disk, limits: { windowBytes: 2 * chunk } });
    const body = await arrive();
    const slow = reader(flight);
    for (let i = 0; i < 8; i += 1) body.push(Buffer.alloc(chunk, String(i)));
    assert.ok(memoryInUse.bytes <= 3 * chunk);
    body.end();
    const all = drain(slow);
    assert.equal(all.length, 8 * chunk);
    assert.deepEqual([all[0], all[chunk], all.at(-1)], ['0', '1', '7']);
    assert.equal(memoryInUse.bytes, 0);
  });

  it('gets little room when the worker’s flights hold much already', async () => {
    const limits = { windowBytes: 100 * chunk, totalWindowBytes: 10 };
    const { arrive, flight, memoryInUse } = launch({ limits });
    memoryInUse.bytes = 11;
    const body = await arrive();
    reader(flight);
    for (let i = 0; i < 3; i += 1) body.push(Buffer.alloc(chunk));
    assert.ok(body.isPaused);
  });

  it('counts memory until the last reader is gone', async () => {
    const { arrive, engine, flight, memoryInUse } = launch();
    const body = await arrive();
    const slow = reader(flight);
    await engine.clock.advance(0);
    body.push('hello');
    body.end();
    assert.equal(memoryInUse.bytes, 5);
    slow.close();
    assert.equal(memoryInUse.bytes, 0);
  });

  it('is not held up for ever by a reader that stalls', async () => {
    const { arrive, cut, engine, flight } = launch({ limits: { windowBytes: 8 } });
    const body = await arrive();
    const [slow, fast] = [reader(flight), reader(flight)];
    await engine.clock.advance(0);
    body.push('0123456789');
    drain(fast);
    await engine.clock.advance(15_000);
    assert.deepEqual([slow.state, cut, body.isPaused], ['failed', ['cut'], false]);
  });
});

describe('a flight that nobody wants any more', () => {
  it('ends before its head', async () => {
    const { isAborted, leave, resolve, flight, settledCount } = launch();
    leave();
    leave();
    assert.ok(isAborted());
    resolve({
      kind: 'failed',
      failure: { source: 'downstream', kind: 'aborted', retryable: false, cause: '' },
    });
    assert.equal((await flight.head).kind, 'failed');
    assert.equal(settledCount(), 1);
  });

  it('goes on while somebody does', () => {
    const { flight, isAborted, leave } = launch();
    const other = flight.join();
    leave();
    assert.ok(!isAborted());
    other();
    assert.ok(isAborted());
  });

  it('ends in the middle of a long body', async () => {
    const { arrive, leave, memoryInUse, settledCount } = launch();
    const body = await arrive({}, { lengthBytes: 2000 });
    body.push('x');
    leave();
    assert.ok(body.isAborted);
    assert.deepEqual([memoryInUse.bytes, settledCount()], [0, 1]);
  });

  it('is finished when little is missing and it can be stored', async () => {
    const { arrive, leave, stored } = launch();
    const body = await arrive({}, { lengthBytes: 1024 });
    leave();
    assert.ok(!body.isAborted);
    body.push(Buffer.alloc(1024));
    body.end();
    assert.ok(stored());
  });

  it('is not finished when it could not be stored anyway', async () => {
    for (const more of [
      { notStored: 'private' as const, lengthBytes: 10 },
      {},
      { lengthBytes: 70_000 },
    ]) {
      const { arrive, leave } = launch({ limits: { finishBytes: 2 ** 20 } });
      const body = await arrive({}, more);
      leave();
      assert.ok(body.isAborted);
    }
  });

  it('whose head comes after all have gone ends as well', async () => {
    const { arrive, leave } = launch();
    leave();
    const body = await arrive({}, { lengthBytes: 5000 });
    assert.ok(body.isAborted);
  });
});

describe('a flight that may not store (RFC 9111 §4.4)', () => {
  it('serves those who are there, and leaves nothing behind', async () => {
    const disk = createFakeDisk();
    const { arrive, flight, settledCount, stored } = launch({ disk });
    const body = await arrive();
    const one = reader(flight);
    body.push('hel');
    flight.forbidStoring();
    assert.equal(settledCount(), 1);
    body.push('lo');
    body.end();
    assert.equal(drain(one), 'hello');
    one.close();
    assert.deepEqual([stored(), disk.rows.size, disk.writes[0]?.state], [undefined, 0, 'dropped']);
  });

  it('keeps its rows as long as a slow reader needs them', async () => {
    const disk = createFakeDisk();
    disk.isEager = true;
    const { arrive, flight } = launch({ disk, limits: { windowBytes: 2 * chunk } });
    const body = await arrive();
    const slow = reader(flight);
    for (let i = 0; i < 6; i += 1) body.push(Buffer.alloc(chunk));
    flight.forbidStoring();
    body.end();
    assert.equal(drain(slow).length, 6 * chunk);
    assert.equal(slow.state, 'ended');
    assert.deepEqual([disk.rows.size, disk.writes[0]?.state], [0, 'dropped']);
  });
});

describe('what was confirmed or found', () => {
  const ready = (decided: boolean): SourceResult => ({
    kind: 'ready',
    entry: Object.assign(responseWith({ etag: '"2"' }, 'body'), { rowId: 1 }),
    report: undefined,
    ...(decided
      ? { decided: { disposition: { kind: 'hit' }, collapsed: false, revalidated: false } }
      : {}),
  });

  for (const [title, isFoundThere] of [
    ['by a 304 goes to memory and disk', false],
    ['by another worker goes to memory only', true],
  ] as const) {
    it(title, async () => {
      const disk = createFakeDisk();
      disk.rows.set(1, { init: initWith(), body: Buffer.from('body') });
      const { flight, resolve, stored } = launch({ disk });
      resolve(ready(isFoundThere));
      await flight.head;
      assert.equal(stored()?.etag, '"2"');
      assert.equal(disk.rows.get(1)?.init.etag, isFoundThere ? undefined : '"2"');
    });
  }
});

describe('a response that forbids copies', () => {
  it('takes the older copy with it', async () => {
    const disk = createFakeDisk();
    disk.rows.set(1, { init: initWith(), body: Buffer.from('old') });
    const { arrive, engine, stored } = launch({ disk });
    engine.store.memory.put(responseWith({}, 'old'), 10);
    await arrive({}, { notStored: 'no-store', shareable: false });
    assert.deepEqual([stored(), disk.rows.size], [undefined, 0]);
  });

  it('but an error that a client can provoke does not', async () => {
    const { arrive, engine, stored } = launch();
    engine.store.memory.put(responseWith({}, 'old'), 10);
    await arrive({ status: 403 }, { notStored: 'error-status', shareable: false });
    assert.ok(stored());
  });
});

describe('rows of another worker', () => {
  it('can be read back from, and their progress is told to whoever watches', async () => {
    const disk = createFakeDisk();
    const { arrive, flight } = launch({ disk, writesToDisk: false });
    const backing = disk.begin(key);
    await arrive({}, { backing });
    const seen: (number | null)[] = [];
    flight.watchBacking(({ rowId }) => seen.push(rowId));
    backing.append(Buffer.alloc(chunk));
    disk.writes[0]?.commit();
    assert.deepEqual(seen, [null, 1]);
  });
});
