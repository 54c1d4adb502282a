/** Rules of core/cache/deliver.ts over a real HTTP connection: conditions, ranges, lengths, cuts and back-pressure. */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { type BodyReader, readBuffer } from '../../../core/cache/body-reader.ts';
import { type Delivery, type DeliveryResult, deliver } from '../../../core/cache/deliver.ts';
import type { StoredResponse } from '../../../core/cache/entry.ts';
import { createSpool, type Spool } from '../../../core/cache/spool.ts';
import { tagFieldNames } from '../../../core/http/tags.ts';
import { createFakeClock } from '../../support/fake-clock.ts';
import {
  begin,
  exchange,
  type HttpRequest,
  openSocket,
  serve,
  until,
} from '../../support/http-exchange.ts';
import { type ResponseOverrides, responseWith } from '../../support/responses.ts';

const nowMs = Date.UTC(2026, 0, 1);
const page = {
  headers: ['Content-Type', 'text/plain', 'ETag', '"1"', 'Surrogate-Key', 'news'],
  etag: '"1"',
};

interface Served {
  port: number;
  results: DeliveryResult[];
  /** What `deliver` returned. */
  returned: boolean[];
}

/** Serves one stored response to whoever asks. */
async function serving(
  t: TestContext,
  entry: StoredResponse,
  overrides: Partial<Delivery> = {},
): Promise<Served> {
  const results: DeliveryResult[] = [];
  const returned: boolean[] = [];
  const { port } = await serve(t, (req, res) => {
    const isSent = deliver({
      res,
      method: req.method ?? '',
      requestHeaders: req.rawHeaders,
      entry,
      ownFields: ['Age', '3'],
      isForTier: false,
      isFirstHand: false,
      hidden: tagFieldNames,
      bodyBytes: entry.bodyBytes,
      canSeek: true,
      open: (start, end) => (entry.body ? readBuffer(entry.body, start, end) : undefined),
      boundary: () => 'boundary',
      nowMs,
      onDone: (result) => void results.push(result),
      ...overrides,
    });
    returned.push(isSent);
    if (!isSent) res.destroy();
  });
  return { port, results, returned };
}

async function ask(
  t: TestContext,
  entry: [ResponseOverrides, string],
  request: HttpRequest = {},
  overrides: Partial<Delivery> = {},
) {
  const { port, results } = await serving(t, responseWith(...entry), overrides);
  const answer = await exchange(port, request);
  await until('it is done', () => results.length > 0);
  return { answer, results };
}

describe('for a tier of ours', () => {
  const headers = [...page.headers, 'Content-Language', 'de', 'Content-Encoding', 'x'];

  it('a 304 has all fields that it may update a copy by (RFC 9111 §3.2)', async (t) => {
    const { port } = await serving(t, responseWith({ ...page, headers }, 'hello'), {
      isForTier: true,
    });
    const answer = await exchange(port, { headers: ['If-None-Match', '"1"'] });
    assert.equal(answer.status, 304);
    assert.deepEqual(
      ['content-type', 'content-language', 'content-encoding', 'content-length'].map(answer.header),
      ['text/plain', 'de', undefined, undefined],
    );
  });

  it('what has just been fetched goes as it came, whatever the tier has (RFC 9111 §4.3.5)', async (t) => {
    const { port } = await serving(t, responseWith(page, 'hello'), {
      isForTier: true,
      isFirstHand: true,
    });
    const asked = { method: 'HEAD', headers: ['If-None-Match', '"1"'] };
    const answer = await exchange(port, asked);
    assert.deepEqual([answer.status, answer.header('content-length')], [200, '5']);
  });
});

it('bytes of a field stay as they are when the head goes before the body (RFC 9110 §5.5)', async (t) => {
  const window = createSpool({
    clock: createFakeClock(),
    windowBytes: 100,
    stallLimitMs: 1000,
    onPause: () => {},
    onResume: () => {},
  });
  const entry = responseWith({ headers: ['X-Bytes', 'a\xe4\xff\x80z'] }, null);
  const { port } = await serving(t, entry, {
    bodyBytes: undefined,
    canSeek: false,
    open: (start, end) => window.reader(start, end),
  });
  const answer = exchange(port);
  while (window.readers === 0) await new Promise((resolve) => setImmediate(resolve));
  window.append(Buffer.from('late'));
  window.end();
  assert.equal((await answer).header('x-bytes'), 'a\xe4\xff\x80z');
});

