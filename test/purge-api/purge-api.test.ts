/** Purge-api as it runs, with the subscribers that run in nodes, over real sockets. */
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { connect } from 'node:net';
import { afterEach, describe, test } from 'node:test';
import { parseHostPort } from '../../core/runtime/addresses.ts';
import { systemClock, systemRandom } from '../../core/runtime/deps.ts';
import { controlRequest } from '../../core/runtime/http-client.ts';
import type { NodeBody, PurgeBody } from '../../purge-api/present.ts';
import { startPurgeApi } from '../../purge-api/purge-api.ts';
import { smallTopology } from '../core/purge/fake-purge-api.ts';
import { purgeContext, temporaryFolder } from './builders.ts';
import { empty, type Memory, openNode } from './test-node.ts';

const ends: (() => unknown)[] = [];
const startNode = (...args: Parameters<typeof openNode>) => {
  const node = openNode(...args);
  ends.push(node.subscriber.stop);
  return node;
};
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

function newFolder(): string {
  const folder = temporaryFolder();
  ends.push(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

async function start(folder = newFolder(), lease = '10s') {
  const topology = smallTopology('127.0.0.1:0', { lease });
  const context = purgeContext(folder, { clock: systemClock, random: systemRandom, topology });
  const service = await startPurgeApi(context);
  let isRunning = true;
  const stop = async () => {
    if (isRunning) await service.drain(5000);
    isRunning = false;
  };
  ends.push(stop);
  const { listen = '', admin = '' } = service.bound ?? {};
  const call = async <Body>(path: string, json?: unknown) => {
    const response = await controlRequest(`http://${listen}${path}`, {
      method: json === undefined ? 'GET' : 'POST',
      headers: { authorization: 'Bearer token-of-all' },
      json,
      timeoutMs: 5000,
    });
    return { status: response.status, body: JSON.parse(response.body.toString()) as Body };
  };
  return { folder, context, stop, listen, admin, call };
}

/** Purge-api with both caching nodes caught up. */
async function startNetwork() {
  const api = await start();
  const memories = { par: empty(), eu: empty() };
  const par = startNode(api.context.topology, 'par', memories.par);
  const eu = startNode(api.context.topology, 'eu', memories.eu);
  await Promise.all([par.ready, eu.ready]);
  return { api, memories, par, eu };
}

const purgeAndWait = (api: Awaited<ReturnType<typeof start>>, json: unknown, wait = '5s') =>
  api.call<PurgeBody>(`/v1/purges?wait=${wait}`, json);

describe('a purge through the whole of purge-api', () => {
  test('reaches every node, and the answer is the evidence', async () => {
    const { api, memories } = await startNetwork();
    const { status, body } = await purgeAndWait(api, { tags: ['news'], urls: ['http://a.test/'] });
    assert.deepEqual([status, body.status], [200, 'converged']);
    assert.ok(body.convergedInMs !== null && body.nodes.every(({ appliedAt }) => appliedAt));
    for (const { applied } of Object.values(memories)) {
      assert.deepEqual(
        applied.map(({ id, selectors }) => [id, selectors.length]),
        [[body.id, 2]],
      );
    }
  });

  test('a node that was down during purges catches up before it is ready', async () => {
    const { api, memories, par } = await startNetwork();
    await par.subscriber.stop();
    // It has said goodbye, so it serves nothing: nobody has to wait for it.
    const { body } = await purgeAndWait(api, { tags: ['one'] }, '5s');
    assert.equal(body.status, 'converged');
    const left = body.nodes.find(({ node }) => node === 'par');
    assert.deepEqual([left?.quarantined, left?.reason], [true, 'it was stopped']);
    await purgeAndWait(api, { tags: ['two'] }, '0s');
    const again = startNode(api.context.topology, 'par', memories.par);
    assert.equal(again.subscriber.holdsLease(), false);
    await again.ready;
    assert.equal(memories.par.applied.length, 2);
    const later = await api.call<PurgeBody>(`/v1/purges/${body.id}?wait=5s`);
    assert.equal(later.body.status, 'converged');
  });

  test('a node that does not finish applying keeps the purge pending, and is named', async () => {
    const api = await start();
    let release = () => {};
    const held = () => new Promise<void>((resolve) => (release = resolve));
    startNode(api.context.topology, 'par', empty(), { apply: held });
    const eu = startNode(api.context.topology, 'eu', empty());
    await eu.ready;
    await api.call('/v1/nodes');
    let answer = await purgeAndWait(api, { everything: true }, '200ms');
    // The other node may not have said its position yet.
    while (answer.status === 503) answer = await purgeAndWait(api, { everything: true }, '200ms');
    const states = answer.body.nodes.map(({ node, state }) => `${node}: ${state}`);
    assert.deepEqual([answer.status, states], [202, ['eu: acknowledged', 'par: behind']]);
    release();
    const later = await api.call<PurgeBody>(`/v1/purges/${answer.body.id}?wait=5s`);
    assert.equal(later.body.status, 'converged');
  });

  test('purges that come together are one order, the same at every node', async () => {
    const { api, memories } = await startNetwork();
    const names = Array.from({ length: 50 }, (_, index) => `t${index}`);
    await Promise.all(names.map((name) => purgeAndWait(api, { tags: [name] })));
    const order = (memory: Memory) => memory.applied.map(({ seq, id }) => `${seq} ${id}`);
    assert.deepEqual(order(memories.par), order(memories.eu));
    assert.equal(memories.par.applied.length, 50);
  });
});

describe('restarts of purge-api', () => {
  test('nodes follow the same journal again, and the evidence of a purge is what it was', async () => {
    const { api, memories, par, eu } = await startNetwork();
    const { body } = await purgeAndWait(api, { tags: ['x'] });
    const path = `/v1/purges/${body.id}?wait=5s`;
    for (const { subscriber } of [par, eu]) subscriber.matched(1, 7);
    let before = await api.call<PurgeBody>(path);
    while (before.body.nodes.some(({ matched }) => matched === null)) before = await api.call(path);
    await api.stop();
    const again = await start(api.folder);
    const later = await again.call<PurgeBody>(path);
    assert.deepEqual(later.body, before.body);
    assert.ok(later.body.convergedInMs !== null);
    let next = await purgeAndWait(again, { tags: ['y'] });
    while (next.status === 503) next = await purgeAndWait(again, { tags: ['y'] });
    assert.equal(next.body.status, 'converged');
    assert.deepEqual([memories.par.resets.length, memories.par.applied.length], [1, 2]);
  });

  test('a journal that is lost: every node counts all that it holds as purged', async () => {
    const { api, memories } = await startNetwork();
    await purgeAndWait(api, { tags: ['x'] });
    const { identity } = memories.par.position ?? {};
    await api.stop();
    for (const suffix of ['', '-wal', '-shm']) {
      rmSync(`${api.folder}/purge/journal.sqlite${suffix}`, { force: true });
    }
    const again = await start(api.folder);
    let answer = await purgeAndWait(again, { tags: ['y'] });
    while (answer.status === 503) answer = await purgeAndWait(again, { tags: ['y'] });
    assert.equal(answer.body.status, 'converged');
    for (const { position, resets } of Object.values(memories)) {
      assert.notEqual(position?.identity, identity);
      assert.match(resets.at(-1) ?? '', /another journal/);
    }
  });

  test('a journal restored from an older copy gets a new identity before it takes a purge', async () => {
    const { api, memories } = await startNetwork();
    await purgeAndWait(api, { tags: ['x'] });
    const { identity } = memories.par.position ?? {};
    await api.stop();
    // What the nodes have seen and the journal has not: as if a copy from before had been put back.
    for (const memory of Object.values(memories)) {
      if (memory.position) memory.position = { ...memory.position, seq: 9, hash: 'lost' };
    }
    const again = await start(api.folder);
    let answer = await purgeAndWait(again, { tags: ['y'] });
    while (answer.status === 503) answer = await purgeAndWait(again, { tags: ['y'] });
    assert.equal(answer.body.status, 'converged');
    for (const { position, resets } of Object.values(memories)) {
      assert.notEqual(position?.identity, identity);
      assert.ok(resets.length >= 2);
    }
  });
});

describe('streams', () => {
  test('a second process of the same id is refused while the first lives, and the first goes on', async () => {
    const { api, memories } = await startNetwork();
    const second = startNode(api.context.topology, 'par', empty(), { instance: 'second' });
    await systemClock.sleep(300);
    assert.equal(second.subscriber.holdsLease(), false);
    assert.equal((await purgeAndWait(api, { tags: ['x'] })).body.status, 'converged');
    assert.equal(memories.par.applied.length, 1);
  });

  test('a purge that begins at a node is in the journal and reaches the others', async () => {
    const { par, memories, api } = await startNetwork();
    const outcome = await par.subscriber.append({
      soft: true,
      scope: ['a.test'],
      selectors: [{ kind: 'everything' }],
    });
    assert.ok(outcome.ok);
    await api.call(`/v1/purges/${outcome.id}?wait=5s`);
    assert.deepEqual(memories.eu.applied[0]?.scope, ['a.test']);
  });

  test('without the key of a node a stream is refused with 401; on other paths with 404', async () => {
    const api = await start();
    const answerTo = (path: string, authorization: string) =>
      new Promise<string>((resolve) => {
        const target = parseHostPort(api.listen);
        const socket = connect(target?.port ?? 0, target?.host ?? '');
        socket.setEncoding('utf8');
        socket.once('data', (text: string) => resolve(text.split('\r\n')[0] ?? ''));
        socket.write(
          `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\nAuthorization: ${authorization}\r\n\r\n`,
        );
      });
    const wrongKey = await answerTo('/v1/stream', 'Breakwater-Node par 0123');
    assert.equal(wrongKey, 'HTTP/1.1 401 Unauthorized');
    const token = await answerTo('/v1/stream', 'Bearer token-of-all');
    assert.equal(token, 'HTTP/1.1 401 Unauthorized');
    assert.equal(await answerTo('/v1/other', ''), 'HTTP/1.1 404 Not Found');
  });
});

describe('its listeners', () => {
  test('admin: alive at once, ready when the nodes have said their positions; metrics', async () => {
    const api = await start();
    const admin = async (path: string) => {
      const { status, body } = await controlRequest(`http://${api.admin}${path}`, {
        timeoutMs: 5000,
      });
      return [status, body.toString()] as const;
    };
    const json = async (path: string) => {
      const [status, text] = await admin(path);
      return [status, JSON.parse(text)];
    };
    assert.deepEqual(await json('/healthz'), [200, { node: 'purge', alive: true }]);
    const reason = 'waits for the positions of eu, par';
    assert.deepEqual(await json('/readyz'), [503, { node: 'purge', ready: false, reason }]);
    const nodes = [
      startNode(api.context.topology, 'par', empty()),
      startNode(api.context.topology, 'eu', empty()),
    ];
    await Promise.all(nodes.map(({ ready }) => ready));
    assert.deepEqual(await json('/readyz'), [200, { node: 'purge', ready: true }]);
    assert.match((await admin('/metrics'))[1], /breakwater_purge_connected_nodes 2/);
  });

  test('a body of 2 MiB is answered with 413 over the wire', async () => {
    const { api } = await startNetwork();
    const { status } = await api.call('/v1/purges', { tags: ['x'.repeat(2 ** 21)] });
    assert.equal(status, 413);
    assert.equal((await purgeAndWait(api, { tags: ['x'] })).body.seq, 1);
  });

  test('an address in use fails the start, and leaves the journal free for the next', async () => {
    const api = await start();
    const folder = newFolder();
    const topology = smallTopology(api.listen);
    const deps = { clock: systemClock, random: systemRandom };
    const context = purgeContext(folder, { ...deps, topology });
    await assert.rejects(startPurgeApi(context), { code: 'EADDRINUSE' });
    await start(folder);
  });

  test('reload over the streams: every node says what it has taken', async () => {
    const { api } = await startNetwork();
    const { body } = await api.call<{ nodes: NodeBody[] }>('/v1/reload', {});
    assert.deepEqual(
      body.nodes.map((answer) =>
        'node' in answer ? [answer.node, 'ok' in answer && answer.ok] : [],
      ),
      [
        ['purge', true],
        ['eu', true],
        ['par', true],
        ['ns1', false],
      ],
    );
  });
});
