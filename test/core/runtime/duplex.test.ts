import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { connect } from 'node:net';
import { type TestContext, test } from 'node:test';
import { systemClock } from '../../../core/runtime/deps.ts';
import {
  acceptDuplex,
  type Duplex,
  type DuplexHandlers,
  dialDuplex,
} from '../../../core/runtime/duplex.ts';
import { createFakeClock, createSeededRandom, type FakeClock } from '../../support/fake-clock.ts';

/** One end as a test sees it. */
interface End {
  duplex: Duplex;
  /** Messages, then the reason of the close. */
  heard: unknown[];
  closed: Promise<string>;
}

function record(duplex: Duplex, ends: End[], onChange: () => void): DuplexHandlers {
  const closed = Promise.withResolvers<string>();
  const end: End = { duplex, heard: [], closed: closed.promise };
  ends.push(end);
  onChange();
  return {
    onMessage(message) {
      end.heard.push(message);
      onChange();
    },
    onClose: closed.resolve,
  };
}

interface Pair {
  clock: FakeClock;
  port: number;
  /** Connections as the server and as the dialler saw them. */
  accepted: End[];
  opened: End[];
  failures: string[];
  closeAll: (reason: string) => void;
  stop: (reason: string) => void;
  until(condition: () => boolean): Promise<void>;
  end(ends: End[], index?: number): End;
}

async function pair(t: TestContext, { key = 'right' } = {}): Promise<Pair> {
  const clock = createFakeClock();
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  const accepted: End[] = [];
  const opened: End[] = [];
  const failures: string[] = [];
  let change = Promise.withResolvers<void>();
  const onChange = () => {
    change.resolve();
    change = Promise.withResolvers();
  };
  const { closeAll } = acceptDuplex({ clock }, server, {
    path: '/v1/stream',
    authorise: ({ headers }) => (headers.authorization === 'right' ? 'par' : undefined),
    onOpen: (duplex) => record(duplex, accepted, onChange),
  });
  const { stop } = dialDuplex(
    { clock, random: createSeededRandom(1) },
    {
      url: () => `ws://127.0.0.1:${port}/v1/stream?a=b`,
      headers: { authorization: key },
      onOpen: (duplex) => record(duplex, opened, onChange),
      onFailure: (reason) => {
        failures.push(reason);
        onChange();
      },
    },
  );
  t.after(() => {
    stop('end of test');
    server.close();
    server.closeAllConnections();
  });
  return {
    clock,
    port,
    accepted,
    opened,
    failures,
    closeAll,
    stop,
    async until(condition) {
      while (!condition()) await Promise.race([change.promise, systemClock.sleep(50)]);
    },
    end: (ends, index = 0) => ends[index] ?? assert.fail('there is no such connection'),
  };
}

test('messages travel both ways, in order and unchanged', async (t) => {
  const { accepted, opened, until, end } = await pair(t);
  await until(() => accepted.length + opened.length === 2);
  const messages = [{ a: 'é'.repeat(70_000) }, null, [1, 2], 'text', 0];
  for (const message of messages) {
    assert.equal(end(opened).duplex.send(message), true);
    assert.equal(end(accepted).duplex.send(message), true);
  }
  await until(() => end(accepted).heard.length + end(opened).heard.length === 10);
  assert.deepEqual(end(accepted).heard, messages);
  assert.deepEqual(end(opened).heard, messages);
});

test('the reason of a close is shown to the other end, a long one by its beginning; later sends say no', async (t) => {
  const { accepted, opened, until, end } = await pair(t);
  await until(() => accepted.length + opened.length === 2);
  end(accepted).duplex.close('ü'.repeat(100));
  assert.equal(await end(opened).closed, 'ü'.repeat(60));
  await end(accepted).closed;
  assert.equal(end(accepted).duplex.send('late'), false);
  assert.equal(end(opened).duplex.send('late'), false);
});

test('a connection that ended is dialled again, until that is stopped', async (t) => {
  const { clock, accepted, opened, until, stop, end } = await pair(t);
  await until(() => accepted.length + opened.length === 2);
  end(accepted).duplex.close('go away');
  await end(opened).closed;
  await clock.advance(100);
  await until(() => accepted.length === 2 && opened.length === 2);
  stop('done');
  assert.equal(await end(accepted, 1).closed, 'done');
  await end(opened, 1).closed;
  await clock.advance(10_000);
  await systemClock.sleep(5);
  assert.equal(accepted.length, 2);
});

