import assert from 'node:assert/strict';
import { test } from 'node:test';
import { upstreamFailure } from '../../../core/upstream/failures.ts';
import { createResponseBody } from '../../../core/upstream/response-body.ts';
import { receive } from './support.ts';

function setUp(lengthBytes?: number) {
  const calls: string[] = [];
  const stream = { isSpoilt: false };
  const body = createResponseBody(
    {
      pause: () => calls.push('pause'),
      resume: () => calls.push('resume'),
      abort: () => calls.push('abort'),
      isSpoilt: () => stream.isSpoilt,
    },
    lengthBytes,
  );
  return { body, calls, stream };
}

/** Lets what was put off to a microtask happen. */
const settle = () => new Promise((resolve) => setImmediate(resolve));

test('flows when started, and calls the sink only after start has returned', async () => {
  const { body, calls } = setUp();
  body.push(Buffer.from('early'));
  const transfer = receive(body);
  assert.equal(transfer.text, '');
  await settle();
  assert.equal(transfer.text, 'early');
  assert.deepEqual(calls, ['resume']);
});

test('fails before its last byte when something that is no message came behind it (RFC 9112 §6.3)', async () => {
  for (const lengthBytes of [5, undefined]) {
    const { body, stream } = setUp(lengthBytes);
    const transfer = receive(body);
    await settle();
    body.push(Buffer.from('hello'));
    body.finish();
    stream.isSpoilt = true;
    await settle();
    assert.equal(typeof transfer.end === 'object' && transfer.end.kind, 'framing');
    assert.equal(transfer.text, lengthBytes === undefined ? 'hello' : '');
  }
});

test('can be started only once', () => {
  const { body } = setUp();
  receive(body);
  assert.throws(() => receive(body), /only once/);
});

test('keeps pieces that come although it is paused, and gives them in order', async () => {
  const { body } = setUp();
  const transfer = receive(body);
  await settle();
  body.pause();
  for (const text of ['a', 'b', 'c']) body.push(Buffer.from(text));
  body.finish();
  assert.deepEqual([transfer.text, transfer.end], ['', undefined]);
  body.resume();
  await settle();
  assert.deepEqual([transfer.text, transfer.end], ['abc', 'end']);
});

test('stops in the middle of what it kept when the sink pauses or aborts', async () => {
  const { body } = setUp();
  for (const text of ['a', 'b', 'c']) body.push(Buffer.from(text));
  const transfer = receive(body, ({ pieces }) => {
    if (pieces.length === 1) body.pause();
    if (pieces.length === 2) body.abort();
  });
  await settle();
  assert.equal(transfer.text, 'a');
  body.resume();
  await settle();
  assert.equal(transfer.text, 'ab');
});

test('is not ended with fewer or more bytes than announced', async () => {
  for (const text of ['abc', 'abcde']) {
    const { body } = setUp(4);
    const transfer = receive(body);
    await settle();
    body.push(Buffer.from(text));
    assert.equal(body.finish(), false);
    assert.notEqual(transfer.end, 'end');
    assert.notEqual(transfer.end, undefined);
  }
});

test('tells a paused sink of a failure at once, and a sink that comes later too', async () => {
  const failure = upstreamFailure('cut', 'gone');
  const { body } = setUp();
  const transfer = receive(body);
  body.pause();
  body.push(Buffer.from('a'));
  body.fail(failure);
  assert.deepEqual([transfer.text, transfer.end], ['', failure]);
  const late = setUp();
  late.body.fail(failure);
  const lateTransfer = receive(late.body);
  await settle();
  assert.equal(lateTransfer.end, failure);
});

test('the first outcome counts', async () => {
  const { body } = setUp();
  const transfer = receive(body);
  await settle();
  body.finish();
  body.fail(upstreamFailure('cut', 'too late'));
  await settle();
  body.abort();
  body.push(Buffer.from('more'));
  assert.deepEqual([transfer.text, transfer.end], ['', 'end']);
});

test('an abort ends the transfer once, and not when it is over already', async () => {
  const { body, calls } = setUp();
  body.abort();
  body.abort();
  assert.deepEqual(calls, ['abort']);
  const over = setUp();
  over.body.finish();
  over.body.abort();
  assert.deepEqual(over.calls, []);
});
