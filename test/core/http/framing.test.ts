/** Rules of core/http/framing.ts: what could be read in two ways is refused (RFC 9112 §6.3). */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  checkRequestFraming,
  checkResponseFraming,
  defaultHeadLimits,
} from '../../../core/http/framing.ts';

const host = ['Host', 'a.test'];

function request(headers: string[], method = 'GET', target = '/') {
  const framing = checkRequestFraming(method, headers, target);
  return framing.ok ? 'ok' : `${framing.status} ${framing.detail}`;
}

function response(headers: string[], status = 200, method = 'GET') {
  const framing = checkResponseFraming(status, headers, method);
  if (!framing.ok) return framing.detail;
  return framing.body === 'length' ? `length ${framing.lengthBytes}` : framing.body;
}

describe('requests that are let through', () => {
  const good: [string, string[]][] = [
    ['a plain one', host],
    ['a body with a length', [...host, 'Content-Length', '0']],
    ['a chunked body', [...host, 'transfer-encoding', 'chunked']],
    ['a coding name in any case (RFC 9112 §7)', [...host, 'Transfer-Encoding', 'Chunked']],
    ['repeated fields of other names', [...host, 'Accept', 'a', 'Accept', 'b', 'X', '']],
    ['tabs and Latin-1 in values', [...host, 'X', 'a\tb \u00e9\u00ff']],
    ['odd but legal names', [...host, "!#$%&'*+-.^_`|~0aZ", 'x']],
  ];
  for (const [title, headers] of good) {
    it(title, () => assert.equal(request(headers, 'POST'), 'ok'));
  }
});

const refused: [string, string[], string][] = [
  ['no Host', [], 'Host missing'],
  ['two Hosts', [...host, 'host', 'a.test'], 'several Hosts'],
  ['an invalid Host', ['Host', 'a b'], 'invalid Host'],
  ['an empty Host', ['Host', ''], 'invalid Host'],
  ['a list in Host', ['Host', 'a.test, b.test'], 'invalid Host'],
  [
    'a length with a coding',
    [...host, 'Content-Length', '1', 'Transfer-Encoding', 'chunked'],
    'Content-Length with Transfer-Encoding',
  ],
  [
    'two lengths',
    [...host, 'Content-Length', '1', 'content-length', '2'],
    'several Content-Lengths',
  ],
  [
    'two equal lengths',
    [...host, 'Content-Length', '1', 'Content-Length', '1'],
    'several Content-Lengths',
  ],
  ['a list of lengths', [...host, 'Content-Length', '1, 1'], 'invalid Content-Length'],
  ['an empty length', [...host, 'Content-Length', ''], 'invalid Content-Length'],
  ['a signed length', [...host, 'Content-Length', '+1'], 'invalid Content-Length'],
  ['a negative length', [...host, 'Content-Length', '-1'], 'invalid Content-Length'],
  ['a hexadecimal length', [...host, 'Content-Length', '0x1'], 'invalid Content-Length'],
  ['a length with a space', [...host, 'Content-Length', '1 '], 'invalid Content-Length'],
  [
    'a length past every size',
    [...host, 'Content-Length', '9'.repeat(16)],
    'invalid Content-Length',
  ],
  ['another coding', [...host, 'Transfer-Encoding', 'gzip'], 'Transfer-Encoding is not chunked'],
  [
    'two codings',
    [...host, 'Transfer-Encoding', 'gzip, chunked'],
    'Transfer-Encoding is not chunked',
  ],
  [
    'chunked twice',
    [...host, 'Transfer-Encoding', 'chunked', 'Transfer-Encoding', 'chunked'],
    'several Transfer-Encodings',
  ],
  ['identity', [...host, 'Transfer-Encoding', 'identity'], 'Transfer-Encoding is not chunked'],
  [
    'chunked and a tab',
    [...host, 'Transfer-Encoding', 'chunked\t'],
    'Transfer-Encoding is not chunked',
  ],
  [
    'chunked with a parameter',
    [...host, 'Transfer-Encoding', 'chunked;x=1'],
    'Transfer-Encoding is not chunked',
  ],
  ['an empty coding', [...host, 'Transfer-Encoding', ''], 'Transfer-Encoding is not chunked'],
  [
    'a vertical tab before the coding',
    [...host, 'Transfer-Encoding', '\u000bchunked'],
    'invalid field value',
  ],
  ['a space before the colon', [...host, 'X ', '1'], 'invalid field name'],
  ['a folded line', [...host, ' X', '1'], 'invalid field name'],
  ['an empty name', [...host, '', '1'], 'invalid field name'],
  ['a name beyond ASCII', [...host, 'X\u00e9', '1'], 'invalid field name'],
  ['a colon in a name', [...host, 'X:', '1'], 'invalid field name'],
  ['NUL in a value', [...host, 'X', 'a\u0000'], 'invalid field value'],
  ['CR in a value', [...host, 'X', 'a\r'], 'invalid field value'],
  ['LF in a value', [...host, 'X', 'a\nY: 1'], 'invalid field value'],
  ['DEL in a value', [...host, 'X', '\u007f'], 'invalid field value'],
  ['a value that is not Latin-1', [...host, 'X', '\u0100'], 'invalid field value'],
];

