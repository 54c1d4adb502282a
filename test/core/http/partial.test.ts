import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  covers,
  joinedPart,
  missingBehind,
  partOfHeaders,
  rangeField,
  resolveRange,
  wantedRange,
  wantedRanges,
  withPart,
} from '../../../core/http/partial.ts';
import { parseRange } from '../../../core/http/range.ts';

const from = (start: number, end = Number.POSITIVE_INFINITY) =>
  ({ kind: 'from', start, end }) as const;
const suffix = (lengthBytes: number) => ({ kind: 'suffix', lengthBytes }) as const;

describe('what a Range field wants before the size is known (RFC 9110 §14.1.2)', () => {
  it('is a first byte with or without a last, or a suffix, in the order given', () => {
    assert.deepEqual(wantedRanges('bytes=0-4, 7- ,-3'), [from(0, 4), from(7), suffix(3)]);
    assert.deepEqual(wantedRanges('BYTES=5-5'), [from(5, 5)]);
  });

  it('is nothing for another unit, an empty list, or one broken member', () => {
    for (const field of ['items=0-1', 'bytes', 'bytes=', 'bytes=,', 'bytes=-', 'bytes=5-4']) {
      assert.equal(wantedRanges(field), undefined, field);
    }
    for (const field of ['bytes=a-b', 'bytes=0-1,x', 'bytes=0 - 1', `bytes=${'9'.repeat(16)}-`]) {
      assert.equal(wantedRanges(field), undefined, field);
    }
  });

  it('is one range only where the field has one', () => {
    assert.deepEqual(wantedRange(['Range', 'bytes=1-2']), from(1, 2));
    assert.equal(wantedRange(['Range', 'bytes=1-2,4-5']), undefined);
    assert.equal(wantedRange([]), undefined);
  });

  it('is nothing where a body would be sent whole for the number of members, empty ones too', () => {
    assert.deepEqual(wantedRanges(`bytes=0-1${','.repeat(15)}`), [from(0, 1)]);
    assert.equal(wantedRanges(`bytes=0-1${','.repeat(16)}`), undefined);
    assert.equal(parseRange(`bytes=0-1${','.repeat(16)}`, 10).kind, 'whole');
  });

  it('goes upstream as it was understood', () => {
    assert.equal(rangeField(from(3, 9)), 'bytes=3-9');
    assert.equal(rangeField(from(3)), 'bytes=3-');
    assert.equal(rangeField(suffix(7)), 'bytes=-7');
  });
});

describe('the part that a 206 holds (RFC 9110 §14.4)', () => {
  it('is told by an exact Content-Range', () => {
    const part = partOfHeaders(['Content-Range', ' bytes 4-9/10 ']);
    assert.deepEqual(part, { start: 4, end: 9, totalBytes: 10 });
  });

  it('is unknown where the size is, where the bytes lie outside it, or with two lines', () => {
    for (const value of ['bytes 0-4/*', 'bytes */10', 'bytes 4-10/10', 'bytes 5-4/10', '0-4/10']) {
      assert.equal(partOfHeaders(['Content-Range', value]), undefined, value);
    }
    const line = ['Content-Range', 'bytes 0-4/10'];
    assert.equal(partOfHeaders([...line, ...line]), undefined);
    assert.equal(partOfHeaders([]), undefined);
  });
});

describe('a part and what is wanted', () => {
  const part = { start: 4, end: 7, totalBytes: 10 };

  it('a range is resolved against the size; one that begins past the end lies nowhere', () => {
    assert.deepEqual(resolveRange(from(5), 10), { start: 5, end: 9 });
    assert.deepEqual(resolveRange(from(5, 99), 10), { start: 5, end: 9 });
    assert.deepEqual(resolveRange(suffix(99), 10), { start: 0, end: 9 });
    assert.equal(resolveRange(from(10), 10), undefined);
    assert.equal(resolveRange(suffix(0), 10), undefined);
    assert.equal(resolveRange(suffix(1), 0), undefined);
  });

  it('covers it with all its bytes or not at all', () => {
    assert.equal(covers(part, from(4, 7)), true);
    assert.equal(covers(part, from(5, 6)), true);
    assert.equal(covers(part, from(3, 5)), false);
    assert.equal(covers(part, from(5, 8)), false);
    assert.equal(covers(part, suffix(3)), false);
    assert.equal(covers({ start: 4, end: 9, totalBytes: 10 }, suffix(3)), true);
  });

  it('lacks what lies behind it, if what is wanted begins in it or right after', () => {
    assert.deepEqual(missingBehind(part, from(4)), { start: 8, end: 9 });
    assert.deepEqual(missingBehind(part, from(8, 8)), { start: 8, end: 8 });
    assert.equal(missingBehind(part, from(9)), undefined, 'a gap');
    assert.equal(missingBehind(part, from(3)), undefined, 'before it');
    assert.equal(missingBehind(part, from(5, 6)), undefined, 'nothing is missing');
  });
});

describe('joining parts (RFC 9111 §3.4)', () => {
  const of = (etag: string, range: string) => ['ETag', etag, 'Content-Range', `bytes ${range}`];
  const stored = of('"a"', '0-4/10');

  it('wants the same strong validator, the same size, and no gap', () => {
    const whole = { start: 0, end: 9, totalBytes: 10 };
    assert.deepEqual(joinedPart(stored, of('"a"', '5-9/10')), whole);
    assert.equal(joinedPart(stored, of('"b"', '5-9/10')), undefined);
    assert.equal(joinedPart(stored, of('"a"', '6-9/10')), undefined);
    assert.equal(joinedPart(stored, of('"a"', '4-9/10')), undefined);
    assert.equal(joinedPart(stored, of('"a"', '5-9/11')), undefined);
    assert.equal(joinedPart(of('W/"a"', '0-4/10'), of('W/"a"', '5-9/10')), undefined);
    assert.equal(joinedPart(stored, ['Content-Range', 'bytes 5-9/10']), undefined);
  });

  it('has a Content-Range unless the parts are everything', () => {
    const headers = ['content-range', 'bytes 0-4/10', 'X', 'y'];
    assert.deepEqual(withPart(headers, { start: 0, end: 9, totalBytes: 10 }), ['X', 'y']);
    assert.deepEqual(withPart(headers, { start: 0, end: 6, totalBytes: 10 }), [
      'X',
      'y',
      'Content-Range',
      'bytes 0-6/10',
    ]);
  });
});
