/** Evidence of purges as it is made: purge-api and signing nodes over real sockets. */
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { afterEach, describe, test } from 'node:test';
import type { EvidenceDocument } from '../../core/purge/evidence.ts';
import { verifyEvidence } from '../../core/purge/verify-evidence.ts';
import { systemClock, systemRandom } from '../../core/runtime/deps.ts';
import { controlRequest } from '../../core/runtime/http-client.ts';
import type { NodeBody, PurgeBody } from '../../purge-api/present.ts';
import { startPurgeApi } from '../../purge-api/purge-api.ts';
import { smallTopology } from '../core/purge/fake-purge-api.ts';
import { makeKey } from '../support/signing-key.ts';
import { purgeContext, temporaryFolder } from './builders.ts';
import { empty, type Memory, openNode } from './test-node.ts';

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

const keys = { par: makeKey(), eu: makeKey() };

function newFolder(): string {
  const folder = temporaryFolder();
  ends.push(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

async function start(folder = newFolder()) {
  const topology = smallTopology('127.0.0.1:0');
  const context = purgeContext(folder, { clock: systemClock, random: systemRandom, topology });
  const service = await startPurgeApi(context);
  let isRunning = true;
  const stop = async () => {
    if (isRunning) await service.drain(5000);
    isRunning = false;
  };
  ends.push(stop);
  const call = async <Body>(
    path: string,
    {
      method = 'GET' as 'GET' | 'POST' | 'DELETE',
      json = undefined as unknown,
      token = 'all',
    } = {},
  ) => {
    const response = await controlRequest(`http://${service.bound?.listen}${path}`, {
      method,
      headers: { authorization: `Bearer token-of-${token}` },
      json,
      timeoutMs: 5000,
    });
    return { status: response.status, body: JSON.parse(response.body.toString()) as Body };
  };
  const purge = async (tag: string) => {
    const json = { tags: [tag] };
    for (;;) {
      const answer = await call<PurgeBody>('/v1/purges?wait=5s', { method: 'POST', json });
      if (answer.status !== 503) return answer.body;
    }
  };
  const evidenceOf = async (id: string) =>
    (await call<EvidenceDocument>(`/v1/purges/${id}/evidence`)).body;
  return { folder, context, stop, call, purge, evidenceOf };
}

type Api = Awaited<ReturnType<typeof start>>;

function openSigning({ context }: Api, id: 'par' | 'eu', memory: Memory, key = keys[id]) {
  const node = openNode(context.topology, id, memory, { key });
  ends.push(node.subscriber.stop);
  return node;
}

async function startNetwork() {
  const api = await start();
  const memories = { par: empty(), eu: empty() };
  const par = openSigning(api, 'par', memories.par);
  const eu = openSigning(api, 'eu', memories.eu);
  await Promise.all([par.ready, eu.ready]);
  return { api, memories, par, eu };
}

async function fingerprintsOf(api: Api): Promise<Map<string, string>> {
  const { body } = await api.call<{ nodes: (NodeBody & { fingerprint: string | null })[] }>(
    '/v1/nodes',
  );
  const known = body.nodes.flatMap(({ id, fingerprint }) =>
    fingerprint === null ? [] : [[id, fingerprint] as const],
  );
  return new Map(known);
}

const problemsOf = (document: EvidenceDocument, expected = new Map<string, string>()) =>
  verifyEvidence(document, expected).findings.filter(({ result }) => result === 'wrong');

describe('the evidence of a purge', () => {
  test('holds by the fingerprints that /v1/nodes shows, and those are of the nodes own keys', async () => {
    const { api } = await startNetwork();
    const { id } = await api.purge('x');
    const fingerprints = await fingerprintsOf(api);
    const document = await api.evidenceOf(id);
    const { valid, unconfirmed } = verifyEvidence(document, fingerprints);
    assert.deepEqual([valid, unconfirmed], [true, []]);
    assert.equal(fingerprints.get('par'), keys.par.fingerprint);
    assert.deepEqual([...fingerprints.keys()].sort(), ['eu', 'par', 'purge']);
  });

  test('is the same after a restart of purge-api, before any node has come back', async () => {
    const { api, par, eu } = await startNetwork();
    const { id } = await api.purge('x');
    const fingerprints = await fingerprintsOf(api);
    const before = await api.evidenceOf(id);
    await Promise.all([par.subscriber.stop(), eu.subscriber.stop()]);
    await api.stop();
    const after = await (await start(api.folder)).evidenceOf(id);
    assert.deepEqual(problemsOf(after, fingerprints), []);
    const { issuedAtMs, signature } = before;
    assert.deepEqual({ ...after, issuedAtMs, signature }, before);
  });

  test('of a purge that waits for a node says so, and is not valid', async () => {
    const { api } = await startNetwork();
    await api.stop();
    const again = await start(api.folder);
    const lone = openSigning(again, 'par', empty());
    ends.push(lone.subscriber.stop);
    const held = openNode(again.context.topology, 'eu', empty(), {
      key: keys.eu,
      apply: () => new Promise(() => {}),
    });
    ends.push(() => void held.subscriber.stop());
    await lone.ready;
    const json = { tags: ['y'] };
    let answer = await again.call<PurgeBody>('/v1/purges', { method: 'POST', json });
    while (answer.status === 503) {
      answer = await again.call<PurgeBody>('/v1/purges', { method: 'POST', json });
    }
    const document = await again.evidenceOf(answer.body.id);
    assert.equal(document.status, 'pending');
    assert.ok(problemsOf(document).length > 0);
  });

  test('is not for a token of other hosts, nor of a purge that is not there', async () => {
    const { api } = await startNetwork();
    const { id } = await api.purge('x');
    const other = await api.call(`/v1/purges/${id}/evidence`, { token: 'a' });
    const none = await api.call('/v1/purges/none/evidence');
    assert.deepEqual([other.status, none.status], [404, 404]);
  });

  test('that was lost comes again from the nodes, which sign their positions when they reconnect', async () => {
    const { api } = await startNetwork();
    const { id } = await api.purge('x');
    await api.stop();
    for (const suffix of ['', '-wal', '-shm']) {
      rmSync(`${api.folder}/purge/evidence.sqlite${suffix}`, { force: true });
    }
    const again = await start(api.folder);
    let document = await again.evidenceOf(id);
    while (problemsOf(document).length > 0) document = await again.evidenceOf(id);
    assert.deepEqual(problemsOf(document, await fingerprintsOf(again)), []);
  });
});

describe('a purge that converged without a quarantined node', () => {
  test('stays converged, and tells of the quarantine, when the node is back and after a restart', async () => {
    const { api, memories, eu } = await startNetwork();
    await eu.subscriber.stop();
    const { id, status } = await api.purge('x');
    assert.equal(status, 'converged');
    const back = openSigning(api, 'eu', memories.eu);
    await back.ready;
    await api.purge('y');
    const shown = (await api.call<PurgeBody>(`/v1/purges/${id}`)).body;
    await api.stop();
    const again = await start(api.folder);
    const later = (await again.call<PurgeBody>(`/v1/purges/${id}`)).body;
    for (const body of [shown, later]) {
      const row = body.nodes.find(({ node }) => node === 'eu');
      const told = [body.status, row?.quarantined, row?.reason];
      assert.deepEqual(told, ['converged', true, 'it was stopped']);
    }
    const document = await again.evidenceOf(id);
    assert.equal(
      document.nodes.find(({ node }) => node === 'eu')?.quarantined?.reason,
      'it was stopped',
    );
    assert.deepEqual(problemsOf(document), []);
  });
});

describe('a node whose data folder was lost', () => {
  test('is refused with its new key until the old one is forgotten', async () => {
    const { api, eu } = await startNetwork();
    await eu.subscriber.stop();
    const fresh = openSigning(api, 'eu', empty(), makeKey());
    const counted = async () =>
      (await api.context.metrics.text()).match(/keys_refused_total (\d+)/);
    while ((await counted())?.[1] === '0') await systemClock.sleep(10);
    assert.equal(fresh.subscriber.holdsLease(), false);
    const path = '/v1/nodes/eu/key';
    const forgotten = await api.call(path, { method: 'DELETE' });
    assert.deepEqual(forgotten.body, { node: 'eu', forgotten: keys.eu.fingerprint });
    await fresh.ready;
    assert.notEqual((await fingerprintsOf(api)).get('eu'), keys.eu.fingerprint);
  });

  test('only a token for all hosts may forget a key, and only one that is pinned', async () => {
    const { api } = await startNetwork();
    const path = '/v1/nodes/eu/key';
    const forbidden = await api.call(path, { method: 'DELETE', token: 'a' });
    const unknown = await api.call('/v1/nodes/none/key', { method: 'DELETE' });
    assert.deepEqual([forbidden.status, unknown.status], [403, 404]);
    assert.equal((await fingerprintsOf(api)).get('eu'), keys.eu.fingerprint);
  });
});
