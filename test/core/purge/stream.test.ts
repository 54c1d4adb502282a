import assert from 'node:assert/strict';
import { afterEach, describe, test } from 'node:test';
import {
  type DownMessage,
  type NodeHealth,
  nodeKeyPurpose,
  protocolVersion,
} from '../../../core/purge/command.ts';
import { type NodeStreamOptions, openNodeStream } from '../../../core/purge/stream.ts';
import { systemClock, systemRandom } from '../../../core/runtime/deps.ts';
import { silentLog } from '../../../core/runtime/log.ts';
import { deriveKey } from '../../../core/topology/load.ts';
import { startFakePurgeApi } from './fake-purge-api.ts';

const health: NodeHealth = { ready: true, draining: false, load: 0.5 };
const head = { identity: 'journal-a', seq: 4, hash: 'h4' };
const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

async function setUp(options: Partial<NodeStreamOptions> = {}, lease = '10s') {
  const purgeApi = await startFakePurgeApi();
  ends.push(purgeApi.close);
  const topology = purgeApi.topology({ lease });
  const messages: DownMessage[] = [];
  const stream = openNodeStream(
    { clock: systemClock, random: systemRandom, log: silentLog },
    {
      topology,
      node: { id: 'par', role: 'edge' },
      instance: 'first-start',
      wantsView: true,
      position: () => head,
      health: () => health,
      onMessage: (message) => messages.push(message),
      onRequest: async () => ({}),
      ...options,
    },
  );
  ends.push(stream.stop);
  return { purgeApi, topology, stream, messages };
}

describe('node stream', () => {
  test('shows the key of its node, and says hello first', async () => {
    const { purgeApi, topology } = await setUp();
    const hello = await purgeApi.next('hello');
    const key = deriveKey(topology.secret, nodeKeyPurpose('par'));
    assert.deepEqual(purgeApi.authorizations, [`Breakwater-Node par ${key}`]);
    assert.deepEqual(hello, {
      type: 'hello',
      protocol: protocolVersion,
      node: 'par',
      role: 'edge',
      instance: 'first-start',
      succeeds: [],
      position: head,
      topologyHash: topology.hash,
      wantsView: true,
      health,
    });
  });

  test('renews every third of the lease, with a growing version and the health of that moment', async () => {
    let load = 0;
    const { purgeApi } = await setUp(
      {
        health: () => {
          load += 1;
          return { ...health, load };
        },
      },
      '60ms',
    );
    const first = await purgeApi.next('renew');
    const second = await purgeApi.next('renew');
    assert.deepEqual([first.version, second.version], [1, 2]);
    assert.ok(second.health.load > first.health.load);
  });

  test('renews at once when told to', async () => {
    const { purgeApi, stream } = await setUp();
    await purgeApi.next('hello');
    stream.renewNow();
    assert.equal((await purgeApi.next('renew')).version, 1);
  });

  test('answers a question, and says what went wrong when it cannot', async () => {
    const { purgeApi } = await setUp({
      onRequest: async (what, body) => {
        if (what === 'explain') throw new Error('nothing to explain');
        return { what, body };
      },
    });
    await purgeApi.next('hello');
    purgeApi.send({ type: 'request', request: 'q1', what: 'reload', body: 7 });
    assert.deepEqual(await purgeApi.next('reply'), {
      type: 'reply',
      request: 'q1',
      ok: true,
      body: { what: 'reload', body: 7 },
    });
    purgeApi.send({ type: 'request', request: 'q2', what: 'explain', body: null });
    const reply = await purgeApi.next('reply');
    assert.deepEqual([reply.ok, reply.body], [false, { problem: 'nothing to explain' }]);
  });

  test('dials again when it is cut, and says hello with the position of that moment', async () => {
    let seq = 4;
    const { purgeApi } = await setUp({ position: () => ({ ...head, seq }) });
    await purgeApi.next('hello');
    seq = 9;
    purgeApi.drop();
    assert.equal((await purgeApi.next('hello')).position?.seq, 9);
    assert.equal(purgeApi.connections(), 2);
  });

  test('a message that it does not understand ends the connection and is not handed on', async () => {
    const { purgeApi, messages } = await setUp();
    await purgeApi.next('hello');
    purgeApi.sendRaw({ type: 'entries', identity: 'journal-a', entries: 'all' });
    await purgeApi.next('hello');
    assert.deepEqual(messages, []);
  });

  test('after a reconnect nothing is delivered from the connection before', async () => {
    const { purgeApi, stream, messages } = await setUp();
    await purgeApi.next('hello');
    stream.reconnect('test');
    assert.equal(stream.isConnected(), false);
    assert.equal(stream.send({ type: 'goodbye' }), false);
    purgeApi.send({ type: 'welcome', head, resume: 'follow' });
    await purgeApi.next('hello');
    assert.deepEqual(messages, []);
  });

  test('says goodbye when it stops, and does not dial again', async () => {
    const { purgeApi, stream } = await setUp();
    await purgeApi.next('hello');
    stream.stop();
    await purgeApi.next('goodbye');
    await systemClock.sleep(250);
    assert.equal(purgeApi.connections(), 1);
  });
});
