/**
 * What every implementation of the upstream port promises, whoever is on the other side: run on origins and on shields, over
 * real sockets, with peers that misbehave byte by byte. Clocks are fake: only what a test advances passes.
 */
import assert from 'node:assert/strict';
import { PassThrough, Readable } from 'node:stream';
import { describe, type TestContext, test } from 'node:test';
import type { Clock } from '../../core/runtime/deps.ts';
import type { Site } from '../../core/topology/schema.ts';
import type { Failure, Upstream } from '../../core/upstream/upstream.ts';
import {
  type Arrival,
  answered,
  deadline,
  failureIn,
  receive,
  receiveAll,
  replying,
  requestFor,
  response,
  type ScriptedPeer,
  startPeer,
  until,
} from '../core/upstream/support.ts';
import { createFakeClock } from '../support/fake-clock.ts';

/** An upstream whose only peer listens on the port. */
export type CreateUpstream = (
  t: TestContext,
  port: number,
  clock: Clock,
) => { upstream: Upstream; site: Site };

/** Longer than any limit of `deadline`, with whatever an implementation adds to it. */
const anyLimitMs = 30_000;

export function upstreamContract(name: string, create: CreateUpstream): void {
  const setUp = async (t: TestContext, answer: (arrival: Arrival) => void) => {
    const clock = createFakeClock();
    const peer = await startPeer(t, answer);
    const { upstream, site } = create(t, peer.port, clock);
    t.after(() => upstream.close());
    const fetch = (changes: Parameters<typeof requestFor>[1] = {}) =>
      upstream.fetch(requestFor(site, changes), deadline);
    return { clock, peer, upstream, site, fetch };
  };
  describe(`${name}: responses`, () => responses(setUp));
  describe(`${name}: interim responses`, () => interim(setUp));
  describe(`${name}: bodies`, () => bodies(setUp));
  describe(`${name}: framing`, () => framing(setUp));
  describe(`${name}: requests`, () => requests(setUp));
  describe(`${name}: uploads`, () => uploads(setUp));
  describe(`${name}: limits and connections`, () => limits(setUp));
}

type SetUp = (
  t: TestContext,
  answer: (arrival: Arrival) => void,
) => Promise<{
  clock: ReturnType<typeof createFakeClock>;
  peer: ScriptedPeer;
  upstream: Upstream;
  site: Site;
  fetch(changes?: Parameters<typeof requestFor>[1]): ReturnType<Upstream['fetch']>;
}>;

