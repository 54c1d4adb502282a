import assert from 'node:assert/strict';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { systemClock } from '../../../core/runtime/deps.ts';
import { fetchPage } from '../../../infra/cli/fetch-page.ts';

async function startServer(answer: (request: IncomingMessage, response: ServerResponse) => void) {
  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return { at: { host: '127.0.0.1', port }, close: () => server.close() };
}

const asked = { method: 'GET', host: 'www.small.test', pathAndQuery: '/a?b=1', sink: undefined };

test('sends the Host of the URL and the given fields to the address of the PoP', async () => {
  let seen: IncomingMessage | undefined;
  const server = await startServer((request, response) => {
    seen = request;
    response.writeHead(404, { 'X-Cache': 'MISS' }).end('nothing here');
  });
  const page = await fetchPage(systemClock, {
    ...asked,
    at: server.at,
    headers: [['X-Test', 'yes']],
  });
  server.close();
  assert.equal(seen?.headers.host, 'www.small.test');
  assert.equal(seen?.headers['x-test'], 'yes');
  assert.equal(seen?.url, '/a?b=1');
  assert.equal(page.status, 404);
  assert.equal(page.bytes, 12);
  assert.deepEqual(page.rawHeaders.slice(0, 2), ['X-Cache', 'MISS']);
});

test('the times of the steps are in order', async () => {
  const server = await startServer((_, response) => response.end('x'));
  const { timings } = await fetchPage(systemClock, { ...asked, at: server.at, headers: [] });
  server.close();
  assert.ok(timings.connectMs > 0);
  assert.ok(timings.connectMs <= timings.firstByteMs && timings.firstByteMs <= timings.totalMs);
});

test('a body that breaks off is an error, never a short success', async () => {
  const server = await startServer((request, response) => {
    response.writeHead(200, { 'content-length': '100' });
    response.write('half');
    setImmediate(() => request.socket.destroy());
  });
  await assert.rejects(fetchPage(systemClock, { ...asked, at: server.at, headers: [] }));
  server.close();
});
