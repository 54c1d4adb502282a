import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { purge } from '../../../infra/cli/verbs/purge.ts';
import { createContext } from '../support/cli-context.ts';

interface Seen {
  method: string;
  url: string;
  authorization: string | undefined;
  body: string;
  key: string | undefined;
}

/** A purge API that gives the answers in turn, and the last one for ever. */
async function startApi(answers: readonly (readonly [number, object])[]) {
  const seen: Seen[] = [];
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const part of request) body += part;
    const { method = '', url = '', headers } = request;
    const [status, answer] = answers[Math.min(seen.length, answers.length - 1)] ?? [500, {}];
    const key = headers['idempotency-key'];
    seen.push({ method, url, authorization: headers.authorization, body, key: key?.toString() });
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const api = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { api, seen, close: () => server.close() };
}

const asked = {
  url: [],
  tag: ['news'],
  prefix: [],
  host: [],
  all: false,
  soft: false,
  json: false,
};
const par = { node: 'par', role: 'edge', appliedAt: null, matched: null };
const pending = { id: 'p/1', seq: 1, status: 'pending', nodes: [{ ...par, state: 'behind' }] };
const converged = {
  ...pending,
  status: 'converged',
  convergedInMs: 5,
  nodes: [{ ...par, state: 'acknowledged' }],
};

test('without --wait it is done once the journal has it', async () => {
  const api = await startApi([[202, pending]]);
  const context = createContext();
  const code = await purge(context, { ...asked, api: api.api, token: 'secret' });
  api.close();
  assert.equal(code, 0);
  assert.match(context.terminal.out[0] ?? '', /^accepted as entry 1/);
  const [{ key: _, ...first } = assert.fail('it was not asked')] = api.seen;
  assert.equal(api.seen.length, 1);
  assert.deepEqual(first, {
    method: 'POST',
    url: '/v1/purges',
    authorization: 'Bearer secret',
    body: '{"tags":["news"]}',
  });
});

test('a purge API that is only starting is asked again within the wait, with the same key', async () => {
  const starting = { title: 'Purges are not taken yet', detail: 'waiting for par' };
  const api = await startApi([
    [503, starting],
    [202, converged],
  ]);
  const code = await purge(createContext(), {
    ...asked,
    api: api.api,
    token: 'secret',
    wait: 5000,
  });
  const [first, second] = api.seen;
  assert.equal(code, 0);
  assert.match(first?.key ?? '', /^[0-9a-f]{32}$/);
  assert.equal(second?.key, first?.key);
  api.close();
});

test('who does not wait is told at once that purges are not taken yet', async () => {
  const api = await startApi([
    [503, { title: 'Purges are not taken yet', detail: 'waiting for par' }],
  ]);
  await assert.rejects(purge(createContext(), { ...asked, api: api.api, token: 'secret' }), {
    exitCode: 1,
    message: 'Purges are not taken yet: waiting for par',
  });
  api.close();
  assert.equal(api.seen.length, 1);
});

test('with --wait it asks until every node has acknowledged', async () => {
  const api = await startApi([
    [202, pending],
    [200, pending],
    [200, converged],
  ]);
  const context = createContext();
  const code = await purge(context, { ...asked, api: api.api, token: 'secret', wait: 10_000 });
  api.close();
  assert.equal(code, 0);
  assert.equal(context.terminal.out[0], 'converged in 5 ms: 1 node');
  assert.match(api.seen[1]?.url ?? '', /^\/v1\/purges\/p%2F1\?wait=\d+ms$/);
});

test('the counts of matched responses may come a moment after the purge has converged', async () => {
  const counted = { ...converged, nodes: [{ ...par, state: 'acknowledged', matched: 4 }] };
  const api = await startApi([
    [202, converged],
    [200, counted],
  ]);
  const context = createContext();
  await purge(context, { ...asked, api: api.api, token: 'secret', wait: 1000 });
  api.close();
  assert.match(context.terminal.out.join('\n'), /par +edge +acknowledged +4/);
});

test('when the wait ends first, the exit code is 3 and the missing node is named', async () => {
  const api = await startApi([[202, pending]]);
  const context = createContext();
  const code = await purge(context, { ...asked, api: api.api, token: 'secret', wait: 20 });
  api.close();
  assert.equal(code, 3);
  assert.match(context.terminal.out[0] ?? '', /^not converged after .*: par behind$/);
});

test('--json prints what the API said, and nothing else', async () => {
  const api = await startApi([
    [202, pending],
    [200, { ...converged, extra: 1 }],
  ]);
  const context = createContext();
  await purge(context, { ...asked, api: api.api, token: 'secret', wait: 1000, json: true });
  api.close();
  assert.equal(context.terminal.out.length, 1);
  assert.equal(JSON.parse(context.terminal.out[0] ?? '').extra, 1);
});

test('a refused purge is exit code 1 with the words of the API', async () => {
  const problem = { title: 'The token is limited to other hosts', detail: 'host x.test' };
  const api = await startApi([[403, problem]]);
  await assert.rejects(purge(createContext(), { ...asked, api: api.api, token: 'secret' }), {
    exitCode: 1,
    message: 'The token is limited to other hosts: host x.test',
  });
  api.close();
});

