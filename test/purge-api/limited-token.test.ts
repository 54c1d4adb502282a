/** `purge.tokens[].limit` over real parts: what counts, what a caller is told, and that nothing is purged beyond it. */
import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { silentLog } from '../../core/runtime/log.ts';
import { createApi } from '../../purge-api/api.ts';
import type { ProblemDetails } from '../../purge-api/problem.ts';
import { settle, setUpParts } from './builders.ts';

let cleanUps: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps) await cleanUp();
  cleanUps = [];
});

/** The token for all hosts may ask for two purges a minute. */
async function setUp({ isStarting = false } = {}) {
  const parts = setUpParts();
  cleanUps.push(parts.cleanUp);
  const [all, ...others] = parts.topology().purge.tokens;
  assert.ok(all);
  parts.limits.update([{ ...all, limit: { purges: 2, perMs: 60_000 } }, ...others]);
  const app = createApi({
    ...parts,
    log: silentLog,
    nodes: parts.registry.standings,
    reload: parts.reloadAll,
    ask: parts.fanOut.ask,
  });
  const par = parts.connect('par');
  await par.hello(null);
  if (!isStarting) await parts.connect('eu').hello(null);
  const purge = (body: unknown, token = 'token-of-all') =>
    app.request('/v1/purges', {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
  return { parts, par, purge };
}

test('beyond its limit a token gets 429 with Retry-After, nothing is appended, and it is counted', async () => {
  const { parts, purge } = await setUp();
  const first = await purge({ tags: ['a'] });
  assert.equal(first.headers.get('ratelimit'), '"purges";r=1;t=30');
  await purge({ tags: ['b'] });
  const third = await purge({ tags: ['c'] });
  assert.deepEqual([third.status, third.headers.get('retry-after')], [429, '30']);
  const { type } = (await third.json()) as ProblemDetails;
  assert.equal(type, 'urn:breakwater:problem:limit-reached');
  assert.equal(parts.journal.head().seq, 2);
  const metrics = await parts.context.metrics.text();
  assert.match(metrics, /breakwater_purge_requests_total\{outcome="limit-reached"\} 1/);
  await parts.clock.advance(30_000);
  assert.ok((await purge({ tags: ['c'] })).ok);
});

test('another token is not held back, and one without a limit is told of none', async () => {
  const { purge } = await setUp();
  for (const tag of ['a', 'b', 'c']) await purge({ tags: [tag] });
  const other = await purge({ tags: ['a'] }, 'token-of-a');
  assert.deepEqual([other.status, other.headers.get('ratelimit')], [202, null]);
});

test('what is refused for other reasons does not count', async () => {
  const { parts, purge } = await setUp({ isStarting: true });
  for (const body of [{}, { tags: [] }, { tags: ['x'] }, { tags: ['x'] }, { tags: ['x'] }]) {
    assert.notEqual((await purge(body)).status, 429);
  }
  await parts.connect('eu').hello(null);
  assert.equal((await purge({ tags: ['x'] })).status, 202);
});

test('PURGE on a public listener counts for the token that was shown, on an admin listener for none', async () => {
  const { par, purge, parts } = await setUp();
  const append = { type: 'append' as const, soft: false, scope: ['*'] };
  const selectors = [{ kind: 'tag' as const, tag: 'x' }];
  for (const request of ['1', '2', '3']) {
    await par.say({ ...append, request, selectors, token: 'all' });
    await settle();
  }
  assert.deepEqual(
    par.got('appended').map(({ ok }) => ok),
    [true, true, false],
  );
  assert.match(par.got('appended').at(-1)?.problem ?? '', /limit of the token "all"/);
  assert.equal((await purge({ tags: ['x'] })).status, 429);
  await par.say({ ...append, request: '4', selectors });
  await settle();
  assert.equal(par.got('appended').at(-1)?.ok, true);
  assert.equal(parts.journal.head().seq, 3);
});
