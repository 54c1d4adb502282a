/** Purge and warm at purge-api, over real parts: who is asked what, and when. */
import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { silentLog } from '../../core/runtime/log.ts';
import { createApi } from '../../purge-api/api.ts';
import type { PurgeBody } from '../../purge-api/present.ts';
import { type FakeNode, settle, setUpParts } from './builders.ts';

let cleanUps: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps) await cleanUp();
  cleanUps = [];
});

const response = { key: 'http://a.test/1', variant: '' };
const finding = { responses: [{ ...response, heat: 1 }], isComplete: true };

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
  const call = async (path: string, body?: unknown, headers = {}) => {
    const answer = await app.request(path, {
      method: body === undefined ? 'GET' : 'POST',
      headers: {
        authorization: 'Bearer token-of-all',
        'content-type': 'application/json',
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return (await answer.json()) as PurgeBody;
  };
  /** Purges with `warm`, both nodes saying what they hold. */
  const purge = async (headers = {}) => {
    const answer = call('/v1/purges', { tags: ['news'], warm: 5 }, headers);
    await settle();
    for (const node of [par, eu]) await reply(node, finding);
    return answer;
  };
  const warmOf = async (id: string) => (await call(`/v1/purges/${id}`)).warm;
  return { parts, par, eu, call, purge, warmOf };
}

async function reply(node: FakeNode, body: unknown, ok = true): Promise<void> {
  const request = node.got('request').at(-1)?.request ?? '';
  await node.say({ type: 'reply', request, ok, body });
}

const steps = (node: FakeNode) =>
  node.got('request').map(({ body }) => (body as { step: string }).step);

test('asked before the purge, refilled after it: the shield first, then the edge, once it has converged', async () => {
  const { parts, par, eu, purge, warmOf } = await setUp();
  const { id, seq, warm } = await purge();
  assert.deepEqual([warm?.state, warm?.responses, warm?.asked], ['waiting', 1, 2]);
  assert.deepEqual([steps(par), steps(eu)], [['find'], ['find']]);
  for (const node of [par, eu]) await node.ack(seq);
  assert.deepEqual([steps(par), steps(eu)], [['find'], ['find', 'refill']]);
  const { identity, hash } = parts.journal.head();
  const order = eu.got('request').at(-1)?.body as Record<string, unknown>;
  assert.deepEqual(order.position, { identity, seq, hash });
  assert.deepEqual(order.responses, [response]);
  await reply(eu, { done: 1, failed: 0, stopped: false });
  assert.deepEqual(steps(par), ['find', 'refill']);
  await reply(par, { done: 1, failed: 0, stopped: false });
  assert.deepEqual(await warmOf(id), {
    state: 'done',
    responses: 1,
    asked: 2,
    done: 2,
    failed: 0,
    silent: [],
    problem: null,
  });
});

test('where a shield cannot refill, edges are not asked: they would ask the same origin', async () => {
  const { par, eu, purge, warmOf } = await setUp();
  const { id, seq } = await purge();
  for (const node of [par, eu]) await node.ack(seq);
  await reply(eu, { done: 0, failed: 1, stopped: true });
  const warm = await warmOf(id);
  assert.deepEqual([warm?.state, warm?.done, warm?.failed], ['stopped', 0, 2]);
  assert.match(warm?.problem ?? '', /^eu: too many failures/);
  assert.deepEqual(steps(par), ['find']);
});

test('a purge that does not converge is warmed after a bounded wait where it was applied', async () => {
  const { parts, eu, purge } = await setUp();
  const { seq } = await purge();
  await eu.ack(seq);
  assert.deepEqual(steps(eu), ['find']);
  await parts.clock.advance(10_000);
  await settle();
  assert.deepEqual(steps(eu), ['find', 'refill']);
});

test('nodes that say nothing in time are named, and do not hold up the purge', async () => {
  const { parts, par, call } = await setUp();
  const answer = call('/v1/purges', { tags: ['news'], warm: 5 });
  await settle();
  await reply(par, finding);
  await parts.clock.advance(2000);
  assert.deepEqual((await answer).warm?.silent, ['eu']);
});

test('a repeated request is not warmed again, and the same key with another number is another body', async () => {
  const { par, eu, purge, call } = await setUp();
  const key = { 'idempotency-key': 'k' };
  const first = await purge(key);
  for (const node of [par, eu]) await node.ack(first.seq);
  const again = await purge(key);
  assert.equal(again.id, first.id);
  assert.deepEqual(steps(eu), ['find', 'refill', 'find']);
  const other = call('/v1/purges', { tags: ['news'], warm: 6 }, key);
  await settle();
  for (const node of [par, eu]) await reply(node, finding);
  assert.equal((await other).status as unknown, 409);
});

test('more than four warmings at once are refused; the purges are not', async () => {
  const { purge, call } = await setUp();
  for (let count = 0; count < 4; count += 1) await purge();
  const fifth = await call('/v1/purges', { tags: ['news'], warm: 5 });
  assert.deepEqual([fifth.status, fifth.warm?.state], ['pending', 'refused']);
});

test('looks count as well: nodes are not asked for a fifth list while four are made', async () => {
  const { eu, call } = await setUp();
  for (let count = 0; count < 5; count += 1) void call('/v1/purges', { tags: ['news'], warm: 5 });
  await settle();
  assert.equal(steps(eu).length, 4);
});
