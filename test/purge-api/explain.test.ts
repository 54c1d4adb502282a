/** `POST /v1/explain` over real parts: who may ask what, and what becomes of nodes that do not answer. */
import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import type { ExplainedResponse, NodeExplanation } from '../../core/purge/explanation.ts';
import { silentLog } from '../../core/runtime/log.ts';
import { createApi } from '../../purge-api/api.ts';
import type { ProblemDetails } from '../../purge-api/problem.ts';
import { type FakeNode, settle, setUpParts } from './builders.ts';

let cleanUps: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps) await cleanUp();
  cleanUps = [];
});

const url = 'http://a.test/page';

/** What a node with nothing stored answers. */
const nothing = (node: string, role: 'edge' | 'shield', stored: ExplainedResponse[] = []) => {
  const miss = {
    kind: 'miss' as const,
    cacheStatus: `${node}; fwd=uri-miss`,
    fwd: 'uri-miss',
    detail: null,
    ttlSeconds: null,
    servesOnError: false,
    servesWhenUnreachable: false,
  };
  return {
    node,
    role,
    atMs: 0,
    key: url,
    site: ['a.test', 'b.test'],
    owner: 0,
    workers: 1,
    cursor: null,
    head: null,
    isConnected: true,
    decision: miss,
    answers: [{ worker: 0, decision: miss, hitForMiss: null }],
    stored,
  } satisfies NodeExplanation;
};

async function setUp() {
  const parts = setUpParts();
  cleanUps.push(parts.cleanUp);
  const app = createApi({
    ...parts,
    log: silentLog,
    nodes: parts.registry.standings,
    reload: parts.reloadAll,
    ask: parts.fanOut.ask,
  });
  const par = parts.connect('par');
  const eu = parts.connect('eu');
  for (const node of [par, eu]) await node.hello(null);
  const explain = async (body: unknown, token = 'token-of-all') => {
    const response = await app.request('/v1/explain', {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    return { status: response.status, body: (await response.json()) as never };
  };
  return { parts, par, eu, explain };
}

async function reply(node: FakeNode, body: unknown, ok = true): Promise<void> {
  const request = node.got('request').at(-1)?.request ?? '';
  await node.say({ type: 'reply', request, ok, body });
}

test('asks every PoP and shield over its stream, with the fields of the imagined request', async () => {
  const { par, eu, explain } = await setUp();
  const answer = explain({ url, headers: { 'accept-encoding': 'br' } });
  await settle();
  const [question] = par.got('request');
  assert.equal(question?.what, 'explain');
  assert.deepEqual(question?.body, { url, headers: { 'accept-encoding': 'br' } });
  await reply(par, nothing('par', 'edge'));
  await reply(eu, nothing('eu', 'shield'));
  const { status, body } = await answer;
  assert.equal(status, 200);
  assert.deepEqual(body, {
    url,
    nodes: [
      { node: 'eu', role: 'shield', ok: true, explanation: nothing('eu', 'shield') },
      { node: 'par', role: 'edge', ok: true, explanation: nothing('par', 'edge') },
    ],
  });
});

test('with a node named, only that one is asked', async () => {
  const { par, eu, explain } = await setUp();
  const answer = explain({ url, node: 'par' });
  await settle();
  await reply(par, nothing('par', 'edge'));
  const { nodes } = (await answer).body as { nodes: { node: string }[] };
  assert.deepEqual(
    nodes.map(({ node }) => node),
    ['par'],
  );
  assert.equal(eu.got('request').length, 0);
});

test('a node that does not answer in time, refuses, or is not understood is said so beside the others', async () => {
  const { parts, par, eu, explain } = await setUp();
  const late = explain({ url });
  await settle();
  await reply(eu, nothing('eu', 'shield'));
  await parts.clock.advance(3000);
  const problems = async (answer: typeof late) => {
    const { nodes } = (await answer).body as { nodes: { node: string; problem?: string }[] };
    return nodes.map(({ node, problem }) => [node, problem]);
  };
  assert.deepEqual(await problems(late), [
    ['eu', undefined],
    ['par', 'no answer within 3000 ms'],
  ]);
  const odd = explain({ url });
  await settle();
  await reply(eu, { problem: 'no site has the host "a.test"' }, false);
  await reply(par, { something: 'else' });
  assert.deepEqual(await problems(odd), [
    ['eu', 'no site has the host "a.test"'],
    ['par', 'the answer was not understood'],
  ]);
});

test('a token sees the hosts that it may purge, and no others', async () => {
  const { par, eu, explain } = await setUp();
  const { status, body } = await explain({ url: 'http://b.test/' }, 'token-of-a');
  const { type, detail } = body as ProblemDetails;
  assert.deepEqual([status, type], [403, 'urn:breakwater:problem:forbidden-host']);
  assert.match(detail, /b\.test.*a\.test/);
  assert.equal(par.got('request').length, 0);
  const own = explain({ url }, 'token-of-a');
  await settle();
  await reply(par, nothing('par', 'edge'));
  await reply(eu, nothing('eu', 'shield'));
  assert.equal((await own).status, 200);
});

test('without a known token nothing is told', async () => {
  const { explain } = await setUp();
  assert.equal((await explain({ url }, 'wrong')).status, 401);
});

const refused: [string, unknown, RegExp][] = [
  ['an unknown host', { url: 'http://unknown.test/' }, /no site has the host "unknown\.test"/],
  ['no absolute URL', { url: '/page' }, /no absolute/],
  ['no URL', {}, /url/],
  ['a key that is not known', { url, pop: 'par' }, /pop/],
  ['a node that is not there', { url, node: 'tyo' }, /"tyo" \(there are: eu, par\)/],
  ['a node that stores nothing', { url, node: 'ns1' }, /"ns1"/],
  ['a line feed in a field', { url, headers: { accept: 'a\nb' } }, /field value/],
  ['a field name that is none', { url, headers: { 'a b': 'c' } }, /headers/],
  [
    'too many fields',
    { url, headers: Object.fromEntries(Array.from({ length: 101 }, (_, i) => [`x-${i}`, ''])) },
    /at most 100 fields/,
  ],
];
for (const [what, body, words] of refused) {
  test(`${what} is 400, and nobody is asked`, async () => {
    const { par, explain } = await setUp();
    const answer = await explain(body);
    const { type, problems } = answer.body as ProblemDetails;
    assert.deepEqual([answer.status, type], [400, 'urn:breakwater:problem:invalid-parameter']);
    const [problem] = problems ?? [];
    assert.match(`${problem?.path}: ${problem?.message}`, words);
    assert.equal(par.got('request').length, 0);
  });
}