function responses(setUp: SetUp): void {
  test('hands over status, reason and fields with order, case and repeats kept (RFC 9110 §5.3)', async (t) => {
    const fields = 'X-B: 1\r\nset-COOKIE: a=1\r\nX-b: 2 \r\nSet-Cookie: \xe9\r\n';
    const { fetch } = await setUp(t, replying(response('hello', fields)));
    const { status, reason, headers } = answered(await fetch());
    assert.deepEqual([status, reason], [200, 'OK']);
    assert.deepEqual(
      [...headers],
      ['X-B', '1', 'set-COOKIE', 'a=1', 'X-b', '2', 'Set-Cookie', '\xe9', 'Content-Length', '5'],
    );
  });

  test('drops the fields of the connection, those that Connection names included (RFC 9110 §7.6.1)', async (t) => {
    const fields =
      'Connection: keep-alive, X-Hop\r\nKeep-Alive: timeout=5\r\nX-Hop: 1\r\nX-End: 2\r\n';
    const { fetch } = await setUp(t, replying(response('', fields)));
    assert.deepEqual(answered(await fetch()).headers, ['X-End', '2', 'Content-Length', '0']);
  });

  test('leaves out a reason phrase that could not be sent on', async (t) => {
    const { fetch } = await setUp(
      t,
      replying('HTTP/1.1 200 \xff\xfe\r\nContent-Length: 0\r\n\r\n'),
    );
    assert.equal(answered(await fetch()).reason, '');
  });

  test('passes over interim responses, unasked 100 (Continue) included (RFC 9110 §15.2)', async (t) => {
    const interim =
      'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n';
    const { fetch } = await setUp(t, replying(interim + response('final')));
    const { status, headers, body } = answered(await fetch());
    assert.equal(status, 200);
    assert.deepEqual(headers, ['Content-Length', '5']);
    assert.deepEqual(await receiveAll(body), { text: 'final', end: 'end' });
  });

  test('passes over a 100 (Continue) that comes in single bytes', async (t) => {
    const { fetch } = await setUp(t, async ({ socket }) => {
      for (const byte of `HTTP/1.1 100 Continue\r\nX: y\r\n\r\n${response('final')}`) {
        socket.write(byte);
        await new Promise((resolve) => setImmediate(resolve));
      }
    });
    assert.equal((await receiveAll(answered(await fetch()).body)).text, 'final');
  });

  for (const [what, method, head] of [
    ['HEAD', 'HEAD', 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n'],
    ['304', 'GET', 'HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n'],
    ['204', 'GET', 'HTTP/1.1 204 No Content\r\n\r\n'],
  ] as const) {
    test(`a response to or with ${what} has no body (RFC 9112 §6.3)`, async (t) => {
      const { fetch } = await setUp(t, replying(head));
      const { body } = answered(await fetch({ method }));
      assert.equal(body.lengthBytes, 0);
      assert.deepEqual(await receiveAll(body), { text: '', end: 'end' });
    });
  }

  test('says when the request was sent and when the head came', async (t) => {
    const { fetch, clock } = await setUp(t, ({ socket }) => {
      void clock.advance(700).then(() => socket.write(response('')));
    });
    const startMs = clock.nowMs();
    const { requestTimeMs, responseTimeMs } = answered(await fetch());
    assert.deepEqual([requestTimeMs - startMs, responseTimeMs - startMs], [0, 700]);
  });
}

function interim(setUp: SetUp): void {
  const link = (target: string, fields = '') =>
    `HTTP/1.1 103 Early Hints\r\nLink: <${target}>\r\n${fields}\r\n`;
  /** What the caller hears, and the response. */
  const heard = async (t: TestContext, answer: (arrival: Arrival) => void, method = 'GET') => {
    const { fetch, peer } = await setUp(t, answer);
    const told: [number, ...string[]][] = [];
    const onInterim = (status: number, headers: readonly string[]) => {
      told.push([status, ...headers]);
    };
    return { told, peer, result: await fetch({ method, onInterim }) };
  };

  for (const method of ['GET', 'HEAD']) {
    test(`all are handed on to a ${method} with their fields, and none of these is of the response (RFC 9110 §15.2)`, async (t) => {
      const bytes = `${link('/a', 'x-CASE: 1\r\nX-Case: \xe9 \r\n')}HTTP/1.1 102 Processing\r\n\r\n${link('/b')}`;
      const final = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n';
      const body = method === 'GET' ? 'ok' : '';
      const { told, result } = await heard(t, replying(bytes + final + body), method);
      assert.deepEqual(told, [
        [103, 'Link', '</a>', 'x-CASE', '1', 'X-Case', '\xe9'],
        [102],
        [103, 'Link', '</b>'],
      ]);
      const { status, headers } = answered(result);
      assert.deepEqual([status, headers], [200, ['Content-Length', '2']]);
      assert.equal((await receiveAll(answered(result).body)).text, body);
    });
  }

  test('one is handed on when it comes, not with the response', async (t) => {
    const { fetch, peer } = await setUp(t, ({ socket }) => socket.write(link('/a')));
    const answer = Promise.withResolvers<void>();
    const pending = fetch({ onInterim: () => answer.resolve() });
    await answer.promise;
    peer.arrivals[0]?.socket.write(response('late'));
    assert.equal((await receiveAll(answered(await pending).body)).text, 'late');
  });

  test('one without a reason, one of an unknown status, and one in single bytes are handed on', async (t) => {
    const bytes = `HTTP/1.1 103\r\nA: 1\r\n\r\nHTTP/1.1 199 X\r\nA: 2\r\n\r\nHTTP/1.1 103 \r\nA: 3\r\n\r\n`;
    const { told, result } = await heard(t, async ({ socket }) => {
      for (const byte of bytes + response('final')) {
        socket.write(byte);
        await new Promise((resolve) => setImmediate(resolve));
      }
    });
    assert.deepEqual(told, [
      [103, 'A', '1'],
      [199, 'A', '2'],
      [103, 'A', '3'],
    ]);
    assert.equal(answered(result).status, 200);
  });

  test('100 (Continue) is for nobody, between others too (RFC 9110 §10.1.1)', async (t) => {
    const go = 'HTTP/1.1 100 Continue\r\n\r\n';
    const { told, result } = await heard(
      t,
      replying(`${go}${link('/a')}${go}${link('/b')}${go}${response('final')}`),
    );
    assert.deepEqual(told, [
      [103, 'Link', '</a>'],
      [103, 'Link', '</b>'],
    ]);
    assert.equal((await receiveAll(answered(result).body)).text, 'final');
  });

  test('one that is illegal is dropped, and the response stands', async (t) => {
    const illegal = [
      'Content-Length: 5\r\n',
      'Transfer-Encoding: chunked\r\n',
      'A: 1\r\n'.repeat(101),
    ];
    const bytes = illegal.map((fields) => link('/bad', fields)).join('');
    const { told, result } = await heard(t, replying(bytes + link('/good') + response('final')));
    assert.deepEqual(told, [[103, 'Link', '</good>']]);
    assert.equal((await receiveAll(answered(result).body)).text, 'final');
  });

  test('bytes behind one that are no response are refused: it has no body (RFC 9112 §6.3)', async (t) => {
    const bytes = `${link('/a', 'Content-Length: 5\r\n')}hello${response('final')}`;
    const { told, result } = await heard(t, replying(bytes));
    assert.equal(failureIn(result).kind, 'framing');
    assert.deepEqual(told, []);
  });

  test('a switch of protocols is refused also when it names none (RFC 9110 §15.2.2)', async (t) => {
    const { told, result } = await heard(t, replying('HTTP/1.1 101 Go\r\n\r\nSSH-2.0'));
    assert.deepEqual([failureIn(result).kind, failureIn(result).retryable], ['framing', false]);
    assert.deepEqual(told, []);
  });

  test('beyond sixteen they are dropped', async (t) => {
    const bytes = Array.from({ length: 20 }, (_, n) => link(`/${n}`)).join('');
    const { told, result } = await heard(t, replying(bytes + response('final')));
    assert.deepEqual(told.at(-1), [103, 'Link', '</15>']);
    assert.equal(told.length, 16);
    assert.equal((await receiveAll(answered(result).body)).text, 'final');
  });

  test('the next response of the connection has its own', async (t) => {
    const { fetch, peer } = await setUp(t, ({ socket }) => {
      socket.write(link(`/${peer.arrivals.length}`) + response('final'));
    });
    const told: string[] = [];
    const ask = async (onInterim?: (status: number, headers: readonly string[]) => void) => {
      await receiveAll(answered(await fetch({ onInterim })).body);
      await idle();
    };
    await ask((_status, [, value = '']) => told.push(`first ${value}`));
    await ask();
    await ask((_status, [, value = '']) => told.push(`third ${value}`));
    assert.deepEqual(told, ['first </1>', 'third </3>']);
    assert.equal(peer.connections, 1);
  });

  test('a request that is given up hears of none', async (t) => {
    const abort = new AbortController();
    const { fetch, peer } = await setUp(t, () => abort.abort());
    let told = 0;
    const pending = fetch({ signal: abort.signal, onInterim: () => (told += 1) });
    assert.equal(failureIn(await pending).kind, 'aborted');
    peer.arrivals[0]?.socket.write(link('/late'));
    await until(() => peer.arrivals[0]?.socket.destroyed === true, 'the close');
    assert.equal(told, 0);
  });
}

function bodies(setUp: SetUp): void {
  for (const [what, bytes, then, lengthBytes] of [
    ['a length', response('hello'), 'keep', 5],
    [
      'chunks',
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n2;x=y\r\nhe\r\n3\r\nllo\r\n0\r\nX-Trailer: 1\r\n\r\n',
      'keep',
      undefined,
    ],
    ['the close of the connection', 'HTTP/1.1 200 OK\r\n\r\nhello', 'close', undefined],
  ] as const) {
    test(`gives a whole body that is delimited by ${what} (RFC 9112 §6.3)`, async (t) => {
      const { fetch } = await setUp(t, replying(bytes, then));
      const { body } = answered(await fetch());
      assert.equal(body.lengthBytes, lengthBytes);
      assert.deepEqual(await receiveAll(body), { text: 'hello', end: 'end' });
    });
  }

  for (const [what, bytes, kind] of [
    ['shorter than its length', 'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello', 'cut'],
    [
      'shorter than its length, on a connection to be closed',
      'HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 9\r\n\r\nhello',
      'cut',
    ],
    [
      'without its last chunk',
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n',
      'cut',
    ],
    [
      'without its last chunk, on a connection to be closed',
      'HTTP/1.1 200 OK\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n',
      'cut',
    ],
    [
      'with a chunk size that is none',
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nxy\r\n',
      'framing',
    ],
  ] as const) {
    test(`never ends a body ${what} (RFC 9112 §8)`, async (t) => {
      const { fetch } = await setUp(t, replying(bytes, 'close'));
      const { text, end } = await receiveAll(answered(await fetch()).body);
      assert.equal(text, 'hello');
      assert.equal((end as Failure).kind, kind);
    });
  }

  test('never ends a body that a reset cuts off where a close would have ended it (RFC 9112 §8)', async (t) => {
    const { fetch, peer } = await setUp(t, replying('HTTP/1.1 200 OK\r\n\r\nhello'));
    const transfer = receive(answered(await fetch()).body);
    await until(() => transfer.text === 'hello');
    peer.arrivals[0]?.socket.resetAndDestroy();
    await until(() => transfer.end !== undefined);
    assert.equal((transfer.end as Failure).kind, 'cut');
  });

  test('fails a body that is longer than its announced length, and gives the rest to nobody', async (t) => {
    const { fetch, peer } = await setUp(t, ({ socket, connection }) => {
      socket.write(
        connection === 1 ? `${response('first')}${response('poison')}` : response('own'),
      );
    });
    const { text, end } = await receiveAll(answered(await fetch()).body);
    assert.deepEqual([text, (end as Failure).kind], ['', 'framing']);
    assert.equal((await receiveAll(answered(await fetch()).body)).text, 'own');
    assert.equal(peer.connections, 2);
  });

  test('reads nothing of the body before it is started, and little while it is paused', async (t) => {
    const { fetch, peer } = await setUp(t, ({ socket }) => {
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${2 ** 30}\r\n\r\n`);
      const piece = Buffer.alloc(2 ** 16);
      const fill = () => {
        while (!socket.destroyed && socket.write(piece)) {}
      };
      socket.on('drain', fill);
      fill();
    });
    const { body } = answered(await fetch());
    const taken = () => {
      const socket = peer.arrivals[0]?.socket;
      return socket ? socket.bytesWritten - socket.writableLength : 0;
    };
    await settled(taken);
    const beforeStart = taken();
    // What the buffers of two sockets hold, in the kernel for the most part; the body has 1 GiB.
    assert.ok(beforeStart < 16 * 2 ** 20, `${beforeStart} bytes were taken before the start`);
    const transfer = receive(body, ({ pieces }) => {
      if (pieces.length === 1) body.pause();
    });
    await settled(taken);
    assert.equal(transfer.pieces.length, 1);
    assert.ok(taken() - beforeStart < 2 ** 20, `${taken() - beforeStart} bytes while paused`);
    body.abort();
  });

  test('goes on where it paused, and loses and repeats nothing', async (t) => {
    const text = Array.from({ length: 40_000 }, (_, line) => `line ${line}\n`).join('');
    const { fetch } = await setUp(t, replying(response(text)));
    const { body } = answered(await fetch());
    let isPaused = false;
    const transfer = receive(body, () => {
      assert.equal(isPaused, false, 'data while paused');
      isPaused = true;
      body.pause();
      setImmediate(() => {
        isPaused = false;
        body.resume();
      });
    });
    await until(() => transfer.end !== undefined);
    assert.equal(transfer.text, text);
    assert.equal(transfer.end, 'end');
  });

  test('gives the end only after a pause is over', async (t) => {
    const { fetch } = await setUp(t, replying('HTTP/1.1 200 OK\r\n\r\nhello', 'close'));
    const { body } = answered(await fetch());
    const transfer = receive(body, () => body.pause());
    await until(() => transfer.pieces.length > 0);
    for (let turns = 0; turns < 20; turns++) await new Promise((resolve) => setImmediate(resolve));
    assert.equal(transfer.end, undefined);
    body.resume();
    await until(() => transfer.end === 'end');
  });

  test('says nothing more after an abort, and ends the connection; twice is as once', async (t) => {
    const { fetch, peer } = await setUp(t, replying('HTTP/1.1 200 OK\r\n\r\nhello'));
    const { body } = answered(await fetch());
    const transfer = receive(body, () => {
      body.abort();
      body.abort();
    });
    await until(() => peer.arrivals[0]?.socket.destroyed === true, 'the close');
    assert.equal(transfer.text, 'hello');
    assert.equal(transfer.end, undefined);
  });

  test('a body that is aborted without a start ends its connection too', async (t) => {
    const { fetch, peer } = await setUp(
      t,
      replying('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello'),
    );
    answered(await fetch()).body.abort();
    await until(() => peer.arrivals[0]?.socket.destroyed === true, 'the close');
  });
}

function framing(setUp: SetUp): void {
  const fields: Record<string, string> = {
    'Transfer-Encoding with a tab': 'Transfer-Encoding: chunked\t\r\n',
    'an unknown transfer coding': 'Transfer-Encoding: gzip, chunked\r\n',
    'two Transfer-Encodings': 'Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n',
    'Content-Length with Transfer-Encoding': 'Content-Length: 3\r\nTransfer-Encoding: chunked\r\n',
    'two different lengths': 'Content-Length: 3\r\nContent-Length: 4\r\n',
    'two equal lengths': 'Content-Length: 3\r\nContent-Length: 3\r\n',
    'a length with a sign': 'Content-Length: +3\r\n',
    'an empty length': 'Content-Length: \r\n',
    'a folded field': 'Content-Length: 3\r\nX-A: 1\r\n 2\r\n',
    'a space before the colon': 'Content-Length : 3\r\n',
    'a NUL in a value': 'Content-Length: 3\r\nX-A: 1\x002\r\n',
    'bare line feeds': 'Content-Length: 3\nX-A: 1\n',
    'more than 100 fields': 'X-A: 1\r\n'.repeat(101),
    'a head of more than 16 KiB': `X-A: ${'a'.repeat(17_000)}\r\n`,
  };
  for (const [what, lines] of Object.entries(fields)) {
    test(`refuses ${what} before a byte is handed over, and ends the connection`, async (t) => {
      const bytes = `HTTP/1.1 200 OK\r\n${lines}\r\n3\r\nabc\r\n0\r\n\r\n`;
      const { fetch, peer } = await setUp(t, replying(bytes));
      const failure = failureIn(await fetch());
      assert.deepEqual([failure.kind, failure.retryable], ['framing', false]);
      await until(() => peer.arrivals[0]?.socket.destroyed === true, 'the close');
      assert.equal(peer.arrivals.length, 1);
    });
  }

  for (const [what, bytes] of [
    ['another protocol', 'SSH-2.0-OpenSSH_9.2\r\n'],
    ['a switch of protocols', 'HTTP/1.1 101 Go\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n'],
    ['a status of two digits', 'HTTP/1.1 99 Odd\r\nContent-Length: 0\r\n\r\n'],
    ['another version of HTTP', 'HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n'],
    ['a relative of HTTP', 'RTSP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n'],
    [
      'chunks in HTTP/1.0 (RFC 9112 §6.1)',
      'HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    ],
  ] as const) {
    test(`refuses ${what}`, async (t) => {
      const { fetch } = await setUp(t, replying(bytes));
      assert.equal(failureIn(await fetch()).kind, 'framing');
    });
  }
}

function requests(setUp: SetUp): void {
  test('sends method, target, the host of the key and the fields as they are', async (t) => {
    const { fetch, peer } = await setUp(t, replying(response('')));
    await fetch({ method: 'OPTIONS', headers: ['X-B', '1', 'accept', '*/*', 'X-B', '2\xe9'] });
    const lines = peer.arrivals[0]?.head.split('\r\n') ?? [];
    assert.equal(lines[0], 'OPTIONS /page?x=1 HTTP/1.1');
    assert.ok(lines.includes('host: www.test'));
    const own = lines.filter((line) => /^(x-b|accept)/i.test(line));
    assert.deepEqual(own, ['X-B: 1', 'accept: */*', 'X-B: 2\xe9']);
  });

  test('sends no field of the connection before, no TE and no Expect (RFC 9110 §7.6.1, §10.1.1)', async (t) => {
    const { fetch, peer } = await setUp(t, replying(response('')));
    const headers = [
      'Connection',
      'X-Hop',
      'X-Hop',
      '1',
      'TE',
      'trailers',
      'Upgrade',
      'x',
      'Expect',
    ];
    await fetch({ headers: [...headers, '100-continue', 'Keep-Alive', 'a', 'Host', 'evil.test'] });
    const head = peer.arrivals[0]?.head ?? '';
    assert.doesNotMatch(head, /x-hop|^te:|upgrade|expect|keep-alive: a|evil/im);
  });

  test('does not send the body of a GET (RFC 9110 §9.3.1)', async (t) => {
    const { fetch, peer } = await setUp(t, replying(response('')));
    const headers = ['Content-Length', '4'];
    await fetch({ body: Readable.from([Buffer.from('body')]), bodyBytes: 4, headers });
    assert.doesNotMatch(peer.arrivals[0]?.head ?? '', /content-length|transfer-encoding/i);
    assert.equal(peer.arrivals[0]?.body, '');
  });

  test('a request that cannot be written as HTTP fails as ours, and is not sent', async (t) => {
    const { fetch, peer } = await setUp(t, replying(response('')));
    const failure = failureIn(await fetch({ headers: ['X-A', 'a\r\nX-Evil: 1'] }));
    assert.deepEqual([failure.source, failure.retryable], ['internal', false]);
    assert.equal(peer.arrivals.length, 0);
  });

  test('a request whose signal has aborted already is not sent', async (t) => {
    const { fetch, peer } = await setUp(t, replying(response('')));
    const failure = failureIn(await fetch({ signal: AbortSignal.abort() }));
    assert.deepEqual([failure.kind, failure.source], ['aborted', 'downstream']);
    assert.equal(peer.arrivals.length, 0);
  });

  test('the signal ends a request that waits for its head, and its connection', async (t) => {
    const abort = new AbortController();
    const { fetch, peer } = await setUp(t, () => abort.abort());
    assert.equal(failureIn(await fetch({ signal: abort.signal })).kind, 'aborted');
    await until(() => peer.arrivals[0]?.socket.destroyed === true, 'the close');
  });

  test('the signal fails a body that is under way', async (t) => {
    const abort = new AbortController();
    const { fetch } = await setUp(t, replying('HTTP/1.1 200 OK\r\n\r\nhello'));
    const { body } = answered(await fetch({ signal: abort.signal }));
    const transfer = receive(body, () => abort.abort());
    await until(() => transfer.end !== undefined);
    assert.equal((transfer.end as Failure).kind, 'aborted');
  });
}

function uploads(setUp: SetUp): void {
  const whenComplete =
    (end: string) =>
    ({ socket, ...arrival }: Arrival, all: Arrival[]) =>
      void until(() => (all.at(-1) ?? arrival).body.endsWith(end)).then(() =>
        socket.write(response('thanks')),
      );

  test('streams a body of known length', async (t) => {
    const all: Arrival[] = [];
    const { fetch } = await setUp(t, (arrival) => {
      all.push(arrival);
      whenComplete('body')(arrival, all);
    });
    const body = Readable.from([Buffer.from('the '), Buffer.from('body')]);
    answered(await fetch({ method: 'POST', body, bodyBytes: 8, headers: ['Content-Length', '8'] }));
    assert.match(all[0]?.head ?? '', /^content-length: 8$/im);
    assert.doesNotMatch(all[0]?.head ?? '', /transfer-encoding/i);
    assert.equal(all[0]?.body, 'the body');
  });

  test('streams a body of unknown length in chunks (RFC 9112 §7.1)', async (t) => {
    const all: Arrival[] = [];
    const { fetch } = await setUp(t, (arrival) => {
      all.push(arrival);
      whenComplete('\r\n0\r\n\r\n')(arrival, all);
    });
    const body = Readable.from([Buffer.from('the '), Buffer.from('body')]);
    answered(await fetch({ method: 'PUT', body }));
    assert.equal(all[0]?.body, '4\r\nthe \r\n4\r\nbody\r\n0\r\n\r\n');
  });

  for (const [what, bodyBytes] of [
    ['of known length', 100],
    ['in chunks', undefined],
  ] as const) {
    test(`never completes an upload ${what} that the client aborted`, async (t) => {
      const { fetch, peer } = await setUp(t, () => {});
      const body = new PassThrough();
      body.write('half');
      const pending = fetch({ method: 'POST', body, bodyBytes });
      await until(() => peer.arrivals[0]?.body.includes('half') === true, 'the first half');
      body.destroy(new Error('client went away'));
      const failure = failureIn(await pending);
      assert.deepEqual([failure.source, failure.kind], ['downstream', 'aborted']);
      const { socket } = peer.arrivals[0] as Arrival;
      await until(() => socket.destroyed, 'the close');
      assert.doesNotMatch(peer.arrivals[0]?.body ?? '', /0\r\n\r\n$/);
      assert.equal(peer.arrivals.length, 1);
    });
  }

  test('an early answer is handed over, the connection ended, and the client left alone', async (t) => {
    const { fetch, peer } = await setUp(t, ({ socket }) => {
      socket.write('HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\nbig');
    });
    const body = new PassThrough();
    body.write('some');
    const answer = answered(await fetch({ method: 'POST', body, bodyBytes: 1_000_000 }));
    assert.equal(answer.status, 413);
    assert.deepEqual(await receiveAll(answer.body), { text: 'big', end: 'end' });
    await until(() => peer.arrivals[0]?.socket.destroyed === true, 'the close');
    assert.equal(body.destroyed, false);
    body.end('the rest, which nobody reads');
    await until(() => body.readableEnded, 'the discarded rest');
  });

  test('a request that was cut after a part of its body was sent is not sent again', async (t) => {
    const { fetch, peer } = await setUp(t, ({ socket }) => socket.destroy());
    const body = Readable.from([Buffer.from('body')]);
    const failure = failureIn(await fetch({ method: 'PUT', body, bodyBytes: 4 }));
    assert.deepEqual([failure.kind, failure.retryable], ['cut', false]);
    assert.equal(peer.arrivals.length, 1);
  });

  test('a client that owes its body is to blame for a late answer, not the peer', async (t) => {
    const { fetch, clock, peer } = await setUp(t, () => {});
    const body = new PassThrough();
    body.write('half');
    const pending = fetch({ method: 'POST', body });
    await until(() => peer.arrivals[0]?.body.includes('half') === true, 'the first half');
    await clock.advance(anyLimitMs);
    const failure = failureIn(await pending);
    assert.deepEqual([failure.source, failure.kind], ['downstream', 'timeout']);
  });
}

function limits(setUp: SetUp): void {
  test('gives up when no head comes in time, and ends the connection', async (t) => {
    const { fetch, clock, peer } = await setUp(t, () => {});
    const pending = fetch();
    await until(() => peer.arrivals.length === 1, 'the request');
    await clock.advance(deadline.firstByteMs - 1);
    assert.equal(peer.arrivals[0]?.socket.destroyed, false);
    await clock.advance(anyLimitMs);
    const failure = failureIn(await pending);
    assert.deepEqual([failure.kind, failure.source], ['timeout', 'upstream']);
    await until(() => peer.arrivals[0]?.socket.destroyed === true, 'the close');
  });

  test('interim responses do not hold off the limit of the first byte', async (t) => {
    const { fetch, clock, peer } = await setUp(t, () => {});
    const pending = fetch();
    await until(() => peer.arrivals.length === 1, 'the request');
    for (let second = 0; second < anyLimitMs / 1000; second++) {
      const { socket } = peer.arrivals[0] as Arrival;
      if (!socket.destroyed) socket.write('HTTP/1.1 102 Processing\r\n\r\n');
      await clock.advance(1000);
    }
    assert.equal(failureIn(await pending).kind, 'timeout');
  });

  test('gives up when a body falls silent, not while it comes, and not while its reader pauses', async (t) => {
    const { fetch, clock, peer } = await setUp(t, replying('HTTP/1.1 200 OK\r\n\r\na'));
    const { body } = answered(await fetch());
    const transfer = receive(body);
    for (const text of ['aa', 'aaa']) {
      await clock.advance(deadline.betweenBytesMs - 1);
      peer.arrivals[0]?.socket.write('a');
      await until(() => transfer.text === text, 'the next piece');
    }
    body.pause();
    await clock.advance(10 * anyLimitMs);
    assert.equal(transfer.end, undefined);
    body.resume();
    await until(() => clock.pending > 0);
    await clock.advance(anyLimitMs);
    assert.equal((transfer.end as unknown as Failure).kind, 'timeout');
  });

  test('a response whose body nobody starts does not hold its connection forever', async (t) => {
    const { fetch, clock, peer } = await setUp(t, replying('HTTP/1.1 200 OK\r\n\r\nhello'));
    const { body } = answered(await fetch());
    await clock.advance(anyLimitMs);
    await until(() => peer.arrivals[0]?.socket.destroyed === true, 'the close');
    assert.equal(((await receiveAll(body)).end as Failure).kind, 'timeout');
  });

  test('leaves no timer behind', async (t) => {
    const { fetch, clock } = await setUp(t, replying(response('hello')));
    await receiveAll(answered(await fetch()).body);
    assert.equal(clock.pending, 0);
  });

  test('says so when nobody listens', async (t) => {
    const { fetch, peer } = await setUp(t, () => {});
    await peer.stop();
    const failure = failureIn(await fetch());
    assert.deepEqual(
      [failure.source, failure.kind, failure.retryable],
      ['upstream', 'connect', true],
    );
  });

  test('sends further requests over the same connection', async (t) => {
    const { fetch, peer } = await setUp(t, replying(response('hello')));
    for (let round = 0; round < 3; round++) {
      await receiveAll(answered(await fetch()).body);
      await idle();
    }
    assert.equal(peer.connections, 1);
    assert.equal(peer.arrivals.length, 3);
  });

  test('a request that meets a connection just closed by the peer is sent again on a new one (RFC 9112 §9.3.1)', async (t) => {
    const { fetch, peer } = await setUp(t, ({ socket, connection }) => {
      const isFirst = peer.arrivals.length === 1;
      // The second request on the first connection meets its end, as if the two had crossed on the way.
      if (connection === 1 && !isFirst) socket.destroy();
      else socket.write(response('hello'));
    });
    await receiveAll(answered(await fetch()).body);
    await idle();
    assert.equal((await receiveAll(answered(await fetch()).body)).text, 'hello');
    assert.equal(peer.connections, 2);
    assert.equal(peer.arrivals.length, 3);
  });

  test('a POST that meets such a connection is not sent again: it may have been done (RFC 9110 §9.2.2)', async (t) => {
    const { fetch, peer } = await setUp(t, ({ socket, head }) => {
      if (head.startsWith('POST')) socket.destroy();
      else socket.write(response('hello'));
    });
    await receiveAll(answered(await fetch()).body);
    await idle();
    const failure = failureIn(await fetch({ method: 'POST' }));
    assert.deepEqual([failure.kind, failure.retryable], ['cut', false]);
    assert.equal(peer.arrivals.length, 2);
  });

  test('a lost GET on a new connection fails as retryable, and is not sent to the same peer again', async (t) => {
    const { fetch, peer } = await setUp(t, ({ socket }) => socket.destroy());
    const failure = failureIn(await fetch());
    assert.deepEqual([failure.kind, failure.retryable], ['cut', true]);
    assert.equal(peer.arrivals.length, 1);
  });

  test('closing ends idle connections', async (t) => {
    const { fetch, upstream, peer } = await setUp(t, replying(response('hello')));
    await receiveAll(answered(await fetch()).body);
    await idle();
    await upstream.close();
    await until(() => peer.arrivals[0]?.socket.destroyed === true, 'the close');
  });

  test('closing lets a transfer under way finish', async (t) => {
    const { fetch, upstream, peer } = await setUp(t, ({ socket }) => {
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabc');
    });
    const transfer = receive(answered(await fetch()).body);
    await upstream.close();
    peer.arrivals[0]?.socket.write('def');
    await until(() => transfer.end !== undefined);
    assert.deepEqual([transfer.text, transfer.end], ['abcdef', 'end']);
    await until(() => peer.arrivals[0]?.socket.destroyed === true, 'the close');
  });
}

/** Lets a connection come back to its pool, which takes a turn of the event loop after the end of a response. */
async function idle(): Promise<void> {
  for (let turns = 0; turns < 5; turns++) await new Promise((resolve) => setImmediate(resolve));
}

/** Waits until a number has stopped growing. */
async function settled(read: () => number): Promise<void> {
  let stableTurns = 0;
  for (let last = -1; stableTurns < 50; ) {
    const now = read();
    stableTurns = now === last ? stableTurns + 1 : 0;
    last = now;
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}
