import assert from 'node:assert/strict';
import { afterEach, describe, test } from 'node:test';
import type { JournalEntry, Position } from '../../../core/purge/command.ts';
import { startOf } from '../../../core/purge/command.ts';
import { createSubscriber } from '../../../core/purge/subscriber.ts';
import { systemClock, systemRandom } from '../../../core/runtime/deps.ts';
import { silentLog } from '../../../core/runtime/log.ts';
import { createMetrics } from '../../../core/runtime/metrics.ts';
import { entries, positionAfter, tag } from './builders.ts';
import { startFakePurgeApi } from './fake-purge-api.ts';

const journal = entries(6);
const at = (seq: number): Position => {
  const entry = journal[seq - 1];
  return entry ? positionAfter(entry) : startOf('journal-a');
};
const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

/** A node that keeps its position in memory, and the purge-api that it has said hello to. */
async function setUp({ start = at(0) as Position | null } = {}) {
  const purgeApi = await startFakePurgeApi();
  ends.push(purgeApi.close);
  let position = start;
  const log: string[] = [];
  const metrics = createMetrics();
  const subscriber = createSubscriber(
    { clock: systemClock, random: systemRandom, log: silentLog, metrics },
    {
      topology: purgeApi.topology(),
      node: { id: 'par', role: 'edge' },
      instance: 'i',
      wantsView: false,
      position: () => position,
      async apply(batch) {
        log.push(...batch.map(({ seq }) => `apply ${seq}`));
        const last = batch.at(-1);
        if (last) position = positionAfter(last, position?.identity);
      },
      async reset(to, reason) {
        log.push(`reset ${to.seq} ${reason}`);
        position = to;
      },
      health: () => ({ ready: true, draining: false, load: 0 }),
      onRequest: async () => ({}),
    },
  );
  ends.push(subscriber.stop);
  const hello = await purgeApi.next('hello');
  const send = (batch: readonly (JournalEntry | undefined)[], identity = 'journal-a') =>
    purgeApi.send({
      type: 'entries',
      identity,
      entries: batch.filter((entry) => entry !== undefined),
      head: at(6),
    });
  const follow = (head = at(6)) => purgeApi.send({ type: 'welcome', head, resume: 'follow' });
  /** Waits until the node has acknowledged `seq`. */
  const acked = async (seq: number) => {
    for (;;) {
      const ack = await purgeApi.next('ack');
      if (ack.position.seq >= seq) return ack;
    }
  };
  return { purgeApi, subscriber, hello, send, follow, acked, log, metrics };
}

describe('subscriber: the way of an entry', () => {
  test('applies what comes, in order, and acknowledges by position after it is applied', async () => {
    const { follow, send, acked, log } = await setUp();
    follow();
    send(journal.slice(0, 2));
    send(journal.slice(2, 3));
    const ack = await acked(3);
    assert.deepEqual(ack.position, at(3));
    assert.deepEqual(log, ['apply 1', 'apply 2', 'apply 3']);
  });

  test('duplicates and late repeats change nothing', async () => {
    const { follow, send, acked, log, purgeApi } = await setUp();
    follow();
    for (const batch of [
      [0, 2],
      [0, 2],
      [1, 3],
      [0, 1],
      [2, 4],
    ])
      send(journal.slice(...batch));
    await acked(4);
    assert.deepEqual(log, ['apply 1', 'apply 2', 'apply 3', 'apply 4']);
    assert.equal(purgeApi.connections(), 1);
  });

  test('a gap is not skipped: the node asks again from the last entry that it has applied', async () => {
    const { follow, send, acked, log, purgeApi } = await setUp();
    follow();
    send(journal.slice(0, 1));
    await acked(1);
    send([journal[2]]);
    assert.deepEqual((await purgeApi.next('hello')).position, at(1));
    follow();
    send(journal.slice(1, 3));
    await acked(3);
    assert.deepEqual(log, ['apply 1', 'apply 2', 'apply 3']);
  });

  test('entries in the wrong order are asked for again', async () => {
    const { follow, send, purgeApi, log, metrics } = await setUp();
    follow();
    send([journal[1], journal[0]]);
    await purgeApi.next('hello');
    assert.deepEqual(log, []);
    assert.match(await metrics.text(), /breakwater_purge_resyncs_total\{reason="gap"\} 1/);
  });

  test('an entry whose hash does not follow is asked for again, never applied', async () => {
    const { follow, send, purgeApi, log, metrics } = await setUp();
    follow();
    const [first] = journal;
    send([first && { ...first, selectors: [tag('forged')] }]);
    await purgeApi.next('hello');
    assert.deepEqual(log, []);
    assert.match(await metrics.text(), /resyncs_total\{reason="chain"\} 1/);
  });

  test('entries of another journal are not applied without a reset', async () => {
    const { follow, send, purgeApi, log } = await setUp();
    follow();
    send(journal.slice(0, 1), 'journal-b');
    await purgeApi.next('hello');
    assert.deepEqual(log, []);
  });

  test('catches up after a cut from where it was', async () => {
    const { follow, send, acked, log, purgeApi } = await setUp();
    follow();
    send(journal.slice(0, 2));
    await acked(2);
    purgeApi.drop();
    assert.deepEqual((await purgeApi.next('hello')).position, at(2));
    follow();
    send(journal.slice(2));
    await acked(6);
    assert.deepEqual(log.length, 6);
  });
});