test('something else that answers there is not taken for a purge API', async () => {
  const api = await startApi([[200, { hello: 'world' }]]);
  await assert.rejects(
    purge(createContext(), { ...asked, api: api.api, token: 'secret' }),
    /is no purge API/,
  );
  api.close();
});

test('a connection that breaks is tried again with the same key, so that the purge is one', async () => {
  const keys: unknown[] = [];
  const server = createServer((request, response) => {
    keys.push(request.headers['idempotency-key']);
    if (keys.length < 3) return void request.socket.destroy();
    response.writeHead(202, { 'content-type': 'application/json' }).end(JSON.stringify(pending));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const api = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const code = await purge(createContext(), { ...asked, api, token: 'secret' });
  server.close();
  assert.equal(code, 0);
  assert.equal(keys.length, 3);
  assert.deepEqual(new Set(keys).size, 1);
});

test('where nobody listens, and nothing is waited for, it is told at once', async () => {
  const api = await startApi([[200, {}]]);
  api.close();
  await assert.rejects(purge(createContext(), { ...asked, api: api.api, token: 'secret' }), {
    message: /^no network is running/,
  });
});

test('a token at its limit is waited for within the wait', async () => {
  const limited = { title: 'The limit of the token is reached', detail: 'x' };
  const api = await startApi([
    [429, limited],
    [202, converged],
  ]);
  const code = await purge(createContext(), {
    ...asked,
    api: api.api,
    token: 'secret',
    wait: 5000,
  });
  api.close();
  assert.equal(code, 0);
  assert.equal(api.seen[0]?.key, api.seen[1]?.key);
});

test('a file of selectors goes in batches, each with a key of its own that follows from the given one', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'breakwater-purge-file-'));
  const lines = Array.from({ length: 1001 }, (_, n) => `tag t${n}`);
  writeFileSync(path.join(folder, 'list'), lines.join('\n'));
  const api = await startApi([[202, pending]]);
  const context = createContext({ cwd: folder });
  const options = { fromFile: 'list', idempotencyKey: 'deploy-7', tag: [] };
  await purge(context, { ...asked, ...options, api: api.api, token: 'secret' });
  api.close();
  rmSync(folder, { recursive: true });
  assert.deepEqual(
    api.seen.map(({ key, body }) => [key, JSON.parse(body).tags.length]),
    [
      ['deploy-7', 1000],
      ['deploy-7.2', 1],
    ],
  );
  assert.equal(context.terminal.out.length, 2);
});

test('a file that cannot be read purges nothing', async () => {
  const api = await startApi([[202, pending]]);
  const options = { fromFile: 'missing', api: api.api, token: 'secret' };
  await assert.rejects(purge(createContext(), { ...asked, ...options }), {
    exitCode: 1,
    message: /^missing cannot be read/,
  });
  api.close();
  assert.equal(api.seen.length, 0);
});

test('quarantined nodes are exit code 3, and 0 where that is accepted', async () => {
  const lost = { ...par, state: 'unreachable', quarantined: true };
  const api = await startApi([[200, { ...converged, nodes: [lost] }]]);
  const options = { ...asked, api: api.api, token: 'secret', wait: 1000 };
  assert.equal(await purge(createContext(), options), 3);
  assert.equal(await purge(createContext(), { ...options, acceptQuarantined: true }), 0);
  api.close();
});

test('a dry run hands nothing in, and is refused where a node did not say', async () => {
  const node = { node: 'par', role: 'edge', ok: true, matched: 2, complete: true, examples: [] };
  const api = await startApi([
    [200, { dryRun: true, nodes: [{ ...node, problem: null }] }],
    [200, { dryRun: true, nodes: [{ ...node, ok: false, matched: null, problem: 'x' }] }],
  ]);
  const options = { ...asked, api: api.api, token: 'secret', dryRun: true };
  assert.equal(await purge(createContext(), options), 0);
  assert.equal(await purge(createContext(), options), 1);
  api.close();
  assert.deepEqual(JSON.parse(api.seen[0]?.body ?? ''), { tags: ['news'], dryRun: true });
});

test('a purge API that goes away during the wait is waited for', async () => {
  let requests = 0;
  const server = createServer((request, response) => {
    requests += 1;
    if (requests === 2 || requests === 3) return void request.socket.destroy();
    const answer = requests === 1 ? pending : converged;
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const api = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const code = await purge(createContext(), { ...asked, api, token: 'secret', wait: 10_000 });
  server.close();
  assert.equal(code, 0);
});

test('with --warm and --wait it waits for the warming too, and says what came of it', async () => {
  const warm = { responses: 2, asked: 4, done: 0, failed: 0, silent: [], problem: null };
  const matched = { ...converged, nodes: [{ ...par, matched: 2, state: 'acknowledged' }] };
  const api = await startApi([
    [200, { ...matched, warm: { ...warm, state: 'running' } }],
    [200, { ...matched, warm: { ...warm, state: 'done', done: 4 } }],
  ]);
  const context = createContext();
  const code = await purge(context, {
    ...asked,
    warm: 2,
    wait: 10_000,
    api: api.api,
    token: 'secret',
  });
  api.close();
  assert.equal(code, 0);
  assert.equal(api.seen[0]?.body, '{"tags":["news"],"warm":2}');
  assert.equal(context.terminal.out.at(-1), 'warmed 2 responses: 4 of 4 refills');
});
