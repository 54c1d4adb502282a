/** `POST /v1/rtt` over real parts: who may report, and what the DNS servers are told. */
import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { maxRttReports } from '../../core/purge/rtt.ts';
import { silentLog } from '../../core/runtime/log.ts';
import { createApi } from '../../purge-api/api.ts';
import { addRttRoutes } from '../../purge-api/rtt-api.ts';
import { settle, setUpParts } from './builders.ts';

let cleanUps: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps) await cleanUp();
  cleanUps = [];
});

const report = { client: '203.0.113.7', pop: 'par', rttMs: 12.5 };

function setUp() {
  const parts = setUpParts();
  cleanUps.push(parts.cleanUp);
  const app = createApi({
    ...parts,
    log: silentLog,
    nodes: parts.registry.standings,
    reload: parts.reloadAll,
    ask: parts.fanOut.ask,
  });
  addRttRoutes(app, { ask: parts.fanOut.ask, topology: parts.topology });
  const post = async (body: unknown, token = 'token-of-all', method = 'POST') => {
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
    const init = { method, headers, ...(method === 'POST' ? { body: JSON.stringify(body) } : {}) };
    const response = await app.request('/v1/rtt', init);
    return { status: response.status, body: await response.json() };
  };
  return { parts, post };
}

test('reports are passed on to the DNS servers; one that is away misses them', async () => {
  const { parts, post } = setUp();
  const away = await post({ reports: [report] });
  assert.deepEqual([away.status, away.body], [202, { servers: [{ node: 'ns1', ok: false }] }]);
  const ns1 = parts.connect('ns1');
  await ns1.hello(null);
  const posted = post({ reports: [report] });
  await settle();
  const asked = ns1.got('request').at(-1) ?? assert.fail();
  assert.deepEqual([asked.what, asked.body], ['rtt', { reports: [report] }]);
  await ns1.say({ type: 'reply', request: asked.request, ok: true, body: { taken: 1 } });
  assert.deepEqual((await posted).body, { servers: [{ node: 'ns1', ok: true }] });
});

test('only a token for all hosts may report: whoever reports moves clients', async () => {
  const { post } = setUp();
  assert.equal((await post({ reports: [report] }, 'wrong')).status, 401);
  const limited = await post({ reports: [report] }, 'token-of-a');
  assert.ok(limited.status === 403 || limited.status === 401, `${limited.status}`);
});

test('what cannot be is refused: no reports, too many, no address, no time', async () => {
  const { post } = setUp();
  for (const reports of [
    [],
    Array.from({ length: maxRttReports + 1 }, () => report),
    [{ ...report, client: 'somebody' }],
    [{ ...report, rttMs: 0 }],
    [{ ...report, rttMs: 60_000 }],
    [{ ...report, more: 1 }],
  ]) {
    assert.equal((await post({ reports })).status, 400);
  }
  assert.equal((await post(undefined, 'token-of-all', 'GET')).status, 405);
});
