import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type TestContext, test } from 'node:test';
import { MessageChannel, Worker } from 'node:worker_threads';
import { createPurgeFeed, type FeedChange } from '../../../core/cache-node/purge-feed.ts';
import { sharedState } from '../../../core/cache-node/shared-state.ts';
import { type JournalEntry, startOf } from '../../../core/purge/command.ts';
import { chain, entries, plainNormaliser, positionAfter, tag } from '../purge/builders.ts';
import { smallTopology } from '../purge/fake-purge-api.ts';

const response = (...tags: string[]) => ({ host: 'a.test', url: 'a.test/', tags });

/** Both ends in one thread: `post` and `publish` are what the pool does, one after the other. */
function fed(t: TestContext, given: JournalEntry[] = []) {
  const { port1, port2 } = new MessageChannel();
  t.after(() => port1.close());
  const shared = sharedState({ workers: 1 });
  const applied: number[] = [];
  const topologies: string[] = [];
  const feed = createPurgeFeed({
    port: port2,
    shared,
    start: { generation: 0, start: startOf('journal-a'), entries: given },
    normalise: () => plainNormaliser,
    onTopology: ({ hash }) => void topologies.push(hash),
    onFloor() {},
    onUnreadable() {},
    onApplied: (generation) => void applied.push(generation),
  });
  return {
    feed,
    applied,
    topologies,
    post: (generation: number, change: FeedChange) => port1.postMessage({ generation, change }),
    publish: shared.publishGeneration,
  };
}

test('a worker starts from the entries that it is given, and takes what is published in order', (t) => {
  const [first, second, third] = entries(3) as [JournalEntry, JournalEntry, JournalEntry];
  const { feed, applied, post, publish } = fed(t, [first]);
  assert.deepEqual([feed.isBehind(), feed.take().cursor.seq], [false, 1]);
  post(1, { type: 'entries', entries: [second] });
  post(2, { type: 'entries', entries: [third] });
  publish(2);
  assert.equal(feed.isBehind(), true);
  assert.deepEqual(feed.take().cursor, positionAfter(third));
  assert.deepEqual([feed.isBehind(), applied], [false, [2]]);
  assert.equal(feed.take().lastMatch(response('t2')).hardSeq, 2);
});

test('what is posted and not yet published is not looked for; entries known already change nothing', (t) => {
  const [first, second] = entries(2) as [JournalEntry, JournalEntry];
  const { feed, applied, post, publish } = fed(t, [first]);
  post(1, { type: 'entries', entries: [first, second] });
  assert.deepEqual([feed.isBehind(), feed.take().cursor.seq, applied], [false, 1, []]);
  publish(1);
  assert.equal(feed.take().cursor.seq, 2);
});

test('after a reset everything labelled before counts as purged, whichever journal it was of', (t) => {
  const { feed, post, publish } = fed(t, entries(3));
  const position = { identity: 'journal-b', seq: 9, hash: 'h' };
  post(1, { type: 'reset', position });
  post(2, { type: 'entries', entries: chain([{ selectors: [tag('x')] }], position) });
  publish(2);
  const index = feed.take();
  assert.deepEqual([index.identity, index.floorSeq, index.cursor.seq], ['journal-b', 9, 10]);
  assert.equal(index.lastMatch(response('x')).hardSeq, 10);
  assert.equal(index.lastMatch(response('t2')).hardSeq, 0);
});

test('what is forgotten raises the floor and no higher than the cursor', (t) => {
  const { feed, post, publish } = fed(t, entries(3));
  post(1, { type: 'forget', seq: 2 });
  publish(1);
  assert.deepEqual([feed.take().floorSeq, feed.take().size], [2, 1]);
  post(2, { type: 'forget', seq: 50 });
  publish(2);
  assert.equal(feed.take().floorSeq, 3);
});

test('a read never misses what was published before it began, however two threads interleave', async (t) => {
  const last = 3000;
  const all = entries(last);
  const { port1, port2 } = new MessageChannel();
  t.after(() => port1.close());
  const shared = sharedState({ workers: 1 });
  const start = { generation: 0, start: startOf('journal-a'), entries: [] };
  const reader = new Worker(new URL('../../fixtures/feed-reader.ts', import.meta.url), {
    workerData: { port: port2, buffer: shared.buffer, start, last },
    transferList: [port2],
  });
  await once(reader, 'message');
  const readsOnce = async () => {
    const before = shared.heartbeat(0);
    while (shared.heartbeat(0) === before) await new Promise((resolve) => setImmediate(resolve));
  };
  const told = once(reader, 'message');
  for (const entry of all) {
    port1.postMessage({ generation: entry.seq, change: { type: 'entries', entries: [entry] } });
    shared.publishGeneration(entry.seq);
    // Bursts and pauses of different lengths, with a read in each of the longer ones.
    if (entry.seq % 7 === 0) await new Promise((resolve) => setImmediate(resolve));
    if (entry.seq % 100 === 0 && entry.seq < last) await readsOnce();
  }
  const [{ missed, reads }] = await told;
  assert.equal(missed, 0);
  assert.ok(reads >= last / 100 - 1, `${reads} reads`);
});

test('threads see each other’s flags, beats and requests; what a replaced worker left is cleared', () => {
  const main = sharedState({ workers: 2 });
  const worker = sharedState(main.buffer);
  assert.deepEqual(
    [main.lease.isHeld(1, 1), main.isDraining(), main.generation()],
    [false, false, 0],
  );
  main.lease.set(10.9, 20.9);
  main.setDraining();
  worker.beat(1);
  worker.addRequests(1, 1);
  worker.addRequests(1, 1);
  worker.addRequests(1, -1);
  assert.deepEqual([worker.lease.isHeld(9.9, 19.9), worker.isDraining()], [true, true]);
  // Either clock ends it.
  assert.deepEqual([worker.lease.isHeld(10, 0), worker.lease.isHeld(0, 20)], [false, false]);
  assert.deepEqual([main.heartbeat(0), main.heartbeat(1)], [0, 1]);
  assert.deepEqual([main.requests(0), main.requests(1)], [0, 1]);
  main.clear(1);
  main.lease.clear();
  assert.deepEqual(
    [worker.requests(1), worker.lease.isHeld(1, 1), main.heartbeat(1)],
    [0, false, 1],
  );
});

test('a configuration that was read again is in force before what is published after it', (t) => {
  const [first] = entries(1) as [JournalEntry];
  const { feed, applied, topologies, post, publish } = fed(t);
  post(1, { type: 'topology', topology: { ...smallTopology(), hash: 'next' } });
  post(2, { type: 'entries', entries: [first] });
  publish(2);
  assert.equal(feed.take().cursor.seq, 1);
  assert.deepEqual([topologies, applied], [['next'], [2]]);
});
