import assert from 'node:assert/strict';
import { afterEach, describe, test } from 'node:test';
import type { Position } from '../../core/purge/command.ts';
import { silentLog } from '../../core/runtime/log.ts';
import { createApi, type ReloadAnswer } from '../../purge-api/api.ts';
import type { EntryBody, NodeBody, PurgeBody } from '../../purge-api/present.ts';
import type { ProblemDetails } from '../../purge-api/problem.ts';
import { type FakeNode, type Parts, settle, setUpParts } from './builders.ts';

let open: Parts[] = [];
afterEach(async () => {
  for (const parts of open) await parts.cleanUp();
  open = [];
});

interface Call {
  method?: string;
  token?: string | undefined;
  json?: unknown;
  body?: string;
  headers?: Record<string, string>;
}

interface NodesBody {
  network: string;
  head: Position;
  nodes: NodeBody[];
}

interface JournalBody {
  head: Position;
  entries: EntryBody[];
  next: number | null;
}

/** The API over real parts, with every node connected unless told otherwise. */
async function setUp({ isStarting = false } = {}) {
  const parts = setUpParts();
  open.push(parts);
  const { metrics, journal, purges, topology, authenticate, limits, reloadAll, registry } = parts;
  const app = createApi({
    log: silentLog,
    metrics,
    journal,
    purges,
    topology,
    authenticate,
    limits,
    nodes: registry.standings,
    reload: reloadAll,
    ask: parts.fanOut.ask,
    evidence: parts.evidence,
    warming: parts.warming,
  });
  const nodes: { par?: FakeNode; eu?: FakeNode } = {};
  for (const id of isStarting ? (['eu'] as const) : (['par', 'eu'] as const)) {
    const node = parts.connect(id);
    nodes[id] = node;
    await node.hello(null);
    await node.ack(0);
  }
  const call = async <Body = unknown>(path: string, options: Call = {}) => {
    const { json, token = 'token-of-all' } = options;
    const body = json === undefined ? options.body : JSON.stringify(json);
    const response = await app.request(path, {
      method: options.method ?? (body === undefined ? 'GET' : 'POST'),
      headers: {
        ...(token === '' ? {} : { authorization: `Bearer ${token}` }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...options.headers,
      },
      ...(body === undefined ? {} : { body }),
    });
    const answer = (await response.json()) as Body;
    return { status: response.status, headers: response.headers, body: answer };
  };
  const purge = (json: unknown, options: Call = {}) =>
    call<PurgeBody>('/v1/purges', { json, ...options });
  /** Every node acknowledges all that there is. */
  const ackAll = async () => {
    for (const node of Object.values(nodes)) await node.ack(journal.head().seq);
  };
  return { parts, app, nodes, call, purge, ackAll };
}

/** Checks that an answer is a problem of that code, and returns what it says. */
function problemOf(
  { status, headers, body }: { status: number; headers: Headers; body: unknown },
  expected: number,
  code: string,
): ProblemDetails {
  const problem = body as ProblemDetails;
  assert.equal(headers.get('content-type'), 'application/problem+json');
  assert.deepEqual(
    [status, problem.status, problem.type],
    [expected, expected, `urn:breakwater:problem:${code}`],
  );
  assert.ok(problem.title && problem.detail);
  return problem;
}

describe('POST /v1/purges', () => {
  test('answers 202 with its place in the journal, where to look, and the nodes that are still behind', async () => {
    const { purge, parts } = await setUp();
    const { status, headers, body } = await purge({ tags: ['news'], soft: true });
    const entry = (await parts.journal.after(0, { limit: 1 }))[0];
    assert.equal(status, 202);
    assert.equal(headers.get('location'), `/v1/purges/${body.id}`);
    assert.deepEqual(
      [body.id, body.seq, body.status, body.soft, body.by, body.convergedInMs],
      [entry?.id, 1, 'pending', true, 'all', null],
    );
    assert.deepEqual(
      body.nodes.map(({ node, role, state }) => [node, role, state]),
      [
        ['eu', 'shield', 'behind'],
        ['par', 'edge', 'behind'],
      ],
    );
  });

  test('with wait: 200 as soon as every node has acknowledged, with the evidence', async () => {
    const { call, nodes, parts } = await setUp();
    const answer = call<PurgeBody>('/v1/purges?wait=10s', { json: { everything: true } });
    await settle();
    await nodes.par?.ack(1);
    await parts.clock.advance(30);
    await nodes.par?.say({ type: 'matched', seq: 1, responses: 7 });
    await nodes.eu?.ack(1);
    const { status, body } = await answer;
    assert.deepEqual([status, body.status, body.convergedInMs], [200, 'converged', 30]);
    const [eu, par] = body.nodes;
    assert.deepEqual([eu?.matched, par?.matched, par?.quarantined], [null, 7, false]);
    assert.deepEqual(
      [par?.appliedAt, par?.cursor],
      ['1970-01-01T00:00:01.000Z', parts.journal.head()],
    );
  });

  test('with wait, in vain: 202 and pending when the time is over', async () => {
    const { call, nodes, parts } = await setUp();
    const answer = call<PurgeBody>('/v1/purges?wait=2s', { json: { tags: ['x'] } });
    await settle();
    await nodes.par?.ack(1);
    await parts.clock.advance(2000);
    const { status, body } = await answer;
    assert.deepEqual([status, body.status], [202, 'pending']);
    assert.match(await parts.context.metrics.text(), /breakwater_purge_wait_timeouts_total 1/);
  });

  test('a wait is cut to 60 s; what is no duration is refused before anything is appended', async () => {
    const { call, parts, nodes } = await setUp();
    const answer = call('/v1/purges?wait=1h', { json: { tags: ['x'] } });
    await settle();
    for (let passedMs = 0; passedMs < 60_000; passedMs += 3000) {
      await nodes.eu?.renew();
      // One that comes anew each time, and never acknowledges.
      await parts.connect('par').hello(null);
      await parts.clock.advance(3000);
    }
    assert.equal((await answer).status, 202);
    for (const wait of ['10', '-1s', 'soon', '']) {
      problemOf(
        await call(`/v1/purges?wait=${wait}`, { json: { tags: ['x'] } }),
        400,
        'invalid-parameter',
      );
    }
    assert.equal(parts.journal.head().seq, 1);
  });

  test('the entry carries the hosts of the token', async () => {
    const { purge, parts } = await setUp();
    const { body } = await purge({ everything: true }, { token: 'token-of-a' });
    assert.deepEqual(body.scope, ['a.test']);
    const [entry] = await parts.journal.after(0, { limit: 1 });
    assert.deepEqual(entry?.scope, ['a.test']);
  });

  test('hosts of another site: 403 that names the selector, nothing is appended', async () => {
    const { purge, parts } = await setUp();
    for (const json of [
      { urls: ['http://b.test/x'] },
      { tags: ['ok'], prefixes: ['https://c.test/'] },
      { hosts: ['b.test'] },
    ]) {
      const answer = await purge(json, { token: 'token-of-a' });
      const { detail } = problemOf(answer, 403, 'forbidden-host');
      assert.match(detail, /(b|c)\.test.* is not of a\.test/);
    }
    assert.equal(parts.journal.head().seq, 0);
  });
});

describe('what POST /v1/purges refuses', () => {
  const refused: [string, Call, number, string][] = [
    ['no token', { token: '', json: { tags: ['x'] } }, 401, 'unauthorized'],
    ['a wrong token', { token: 'guess', json: { tags: ['x'] } }, 401, 'unauthorized'],
    ['an empty object', { json: {} }, 400, 'invalid-purge'],
    ['an empty list', { json: { urls: [] } }, 400, 'invalid-purge'],
    ['an unknown selector', { json: { cookies: ['x'] } }, 400, 'invalid-purge'],
    ['a dry run by half', { json: { tags: ['x'], dryRun: 'yes' } }, 400, 'invalid-purge'],
    ['no JSON', { body: '{"tags":' }, 400, 'invalid-json'],
    ['an empty body', { method: 'POST', body: '' }, 400, 'invalid-json'],
    [
      'a form',
      { body: 'tags=x', headers: { 'content-type': 'application/x-www-form-urlencoded' } },
      415,
      'unsupported-media-type',
    ],
    ['2 MiB', { body: JSON.stringify({ tags: ['x'.repeat(2 ** 21)] }) }, 413, 'body-too-large'],
    [
      'an Idempotency-Key with a space',
      { json: { tags: ['x'] }, headers: { 'idempotency-key': 'a b' } },
      400,
      'invalid-parameter',
    ],
  ];
  for (const [what, options, status, code] of refused) {
    test(`${what}: ${status}, and nothing is appended`, async () => {
      const { call, parts } = await setUp();
      problemOf(await call('/v1/purges', { method: 'POST', ...options }), status, code);
      assert.equal(parts.journal.head().seq, 0);
    });
  }

  test('exactly 1 MiB is read; the problems of a body are listed', async () => {
    const { call } = await setUp();
    const padding = ' '.repeat(2 ** 20 - '{"tags":[""]}'.length);
    const answer = await call('/v1/purges', { body: `{"tags":[""]}${padding}` });
    const { problems } = problemOf(answer, 400, 'invalid-purge');
    assert.deepEqual(problems?.[0]?.path, 'tags[0]');
    const more = await call('/v1/purges', { body: `{"tags":[""]}${padding} ` });
    problemOf(more, 413, 'body-too-large');
  });

  test('while positions are missing: 503 with Retry-After and the ids; then it is taken', async () => {
    const { purge, parts } = await setUp({ isStarting: true });
    const answer = await purge({ tags: ['x'] });
    assert.match(problemOf(answer, 503, 'starting').detail, /positions of par/);
    assert.equal(answer.headers.get('retry-after'), '12');
    await parts.connect('par').hello(null);
    assert.equal((await purge({ tags: ['x'] })).status, 202);
  });

  test('when the journal cannot be written: 503, and no number is given away', async () => {
    const { purge, parts } = await setUp();
    await parts.journal.close();
    problemOf(await purge({ tags: ['x'] }), 503, 'journal-unavailable');
  });
});

describe('Idempotency-Key', () => {
  const withKey = (key: string, token = 'token-of-all'): Call => ({
    token,
    headers: { 'idempotency-key': key },
  });

  test('the same key with the same purge, however written, is the same purge', async () => {
    const { purge, parts } = await setUp();
    const first = await purge({ tags: ['x'], soft: false }, withKey('k1'));
    const again = await purge({ tags: ['x'] }, withKey('k1'));
    assert.deepEqual(
      [again.status, again.body.id, parts.journal.head().seq],
      [202, first.body.id, 1],
    );
  });

  test('with another purge: 409, nothing is appended', async () => {
    const { purge, parts } = await setUp();
    await purge({ tags: ['x'] }, withKey('k1'));
    problemOf(await purge({ tags: ['y'] }, withKey('k1')), 409, 'idempotency-conflict');
    problemOf(await purge({ tags: ['x'], soft: true }, withKey('k1')), 409, 'idempotency-conflict');
    assert.equal(parts.journal.head().seq, 1);
  });

  test('keys of different tokens are different keys', async () => {
    const { purge, parts } = await setUp();
    await purge({ tags: ['x'] }, withKey('k1'));
    assert.equal((await purge({ tags: ['y'] }, withKey('k1', 'token-of-a'))).status, 202);
    assert.equal(parts.journal.head().seq, 2);
  });
});

describe('GET /v1/purges/ID', () => {
  test('shows the purge and how far it is; with wait it answers when it has converged', async () => {
    const { purge, call, ackAll } = await setUp();
    const { body } = await purge({ hosts: ['a.test'] });
    const path = `/v1/purges/${body.id}`;
    assert.deepEqual((await call<PurgeBody>(path)).body, body);
    const waiting = call<PurgeBody>(`${path}?wait=10s`);
    await settle();
    await ackAll();
    assert.deepEqual((await waiting).body.status, 'converged');
  });

  test('an unknown id, and a purge that the token may not see: 404', async () => {
    const { purge, call } = await setUp();
    const { body } = await purge({ tags: ['x'] });
    problemOf(await call('/v1/purges/unknown'), 404, 'not-found');
    problemOf(await call(`/v1/purges/${body.id}`, { token: 'token-of-a' }), 404, 'not-found');
  });
});

describe('GET /v1/nodes', () => {
  test('shows every node, geo-dns and purge-api included, with cursor and lag', async () => {
    const { call, purge, nodes, parts } = await setUp();
    parts.registry.self('purge', {
      instance: 'p',
      health: { ready: true, draining: false, load: 0, listen: '127.0.0.1:8500' },
      topologyHash: parts.topology().hash,
    });
    await purge({ tags: ['x'] });
    await nodes.par?.ack(1);
    const { body } = await call<NodesBody>('/v1/nodes');
    assert.deepEqual([body.network, body.head], ['test', parts.journal.head()]);
    const shown = body.nodes.map(({ id, role, connected, lag }) => [id, role, connected, lag]);
    assert.deepEqual(shown, [
      ['purge', 'purge', true, null],
      ['eu', 'shield', true, 1],
      ['par', 'edge', true, 0],
      ['ns1', 'dns', false, null],
    ]);
  });

  test('a node tells its health, and whether its file is that of purge-api', async () => {
    const { call, parts } = await setUp({ isStarting: true });
    const health = {
      ready: false,
      draining: true,
      load: 0.4,
      reason: 'asked to drain',
      listen: '10.0.0.1:80',
      admin: '10.0.0.1:81',
      workers: 2,
    };
    await parts.connect('par').hello(null, { health, topologyHash: 'older' });
    const { body } = await call<NodesBody>('/v1/nodes');
    const par = body.nodes.find(({ id }) => id === 'par');
    assert.ok(par);
    const { heardAt, cursor, lag, ...rest } = par;
    assert.deepEqual([heardAt, cursor, lag], ['2026-01-01T00:00:00.000Z', null, null]);
    assert.deepEqual(rest, {
      id: 'par',
      role: 'edge',
      connected: true,
      ...health,
      reach: '10.0.0.1:80',
      lease: { state: 'held', until: '2026-01-01T00:00:11.052Z' },
      quarantined: false,
      unreachableSince: null,
      topologyMatches: false,
      instance: 'first',
      fingerprint: null,
    });
  });

  test('a node that is gone is not ready, and it is said why', async () => {
    const { call, nodes } = await setUp();
    nodes.par?.vanish();
    const { body } = await call<NodesBody>('/v1/nodes');
    const state = (id: string) => {
      const node = body.nodes.find((candidate) => candidate.id === id);
      return [node?.ready, node?.reason];
    };
    assert.deepEqual(
      [state('par'), state('ns1'), state('eu')],
      [
        [false, 'not connected'],
        [false, 'never heard of'],
        [true, null],
      ],
    );
  });
});

describe('GET /v1/journal', () => {
  test('pages through the entries that the token may see', async () => {
    const { call, purge, parts } = await setUp();
    await purge({ tags: ['x'] });
    await purge({ tags: ['y'] }, { token: 'token-of-a' });
    await purge({ tags: ['z'] });
    const { body: page } = await call<JournalBody>('/v1/journal?limit=2');
    assert.deepEqual(
      page.entries.map(({ seq }) => seq),
      [1, 2],
    );
    assert.deepEqual([page.next, page.head], [2, parts.journal.head()]);
    const { body: last } = await call<JournalBody>(`/v1/journal?after=${page.next}`);
    assert.deepEqual([last.entries.length, last.next], [1, null]);
    const { body: own } = await call<JournalBody>('/v1/journal', { token: 'token-of-a' });
    assert.deepEqual(
      own.entries.map(({ seq }) => seq),
      [2],
    );
    assert.equal(own.entries[0]?.at, '2026-01-01T00:00:00.000Z');
  });

  test('a number that is none, or too large a page: 400', async () => {
    const { call } = await setUp();
    for (const query of ['after=x', 'after=-1', 'limit=0', 'limit=1001', 'limit=1.5']) {
      problemOf(await call(`/v1/journal?${query}`), 400, 'invalid-parameter');
    }
  });
});

describe('POST /v1/reload', () => {
  test('needs a token for all hosts', async () => {
    const { call } = await setUp();
    const answer = await call('/v1/reload', { method: 'POST', token: 'token-of-a' });
    problemOf(answer, 403, 'forbidden-action');
  });

  test('asks every node, and tells what each has taken', async () => {
    const { call, nodes, parts } = await setUp();
    const answer = call<{ nodes: ReloadAnswer[] }>('/v1/reload', { method: 'POST' });
    await settle();
    const replyOf = (id: 'par' | 'eu', ok: boolean, body: unknown) => {
      const request = nodes[id]?.got('request')[0]?.request ?? '';
      return nodes[id]?.say({ type: 'reply', request, ok, body });
    };
    await replyOf('par', true, { applied: ['sites'], refused: [] });
    await replyOf('eu', false, { problem: 'line 3 is wrong' });
    await parts.clock.advance(10_000);
    const { status, body } = await answer;
    assert.equal(status, 200);
    const none = { applied: [], refused: [] };
    assert.deepEqual(body.nodes, [
      { node: 'purge', ok: true, ...none },
      { node: 'eu', ok: false, ...none, problem: 'line 3 is wrong' },
      { node: 'par', ok: true, applied: ['sites'], refused: [] },
      { node: 'ns1', ok: false, ...none, problem: 'not connected' },
    ]);
  });

  test('a file that is wrong is refused, and no node is asked', async () => {
    const { call, nodes, parts } = await setUp();
    parts.context.loadAgain = () => {
      throw new Error('breakwater.yaml: 1 problem');
    };
    const answer = await call('/v1/reload', { method: 'POST' });
    assert.match(problemOf(answer, 400, 'invalid-configuration').detail, /1 problem/);
    assert.deepEqual(nodes.par?.got('request'), []);
  });

  test('a token that the new file lacks is of no use any more', async () => {
    const { call, parts } = await setUp();
    const topology = parts.topology();
    parts.context.loadAgain = () => ({ ...topology, purge: { ...topology.purge, tokens: [] } });
    parts.reloadSelf();
    problemOf(await call('/v1/nodes'), 401, 'unauthorized');
  });
});

describe('everything else', () => {
  test('what is not there: 404; a method that a resource lacks: 405 with Allow', async () => {
    const { call } = await setUp();
    problemOf(await call('/v1/nothing'), 404, 'not-found');
    problemOf(await call('/', { token: '' }), 404, 'not-found');
    const answer = await call('/v1/purges', { method: 'DELETE' });
    problemOf(answer, 405, 'method-not-allowed');
    assert.equal(answer.headers.get('allow'), 'POST');
  });

  test('without a token nothing is told of what exists', async () => {
    const { call } = await setUp();
    for (const path of ['/v1/purges/x', '/v1/nodes', '/v1/journal', '/v1/nothing']) {
      const answer = await call(path, { token: '' });
      problemOf(answer, 401, 'unauthorized');
      assert.equal(answer.headers.get('www-authenticate'), 'Bearer');
    }
  });

  test('the OpenAPI document names every route, and needs no token', async () => {
    const { call } = await setUp();
    const { status, body } = await call<{ openapi: string; paths: object }>('/openapi.json', {
      token: '',
    });
    assert.deepEqual([status, body.openapi], [200, '3.1.0']);
    assert.deepEqual(Object.keys(body.paths).sort(), [
      '/v1/explain',
      '/v1/journal',
      '/v1/nodes',
      '/v1/nodes/{id}/key',
      '/v1/purges',
      '/v1/purges/{id}',
      '/v1/purges/{id}/evidence',
      '/v1/reload',
    ]);
  });

  test('an error inside is a problem without its text', async () => {
    const { call, parts } = await setUp();
    await parts.journal.close();
    const { detail } = problemOf(await call('/v1/journal'), 500, 'internal-error');
    assert.equal(detail, 'see the log of purge-api');
  });
});