describe('a whole body', () => {
  it('has its length, the tier’s own fields, and none that are hidden', async (t) => {
    const { answer, results } = await ask(t, [page, 'hello']);
    assert.equal(answer.status, 200);
    assert.equal(answer.body.toString(), 'hello');
    assert.deepEqual(
      ['content-length', 'age', 'content-type', 'surrogate-key'].map(answer.header),
      ['5', '3', 'text/plain', undefined],
    );
    assert.deepEqual(results, [{ status: 200, sentBytes: 5, complete: true }]);
  });

  it('of nothing has a length of 0', async (t) => {
    const { answer } = await ask(t, [page, '']);
    assert.deepEqual([answer.status, answer.header('content-length')], [200, '0']);
  });

  it('is not sent for HEAD, but its length is told (RFC 9110 §9.3.2)', async (t) => {
    const { answer, results } = await ask(t, [page, 'hello'], { method: 'HEAD' });
    assert.deepEqual([answer.header('content-length'), answer.body.length], ['5', 0]);
    assert.deepEqual(results, [{ status: 200, sentBytes: 0, complete: true }]);
  });

  it('of 204 has neither body nor length (RFC 9110 §8.6)', async (t) => {
    const { answer } = await ask(t, [{ ...page, status: 204 }, '']);
    assert.deepEqual([answer.status, answer.header('content-length')], [204, undefined]);
  });

  it('of an answer to HEAD that is relayed keeps the origin’s length', async (t) => {
    const entry: ResponseOverrides = { headers: ['Content-Length', '1234'] };
    const { answer } = await ask(t, [entry, ''], { method: 'HEAD' }, { bodyBytes: undefined });
    assert.equal(answer.header('content-length'), '1234');
  });
});

describe('conditions (RFC 9110 §13)', () => {
  it('304 with the fields that a cache needs, and no body', async (t) => {
    const { answer } = await ask(t, [page, 'hello'], { headers: ['If-None-Match', '"1"'] });
    assert.equal(answer.status, 304);
    assert.deepEqual(['etag', 'age', 'content-type', 'content-length'].map(answer.header), [
      '"1"',
      '3',
      undefined,
      undefined,
    ]);
  });

  it('200 when the tag is another', async (t) => {
    const { answer } = await ask(t, [page, 'hello'], { headers: ['If-None-Match', '"2"'] });
    assert.deepEqual([answer.status, answer.body.toString()], [200, 'hello']);
  });

  it('without Last-Modified the stored Date is what If-Modified-Since is held against (RFC 9111 §4.3.2)', async (t) => {
    const dated = { headers: ['Date', 'Thu, 01 Jan 2026 00:00:00 GMT'] };
    const statusFor = async (since: string) =>
      (await ask(t, [dated, 'hello'], { headers: ['If-Modified-Since', since] })).answer.status;
    assert.equal(await statusFor('Thu, 01 Jan 2026 00:00:00 GMT'), 304);
    assert.equal(await statusFor('Wed, 31 Dec 2025 23:59:59 GMT'), 200);
  });

  it('304 before a range is looked at (§13.2.2)', async (t) => {
    const headers = ['If-None-Match', '"1"', 'Range', 'bytes=0-1'];
    assert.equal((await ask(t, [page, 'hello'], { headers })).answer.status, 304);
  });

  it('of an error status are ignored (§13.2.1)', async (t) => {
    const headers = ['If-None-Match', '"1"'];
    const { answer } = await ask(t, [{ ...page, status: 404 }, 'gone'], { headers });
    assert.equal(answer.status, 404);
  });
});

