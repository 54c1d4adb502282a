/**
 * What becomes of an origin's messages on their way through an engine, byte by byte on both sides: bodies with trailers, with too
 * many bytes or too few, and none where none may be. Each through the cache and past it.
 */
import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import { handle } from '../../../core/cache/handle.ts';
import { silentLog } from '../../../core/runtime/log.ts';
import { createDialer } from '../../../core/upstream/dial.ts';
import { createOrigins } from '../../../core/upstream/origins.ts';
import { createTestEngine } from '../../support/engine.ts';
import { openSocket, serve, until } from '../../support/http-exchange.ts';
import { type Arrival, startPeer } from '../upstream/support.ts';

/** An engine between a client and an origin, both of which speak bytes. */
async function start(t: TestContext, answer: (arrival: Arrival) => void) {
  const origin = await startPeer(t, answer);
  const site = { origins: [{ url: `http://127.0.0.1:${origin.port}` }] };
  const engine = createTestEngine({ site });
  const { clock, metrics } = engine;
  const dialer = createDialer({ clock, log: silentLog, metrics });
  t.after(() => dialer.close());
  engine.obtain.upstream = createOrigins({ clock, dialer, log: silentLog, metrics });
  const { port } = await serve(t, (req, res) => void handle(engine.handle, req, res));
  /** One request on a connection of its own; it is the server that ends it. */
  const ask = async (line: string, fields = '') => {
    const client = await receiving(await openSocket(t, port));
    client.socket.write(`${line}\r\nHost: www.demo.test\r\nConnection: close\r\n${fields}\r\n`);
    await until('the connection has ended', () => client.end() !== undefined);
    return parts(client.text());
  };
  return { origin, engine, port, ask };
}

async function receiving(socket: Socket) {
  let text = '';
  let end: 'close' | 'reset' | undefined;
  socket.on('data', (piece) => (text += piece.toString('latin1')));
  socket.on('error', () => (end = 'reset'));
  socket.on('close', () => (end ??= 'close'));
  return { socket, text: () => text, end: () => end };
}

function parts(text: string) {
  const end = text.indexOf('\r\n\r\n');
  const head = text.slice(0, end);
  return {
    status: Number(head.split(' ')[1]),
    body: text.slice(end + 4),
    field: (name: string) => new RegExp(`^${name}: (.*)$`, 'im').exec(head)?.[1],
  };
}

const fresh = 'Cache-Control: max-age=60\r\n';
const chunkedHead = `HTTP/1.1 200 OK\r\n${fresh}Transfer-Encoding: chunked\r\n`;
const lengthHead = (bytes: number) => `HTTP/1.1 200 OK\r\n${fresh}Content-Length: ${bytes}\r\n\r\n`;

/** The two ways of a request: the answer may be stored, or the cache takes no part. */
const ways = [
  ['through the cache', 'GET', ''],
  ['past the cache', 'GET', 'Cache-Control: no-store\r\n'],
  ['of a POST', 'POST', 'Content-Length: 0\r\n'],
] as const;

