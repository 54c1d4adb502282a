/** The NATS journal against a real nats-server: the contract of every journal, and what only a server on the network can do. */
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import { jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { type Clock, systemClock } from '../../../core/runtime/deps.ts';
import { silentLog } from '../../../core/runtime/log.ts';
import { createMetrics } from '../../../core/runtime/metrics.ts';
import type { AppendResult, Journal } from '../../../purge-api/journal.ts';
import { openNatsJournal } from '../../../purge-api/nats/nats-journal.ts';
import { purge, testJournal } from '../../contract/journal.contract.ts';
import { createFakeClock, createSeededRandom } from '../../support/fake-clock.ts';
import { type NatsServer, startNatsServer } from '../../support/nats-server.ts';

let server: NatsServer;
const opened: Journal[] = [];
let count = 0;

before(async () => {
  server = await startNatsServer();
});
after(() => server.remove());
afterEach(async () => {
  server.resume();
  await closeAll();
});

async function closeAll(): Promise<void> {
  for (const journal of opened.splice(0)) await journal.close();
}

/** A new stream, and ways to open it. */
function setUp({ retentionMs = 86_400_000, maxEntries = 1000, appendLimitMs = 200 } = {}) {
  count += 1;
  const stream = `test-${count}`;
  const fake = createFakeClock();
  // The server's answers come in real time; only what is written into entries is the test's.
  const clock: Clock = { ...systemClock, nowMs: fake.nowMs };
  const replaced: string[] = [];
  let grown = 0;
  let metrics = createMetrics();
  const open = async (seed = count) => {
    const settings = { servers: [server.address], stream };
    metrics = createMetrics();
    const journal = await openNatsJournal(
      { clock, random: createSeededRandom(seed), log: silentLog, metrics },
      {
        ...{ settings, retentionMs, maxEntries, clientName: 'test', appendLimitMs },
        onReplaced: (reason) => replaced.push(reason),
        onGrown() {
          grown += 1;
        },
      },
    );
    opened.push(journal);
    return journal;
  };
  return {
    stream,
    clock: fake,
    open,
    replaced,
    grown: () => grown,
    metricsText: () => metrics.text(),
  };
}

/** The server's own view of the stream. */
async function withManager<T>(
  use: (manager: Awaited<ReturnType<typeof jetstreamManager>>) => Promise<T>,
): Promise<T> {
  const connection = await connect({ servers: server.address });
  try {
    return await use(await jetstreamManager(connection));
  } finally {
    await connection.close();
  }
}

/** What a restored older copy lacks. A stream of the same messages but the last. */
async function removeNewest(
  manager: Awaited<ReturnType<typeof jetstreamManager>>,
  stream: string,
): Promise<void> {
  const { config, state } = await manager.streams.info(stream);
  const kept = [];
  for (let seq = state.first_seq; seq < state.last_seq; seq += 1) {
    const message = await manager.streams.getMessage(stream, { seq });
    if (message) kept.push({ subject: message.subject, text: message.string() });
  }
  await manager.streams.delete(stream);
  await manager.streams.add({ ...config, duplicate_window: 0 });
  for (const { subject, text } of kept) await manager.jetstream().publish(subject, text);
}

async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isSo())) await systemClock.sleep(10);
}

const seqOf = (result: AppendResult) => ('entry' in result ? result.entry.seq : undefined);
const all = (journal: Journal) => journal.after(0, { limit: 1000 });

testJournal('NATS journal', {
  async open(options) {
    const { clock, open } = setUp(options);
    const journal = await open();
    const again = async () => {
      await closeAll();
      // Between the two, the server dies and comes back.
      await server.kill();
      await server.start();
      return open();
    };
    return { journal, clock, again };
  },
  cleanUp: closeAll,
});

describe('NATS journal: the server is away', () => {
  test('an append is refused within a bounded time, and taken when the server is back', async () => {
    const { open } = setUp();
    const journal = await open();
    await journal.append(purge('one'));
    await server.kill();
    await assert.rejects(journal.append(purge('two')), /not connected|not confirmed/);
    await server.start();
    let last: AppendResult | undefined;
    await until(async () => {
      last = await journal.append(purge('three')).catch(() => undefined);
      return last !== undefined;
    });
    const entries = await all(journal);
    assert.equal(journal.head().seq, last && seqOf(last));
    assert.equal(entries.length, journal.head().seq);
  });

  test('a purge that was sent and not confirmed is there once, however often it is sent again', async () => {
    const { open, stream } = setUp();
    const journal = await open();
    await journal.append(purge('one'));
    // Connected and silent: what is sent lies in its socket, and is taken when it goes on.
    await server.pause();
    const once = { key: 'k', fingerprint: 'f' };
    const refused = await journal.append(purge('two'), once).catch((error: Error) => error);
    assert.ok(refused instanceof Error);
    server.resume();
    const again = await journal.append(purge('two'), once);
    assert.equal(seqOf(again), 2);
    const stored = await withManager(async (manager) => {
      const { state } = await manager.streams.info(stream);
      return state.messages;
    });
    assert.deepEqual([journal.head().seq, stored], [2, 3]);
  });

  test('an append that goes on until it is confirmed appends once, whatever was taken meanwhile', async () => {
    const { open, metricsText } = setUp({ appendLimitMs: 60_000 });
    const journal = await open();
    await server.pause();
    const appends = ['one', 'two'].map((name) => journal.append(purge(name)));
    await until(async () =>
      /append_retries_total\{cause="unconfirmed"\} 1/.test(await metricsText()),
    );
    server.resume();
    assert.deepEqual((await Promise.all(appends)).map(seqOf), [1, 2]);
    assert.equal((await all(journal)).length, 2);
  });

  test('entries that came while nobody waited for them are found, and said', async () => {
    const { open, grown } = setUp();
    const journal = await open();
    await server.pause();
    await assert.rejects(journal.append(purge('late')));
    server.resume();
    await until(() => grown() > 0);
    assert.equal(journal.head().seq, 1);
    assert.equal((await all(journal)).length, 1);
  });
});

