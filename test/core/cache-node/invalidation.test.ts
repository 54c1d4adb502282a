/** Invalidation by unsafe requests (RFC 9111 §4.4) over two workers of a node and the writer of their disk tier. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { MessageChannel } from 'node:worker_threads';
import type { ToWriter } from '../../../core/cache/disk-messages.ts';
import { createDiskReader } from '../../../core/cache/disk-reader.ts';
import { createDiskTier, type DiskTier } from '../../../core/cache/disk-tier.ts';
import type { Invalidate } from '../../../core/cache/obtain.ts';
import {
  createInvalidation,
  createLocalInvalidation,
} from '../../../core/cache-node/invalidation.ts';
import { createMesh, type Mesh } from '../../../core/cache-node/mesh.ts';
import { silentLog } from '../../../core/runtime/log.ts';
import { settle } from '../../support/engine.ts';
import { bodyOf, type Disk, openDisk, response } from '../cache/disk-fixture.ts';

interface Worker {
  tier: DiskTier;
  mesh: Mesh;
  /** Keys and groups that it was told to drop from memory. */
  dropped: string[];
  invalidate: Invalidate;
}

/** A worker whose messages reach the writer through `post`. */
function createWorker(disk: Disk, self: number, tier: DiskTier): Worker {
  const dropped: string[] = [];
  const here = createLocalInvalidation({
    dropLocally: (keys, { groups }) => void dropped.push(...keys, ...(groups?.groups ?? [])),
    disk: tier,
  });
  const refuse = () => Promise.reject(new Error('nobody asks'));
  const mesh = createMesh(
    { revive: () => undefined, obtain: refuse, onOutdate: () => {}, onInvalidate: here },
    { self, count: 2 },
  );
  const invalidate = createInvalidation({ clock: disk.clock, here, mesh, onLimit: assert.fail });
  return { tier, mesh, dropped, invalidate };
}

/** Two workers; what `late` tells the writer waits until it is delivered. */
async function startWorkers(t: TestContext) {
  const disk = await openDisk(t);
  const waiting: ToWriter[] = [];
  const reader = createDiskReader({ ...disk, log: silentLog }, { file: disk.file });
  const toWriter = { post: (message: ToWriter) => void waiting.push(structuredClone(message)) };
  const lateTier = createDiskTier({ ...disk, reader, toWriter });
  const connection = disk.writer.connect({ post: (message) => lateTier.receive(message) });
  t.after(() => lateTier.close());
  const [prompt, late] = [createWorker(disk, 0, disk.tier), createWorker(disk, 1, lateTier)];
  const { port1, port2 } = new MessageChannel();
  prompt.mesh.connect(1, port1);
  late.mesh.connect(0, port2);
  t.after(() => port1.close());
  const deliver = async () => {
    for (const message of waiting.splice(0)) connection.receive(message);
    await disk.settle();
  };
  return { disk, prompt, late, deliver };
}

test('what a worker has finished and the writer has not seen yet is gone as well', async (t) => {
  const { disk, prompt, late, deliver } = await startWorkers(t);
  const body = bodyOf(10, 'old');
  const init = response('page', { bodyBytes: body.length });
  const write = late.tier.begin(init.key);
  write.append(body);
  write.finish(init, 8);
  let isDone = false;
  const done = prompt.invalidate([init.key]).then(() => {
    isDone = true;
  });
  // The removal of the worker that was told overtakes all that the other one has sent.
  for (let turn = 0; turn < 5; turn += 1) await settle().then(disk.settle);
  while (!isDone) await deliver().then(settle);
  await done;
  await deliver();
  assert.deepEqual(disk.tier.lookup(init.key), []);
});

test('memory is emptied before the rows go and after: a lookup in between may have brought one back', async (t) => {
  const { prompt, late, deliver } = await startWorkers(t);
  let isDone = false;
  const done = prompt.invalidate(['http://a.test/']).then(() => {
    isDone = true;
  });
  while (!isDone) await deliver().then(settle);
  await done;
  assert.deepEqual(prompt.dropped, ['http://a.test/', 'http://a.test/']);
  assert.deepEqual(late.dropped, prompt.dropped);
});

test('groups go the same way: what the other worker has finished and not sent yet is gone (RFC 9875 §3)', async (t) => {
  const { disk, prompt, late, deliver } = await startWorkers(t);
  const body = bodyOf(10, 'old');
  const init = response('member', { bodyBytes: body.length, tags: ['news'] });
  const write = late.tier.begin(init.key);
  write.append(body);
  write.finish(init, 8);
  let isDone = false;
  const groups = { host: init.host, groups: ['news'] };
  const done = prompt.invalidate([], { groups }).then(() => {
    isDone = true;
  });
  for (let turn = 0; turn < 5; turn += 1) await settle().then(disk.settle);
  while (!isDone) await deliver().then(settle);
  await done;
  await deliver();
  assert.deepEqual(disk.tier.lookup(init.key), []);
  assert.deepEqual(
    [prompt.dropped, late.dropped],
    [
      ['news', 'news'],
      ['news', 'news'],
    ],
  );
});
