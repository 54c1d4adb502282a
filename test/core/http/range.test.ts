/** Rules of core/http/range.ts: which bytes a Range field asks for (RFC 9110 §14). */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  contentRange,
  ifRangeAllows,
  multipartContentType,
  multipartLengthBytes,
  multipartTail,
  parseRange,
  partHead,
  unsatisfiedContentRange,
} from '../../../core/http/range.ts';

/** Ranges as text: '0-4,9-9', 'whole' or 'unsatisfiable'. */
function ask(value: string, sizeBytes = 10, maxRanges?: number): string {
  const request = parseRange(value, sizeBytes, maxRanges);
  if (request.kind !== 'ranges') return request.kind;
  return request.ranges.map(({ start, end }) => `${start}-${end}`).join(',');
}

describe('byte ranges of a body of ten bytes (RFC 9110 §14.1.2)', () => {
  const cases: [string, string][] = [
    ['bytes=0-4', '0-4'],
    ['bytes=0-0', '0-0'],
    ['bytes=9-9', '9-9'],
    ['bytes=5-', '5-9'],
    ['bytes=0-', '0-9'],
    ['bytes=-3', '7-9'],
    ['bytes=-10', '0-9'],
    ['bytes=-11', '0-9'],
    ['bytes=5-100', '5-9'],
    [`bytes=5-${'9'.repeat(400)}`, '5-9'],
    ['BYTES=0-4', '0-4'],
    ['bytes=00-04', '0-4'],
    ['bytes=0-1, 4-5', '0-1,4-5'],
    ['bytes=8-9,0-1', '8-9,0-1'],
    ['bytes= 0-1 ,\t4-5 ', '0-1,4-5'],
    ['bytes=0-1,,4-5', '0-1,4-5'],
    ['bytes=0-1,20-30', '0-1'],
    ['bytes=10-', 'unsatisfiable'],
    ['bytes=10-20,30-', 'unsatisfiable'],
    ['bytes=-0', 'unsatisfiable'],
    ['bytes=0-1,-0', '0-1'],
  ];
  for (const [value, expected] of cases) {
    it(`${value.slice(0, 40)} is ${expected}`, () => assert.equal(ask(value), expected));
  }
});

describe('fields that ask nothing (RFC 9110 §14.2: the whole)', () => {
  const invalid = [
    '',
    'bytes',
    'bytes=',
    'bytes=,',
    'bytes=-',
    'bytes=a-b',
    'bytes=1',
    'bytes=4-2',
    'bytes=0-1,4-2',
    'bytes=0-1,x',
    'bytes=1-2-3',
    'bytes=--3',
    'bytes=+1-2',
    'bytes=1.0-2',
    'bytes=0x1-2',
    'bytes=1 - 2',
    'bytes =0-1',
    ' bytes=0-1',
    'bytes:0-1',
    'lines=0-1',
    'bytes=0-1, bytes=2-3',
  ];
  for (const value of invalid) {
    it(JSON.stringify(value), () => assert.equal(ask(value), 'whole'));
  }

  it('is the whole beyond the cap of parts, and not below it', () => {
    const parts = (count: number) => Array.from({ length: count }, (_, i) => `${i * 3}-${i * 3}`);
    assert.equal(ask(`bytes=${parts(16)}`, 1000).split(',').length, 16);
    assert.equal(ask(`bytes=${parts(17)}`, 1000), 'whole');
    assert.equal(ask('bytes=0-0,2-2', 10, 1), 'whole');
  });

  it('is the whole for a suffix of an empty body, and 416 for a first byte that it lacks', () => {
    assert.equal(ask('bytes=-5', 0), 'whole');
    assert.equal(ask('bytes=0-', 0), 'unsatisfiable');
  });
});

