import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { connect, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { createListener, type Listener } from '../../../core/cache-node/listener.ts';
import { systemClock } from '../../../core/runtime/deps.ts';
import { silentLog } from '../../../core/runtime/log.ts';
import { createMetrics } from '../../../core/runtime/metrics.ts';
import type { Limits } from '../../../core/topology/schema.ts';
import { createFakeClock, type FakeClock } from '../../support/fake-clock.ts';

const limits: Limits = {
  exempt: [],
  fields: 100,
  connections: 100,
  waiters: 1,
  headBytes: 16_384,
  urlBytes: 8192,
};

interface Listening {
  listener: Listener;
  clock: FakeClock;
  handled: string[];
  /** A connection that has sent `text`. */
  open(text?: string): Socket;
  /** All that comes back for `text` until the connection ends. */
  answer(text: string): Promise<string>;
  refused(reason: string): Promise<number>;
}

type Handle = (req: IncomingMessage, res: ServerResponse) => Promise<void>;

const say: Handle = async (_req, res) => void res.end('ok');

async function listening(
  t: TestContext,
  { handle = say, connections = 100, timing = { headersMs: 15_000, checkMs: 3000 } } = {},
): Promise<Listening> {
  const clock = createFakeClock();
  const metrics = createMetrics();
  const handled: string[] = [];
  const listener = createListener(
    {
      clock,
      log: silentLog,
      metrics,
      handle: (req, res) => {
        handled.push(`${req.method} ${req.url}`);
        return handle(req, res);
      },
    },
    { ...limits, connections },
    timing,
  );
  const port = await listener.listen({ host: '127.0.0.1', port: 0 }, false);
  const open = (text = '') => {
    const socket = connect(port, '127.0.0.1');
    t.after(() => socket.destroy());
    socket.write(text);
    return socket;
  };
  t.after(async () => {
    const drained = listener.drain(0);
    await clock.advance(0);
    await drained;
  });
  return {
    listener,
    clock,
    handled,
    open,
    answer: async (text) => (await open(text).toArray()).join(''),
    async refused(reason) {
      const line = (await metrics.text()).split('\n').find((l) => l.includes(`"${reason}"`));
      return Number(line?.split(' ').at(-1) ?? 0);
    },
  };
}

const get = (path: string, fields = '') => `GET ${path} HTTP/1.1\r\nHost: a\r\n${fields}\r\n`;
const last = 'Connection: close\r\n';

for (const [title, text] of [
  ['no HTTP at all', 'hello\r\n\r\n'],
  ['a space before the colon', get('/', 'A : b\r\n')],
  ['two lengths', get('/', 'Content-Length: 1\r\nContent-Length: 2\r\n')],
  [
    'a length and a transfer coding',
    get('/', 'Content-Length: 1\r\nTransfer-Encoding: chunked\r\n'),
  ],
  ['a NUL in a field', get('/', 'A: b\0c\r\n')],
] as const) {
  test(`${title} is answered 400 once, counted, and nothing after it is acted upon (RFC 9112 §11.2)`, async (t) => {
    const { answer, handled, refused } = await listening(t);
    const got = await answer(text + get('/next', last));
    assert.equal(got, 'HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
    assert.deepEqual([handled, await refused('malformed')], [[], 1]);
  });
}

test('a head beyond its limit is answered 431; one below it is served (RFC 6585 §5)', async (t) => {
  const { answer, refused } = await listening(t);
  const bytes = limits.headBytes + limits.urlBytes;
  assert.match(await answer(get('/', `A: ${'x'.repeat(bytes)}\r\n`)), /^HTTP\/1.1 431 /);
  assert.match(
    await answer(get('/', `A: ${'x'.repeat(bytes - 200)}\r\n${last}`)),
    /^HTTP\/1.1 200 /,
  );
  assert.equal(await refused('head-too-large'), 1);
});

test('fields are not cut off in silence before they are counted', async (t) => {
  let fields = 0;
  const handle: Handle = async (req, res) => {
    fields = req.rawHeaders.length / 2;
    res.end();
  };
  const { answer } = await listening(t, { handle });
  await answer(get('/', `${'A: b\r\n'.repeat(2500)}${last}`));
  assert.equal(fields, 2502);
});

test('a head that does not arrive in time is answered 408 (RFC 9110 §15.5.9)', async (t) => {
  const { open, refused, handled } = await listening(t, { timing: { headersMs: 40, checkMs: 10 } });
  const slow = open('GET / HTTP/1.1\r\nHost');
  assert.match((await slow.toArray()).join(''), /^HTTP\/1.1 408 Request Timeout\r\n/);
  assert.deepEqual([await refused('timeout'), handled], [1, []]);
});

test('CONNECT is answered 405 and opens no tunnel (RFC 9110 §9.3.6)', async (t) => {
  const { answer, handled, refused } = await listening(t);
  const got = await answer('CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n');
  assert.match(got, /^HTTP\/1.1 405 /);
  assert.deepEqual([handled, await refused('connect')], [[], 1]);
});

test('a connection more than the limit is closed and counted; those within it are served', async (t) => {
  const { open, answer, refused } = await listening(t, { connections: 1 });
  const first = open(get('/'));
  await once(first, 'data');
  assert.equal(await answer(get('/')).catch((error) => error.code), '');
  assert.equal(await refused('connections'), 1);
  first.write(get('/', last));
  assert.match((await first.toArray()).join(''), /^HTTP\/1.1 200 /);
});

test('what a client sent ahead of the end of its connection is not acted upon (RFC 9112 §9.6)', async (t) => {
  const { answer, handled } = await listening(t);
  await answer(get('/1') + get('/2', last) + get('/3'));
  assert.deepEqual(handled, ['GET /1', 'GET /2']);
});

test('a request that throws harms its own connection only', async (t) => {
  const handle: Handle = async (req, res) => {
    if (req.url === '/bad') throw new Error('as told');
    res.end('ok');
  };
  const { answer } = await listening(t, { handle });
  assert.equal(await answer(get('/bad')).catch(() => ''), '');
  assert.match(await answer(get('/good', last)), /^HTTP\/1.1 200 /);
});

test('a drain takes nobody new, ends idle connections, and lets what is under way finish', async (t) => {
  const release = Promise.withResolvers<void>();
  const handle: Handle = async (req, res) => {
    if (req.url === '/slow') await release.promise;
    res.end('ok');
  };
  const { listener, clock, open, handled } = await listening(t, { handle });
  const idle = open(get('/'));
  await once(idle, 'data');
  const slow = open(get('/slow'));
  while (handled.length < 2) await systemClock.sleep(1);
  const drained = listener.drain(60_000);
  assert.equal((await idle.toArray()).length, 0);
  release.resolve();
  const answer = slow.toArray();
  await systemClock.sleep(20);
  await clock.advance(100);
  assert.match((await answer).join(''), /^HTTP\/1.1 200 /);
  await drained;
  const late = open();
  await assert.rejects(once(late, 'connect'), /ECONNREFUSED/);
});

test('a request that outlives the limit of a drain is cut', async (t) => {
  const { listener, clock, open, handled } = await listening(t, {
    handle: () => new Promise(() => {}),
  });
  const stuck = open(get('/stuck'));
  while (handled.length < 1) await systemClock.sleep(1);
  const drained = listener.drain(5000);
  await clock.advance(4999);
  assert.equal(stuck.readyState, 'open');
  await clock.advance(1);
  assert.equal((await stuck.toArray()).length, 0);
  await drained;
});

test('a port in use is refused with the system’s error', async (t) => {
  const { open } = await listening(t);
  const socket = open();
  await once(socket, 'connect');
  const second = createListener(
    { clock: createFakeClock(), log: silentLog, metrics: createMetrics(), handle: say },
    limits,
  );
  const address = { host: '127.0.0.1', port: socket.remotePort ?? 0 };
  await assert.rejects(second.listen(address, false), { code: 'EADDRINUSE' });
});