test('who may not connect is refused with 401, told why it failed, and backs off', async (t) => {
  const { clock, accepted, failures, until } = await pair(t, { key: 'wrong' });
  await until(() => failures.length === 1);
  assert.match(failures[0] ?? '', /401/);
  await clock.advance(49);
  await systemClock.sleep(5);
  assert.equal(failures.length, 1);
  await clock.advance(51);
  await until(() => failures.length === 2);
  await clock.advance(99);
  await systemClock.sleep(5);
  assert.equal(failures.length, 2);
  await clock.advance(101);
  await until(() => failures.length === 3);
  assert.equal(accepted.length, 0);
});

test('a silent peer is noticed within two heartbeats, one that answers is kept', async (t) => {
  const { clock, port, accepted, opened, until, end } = await pair(t);
  await until(() => accepted.length + opened.length === 2);
  const silent = connect(port, '127.0.0.1');
  t.after(() => silent.destroy());
  silent.write(upgrade('/v1/stream', 'right'));
  await until(() => accepted.length === 2);
  await clock.advance(5000);
  // The one that is alive has answered the ping by now.
  end(opened).duplex.send('alive');
  await until(() => end(accepted).heard.length === 1);
  await clock.advance(5000);
  assert.match(await end(accepted, 1).closed, /1006/);
  assert.equal(end(opened).duplex.send('still here'), true);
  await until(() => end(accepted).heard.length === 2);
});

test('what is no JSON, and a message beyond 16 MiB, end the connection', async (t) => {
  const { clock, port, accepted, opened, until, end } = await pair(t);
  await until(() => accepted.length + opened.length === 2);
  end(opened).duplex.send('x'.repeat(16 * 2 ** 20));
  assert.match(await end(accepted).closed, /^closed/);
  const raw = connect(port, '127.0.0.1');
  raw.write(upgrade('/v1/stream', 'right'));
  await until(() => accepted.length === 2);
  // Masked text frames (RFC 6455 §5.2) with a mask of zeros: "{", which is no JSON, and "1", which comes too late.
  raw.write(Buffer.from([0x81, 0x81, 0, 0, 0, 0, 0x7b, 0x81, 0x81, 0, 0, 0, 0, 0x31]));
  let answer = '';
  raw.on('data', (part) => {
    answer += part;
  });
  await until(() => answer.endsWith('not JSON'));
  // The peer does not take part in the closing handshake.
  await clock.advance(1000);
  assert.match(await end(accepted, 1).closed, /1006/);
  assert.deepEqual(end(accepted, 1).heard, []);
});

for (const [target, status] of [
  ['/v1/other', 404],
  ['//', 404],
  ['/v1/stream/', 404],
  ['http://[', 404],
  ['/v1/stream', 401],
] as const) {
  test(`an upgrade of ${target} without a key is answered ${status} and harms nobody`, async (t) => {
    const { port, accepted, opened, until, end } = await pair(t);
    await until(() => accepted.length + opened.length === 2);
    const raw = connect(port, '127.0.0.1');
    raw.end(upgrade(target, 'wrong'));
    const answer = (await raw.toArray()).join('');
    assert.match(answer, new RegExp(`^HTTP/1.1 ${status} `));
    end(opened).duplex.send('still here');
    await until(() => end(accepted).heard.length === 1);
  });
}

test('to stop while the first connection is being made is no failure', async (t) => {
  const { stop, accepted, failures, clock } = await pair(t);
  stop('changed my mind');
  await systemClock.sleep(20);
  await clock.advance(5000);
  assert.deepEqual(failures, []);
  for (const { closed } of accepted) await closed;
});

test('a server that closes tells all who are connected', async (t) => {
  const { accepted, opened, until, closeAll, end } = await pair(t);
  await until(() => accepted.length + opened.length === 2);
  closeAll('restarting');
  assert.equal(await end(opened).closed, 'restarting');
});

function upgrade(target: string, key: string): string {
  return [
    `GET ${target} HTTP/1.1`,
    'Host: a',
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
    `Authorization: ${key}`,
    '\r\n',
  ].join('\r\n');
}
