import assert from 'node:assert/strict';
import { afterEach, describe, test } from 'node:test';
import type { PurgeCommand, Recorded } from '../../purge-api/journal.ts';
import { longestLeaseMs } from '../../purge-api/leases.ts';
import { type Parts, settle, setUpParts } from './builders.ts';

let open: Parts[] = [];
afterEach(async () => {
  for (const parts of open) await parts.cleanUp();
  open = [];
});

async function setUp() {
  const parts = setUpParts();
  open.push(parts);
  const nodes = { par: parts.connect('par'), eu: parts.connect('eu') };
  for (const node of Object.values(nodes)) {
    await node.hello(null);
    await node.ack(0);
  }
  const command: PurgeCommand = {
    soft: false,
    scope: ['*'],
    selectors: [{ kind: 'everything' }],
    by: 'test',
  };
  const submit = async (): Promise<Recorded> => {
    const submitted = await parts.purges.submit(command);
    assert.equal(submitted.kind, 'accepted');
    await settle();
    return submitted.recorded;
  };
  return { parts, nodes, submit };
}

async function isSettled(promise: Promise<void>): Promise<boolean> {
  let isDone = false;
  void promise.then(() => {
    isDone = true;
  });
  await settle();
  return isDone;
}

describe('waiting for a purge', () => {
  test('ends with the acknowledgement of the last node, also when one covers several purges', async () => {
    const { parts, nodes, submit } = await setUp();
    const [first, second] = [await submit(), await submit()];
    const waits = [first, second].map(({ entry }) => parts.purges.wait(entry, 10_000));
    await nodes.par.ack(2);
    assert.equal(await isSettled(Promise.race(waits)), false);
    await nodes.eu.ack(1);
    assert.equal(await isSettled(waits[0] as Promise<void>), true);
    assert.equal(await isSettled(waits[1] as Promise<void>), false);
    await nodes.eu.ack(2);
    assert.equal(await isSettled(waits[1] as Promise<void>), true);
  });

  test('ends at once when it has converged already', async () => {
    const { parts, nodes, submit } = await setUp();
    const { entry } = await submit();
    for (const node of Object.values(nodes)) await node.ack(1);
    assert.equal(await isSettled(parts.purges.wait(entry, 10_000)), true);
  });

  test('ends when a node that was behind is taken out of the configuration, and can hold no lease any more', async () => {
    const { parts, nodes, submit } = await setUp();
    const { entry } = await submit();
    const wait = parts.purges.wait(entry, 60_000);
    await nodes.eu.ack(1);
    const topology = parts.topology();
    parts.context.loadAgain = () => ({ ...topology, pops: [] });
    parts.reloadSelf();
    assert.equal(await isSettled(wait), false);
    await parts.clock.advance(longestLeaseMs(topology.leaseMs) + 1000);
    assert.equal(await isSettled(wait), true);
    assert.match(nodes.par.closed() ?? '', /no such node any more/);
  });

  test('a purge of a journal whose identity has changed waits for the reset of every node', async () => {
    const { parts, nodes, submit } = await setUp();
    const { entry } = await submit();
    for (const node of Object.values(nodes)) await node.ack(1);
    await parts.journal.renewIdentity('test');
    parts.fanOut.resetAll('test');
    assert.equal(parts.purges.judge(entry).status, 'pending');
    for (const node of Object.values(nodes)) await node.ack(1);
    assert.equal(parts.purges.judge(entry).status, 'converged');
  });

  test('no more than a thousand wait; further ones are answered at once', async () => {
    const { parts, submit } = await setUp();
    const { entry } = await submit();
    for (let count = 0; count < 1000; count += 1) void parts.purges.wait(entry, 10_000);
    assert.equal(await isSettled(parts.purges.wait(entry, 10_000)), true);
    assert.equal(parts.purges.waiting(), 1000);
    parts.purges.stop();
    assert.equal(parts.purges.waiting(), 0);
  });
});

describe('what is counted', () => {
  test('appends, selectors, and how long the convergence took', async () => {
    const { parts, nodes, submit } = await setUp();
    await submit();
    await parts.clock.advance(20);
    for (const node of Object.values(nodes)) await node.ack(1);
    const text = await parts.context.metrics.text();
    assert.match(text, /breakwater_purge_entries_appended_total\{kind="hard"\} 1/);
    assert.match(text, /breakwater_purge_convergence_seconds_bucket\{le="0.01"\} 0/);
    assert.match(text, /breakwater_purge_convergence_seconds_bucket\{le="0.025"\} 1/);
    assert.match(text, /breakwater_purge_head_entries 1/);
    assert.match(text, /breakwater_purge_connected_nodes 2/);
  });
});