describe('subscriber: beginning anew', () => {
  test('a node that holds nothing says so, and begins where it is told', async () => {
    const { hello, purgeApi, send, acked, log } = await setUp({ start: null });
    assert.equal(hello.position, null);
    purgeApi.send({ type: 'welcome', head: at(4), resume: 'reset', reason: 'new' });
    send(journal.slice(4));
    await acked(6);
    assert.deepEqual(log, ['reset 4 new', 'apply 5', 'apply 6']);
  });

  test('after a reset it follows the other journal and acknowledges its head', async () => {
    const { purgeApi, acked, log } = await setUp({ start: at(6) });
    const head = { identity: 'journal-b', seq: 2, hash: 'x' };
    purgeApi.send({ type: 'welcome', head, resume: 'reset', reason: 'another journal' });
    assert.deepEqual((await acked(2)).position, head);
    const [next] = entries(1, head);
    purgeApi.send({
      type: 'entries',
      identity: 'journal-b',
      entries: next ? [next] : [],
      head: { ...head, seq: 3 },
    });
    await acked(3);
    assert.deepEqual(log, ['reset 2 another journal', 'apply 3']);
  });
});

describe('subscriber: its lease, and purges that begin here', () => {
  test('no lease until what was granted, and all up to the head that the grant names is applied', async () => {
    const { subscriber, follow, send, acked, purgeApi } = await setUp();
    const whenReached = new Promise<void>((resolve) => subscriber.onLease(resolve));
    follow(at(3));
    purgeApi.send({ type: 'lease', version: 0, head: at(3) });
    send(journal.slice(0, 2));
    await acked(2);
    assert.equal(subscriber.holdsLease(), false);
    send(journal.slice(2, 3));
    await whenReached;
    assert.equal(subscriber.holdsLease(), true);
  });

  test('a purge that begins here is answered with its place in the journal', async () => {
    const { subscriber, purgeApi } = await setUp();
    const answer = subscriber.append({ soft: true, scope: ['a.test'], selectors: [tag('x')] });
    const { request, ...message } = await purgeApi.next('append');
    assert.deepEqual(message, {
      type: 'append',
      soft: true,
      scope: ['a.test'],
      selectors: [tag('x')],
    });
    purgeApi.send({ type: 'appended', request, ok: true, id: 'p9', seq: 9 });
    assert.deepEqual(await answer, { ok: true, id: 'p9', seq: 9 });
  });

  test('a cut answers a purge under way: the journal may have it or not', async () => {
    const { subscriber, purgeApi } = await setUp();
    const answer = subscriber.append({ soft: false, scope: ['*'], selectors: [tag('x')] });
    await purgeApi.next('append');
    purgeApi.drop();
    assert.deepEqual(await answer, {
      ok: false,
      problem: 'the connection to purge-api broke',
      isCertain: false,
    });
  });

  test('counts of matched responses follow later', async () => {
    const { subscriber, purgeApi } = await setUp();
    subscriber.matched(3, 42);
    assert.deepEqual(await purgeApi.next('matched'), { type: 'matched', seq: 3, responses: 42 });
  });
});