describe('requests that are refused with 400', () => {
  for (const [title, headers, detail] of refused) {
    it(title, () => assert.equal(request(headers, 'POST'), `400 ${detail}`));
  }

  it('an invalid method or target', () => {
    assert.equal(request(host, ''), '400 invalid method');
    assert.equal(request(host, 'GE T'), '400 invalid method');
    for (const target of ['', '/a b', '/a\u0000', '/\u00e9', '/a\t', '/a\r\nX: 1']) {
      assert.equal(request(host, 'GET', target), '400 invalid target', JSON.stringify(target));
    }
  });
});

describe('requests that are too large', () => {
  it('431 over 100 fields, and not at 100', () => {
    const fields = (count: number) => Array.from({ length: count }, () => ['X', '1']).flat();
    assert.equal(request([...host, ...fields(99)]), 'ok');
    assert.equal(request([...host, ...fields(100)]), '431 too many fields');
  });

  it('431 over 16 KiB, line ends counted, and not at 16 KiB', () => {
    const rest = 16 * 1024 - 'Host: a.test\r\n'.length - 'X: \r\n'.length;
    assert.equal(request([...host, 'X', 'a'.repeat(rest)]), 'ok');
    assert.equal(request([...host, 'X', 'a'.repeat(rest + 1)]), '431 head too large');
  });

  it('414 over 8 KiB of target, and not at 8 KiB', () => {
    assert.equal(request(host, 'GET', '/'.repeat(8192)), 'ok');
    assert.equal(request(host, 'GET', '/'.repeat(8193)), '414 target too long');
  });

  it('takes other limits as a parameter', () => {
    const limits = { ...defaultHeadLimits, maxFields: 1 };
    assert.equal(checkRequestFraming('GET', [...host, 'X', '1'], '/', limits).ok, false);
  });
});

describe('how a response ends (RFC 9112 §6.3)', () => {
  const good: [string, string[], number, string, string][] = [
    ['by its length', ['Content-Length', '5'], 200, 'GET', 'length 5'],
    ['by its last chunk', ['Transfer-Encoding', 'chunked'], 200, 'GET', 'chunked'],
    ['by the end of the connection', [], 200, 'GET', 'close'],
    ['no body to HEAD', ['Content-Length', '5'], 200, 'HEAD', 'none'],
    ['no body to HEAD, chunked', ['Transfer-Encoding', 'chunked'], 200, 'HEAD', 'none'],
    ['no body in a 304', ['Content-Length', '5'], 304, 'GET', 'none'],
    ['no body in a 204', [], 204, 'GET', 'none'],
    ['a 204 that says zero', ['Content-Length', '0'], 204, 'GET', 'none'],
    ['no body in a 103', [], 103, 'GET', 'none'],
    ['an error with a body', ['Content-Length', '5'], 503, 'GET', 'length 5'],
    ['an unknown status', ['Content-Length', '5'], 799, 'GET', 'length 5'],
  ];
  for (const [title, headers, status, method, expected] of good) {
    it(title, () => assert.equal(response(headers, status, method), expected));
  }
});

describe('responses that are not believed', () => {
  const bad: [string, string[], number, string][] = [
    [
      'chunked and a tab, which llhttp delivers as a body',
      ['Transfer-Encoding', 'chunked\t'],
      200,
      'Transfer-Encoding is not chunked',
    ],
    ['two lengths', ['Content-Length', '1', 'Content-Length', '1'], 200, 'several Content-Lengths'],
    [
      'both framings',
      ['Transfer-Encoding', 'chunked', 'Content-Length', '1'],
      200,
      'Content-Length with Transfer-Encoding',
    ],
    [
      'both framings in a 304',
      ['Transfer-Encoding', 'chunked', 'Content-Length', '1'],
      304,
      'Content-Length with Transfer-Encoding',
    ],
    ['a chunked 204', ['Transfer-Encoding', 'chunked'], 204, 'Transfer-Encoding in a 204'],
    ['a chunked 103', ['Transfer-Encoding', 'chunked'], 103, 'Transfer-Encoding in a 103'],
    ['a 204 with bytes', ['Content-Length', '1'], 204, 'Content-Length in a 204'],
    ['a bad name', ['X Y', '1'], 200, 'invalid field name'],
    ['a bad value', ['X', '\u0001'], 200, 'invalid field value'],
    ['a status of two digits', [], 99, 'invalid status'],
    ['a status of four digits', [], 1000, 'invalid status'],
    ['a status that is none', [], Number.NaN, 'invalid status'],
    ['too many fields', Array.from({ length: 202 }, () => 'X'), 200, 'too many fields'],
  ];
  for (const [title, headers, status, detail] of bad) {
    it(title, () => assert.equal(response(headers, status), detail));
  }
});

it('never throws, for any method, target, status and fields', () => {
  fc.assert(
    fc.property(
      fc.string(),
      fc.string(),
      fc.array(fc.string()),
      fc.integer(),
      (method, target, headers, status) => {
        checkRequestFraming(method, headers, target);
        checkResponseFraming(status, headers, method);
      },
    ),
  );
});