describe('ranges (RFC 9110 §14)', () => {
  const body = '0123456789';
  const cases: [string, string[], number, string, string?][] = [
    ['one', ['Range', 'bytes=2-4'], 206, '234', 'bytes 2-4/10'],
    ['a suffix', ['Range', 'bytes=-3'], 206, '789', 'bytes 7-9/10'],
    ['to the end', ['Range', 'bytes=8-'], 206, '89', 'bytes 8-9/10'],
    ['beyond the end', ['Range', 'bytes=10-'], 416, '', 'bytes */10'],
    ['malformed: the whole', ['Range', 'bytes=x'], 200, body],
    [
      'If-Range with the same tag',
      ['Range', 'bytes=0-0', 'If-Range', '"1"'],
      206,
      '0',
      'bytes 0-0/10',
    ],
    ['If-Range with another tag: the whole', ['Range', 'bytes=0-0', 'If-Range', '"2"'], 200, body],
  ];
  for (const [title, headers, status, expected, contentRange] of cases) {
    it(title, async (t) => {
      const { answer } = await ask(t, [page, body], { headers });
      assert.deepEqual([answer.status, answer.body.toString()], [status, expected]);
      assert.equal(answer.header('content-range'), contentRange);
      assert.equal(answer.header('content-length'), String(expected.length));
    });
  }

  it('several are one multipart body of exactly the announced length (§14.6)', async (t) => {
    const headers = ['Range', 'bytes=0-1,-2'];
    const { answer } = await ask(t, [page, body], { headers });
    assert.equal(answer.status, 206);
    assert.equal(answer.header('content-type'), 'multipart/byteranges; boundary=boundary');
    assert.equal(answer.header('content-length'), String(answer.body.length));
    const part = (range: string, text: string) =>
      `\r\n--boundary\r\nContent-Type: text/plain\r\nContent-Range: bytes ${range}/10\r\n\r\n${text}`;
    const expected = `${part('0-1', '01')}${part('8-9', '89')}\r\n--boundary--\r\n`;
    assert.equal(answer.body.toString(), expected);
  });

  it('several of a body that is on its way: the whole, for there is no going back', async (t) => {
    const headers = ['Range', 'bytes=8-9,0-1'];
    const { answer } = await ask(t, [page, body], { headers }, { canSeek: false });
    assert.deepEqual([answer.status, answer.body.toString()], [200, body]);
  });

  it('of a body whose length is not known: the whole', async (t) => {
    const overrides = { bodyBytes: undefined };
    const { answer } = await ask(t, [page, body], { headers: ['Range', 'bytes=0-1'] }, overrides);
    assert.deepEqual([answer.status, answer.header('transfer-encoding')], [200, 'chunked']);
  });

  it('of anything but a 200 are ignored', async (t) => {
    const headers = ['Range', 'bytes=0-1'];
    const { answer } = await ask(t, [{ ...page, status: 404 }, body], { headers });
    assert.deepEqual([answer.status, answer.body.toString()], [404, body]);
  });
});

