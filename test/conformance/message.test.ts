/** The suite's own reading of messages: it must not overlook what it is there to see. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { combined, parseHead, readBody, valuesOf } from './message.ts';
import { responseOf } from './raw-client.ts';

const bytes = (text: string) => Buffer.from(text, 'latin1');
const head = 'HTTP/1.1 200 Fine\r\n';

describe('a head', () => {
  test('keeps lines in order, names as they are written, and bytes beyond ASCII', () => {
    const parsed = parseHead(bytes(`${head}X-a:1\r\nx-A:  \xe4 \r\nEmpty:\r\n\r\nrest`));
    assert.deepEqual(parsed?.lines, [
      ['X-a', '1'],
      ['x-A', '\xe4'],
      ['Empty', ''],
    ]);
    assert.deepEqual(valuesOf(parsed?.lines ?? [], 'X-A'), ['1', '\xe4']);
    assert.equal(combined(parsed?.lines ?? [], 'x-a'), '1, \xe4');
    assert.equal(combined(parsed?.lines ?? [], 'x-b'), undefined);
  });

  test('that is not complete is none', () => {
    assert.equal(parseHead(bytes(`${head}X-a: 1\r\n`)), undefined);
  });
});

describe('a response', () => {
  const read = (text: string, isEnded = true, method = 'GET') =>
    responseOf(bytes(text), isEnded, method);

  test('of a known length is complete with its last byte, and what follows is seen', () => {
    assert.equal(read(`${head}Content-Length: 3\r\n\r\nab`)?.isComplete, false);
    const response = read(`${head}Content-Length: 3\r\n\r\nabcd`);
    assert.deepEqual([response?.isComplete, response?.body.toString()], [true, 'abc']);
    assert.equal(response?.excess.toString(), 'd');
  });

  test('of chunks is complete with the last one and its trailers', () => {
    const start = `${head}Transfer-Encoding: chunked\r\n\r\n3;a=b\r\nabc\r\n`;
    assert.equal(read(start)?.isComplete, false);
    assert.equal(read(`${start}0\r\n`)?.isComplete, false);
    const response = read(`${start}0\r\nX-T: 1\r\n\r\n`);
    assert.deepEqual([response?.isComplete, response?.body.toString()], [true, 'abc']);
    assert.deepEqual(response?.trailers, [['X-T', '1']]);
  });

  test('of chunks that are none is not complete', () => {
    const framing = { kind: 'chunked' } as const;
    for (const text of ['zz\r\n', '-1\r\n', '3\r\nabcd\r\n0\r\n\r\n']) {
      assert.equal(readBody(bytes(text), 0, framing, true).kind, 'broken', text);
    }
  });

  test('without either ends with its connection', () => {
    assert.equal(read(`${head}\r\nabc`, false)?.isComplete, false);
    assert.equal(read(`${head}\r\nabc`)?.isComplete, true);
  });

  test('to HEAD, 204 and 304 has no body, so that one would be seen', () => {
    const answers = [
      read(`${head}Content-Length: 3\r\n\r\nabc`, true, 'HEAD'),
      read('HTTP/1.1 204 Gone\r\n\r\nabc'),
      read('HTTP/1.1 304 Same\r\nContent-Length: 3\r\n\r\nabc'),
    ];
    for (const response of answers) assert.equal(response?.excess.toString(), 'abc');
  });

  test('comes after interim ones, which are none by themselves', () => {
    const early = 'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n';
    assert.equal(read(early), undefined);
    assert.equal(read(`${early}${head}\r\n`)?.status, 200);
  });
});
