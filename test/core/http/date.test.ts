/** Rules of core/http/date.ts: the three forms of RFC 9110 §5.6.7 and nothing else. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { formatHttpDate, parseHttpDate } from '../../../core/http/date.ts';

const nowMs = Date.UTC(2026, 10, 21, 12, 0, 0);
const example = Date.UTC(1994, 10, 6, 8, 49, 37);

describe('HTTP dates that count (RFC 9110 §5.6.7)', () => {
  const good: [string, number][] = [
    ['Sun, 06 Nov 1994 08:49:37 GMT', example],
    ['sUN, 06 nOV 1994 08:49:37 gmt', example],
    ['Sunday, 06-Nov-94 08:49:37 GMT', example],
    ['sunday, 06-NOV-94 08:49:37 gmt', example],
    ['Sun Nov  6 08:49:37 1994', example],
    ['SUN nov  6 08:49:37 1994', example],
    ['Wed Nov 16 08:49:37 1994', Date.UTC(1994, 10, 16, 8, 49, 37)],
    ['Thu, 01 Jan 1970 00:00:00 GMT', 0],
    ['Thu, 29 Feb 2024 23:59:59 GMT', Date.UTC(2024, 1, 29, 23, 59, 59)],
    ['Fri, 31 Dec 9999 23:59:59 GMT', Date.UTC(9999, 11, 31, 23, 59, 59)],
    // A leap second is the first second after it.
    ['Sat, 31 Dec 2016 23:59:60 GMT', Date.UTC(2017, 0, 1)],
    // The name of the day says nothing that the date does not say.
    ['Mon, 06 Nov 1994 08:49:37 GMT', example],
  ];
  for (const [text, ms] of good) {
    it(`reads ${text}`, () => assert.equal(parseHttpDate(text, nowMs), ms));
  }

  it('takes the years 0 to 99 of the four-digit form as they are', () => {
    assert.equal(parseHttpDate('Sat, 01 Jan 0050 00:00:00 GMT', nowMs), -60_589_296_000_000);
  });
});

describe('texts that are no HTTP date', () => {
  const bad = [
    '',
    '0',
    '-1',
    'Sun, 06 Nov 1994 08:49:37 UTC',
    'Sun, 06 Nov 1994 08:49:37 AEST',
    'Sun, 06 Nov 1994 08:49:37 +0000',
    'Sun, 06 Nov 1994 08:49:37',
    'Sun 06 Nov 1994 08:49:37 GMT',
    'Sun,06 Nov 1994 08:49:37 GMT',
    'Sun,  06 Nov 1994 08:49:37 GMT',
    'Sun, 06  Nov 1994 08:49:37 GMT',
    'Sun, 06 Nov 1994  8:49:37 GMT',
    'Sun, 06 Nov 1994 8:49:37 GMT',
    'Sun, 6 Nov 1994 08:49:37 GMT',
    'Sun, 06 Nov 94 08:49:37 GMT',
    'Sun, 06-Nov-1994 08:49:37 GMT',
    'Sun, 06 Nov 1994 08.49.37 GMT',
    'Sun, 06 Nov 1994 084937 GMT  ',
    'Sun, 06 Nov 1994 08:49:37 GMT ',
    ' Sun, 06 Nov 1994 08:49:37 GMT',
    'Sun, 06 Nov 1994 08:49:37 GMT, Sun, 06 Nov 1994 08:49:37 GMT',
    'Son, 06 Nov 1994 08:49:37 GMT',
    'Sun, 06 Nob 1994 08:49:37 GMT',
    'Sun, 31 Nov 1994 08:49:37 GMT',
    'Sun, 00 Nov 1994 08:49:37 GMT',
    'Wed, 29 Feb 2023 00:00:00 GMT',
    'Sun, 06 Nov 1994 24:00:00 GMT',
    'Sun, 06 Nov 1994 08:60:37 GMT',
    'Sun, 06 Nov 1994 08:49:61 GMT',
    'Sun, +6 Nov 1994 08:49:37 GMT',
    'Sun, 06 Nov 1e94 08:49:37 GMT',
    'Sunday, 06 Nov 94 08:49:37 GMT',
    'Sun, 06-Nov-94 08:49:37 GMT',
    'Sunday, 06-Nov-94 08:49:37 UTC',
    'Sunday, 06-Nov-1994 08:49:37 GMT',
    'Sunday 06-Nov-94 08:49:37 GMT',
    'Sunday,06-Nov-94  08:49:37 GMT',
    'Sun Nov 6 08:49:37 1994',
    'Sun Nov 06 08:49:37 94',
    'Sun Nov  6 08:49:37 1994 GMT',
    'Sun, Nov  6 08:49:37 1994',
    'Sun Nov  6 8:49:37  1994',
    '1994-11-06T08:49:37Z',
    '784111777',
  ];
  for (const text of bad) {
    it(`refuses ${JSON.stringify(text)}`, () => {
      assert.equal(parseHttpDate(text, nowMs), undefined);
    });
  }

  it('never throws and never gives NaN for any text', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 40 }), (text) => {
        const ms = parseHttpDate(text, nowMs);
        assert.equal(ms === undefined || Number.isFinite(ms), true);
      }),
    );
  });
});

describe('two-digit years (RFC 9110 §5.6.7: more than 50 years ahead is the past)', () => {
  const cases: [string, string, number][] = [
    ['in the same century', 'Tuesday, 01-Jan-30 00:00:00 GMT', Date.UTC(2030, 0, 1)],
    ['just 50 years ahead', 'Saturday, 21-Nov-76 12:00:00 GMT', Date.UTC(2076, 10, 21, 12)],
    ['a second over 50 years', 'Sunday, 21-Nov-76 12:00:01 GMT', Date.UTC(1976, 10, 21, 12, 0, 1)],
    ['long over', 'Friday, 01-Jan-99 00:00:00 GMT', Date.UTC(1999, 0, 1)],
  ];
  for (const [title, text, ms] of cases) {
    it(`${title}: ${text}`, () => assert.equal(parseHttpDate(text, nowMs), ms));
  }

  it('reaches into the next century when that is near', () => {
    const in2080 = Date.UTC(2080, 0, 1);
    assert.equal(parseHttpDate('Friday, 01-Jan-10 00:00:00 GMT', in2080), Date.UTC(2110, 0, 1));
  });

  it('finds 29 February in the century that has it', () => {
    // 2100 is no leap year, 2000 is.
    assert.equal(
      parseHttpDate('Tuesday, 29-Feb-00 00:00:00 GMT', Date.UTC(2080, 0, 1)),
      Date.UTC(2000, 1, 29),
    );
  });
});

describe('writing', () => {
  it('writes the preferred form, with two digits for the day', () => {
    assert.equal(formatHttpDate(example), 'Sun, 06 Nov 1994 08:49:37 GMT');
    assert.equal(formatHttpDate(example + 999), 'Sun, 06 Nov 1994 08:49:37 GMT');
  });

  it('reads what it writes, for every second of the years 0 to 9999', () => {
    const seconds = fc.integer({ min: -62_167_219_200, max: 253_402_300_799 });
    fc.assert(
      fc.property(seconds, (s) => {
        assert.equal(parseHttpDate(formatHttpDate(s * 1000), nowMs), s * 1000);
      }),
    );
  });
});
