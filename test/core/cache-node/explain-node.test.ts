/** A whole node's explanation: the key, who owns it, and the copies of all workers put together. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { HeldCopy, ImaginedRequest, WorkerExplanation } from '../../../core/cache/explain.ts';
import { createKeySpace } from '../../../core/cache/key.ts';
import {
  createNodeExplainer,
  type NodeExplainDeps,
} from '../../../core/cache-node/explain-node.ts';
import { nodeExplanationSchema } from '../../../core/purge/explanation.ts';
import { ownerOf } from '../../../core/upstream/ring.ts';
import { createFakeClock } from '../../support/fake-clock.ts';
import { siteWith } from '../../support/sites.ts';

const key = 'http://www.demo.test/page?a=1';
const owner = ownerOf(key, 2);
const other = 1 - owner;
const cache = { query: { drop: ['utm_*'] }, clientRevalidation: false };
const cursor = { identity: 'journal-a', seq: 3, hash: 'h' };

const held = (tier: 'memory' | 'disk', changes: Partial<HeldCopy['facts']> = {}): HeldCopy => ({
  facts: {
    status: 200,
    part: null,
    bodyBytes: 4,
    vary: [],
    isSelected: true,
    receivedAtMs: 1000,
    age: { seconds: 1, initialSeconds: 0, storedSeconds: 1 },
    lifetimeSeconds: 60,
    source: 'max-age',
    staleWhileRevalidateSeconds: 0,
    staleIfErrorSeconds: 0,
    flags: { noCache: false, mustRevalidate: false, immutable: false },
    tags: [],
    etag: null,
    lastModified: null,
    ...changes,
  },
  copy: {
    tier,
    labelSeq: 3,
    identity: 'journal-a',
    purged: { kind: 'clean' },
    ttlSeconds: 59,
  },
});

const says = (kind: 'hit' | 'miss', ...copies: HeldCopy[]): WorkerExplanation => ({
  cursor,
  decision: {
    kind,
    cacheStatus: kind === 'hit' ? 'par; hit; ttl=59' : 'par; fwd=uri-miss',
    fwd: kind === 'hit' ? null : 'uri-miss',
    detail: null,
    ttlSeconds: kind === 'hit' ? 59 : null,
    servesOnError: kind === 'hit',
    servesWhenUnreachable: kind === 'hit',
  },
  hitForMiss: null,
  held: copies,
});

/** A node of two workers that say this. */
function nodeWith(
  answers: { worker: number; explanation: WorkerExplanation }[],
  changes: Partial<NodeExplainDeps> = {},
) {
  const asked: ImaginedRequest[] = [];
  const explain = createNodeExplainer({
    clock: createFakeClock(5000),
    node: { id: 'par', role: 'edge', workers: 2 },
    keySpace: () => createKeySpace([siteWith({ cache })]),
    pool: {
      explain(request) {
        asked.push(request);
        return Promise.resolve(answers);
      },
    },
    position: () => cursor,
    head: () => ({ ...cursor, seq: 4 }),
    isConnected: () => true,
    ...changes,
  });
  const explained = async (url: string, headers: Record<string, string> = {}) => {
    const result = await explain({ url, headers });
    assert.ok(result.ok, JSON.stringify(result));
    return result.explanation;
  };
  return { explain, explained, asked };
}

test('the key is in the site’s normal form, and every worker is asked for it at the same moment', async () => {
  const { explained, asked } = nodeWith([]);
  const {
    key: told,
    site,
    atMs,
  } = await explained('HTTP://WWW.demo.TEST:8081/x/../page?utm_a=b&a=1', {
    'accept-language': 'de',
  });
  assert.deepEqual([told, site, atMs], [key, ['www.demo.test'], 5000]);
  assert.deepEqual(asked, [
    {
      key,
      headers: ['accept-language', 'de'],
      honoursDirectives: false,
      staleWhenUnreachableMs: undefined,
      nowMs: 5000,
    },
  ]);
});

