/** The origin's misbehaviour, seen by the client of the suite: a case is worth only as much as they are. */
import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import type { Case, OriginAnswer } from './case.ts';
import { combined, type FieldLine } from './message.ts';
import { ask, type RawResponse } from './raw-client.ts';
import { answerOf, fitted } from './script.ts';
import { startScriptedOrigin } from './scripted-origin.ts';

const origin = await startScriptedOrigin();
after(() => origin.stop());
let paths = 0;

/** What a client gets from an origin that answers so. */
async function answered(
  said: OriginAnswer,
  lines: readonly FieldLine[] = [],
  method = 'GET',
): Promise<RawResponse | undefined> {
  paths += 1;
  const path = `/test/${paths}`;
  const theCase: Case = {
    id: `case-${paths}`,
    name: '',
    spec: '',
    level: 'ours',
    requests: [{ origin: said }],
  };
  const at = { nowMs: 0, path, authority: () => 'a.test' };
  origin.on(path, (request) => fitted(answerOf(theCase, 0, at), said, request));
  const port = Number(new URL(origin.url).port);
  return ask({ port, method, target: `${path}/x?y`, lines, limitMs: 500 });
}

test('lines go out as they are said, with a Date unless there is one', async () => {
  const plain = await answered({
    lines: [
      ['x-A', '1'],
      ['X-a', '2'],
    ],
  });
  assert.deepEqual(
    plain?.lines.filter(([name]) => name.toLowerCase() === 'x-a'),
    [
      ['x-A', '1'],
      ['X-a', '2'],
    ],
  );
  assert.match(combined(plain?.lines ?? [], 'date') ?? '', /GMT$/);
  const undated = await answered({ date: false });
  assert.equal(combined(undated?.lines ?? [], 'date'), undefined);
});

test('each way to end a body is whole', async () => {
  for (const framing of ['length', 'chunked', 'close'] as const) {
    const response = await answered({ body: 'hello', framing });
    assert.deepEqual([response?.isComplete, response?.body.toString()], [true, 'hello'], framing);
  }
  const old = await answered({ version: '1.0', body: 'hello' });
  assert.equal(old?.body.toString(), 'hello');
});

test('interim responses come before the final one, trailers after a body', async () => {
  const response = await answered({
    interim: [{ status: 103, lines: [['Link', '</a>']] }],
    framing: 'chunked',
    trailers: [['X-T', '1']],
  });
  assert.deepEqual(
    response?.interim.map(({ status, lines }) => [status, lines]),
    [[103, [['Link', '</a>']]]],
  );
  assert.deepEqual(response?.trailers, [['X-T', '1']]);
});

test('a 304 is for who asks on a condition, a 206 for who asks for a range', async () => {
  assert.equal((await answered({ status: 304 }))?.status, 200);
  assert.equal((await answered({ status: 304 }, [['If-None-Match', '"a"']]))?.status, 304);
  const part: OriginAnswer = { status: 206, body: 'part', whole: 'the whole' };
  assert.equal((await answered(part))?.body.toString(), 'the whole');
  assert.equal((await answered(part, [['Range', 'bytes=0-3']]))?.body.toString(), 'part');
});

test('a whole has its ranges, and If-Range', async () => {
  const whole: OriginAnswer = { body: '0123456789', servesRanges: true, lines: [['ETag', '"a"']] };
  const got = async (...lines: FieldLine[]) => {
    const response = await answered(whole, lines);
    return [response?.status, response?.body.toString()];
  };
  assert.deepEqual(await got(['Range', 'bytes=2-3']), [206, '23']);
  assert.deepEqual(await got(['Range', 'bytes=8-']), [206, '89']);
  assert.deepEqual(await got(['Range', 'bytes=-3']), [206, '789']);
  assert.deepEqual(await got(['Range', 'bytes=10-']), [416, '']);
  assert.deepEqual(await got(['Range', 'bytes=2-3'], ['If-Range', '"a"']), [206, '23']);
  assert.deepEqual(await got(['Range', 'bytes=2-3'], ['If-Range', '"b"']), [200, '0123456789']);
});

describe('a fault', () => {
  test('that ends the connection early leaves no head, or a message that is cut', async () => {
    for (const kind of ['drop', 'cut-head', 'silence'] as const) {
      assert.equal(await answered({ fault: { kind } }), undefined, kind);
    }
    for (const framing of ['length', 'chunked'] as const) {
      const cut = await answered({ body: 'hello', framing, fault: { kind: 'cut', afterBytes: 2 } });
      assert.deepEqual([cut?.isComplete, cut?.body.toString()], [false, 'he'], framing);
    }
    const stalled = await answered({ body: 'hello', fault: { kind: 'stall', afterBytes: 2 } });
    assert.equal(stalled?.isComplete, false);
  });

  test('of the length promises more, or less', async () => {
    const more = await answered({ body: 'hello', fault: { kind: 'length', says: '6' } });
    assert.equal(more?.isComplete, false);
    const less = await answered({ body: 'hello', fault: { kind: 'length', says: '2' } });
    assert.deepEqual([less?.body.toString(), less?.excess.toString()], ['he', 'llo']);
  });

  test('of bytes sends just those', async () => {
    const lines = [['Transfer-Encoding', 'chunked']] as const;
    const response = await answered({ lines, fault: { kind: 'bytes', text: '1\r\na\r\nzz' } });
    assert.deepEqual([response?.isComplete, response?.body.toString()], [false, 'a']);
  });

  test('of a kept connection meets its second request only', async () => {
    assert.equal((await answered({ fault: { kind: 'drop-reused' } }))?.status, 200);
  });

  test('of nobody there is over when it listens again', async () => {
    const { url } = origin;
    await origin.refuse();
    await assert.rejects(answered({}));
    await origin.listen();
    assert.equal(origin.url, url);
    assert.equal((await answered({}))?.status, 200);
  });
});
