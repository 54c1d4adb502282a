/** The judge finds each kind of difference, and none where there is none. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Expected } from './case.ts';
import { judge, type Seen } from './judge.ts';
import { responseOf } from './raw-client.ts';
import { answerOf } from './script.ts';
import type { OriginRequest } from './scripted-origin.ts';

const at = { nowMs: 0, path: '/edge/a', authority: () => 'a.test' };
const answer = answerOf(
  { id: 'a', name: '', spec: '', level: 'ours', requests: [{ origin: { body: 'hello' } }] },
  0,
  at,
);
const head = 'HTTP/1.1 200 OK\r\nAge: 5\r\nX-A: 1\r\nX-A: 2\r\nContent-Length: 5\r\n\r\n';
const asked: OriginRequest = {
  method: 'GET',
  target: '/edge/a/b?c',
  lines: [['If-None-Match', '"a"']],
  body: '',
  isReused: false,
};

function problems(expected: Expected, more: Partial<Seen> & { text?: string } = {}): string[] {
  const { text = `${head}hello`, ...rest } = more;
  const response = responseOf(Buffer.from(text, 'latin1'), true, 'GET');
  const seen: Seen = {
    setup: 'edge',
    at,
    method: 'GET',
    path: at.path,
    expected,
    answer,
    response,
    asks: [],
    finalAtMs: undefined,
    ...rest,
  };
  return judge(seen);
}

test('what is as it must be has no problems', () => {
  const fields = { 'X-A': ['1', '2'], age: '5', 'x-a': /1, 2/ };
  assert.deepEqual(problems({ source: 'stored', age: [4, 6], fields, absent: ['X-B'] }), []);
  const wanted = { path: '/b?c', method: 'GET', fields: { 'if-none-match': '"a"' }, absent: ['a'] };
  assert.deepEqual(problems({ source: 'revalidated', asked: wanted }, { asks: [asked] }), []);
  assert.deepEqual(problems({ cut: true }, { text: `${head}hel` }), []);
});

test('each difference is a sentence', () => {
  const found: [Expected, RegExp, (Partial<Seen> & { text?: string })?][] = [
    [{ source: 'origin' }, /was not asked/],
    [{ source: 'stored' }, /was asked once/, { asks: [asked] }],
    [
      { source: 'stored' },
      /Age is missing/,
      { text: 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello' },
    ],
    [{ source: 'revalidated' }, /unconditionally/, { asks: [{ ...asked, lines: [] }] }],
    [{ asks: 2 }, /asked once instead of 2 times/, { asks: [asked] }],
    [{ status: 304, body: null }, /status 200 instead of 304/],
    [{ body: 'other' }, /body "hello" instead of "other"/],
    [{ body: /x/ }, /body "hello" instead of \/x\//],
    [{ body: null }, /is cut/, { text: `${head}hel` }],
    [{}, /2 bytes follow/, { text: `${head}hello!!` }],
    [{ cut: true }, /looks complete/],
    [{ fields: { 'X-A': '1' } }, /X-A "1, 2" instead of "1"/],
    [{ fields: { 'X-A': ['1, 2'] } }, /X-A lines/],
    [{ fields: { 'X-B': /b/ } }, /X-B missing does not match/],
    [{ absent: ['X-A'] }, /X-A is there/],
    [{ age: [6, 9] }, /Age "5" instead of 6 to 9/],
    [{ xCache: { edge: 'HIT', tiers: 'MISS' } }, /x-cache missing instead of "HIT"/],
    [{ interim: [{ status: 103 }] }, /interim responses none instead of 103/],
    [{ trailers: { 'X-T': '1' } }, /trailer X-T missing/],
    [{ asked: { path: '/b' } }, /asked with path "\/b\?c"/, { asks: [asked] }],
    [{ asked: { absent: ['If-None-Match'] } }, /must not be there/, { asks: [asked] }],
  ];
  for (const [expected, sentence, more] of found) {
    const [first = '', ...others] = problems(expected, more);
    assert.match(first, sentence);
    assert.deepEqual(others, []);
  }
  assert.deepEqual(problems({}, { response: undefined }), ['no answer came']);
});