for (const [way, method, fields] of ways) {
  const isStored = way === 'through the cache';

  describe(`an answer ${way}`, () => {
    it('with trailers is whole, and neither they nor Trailer go on (RFC 9110 §6.5.1)', async (t) => {
      const trailers = 'X-Sum: 1\r\nCache-Control: no-store\r\nSet-Cookie: a=b\r\n';
      const bytes = `${chunkedHead}Trailer: X-Sum\r\n\r\n5\r\nhello\r\n0\r\n${trailers}\r\n`;
      const { ask, origin } = await start(t, ({ socket }) => socket.write(bytes));
      for (const round of [1, 2]) {
        const { body, field } = await ask(`${method} / HTTP/1.1`, fields);
        assert.equal(body, field('transfer-encoding') ? '5\r\nhello\r\n0\r\n\r\n' : 'hello');
        assert.deepEqual([field('trailer'), field('x-sum')], [undefined, undefined]);
        assert.equal(field('cache-control'), 'max-age=60');
        assert.equal(origin.arrivals.length, isStored ? 1 : round);
      }
    });

    for (const [what, head] of [
      ['204', `HTTP/1.1 204 No Content\r\n${fresh}`],
      ['204 on a connection that is kept', `HTTP/1.1 204 No\r\nConnection: keep-alive\r\n${fresh}`],
      ['304', `HTTP/1.1 304 Not Modified\r\n${fresh}`],
      ['304 that tells a length', `HTTP/1.1 304 Not Modified\r\n${fresh}Content-Length: 6\r\n`],
    ] as const) {
      it(`has no body with ${what}, and what follows is nobody’s (RFC 9112 §6.3)`, async (t) => {
        const poison = 'HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison';
        const { ask, origin } = await start(t, ({ socket, connection }) => {
          socket.write(connection === 1 ? `${head}\r\n${poison}` : `${lengthHead(4)}good`);
        });
        const answer = await ask(`${method} /bad HTTP/1.1`, fields);
        // A 304 that nobody has asked for confirms nothing: the cache takes it for a failure (RFC 9110 §15.4.5).
        if (isStored && what.startsWith('304')) assert.equal(answer.status, 502);
        else assert.deepEqual([answer.status, answer.body], [Number(what.slice(0, 3)), '']);
        const next = await ask('GET /next HTTP/1.1');
        assert.deepEqual([next.status, next.body], [200, 'good']);
        assert.equal(origin.connections, 2);
      });
    }

    it('that is longer than its length is stored nowhere, and what follows is nobody’s', async (t) => {
      const { ask, origin } = await start(t, ({ socket, connection }) => {
        socket.write(`${lengthHead(5)}hello${connection === 1 ? ' HTTP/1.1 200 poison' : ''}`);
      });
      // Of a body that fails before its first byte has gone on, the cache asks once more.
      const body = isStored ? 'hello' : '';
      assert.equal((await ask(`${method} / HTTP/1.1`, fields)).body, body);
      assert.equal((await ask('GET / HTTP/1.1')).body, 'hello');
      assert.equal(origin.connections, 2);
    });

    for (const [what, bytes] of [
      ['is shorter than its length', `${lengthHead(50)}hello`],
      ['is empty in place of its length', lengthHead(50)],
      ['lacks its last chunk', `${chunkedHead}\r\n5\r\nhello\r\n`],
      ['lacks the end of its last chunk', `${chunkedHead}\r\n5\r\nhello\r\n0\r\n`],
      ['has a chunk size that is none', `${chunkedHead}\r\n5\r\nhello\r\nxy\r\nabc`],
      ['has a negative chunk size', `${chunkedHead}\r\n5\r\nhello\r\n-1\r\nabc`],
      [
        'has a chunk size beyond all numbers',
        `${chunkedHead}\r\n5\r\nhello\r\n${'F'.repeat(17)}\r\n`,
      ],
      ['has a space behind a chunk size', `${chunkedHead}\r\n5 \r\nhello\r\n0\r\n\r\n`],
      ['has bare line feeds in its chunks', `${chunkedHead}\r\n5\nhello\n0\n\n`],
      ['has more than a chunk size says', `${chunkedHead}\r\n5\r\nhello you\r\n0\r\n\r\n`],
    ] as const) {
      it(`that ${what} is cut for the client and stored nowhere (RFC 9112 §8)`, async (t) => {
        const { ask, origin, engine } = await start(t, ({ socket }) => socket.end(bytes));
        for (const round of [1, 2]) {
          const { status, body, field } = await ask(`${method} / HTTP/1.1`, fields);
          assert.equal(status, 200);
          if (field('content-length') === '50') assert.ok(body.length < 50);
          else assert.doesNotMatch(body, /0\r\n\r\n$/);
          assert.equal(origin.arrivals.length, round);
        }
        assert.equal(engine.store.memory.count, 0);
      });
    }

    for (const version of ['1.1', '1.0']) {
      /** A client that has received the first of two chunks. */
      const begun = async (t: TestContext) => {
        const { port, origin } = await start(t, ({ socket }) => {
          socket.write(`${chunkedHead}\r\n5\r\nhello\r\n`);
        });
        const client = await receiving(await openSocket(t, port));
        client.socket.write(`${method} / HTTP/${version}\r\nHost: www.demo.test\r\n`);
        client.socket.write(`Connection: close\r\n${fields}\r\n`);
        await until('it has begun', () => client.text().includes('hello'));
        return { client, upstream: origin.arrivals[0]?.socket };
      };

      it(`without a length ${version === '1.1' ? 'is chunked' : 'ends with the connection'} for HTTP/${version} (RFC 9112 §6.3)`, async (t) => {
        const { client, upstream } = await begun(t);
        upstream?.write('4\r\n you\r\n0\r\n\r\n');
        await until('it has ended', () => client.end() !== undefined);
        const { body, field } = parts(client.text());
        const [coding, whole] =
          version === '1.1'
            ? ['chunked', '5\r\nhello\r\n4\r\n you\r\n0\r\n\r\n']
            : [undefined, 'hello you'];
        assert.deepEqual(
          [field('transfer-encoding'), body, client.end()],
          [coding, whole, 'close'],
        );
      });

      it(`that is cut shows it to HTTP/${version}: ${version === '1.1' ? 'it has no last chunk' : 'a reset, for a close would be its end'} (RFC 9112 §8)`, async (t) => {
        const { client, upstream } = await begun(t);
        upstream?.end();
        await until('it has ended', () => client.end() !== undefined);
        const { body } = parts(client.text());
        const expected = version === '1.1' ? ['5\r\nhello\r\n', 'close'] : ['hello', 'reset'];
        assert.deepEqual([body, client.end()], expected);
      });
    }

    it('begins for the client before its body does', async (t) => {
      const { port, origin } = await start(t, ({ socket }) => socket.write(lengthHead(4)));
      const client = await receiving(await openSocket(t, port));
      client.socket.write(`${method} / HTTP/1.1\r\nHost: www.demo.test\r\n${fields}\r\n`);
      await until('the head is there', () => client.text().endsWith('\r\n\r\n'));
      origin.arrivals[0]?.socket.write('late');
      await until('the body is there', () => client.text().endsWith('\r\n\r\nlate'));
    });

    it('that never begins is 502', async (t) => {
      const { ask } = await start(t, ({ socket }) => socket.destroy());
      assert.equal((await ask(`${method} / HTTP/1.1`, fields)).status, 502);
    });
  });
}

