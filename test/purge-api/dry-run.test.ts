/** `POST /v1/purges` with `dryRun` over real parts: who is asked what, and that nothing is purged. */
import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { silentLog } from '../../core/runtime/log.ts';
import { createApi } from '../../purge-api/api.ts';
import type { DryRunBody } from '../../purge-api/dry-run.ts';
import { type FakeNode, settle, setUpParts } from './builders.ts';

let cleanUps: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps) await cleanUp();
  cleanUps = [];
});

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
  const purge = async (body: unknown, token = 'token-of-all') => {
    const response = await app.request('/v1/purges', {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    return { status: response.status, body: (await response.json()) as never };
  };
  return { parts, par, eu, purge };
}

async function reply(node: FakeNode, body: unknown, ok = true): Promise<void> {
  const request = node.got('request').at(-1)?.request ?? '';
  await node.say({ type: 'reply', request, ok, body });
}

test('asks every PoP and shield, and puts no entry into the journal', async () => {
  const { parts, par, eu, purge } = await setUp();
  const answer = purge({ tags: ['news'], soft: true, dryRun: true });
  await settle();
  const [question] = par.got('request');
  assert.deepEqual(
    [question?.what, question?.body],
    ['dry-run', { soft: true, scope: ['*'], selectors: [{ kind: 'tag', tag: 'news' }] }],
  );
  await reply(par, { matched: 2, isComplete: true, examples: ['http://a.test/1'] });
  await reply(eu, { matched: 9, isComplete: false, examples: [] });
  const { status, body } = await answer;
  assert.equal(status, 200);
  assert.deepEqual(body, {
    dryRun: true,
    soft: true,
    nodes: [
      {
        node: 'eu',
        role: 'shield',
        ok: true,
        matched: 9,
        complete: false,
        examples: [],
        problem: null,
      },
      {
        node: 'par',
        role: 'edge',
        ok: true,
        matched: 2,
        complete: true,
        examples: ['http://a.test/1'],
        problem: null,
      },
    ],
  } satisfies DryRunBody);
  assert.equal(parts.journal.head().seq, 0);
});

test('a node that does not answer in time, fails, or is not understood is named', async () => {
  const { parts, eu, par, purge } = await setUp();
  const problems = (body: never) => (body as DryRunBody).nodes.map(({ problem }) => problem);
  const late = purge({ everything: true, dryRun: true });
  await settle();
  await reply(eu, { problem: 'the disk cannot be read' }, false);
  await parts.clock.advance(3000);
  assert.deepEqual(problems((await late).body), [
    'the disk cannot be read',
    'no answer within 3000 ms',
  ]);
  const wrong = purge({ everything: true, dryRun: true });
  await settle();
  await reply(eu, { matched: 'many' });
  par.vanish();
  assert.deepEqual(problems((await wrong).body), [
    'the answer was not understood',
    'the connection broke',
  ]);
});

test('a dry run is bound to the hosts of the token, as a purge is', async () => {
  const { par, eu, purge } = await setUp();
  const refused = await purge({ urls: ['http://b.test/x'], dryRun: true }, 'token-of-a');
  assert.equal(refused.status, 403);
  assert.equal((await purge({ dryRun: true })).status, 400);
  assert.equal((await purge({ tags: ['x'], dryRun: 'yes' })).status, 400);
  assert.equal(par.got('request').length, 0);
  const allowed = purge({ everything: true, dryRun: true }, 'token-of-a');
  await settle();
  assert.deepEqual(par.got('request')[0]?.body, {
    soft: false,
    scope: ['a.test'],
    selectors: [{ kind: 'everything' }],
  });
  par.vanish();
  eu.vanish();
  assert.equal((await allowed).status, 200);
});