test('copies of one response in several memories and on disk stand side by side; the disk counts once', async () => {
  const { explained } = nodeWith([
    { worker: 0, explanation: says('hit', held('memory'), held('disk')) },
    { worker: 1, explanation: says('hit', held('memory'), held('disk')) },
  ]);
  const { stored } = await explained(key);
  assert.equal(stored.length, 1);
  assert.deepEqual(
    stored[0]?.copies.map(({ tier, worker }) => [tier, worker]),
    [
      ['memory', 0],
      ['memory', 1],
      ['disk', null],
    ],
  );
});

test('a worker that still holds an older response is seen; the newest comes first', async () => {
  const { explained } = nodeWith([
    { worker: owner, explanation: says('hit', held('memory', { receivedAtMs: 3000 })) },
    { worker: other, explanation: says('hit', held('memory', { receivedAtMs: 2000 })) },
  ]);
  const { stored } = await explained(key);
  assert.deepEqual(
    stored.map(({ receivedAtMs, copies }) => [receivedAtMs, copies[0]?.worker]),
    [
      [3000, owner],
      [2000, other],
    ],
  );
});

test('the node’s answer is that of the worker that owns the key; each worker’s own is told as well', async () => {
  const { explained } = nodeWith([
    { worker: owner, explanation: says('hit', held('memory')) },
    { worker: other, explanation: says('miss') },
  ]);
  const explanation = await explained(key);
  assert.equal(explanation.owner, owner);
  assert.equal(explanation.decision?.kind, 'hit');
  assert.deepEqual(
    explanation.answers.map(({ worker, decision }) => [worker, decision.kind]),
    [
      [owner, 'hit'],
      [other, 'miss'],
    ],
  );
});

test('a worker that does not answer in time is missing, and its decision unknown where it owns the key', async () => {
  const { explained } = nodeWith([{ worker: other, explanation: says('miss', held('disk')) }]);
  const { decision, answers, stored, workers } = await explained(key);
  assert.deepEqual([decision, answers.length, workers], [null, 1, 2]);
  assert.equal(stored[0]?.copies[0]?.tier, 'disk', 'the disk is known all the same');
});

test('directives count where the site obeys them, and on a shield, which believes its edges', async () => {
  const { explained, asked } = nodeWith([], { node: { id: 'eu', role: 'shield', workers: 1 } });
  await explained(key);
  assert.equal(asked[0]?.honoursDirectives, true);
  const obeying = nodeWith([], { keySpace: () => createKeySpace([siteWith()]) });
  await obeying.explained(key);
  assert.equal(obeying.asked[0]?.honoursDirectives, true);
});

test('cursor and head are told, and the whole fits the contract', async () => {
  const { explained } = nodeWith([{ worker: owner, explanation: says('hit', held('memory')) }]);
  const explanation = await explained(key);
  assert.deepEqual([explanation.cursor?.seq, explanation.head?.seq], [3, 4]);
  assert.deepEqual(
    nodeExplanationSchema.parse(JSON.parse(JSON.stringify(explanation))),
    explanation,
  );
});

const refused: [string, unknown, RegExp][] = [
  ['a host of no site', { url: 'http://x.test/' }, /no site has the host "x\.test"/],
  ['no absolute URL', { url: '/page' }, /no absolute/],
  ['a path without a normal form', { url: 'http://www.demo.test/%zz' }, /no absolute/],
  ['no question at all', null, /expected/],
  ['a field that is none', { url: key, headers: { 'a\nb': 'c' } }, /headers/],
];
for (const [what, question, words] of refused) {
  test(`refused, and no worker is asked: ${what}`, async () => {
    const { explain, asked } = nodeWith([]);
    const explained = await explain(question);
    assert.match(explained.ok ? '' : explained.problem, words);
    assert.equal(asked.length, 0);
  });
}
