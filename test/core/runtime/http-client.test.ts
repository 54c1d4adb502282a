import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import { type TestContext, test } from 'node:test';
import { controlRequest } from '../../../core/runtime/http-client.ts';

async function serve(t: TestContext, listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as { port: number }).port}`;
}

test('sends JSON and gives back status, fields and bytes', async (t) => {
  const url = await serve(t, async (req, res) => {
    const body = await req.map(String).toArray();
    const got = `${req.method} ${req.headers['content-type']} ${body.join('')}`;
    res.writeHead(202, { 'X-Got': got }).end('done');
  });
  const answer = await controlRequest(url, { method: 'POST', json: { a: 1 }, timeoutMs: 5000 });
  assert.deepEqual([answer.status, answer.body.toString()], [202, 'done']);
  assert.equal(answer.headers['x-got'], 'POST application/json {"a":1}');
});

test('a body of just the limit is taken, one byte more is an error', async (t) => {
  const url = await serve(t, (_req, res) => res.end('x'.repeat(100)));
  const fitting = await controlRequest(url, { timeoutMs: 5000, maxBodyBytes: 100 });
  assert.equal(fitting.body.length, 100);
  await assert.rejects(
    controlRequest(url, { timeoutMs: 5000, maxBodyBytes: 99 }),
    /longer than 99/,
  );
});

test('an answer that does not come, or nobody who listens, is an error', async (t) => {
  const url = await serve(t, () => {});
  await assert.rejects(controlRequest(url, { timeoutMs: 20 }));
  await assert.rejects(controlRequest('http://127.0.0.1:1', { timeoutMs: 1000 }), /ECONNREFUSED/);
});