describe('NATS journal: two writers', () => {
  test('never give one number twice: the loser reads what the other wrote, and follows it', async () => {
    const { open } = setUp();
    const [left, right] = [await open(1), await open(2)];
    const results = await Promise.all(
      ['a', 'b', 'c', 'd'].flatMap((name) => [
        left.append(purge(`l-${name}`)),
        right.append(purge(`r-${name}`)),
      ]),
    );
    const seqs = results.map(seqOf).sort((a = 0, b = 0) => a - b);
    assert.deepEqual(seqs, [1, 2, 3, 4, 5, 6, 7, 8]);
    const third = await open(3);
    assert.equal((await all(third)).length, 8);
  });
});

describe('NATS journal: a stream that is not what it was', () => {
  test('deleted while in use: a new identity, and everybody is told', async () => {
    const { open, stream, replaced } = setUp();
    const journal = await open();
    await journal.append(purge('one'));
    const { identity } = journal.head();
    await withManager((manager) => manager.streams.delete(stream));
    const result = await journal.append(purge('two'));
    assert.equal(seqOf(result), 1);
    assert.notEqual(journal.head().identity, identity);
    assert.deepEqual(replaced, ['the stream is new']);
  });

  test('put back from an older copy: a new identity under which the numbers go on', async () => {
    const { open, stream, replaced } = setUp();
    const journal = await open();
    for (const name of ['one', 'two', 'three']) await journal.append(purge(name));
    const { identity } = journal.head();
    await withManager((manager) => removeNewest(manager, stream));
    await journal.prune();
    assert.notEqual(journal.head().identity, identity);
    assert.match(replaced[0] ?? '', /ends at entry 2, and 3 was there/);
    assert.equal(seqOf(await journal.append(purge('four'))), 3);
    assert.equal((await all(journal)).length, 3);
  });

  test('an entry that was changed is not handed out: a new journal begins, and everybody is told', async () => {
    const { open, stream, replaced } = setUp();
    const journal = await open();
    for (const name of ['one', 'two']) await journal.append(purge(name));
    await withManager(async (manager) => {
      const message = await manager.streams.getMessage(stream, {
        last_by_subj: `${stream}.entries.plain`,
      });
      const text = message?.string().replace('"seq":2', '"seq":3') ?? '';
      await manager.jetstream().publish(`${stream}.entries.plain`, text);
    });
    const { identity } = journal.head();
    await journal.prune();
    assert.equal(journal.head().seq, 0);
    assert.notEqual(journal.head().identity, identity);
    assert.match(replaced[0] ?? '', /does not follow/);
    assert.equal(seqOf(await journal.append(purge('new'))), 1);
  });

  test("somebody else's stream is not touched", async () => {
    const { open, stream } = setUp();
    await withManager((manager) =>
      manager.streams.add({ name: stream, subjects: [`${stream}.x`] }),
    );
    await assert.rejects(open(), /is not ours/);
  });
});

describe('NATS journal: the consumers of the nodes', () => {
  const consumer = (stream: string, name: string) =>
    withManager((manager) => manager.consumers.info(stream, name));

  test('one durable consumer a node, named after it, shows how far the node is', async () => {
    const { open, stream } = setUp();
    const journal = await open();
    for (let n = 0; n < 5; n += 1) await journal.append(purge(`t${n}`));
    journal.acknowledged?.('par', 2);
    await until(
      async () => (await consumer(stream, 'par').catch(() => undefined))?.num_pending === 3,
    );
    journal.acknowledged?.('par', 3);
    journal.acknowledged?.('par', 5);
    await until(async () => (await consumer(stream, 'par')).num_pending === 0);
    await until(async () => (await consumer(stream, 'par')).num_ack_pending === 0);
    const { config } = await consumer(stream, 'par');
    assert.equal(config.durable_name, 'par');
  });

  test('goes on after a restart of purge-api, over a new identity, and back with a node that is', async () => {
    const { open, stream } = setUp();
    const first = await open();
    for (let n = 0; n < 3; n += 1) await first.append(purge(`t${n}`));
    first.acknowledged?.('par', 1);
    await until(
      async () => (await consumer(stream, 'par').catch(() => undefined))?.num_pending === 2,
    );
    await closeAll();
    const journal = await open();
    await journal.renewIdentity('a test');
    await journal.append(purge('more'));
    journal.acknowledged?.('par', 4);
    await until(async () => (await consumer(stream, 'par')).num_pending === 0);
    journal.acknowledged?.('par', 2);
    await until(
      async () => (await consumer(stream, 'par').catch(() => undefined))?.num_pending === 2,
    );
  });
});