describe('a body that is on its way', () => {
  /** A spool that the test fills, served to one client. */
  async function onItsWay(t: TestContext, lengthBytes: number | undefined) {
    const seen = { paused: 0 };
    const spool: Spool = createSpool({
      clock: createFakeClock(),
      windowBytes: 256 * 1024,
      stallLimitMs: 1000,
      onPause: () => {
        seen.paused += 1;
      },
      onResume: () => {},
    });
    const served = await serving(t, responseWith(page, null), {
      bodyBytes: lengthBytes,
      canSeek: false,
      open: (start, end) => spool.reader(start, end),
    });
    return { ...served, spool, seen };
  }

  it('is sent as it comes, chunked when its length is not known', async (t) => {
    const { port, spool, results } = await onItsWay(t, undefined);
    const answer = exchange(port);
    await until('it reads', () => spool.readers > 0);
    for (const text of ['he', 'll', 'o']) spool.append(Buffer.from(text));
    spool.end();
    assert.equal((await answer).body.toString(), 'hello');
    await until('it is done', () => results.length > 0);
    assert.deepEqual(results, [{ status: 200, sentBytes: 5, complete: true }]);
  });

  for (const lengthBytes of [10, undefined]) {
    it(`that is cut shows as an error to the client (${lengthBytes ?? 'no'} length)`, async (t) => {
      const { port, spool, results } = await onItsWay(t, lengthBytes);
      const { answer, receivedBytes } = begin(port);
      await until('it reads', () => spool.readers > 0);
      spool.append(Buffer.from('hell'));
      await until('the client has it', () => receivedBytes() === 4);
      spool.fail();
      const { isCut, body } = await answer;
      assert.deepEqual([isCut, body.toString()], [true, 'hell']);
      assert.deepEqual(results, [{ status: 200, sentBytes: 4, complete: false }]);
    });
  }

  it('that ends before its announced length is cut, never completed', async (t) => {
    const { port, spool } = await onItsWay(t, 10);
    const { answer, receivedBytes } = begin(port);
    await until('it reads', () => spool.readers > 0);
    spool.append(Buffer.from('hell'));
    await until('the client has it', () => receivedBytes() === 4);
    spool.end();
    assert.equal((await answer).isCut, true);
  });

  it('is slowed down by a client that takes nothing, and goes on when it does', async (t) => {
    const { port, spool, seen } = await onItsWay(t, undefined);
    const socket = await openSocket(t, port);
    socket.pause();
    socket.write('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
    await until('it reads', () => spool.readers > 0);
    const piece = Buffer.alloc(64 * 1024, 'x');
    await until('the writer is paused', () => {
      if (seen.paused === 0) spool.append(piece);
      return seen.paused > 0;
    });
    assert.ok(spool.retainedBytes <= 256 * 1024 + piece.length);
    const sentBytes = spool.receivedBytes;
    spool.end();
    let takenBytes = 0;
    socket.on('data', (taken) => {
      takenBytes += taken.length;
    });
    socket.resume();
    await new Promise((resolve) => socket.once('end', resolve));
    assert.ok(takenBytes > sentBytes, 'all of it and the framing');
  });

  it('is left when the client goes, while it waits for more as well as while it cannot take more', async (t) => {
    for (const isBlocked of [false, true]) {
      const { port, spool, seen, results } = await onItsWay(t, undefined);
      const socket = await openSocket(t, port);
      socket.pause();
      socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
      await until('it reads', () => spool.readers > 0);
      const piece = Buffer.alloc(64 * 1024, 'x');
      await until('the client is slow', () => {
        if (isBlocked && seen.paused === 0) spool.append(piece);
        return !isBlocked || seen.paused > 0;
      });
      socket.destroy();
      await until('it is left', () => spool.readers === 0);
      assert.deepEqual(
        results.map(({ complete }) => complete),
        [false],
      );
    }
  });

  it('is left when the connection ends while the answer waits behind another one', async (t) => {
    const { port, spool, results } = await onItsWay(t, undefined);
    const socket = await openSocket(t, port);
    socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(2));
    await until('both read', () => spool.readers === 2);
    socket.destroy();
    await until('both are left', () => spool.readers === 0);
    assert.equal(results.length, 2);
  });
});

describe('a body that cannot be read', () => {
  it('leaves the head unsent, so that it can be fetched instead', async (t) => {
    const failed: BodyReader = {
      take: () => undefined,
      state: 'failed',
      onReadable: null,
      close() {},
    };
    for (const open of [() => undefined, () => failed]) {
      const served = await serving(t, responseWith(page, null), { bodyBytes: 5, open });
      await assert.rejects(exchange(served.port));
      assert.deepEqual([served.returned, served.results], [[false], []]);
    }
  });
});

it('a client that went before the answer came is left at once', async (t) => {
  const results: DeliveryResult[] = [];
  let hasCome = false;
  const { port } = await serve(t, (_req, res) => {
    hasCome = true;
    res.once('close', () => {
      const entry = responseWith(page, 'hello');
      deliver({
        res,
        method: 'GET',
        requestHeaders: [],
        entry,
        ownFields: [],
        isForTier: false,
        isFirstHand: false,
        hidden: tagFieldNames,
        bodyBytes: 5,
        canSeek: true,
        open: () => assert.fail('nothing is read'),
        boundary: () => '',
        nowMs,
        onDone: (result) => void results.push(result),
      });
    });
  });
  const socket = await openSocket(t, port);
  socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
  await until('it has come', () => hasCome);
  socket.destroy();
  await until('it is done', () => results.length > 0);
  assert.deepEqual(results, [{ status: 200, sentBytes: 0, complete: false }]);
});