describe('coalescing (RFC 9110 §14.2, 15.3.7.2)', () => {
  const cases: [string, string][] = [
    ['bytes=0-2,2-4', '0-4'],
    ['bytes=0-2,3-4', '0-4'],
    ['bytes=0-2,4-5', '0-2,4-5'],
    ['bytes=0-,0-,0-', '0-9'],
    ['bytes=6-7,0-1,4-8', '4-8,0-1'],
    ['bytes=0-1,8-9,4-5,1-8', '0-9'],
    ['bytes=-1,0-0,-2', '8-9,0-0'],
  ];
  for (const [value, expected] of cases) {
    it(`${value} is ${expected}`, () => assert.equal(ask(value), expected));
  }

  const spec = fc
    .tuple(fc.nat(120), fc.nat(120))
    .map(([a, b]) => `${Math.min(a, b)}-${Math.max(a, b)}`);
  const wanted = (specs: string[]) => {
    const bytes = new Set<number>();
    for (const text of specs) {
      const [start = 0, end = 0] = text.split('-').map(Number);
      for (let i = start; i <= Math.min(end, 99); i++) bytes.add(i);
    }
    return bytes;
  };

  it('sends each wanted byte exactly once and no other', () => {
    fc.assert(
      fc.property(fc.array(spec, { minLength: 1, maxLength: 16 }), (specs) => {
        const request = parseRange(`bytes=${specs.join(',')}`, 100);
        const ranges = request.kind === 'ranges' ? request.ranges : [];
        const sent = ranges.flatMap(({ start, end }) =>
          Array.from({ length: end - start + 1 }, (_, i) => start + i),
        );
        assert.deepEqual(
          sent.sort((a, b) => a - b),
          [...wanted(specs)].sort((a, b) => a - b),
        );
      }),
    );
  });

  it('never throws and never leaves the body', () => {
    fc.assert(
      fc.property(fc.string(), fc.nat(50), (text, sizeBytes) => {
        const request = parseRange(`bytes=${text}`, sizeBytes);
        for (const { start, end } of request.kind === 'ranges' ? request.ranges : []) {
          assert.equal(0 <= start && start <= end && end < sizeBytes, true);
        }
      }),
    );
  });
});

describe('If-Range (RFC 9110 §13.1.5)', () => {
  const nowMs = Date.UTC(2026, 10, 21);
  const modified = 'Sun, 06 Nov 1994 08:49:37 GMT';
  const stored = [
    'ETag',
    '"a"',
    'Last-Modified',
    modified,
    'Date',
    'Sun, 06 Nov 1994 08:49:38 GMT',
  ];
  const cases: [string, string[], string[], boolean][] = [
    ['absent', [], stored, true],
    ['the same strong tag', ['If-Range', '"a"'], stored, true],
    ['another tag', ['If-Range', '"b"'], stored, false],
    ['a weak tag', ['If-Range', 'W/"a"'], ['ETag', 'W/"a"'], false],
    ['a tag where none is stored', ['If-Range', '"a"'], [], false],
    ['a list of tags', ['If-Range', '"a", "b"'], stored, false],
    ['the same date', ['If-Range', modified], stored, true],
    ['the same date in another form', ['If-Range', 'Sunday, 06-Nov-94 08:49:37 GMT'], stored, true],
    ['a later date', ['If-Range', 'Sun, 06 Nov 1994 08:49:38 GMT'], stored, false],
    ['an earlier date', ['If-Range', 'Sun, 06 Nov 1994 08:49:36 GMT'], stored, false],
    [
      'a date that is not strong',
      ['If-Range', modified],
      ['Last-Modified', modified, 'Date', modified],
      false,
    ],
    ['a date without a stored Date', ['If-Range', modified], ['Last-Modified', modified], false],
    ['neither tag nor date', ['If-Range', 'a'], stored, false],
  ];
  for (const [title, request, response, allowed] of cases) {
    it(`${title}: ${allowed ? 'ranges' : 'the whole'}`, () => {
      assert.equal(ifRangeAllows(request, response, nowMs), allowed);
    });
  }
});

describe('the words around the bytes', () => {
  it('writes Content-Range (RFC 9110 §14.4)', () => {
    assert.equal(contentRange(0, 4, 10), 'bytes 0-4/10');
    assert.equal(unsatisfiedContentRange(10), 'bytes */10');
  });

  it('frames parts as in RFC 9110 §14.6, with or without a type', () => {
    assert.equal(multipartContentType('B'), 'multipart/byteranges; boundary=B');
    assert.equal(
      partHead('B', 'text/a', { start: 0, end: 4 }, 10),
      '\r\n--B\r\nContent-Type: text/a\r\nContent-Range: bytes 0-4/10\r\n\r\n',
    );
    assert.equal(
      partHead('B', undefined, { start: 0, end: 4 }, 10),
      '\r\n--B\r\nContent-Range: bytes 0-4/10\r\n\r\n',
    );
  });

  it('computes the length that writing gives', () => {
    const ranges = [
      { start: 0, end: 4 },
      { start: 7, end: 9 },
    ];
    const parts = ranges.map(
      (range) =>
        partHead('B', 'text/a', range, 10) + '0123456789'.slice(range.start, range.end + 1),
    );
    const body = parts.join('') + multipartTail('B');
    assert.equal(multipartLengthBytes('B', 'text/a', ranges, 10), body.length);
  });
});