describe('an answer to HEAD', () => {
  for (const [way, fields] of [
    ['through the cache', ''],
    ['past the cache', 'Cache-Control: no-store\r\n'],
  ] as const) {
    for (const kept of ['', 'Connection: keep-alive\r\n']) {
      it(`has no body ${way}, whatever the origin sends${kept && ' on a connection that it keeps'} (RFC 9110 §9.3.2)`, async (t) => {
        const { ask, origin } = await start(t, ({ socket, head }) => {
          const isHead = head.startsWith('HEAD');
          socket.write(
            `HTTP/1.1 200 OK\r\n${kept}${lengthHead(4).slice(17)}${isHead ? 'bad!' : 'good'}`,
          );
        });
        const { body, field } = await ask('HEAD / HTTP/1.1', fields);
        assert.deepEqual([body, field('content-length')], ['', '4']);
        assert.equal((await ask('GET /next HTTP/1.1')).body, 'good');
        assert.equal(origin.connections, 2);
      });
    }
  }
});

describe('a kept connection that the origin has just closed', () => {
  /** Every connection takes one request and is ended with the second, as if the two had crossed on the way. */
  const once = (end: (socket: Socket) => void) => {
    const seen = new Map<Socket, number>();
    return ({ socket, head }: Arrival) => {
      const count = (seen.get(socket) ?? 0) + 1;
      seen.set(socket, count);
      if (count > 1) end(socket);
      else socket.write(head.startsWith('HEAD') ? lengthHead(5) : `${lengthHead(5)}hello`);
    };
  };
  /** Lets connections come back to their pool, which takes a turn of the event loop. */
  const idle = async () => {
    for (let turns = 0; turns < 5; turns++) await new Promise((resolve) => setImmediate(resolve));
  };

  for (const [how, end] of [
    ['with a close', (socket: Socket) => void socket.end()],
    ['with a reset', (socket: Socket) => void socket.resetAndDestroy()],
  ] as const) {
    it(`${how} loses no idempotent request, each is sent once more (RFC 9110 §9.2.2, RFC 9112 §9.3.1)`, async (t) => {
      const { ask, origin, engine } = await start(t, once(end));
      const all = (name: string) =>
        Promise.all(
          Array.from({ length: 8 }, (_, n) => {
            const method = ['GET', 'HEAD', 'DELETE', 'OPTIONS'][n % 4];
            return ask(`${n < 4 ? 'GET' : method} /${name}${n} HTTP/1.1`);
          }),
        );
      await Promise.all(Array.from({ length: 8 }, (_, n) => ask(`GET /first${n} HTTP/1.1`)));
      await idle();
      for (const { status } of await all('second')) assert.equal(status, 200);
      const retried = 'breakwater_upstream_retries_total{tier="origin",reason="stale-connection"}';
      assert.equal(origin.arrivals.length, 16 + (await engine.counter(retried)));
      assert.ok((await engine.counter(retried)) > 0);
    });

    it(`${how} loses a POST that had been sent: it may have been done`, async (t) => {
      const { ask, origin } = await start(t, once(end));
      await ask('GET /first HTTP/1.1');
      await idle();
      assert.equal((await ask('POST /second HTTP/1.1', 'Content-Length: 0\r\n')).status, 502);
      assert.equal(origin.arrivals.length, 2);
    });
  }

  it('is answered with 502 when the fresh one ends as well: there is no third', async (t) => {
    const { ask, origin } = await start(t, ({ socket }) => {
      if (origin.arrivals.length > 1) socket.destroy();
      else socket.write(`${lengthHead(5)}hello`);
    });
    await ask('GET /first HTTP/1.1');
    await idle();
    assert.equal((await ask('GET /second HTTP/1.1')).status, 502);
    assert.equal(origin.arrivals.length, 3);
  });
});
