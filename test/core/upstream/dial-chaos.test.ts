/**
 * Peers and callers that do everything at once, by a seeded generator: what the single cases promise must hold together, and
 * nothing may be lost on the way. A place that is not given back would stop the requests behind it; an entry of the pool that
 * stays, the close.
 */
import assert from 'node:assert/strict';
import { createServer, type Socket } from 'node:net';
import { Readable } from 'node:stream';
import { type TestContext, test } from 'node:test';
import { systemClock } from '../../../core/runtime/deps.ts';
import { silentLog } from '../../../core/runtime/log.ts';
import { createMetrics } from '../../../core/runtime/metrics.ts';
import { createDialer } from '../../../core/upstream/dial.ts';
import type { ResponseBody } from '../../../core/upstream/upstream.ts';
import { createSeededRandom } from '../../support/fake-clock.ts';
import { network, requestFor, siteOf, until } from './support.ts';

const long = 'x'.repeat(100_000);
const chunk = `${long.length.toString(16)}\r\n${long}\r\n`;
const answers: readonly ((socket: Socket) => void)[] = [
  (socket) => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello'),
  (socket) => socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${long.length}\r\n\r\n${long}`),
  (socket) =>
    socket.write(`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${chunk}0\r\n\r\n`),
  (socket) => socket.end('HTTP/1.1 200 OK\r\n\r\nhello'),
  (socket) => {
    socket.write('HTTP/1.1 200 OK\r\n\r\nhello');
    setImmediate(() => socket.resetAndDestroy());
  },
  (socket) => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello'),
  (socket) => socket.destroy(),
  (socket) => socket.resetAndDestroy(),
  (socket) => socket.write('HTTP/1.1 100 Go\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi'),
  (socket) => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi and more'),
  (socket) => socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\t\r\n\r\n5\r\n'),
  (socket) => {
    socket.write('HTTP/1.1 204 None\r\n\r\n');
    setImmediate(() => socket.destroy());
  },
  (socket) => socket.write('HTTP/1.1 413 Early\r\nContent-Length: 2\r\n\r\nno'),
];

async function startChaos(t: TestContext, random: () => number) {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket)).on('error', () => socket.destroy());
    let text = '';
    socket.on('data', (piece) => {
      text += piece.toString('latin1');
      for (let end = text.indexOf('\r\n\r\n'); end !== -1; end = text.indexOf('\r\n\r\n')) {
        text = text.slice(end + 4);
        const answer = answers[Math.floor(random() * answers.length)];
        if (socket.writable) answer?.(socket);
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  return { origin: `http://127.0.0.1:${(server.address() as { port: number }).port}`, sockets };
}

/** Takes a body in a hurry or slowly, or drops it; says how it ended. */
function take(body: ResponseBody, random: () => number): Promise<string> {
  return new Promise((resolve) => {
    const drop = () => {
      body.abort();
      resolve('dropped');
    };
    if (random() < 0.1) return drop();
    let bytes = 0;
    body.start({
      data(piece) {
        bytes += piece.length;
        if (random() < 0.05) return drop();
        if (random() < 0.3) {
          body.pause();
          setImmediate(() => body.resume());
        }
      },
      end: () => resolve(bytes === (body.lengthBytes ?? bytes) ? 'whole' : 'WRONG LENGTH'),
      fail: ({ kind }) => resolve(kind),
    });
  });
}

test('whatever peers and callers do, every request ends, and no place and no connection is lost', async (t) => {
  const seed = Math.floor(Math.random() * 2 ** 31);
  const random = createSeededRandom(seed).unit;
  const { origin, sockets } = await startChaos(t, random);
  const deps = { clock: systemClock, log: silentLog, metrics: createMetrics() };
  const dialer = createDialer(deps, { maxConnectionsPerPeer: 4 });
  const peer = { tier: 'origin' as const, name: 'o', origin };
  const limits = { connectMs: 60_000, firstByteMs: 60_000, betweenBytesMs: 60_000 };
  const site = siteOf(network({}));
  const ends: Record<string, number> = {};
  const one = async () => {
    const abort = new AbortController();
    if (random() < 0.1) setImmediate(() => abort.abort());
    const method = random() < 0.3 ? 'POST' : 'GET';
    const body = Readable.from(Array.from({ length: 5 }, () => Buffer.alloc(random() * 30_000)));
    const request = requestFor(site, { method, body, signal: abort.signal });
    const result = await dialer.dial(peer, { ...request, hostHeader: 'h' }, limits);
    const end = result.ok ? await take(result.response.body, random) : result.failure.kind;
    ends[end] = (ends[end] ?? 0) + 1;
  };
  await Promise.all(
    Array.from({ length: 20 }, async () => {
      for (let i = 0; i < 30; i++) await one();
    }),
  );
  await dialer.close();
  await until(() => sockets.size === 0, `seed ${seed}: the end of all connections`);
  assert.equal(ends['WRONG LENGTH'] ?? 0, 0, `seed ${seed}`);
  assert.deepEqual(
    [ends.connect, ends.timeout, ends.overload],
    [undefined, undefined, undefined],
    `seed ${seed}`,
  );
  assert.ok((ends.whole ?? 0) > 100, `seed ${seed}: ${JSON.stringify(ends)}`);
});
