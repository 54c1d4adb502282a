/** Purge-api as it runs, with its journal at a nats-server that is killed, and the subscribers of nodes, over real sockets. */
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { afterEach, test } from 'node:test';
import { systemClock, systemRandom } from '../../../core/runtime/deps.ts';
import { controlRequest } from '../../../core/runtime/http-client.ts';
import type { PurgeBody } from '../../../purge-api/present.ts';
import { startPurgeApi } from '../../../purge-api/purge-api.ts';
import { smallTopology } from '../../core/purge/fake-purge-api.ts';
import { startNatsServer } from '../../support/nats-server.ts';
import { purgeContext, temporaryFolder } from '../builders.ts';
import { empty, type Memory, openNode } from '../test-node.ts';

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

async function start(address: string) {
  const folder = temporaryFolder();
  ends.push(() => rmSync(folder, { recursive: true, force: true }));
  const topology = smallTopology('127.0.0.1:0');
  topology.purge.journal = { ...topology.purge.journal, kind: 'nats', servers: [address] };
  const context = purgeContext(folder, { clock: systemClock, random: systemRandom, topology });
  const service = await startPurgeApi(context);
  let isRunning = true;
  const stop = async () => {
    if (isRunning) await service.drain(5000);
    isRunning = false;
  };
  ends.push(stop);
  const call = async <Body>(where: string, json?: unknown) => {
    const response = await controlRequest(`http://${service.bound?.listen}${where}`, {
      method: json === undefined ? 'GET' : 'POST',
      headers: { authorization: 'Bearer token-of-all' },
      json,
      timeoutMs: 15_000,
    });
    return { status: response.status, body: JSON.parse(response.body.toString()) as Body };
  };
  const purge = (tag: string) => call<PurgeBody>('/v1/purges?wait=10s', { tags: [tag] });
  return { context, stop, call, purge };
}

async function join(
  api: Awaited<ReturnType<typeof start>>,
  memories: Record<'par' | 'eu', Memory>,
) {
  const nodes = (['par', 'eu'] as const).map((id) => {
    const node = openNode(api.context.topology, id, memories[id]);
    ends.push(node.subscriber.stop);
    return node;
  });
  await Promise.all(nodes.map(({ ready }) => ready));
  return nodes;
}

const tagsOf = ({ applied }: Memory) =>
  applied.flatMap(({ selectors }) =>
    selectors.map((each) => (each.kind === 'tag' ? each.tag : '')),
  );

test('the broker dies under purge-api: 503, and purges converge again when it is back', async () => {
  const server = await startNatsServer();
  ends.push(server.remove);
  const api = await start(server.address);
  const memories = { par: empty(), eu: empty() };
  await join(api, memories);
  const first = await api.purge('one');
  assert.deepEqual([first.status, first.body.status, first.body.seq], [200, 'converged', 1]);
  await server.kill();
  const away = await api.call<{ type: string }>('/v1/purges', { tags: ['lost'] });
  assert.deepEqual(
    [away.status, away.body.type],
    [503, 'urn:breakwater:problem:journal-unavailable'],
  );
  await server.start();
  let again = await api.purge('two');
  while (again.status === 503) again = await api.purge('two');
  assert.equal(again.body.status, 'converged');
  // What was refused may have been taken after all; nobody may miss it then, and nothing comes twice.
  for (const memory of Object.values(memories)) {
    const tags = tagsOf(memory).filter((tag) => tag !== 'lost');
    assert.deepEqual([tags, memory.resets.length], [['one', 'two'], 1]);
  }
  const metrics = await api.context.metrics.text();
  assert.match(metrics, /breakwater_purge_broker_disconnects_total [1-9]/);
  assert.match(metrics, /breakwater_purge_broker_appends_refused_total [1-9]/);
  assert.match(metrics, /breakwater_purge_broker_connected 1/);
});

test('another purge-api goes on with the journal of one that is gone, and nodes keep what they hold', async () => {
  const server = await startNatsServer();
  ends.push(server.remove);
  const first = await start(server.address);
  const memories = { par: empty(), eu: empty() };
  const nodes = await join(first, memories);
  const { body } = await first.purge('one');
  for (const { subscriber } of nodes) await subscriber.stop();
  await first.stop();
  const second = await start(server.address);
  await join(second, memories);
  const found = await second.call<PurgeBody>(`/v1/purges/${body.id}`);
  assert.deepEqual([found.status, found.body.seq], [200, 1]);
  assert.equal((await second.purge('two')).body.seq, 2);
  for (const memory of Object.values(memories)) {
    assert.deepEqual([tagsOf(memory), memory.resets.length], [['one', 'two'], 1]);
  }
});
