/** Rules of core/http/vary.ts: which requests select the same stored response (RFC 9111 §4.1). */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  canonicalAcceptEncoding,
  parseWeight,
  variantKey,
  varyFields,
} from '../../../core/http/vary.ts';

describe('the fields of Vary', () => {
  const cases: [string[], string[] | '*'][] = [
    [[], []],
    [['Vary', ''], []],
    [
      ['Vary', 'Foo, Accept-Encoding'],
      ['accept-encoding', 'foo'],
    ],
    [
      ['Vary', 'b', 'VARY', 'A,b'],
      ['a', 'b'],
    ],
    [['Vary', '*'], '*'],
    [['Vary', 'Accept, *'], '*'],
    [['Vary', 'Accept', 'vary', ' * '], '*'],
    [['Vary', ' ,Accept , ,'], ['accept']],
    [
      ['Vary', 'Accept, x*'],
      ['accept', 'x*'],
    ],
    // What these hold is written for each client anew, so no two requests are the same in it.
    [['Vary', 'Accept, X-Forwarded-For'], '*'],
    [['Vary', 'forwarded'], '*'],
    [['Vary', 'X-Request-Id'], '*'],
    [['Vary', 'X-Forwarded-Proto'], ['x-forwarded-proto']],
  ];
  for (const [headers, fields] of cases) {
    it(`${JSON.stringify(headers)}: ${JSON.stringify(fields)}`, () => {
      assert.deepEqual(varyFields(headers), fields);
    });
  }
});

describe('requests that select the same response', () => {
  const same: [string, string, string[], string[]][] = [
    ['absent and absent', 'foo', [], ['Bar', '1']],
    ['whitespace in a list', 'foo', ['Foo', '1,2'], ['Foo', ' 1 ,\t2 ']],
    ['one line and several', 'foo', ['Foo', '1, 2'], ['Foo', '1', 'foo', '2']],
    ['case of the name', 'foo', ['FOO', '1'], ['foo', '1']],
    [
      'codings in any order, case and weight',
      'accept-encoding',
      ['Accept-Encoding', 'gzip, br'],
      ['Accept-Encoding', 'BR;q=0.5,GZIP;q=1.0'],
    ],
    [
      'x-gzip is gzip',
      'accept-encoding',
      ['Accept-Encoding', 'gzip'],
      ['Accept-Encoding', 'x-gzip'],
    ],
    [
      'codings that are never asked for upstream',
      'accept-encoding',
      ['Accept-Encoding', 'gzip, deflate, invented'],
      ['Accept-Encoding', 'gzip'],
    ],
    [
      'any coding and the supported ones',
      'accept-encoding',
      ['Accept-Encoding', '*'],
      ['Accept-Encoding', 'gzip, br, zstd'],
    ],
    [
      'languages in any case',
      'accept-language',
      ['Accept-Language', 'en-US'],
      ['Accept-Language', 'EN-us'],
    ],
    [
      'languages with spaces',
      'accept-language',
      ['Accept-Language', 'en,de;q=0.5'],
      ['Accept-Language', 'en , de ; q=0.50'],
    ],
    [
      'languages in any order at the same weight',
      'accept-language',
      ['Accept-Language', 'en, de'],
      ['Accept-Language', 'de, en'],
    ],
    [
      'languages by weight',
      'accept-language',
      ['Accept-Language', 'de;q=0.5, en'],
      ['Accept-Language', 'en, de;q=0.5'],
    ],
  ];
  for (const [title, field, a, b] of same) {
    it(title, () => assert.equal(variantKey([field], a), variantKey([field], b)));
  }
});

describe('requests that do not', () => {
  const different: [string, string, string[], string[]][] = [
    ['absent and empty', 'foo', [], ['Foo', '']],
    ['absent and empty codings', 'accept-encoding', [], ['Accept-Encoding', '']],
    ['case of a value', 'foo', ['Foo', 'a'], ['Foo', 'A']],
    ['order in a list', 'foo', ['Foo', 'a, b'], ['Foo', 'b, a']],
    ['spaces within a member', 'foo', ['Foo', 'a b'], ['Foo', 'a  b']],
    ['whitespace within a quoted string', 'foo', ['Foo', '"a,b"'], ['Foo', '"a, b"']],
    [
      'whitespace where a comma separates nothing',
      'cookie',
      ['Cookie', 'a=1,2'],
      ['Cookie', 'a=1, 2'],
    ],
    [
      'a coding refused beside any other',
      'accept-encoding',
      ['Accept-Encoding', '*'],
      ['Accept-Encoding', '*, gzip;q=0'],
    ],
    ['another coding', 'accept-encoding', ['Accept-Encoding', 'gzip'], ['Accept-Encoding', 'br']],
    [
      'a refused coding',
      'accept-encoding',
      ['Accept-Encoding', 'gzip, br'],
      ['Accept-Encoding', 'gzip, br;q=0'],
    ],
    [
      'refused identity',
      'accept-encoding',
      ['Accept-Encoding', 'gzip'],
      ['Accept-Encoding', 'gzip, identity;q=0'],
    ],
    [
      'languages of other weight',
      'accept-language',
      ['Accept-Language', 'en, de;q=0.5'],
      ['Accept-Language', 'de, en;q=0.5'],
    ],
  ];
  for (const [title, field, a, b] of different) {
    it(title, () => assert.notEqual(variantKey([field], a), variantKey([field], b)));
  }

  it('two fields never run into one another', () => {
    const a = variantKey(['a', 'b'], ['A', '1']);
    const b = variantKey(['a', 'b'], ['B', '1']);
    assert.notEqual(a, b);
    fc.assert(
      fc.property(fc.string(), fc.string(), fc.string(), fc.string(), (a1, b1, a2, b2) => {
        const clean = [a1, b1, a2, b2].map((s) => s.replaceAll(/[\n,]/g, '.').trim());
        const one = variantKey(['a', 'b'], ['A', clean[0] ?? '', 'B', clean[1] ?? '']);
        const two = variantKey(['a', 'b'], ['A', clean[2] ?? '', 'B', clean[3] ?? '']);
        const isSame = clean[0] === clean[2] && clean[1] === clean[3];
        assert.equal(one === two, isSame);
      }),
    );
  });
});

describe('Accept-Encoding in canonical form (RFC 9110 §12.5.3)', () => {
  const cases: [string | undefined, string | undefined][] = [
    [undefined, undefined],
    ['', ''],
    ['identity', ''],
    ['gzip', 'gzip'],
    ['zstd, gzip;q=0.1, br', 'br, gzip, zstd'],
    ['gzip, deflate, br, zstd', 'br, gzip, zstd'],
    ['deflate', ''],
    ['*', 'br, gzip, zstd'],
    ['*, gzip;q=0', 'br, zstd'],
    ['*;q=0', 'identity;q=0'],
    ['gzip, *;q=0', 'gzip, identity;q=0'],
    ['identity, *;q=0', ''],
    ['identity;q=0', 'identity;q=0'],
    ['gzip;q=0.000', ''],
    ['gzip;q=nonsense', 'gzip'],
    ['gzip;Q=0', ''],
    ['gzip;q=0, gzip', ''],
  ];
  for (const [value, canonical] of cases) {
    it(`${JSON.stringify(value)} is ${JSON.stringify(canonical)}`, () => {
      const headers = value === undefined ? [] : ['Accept-Encoding', value];
      assert.equal(canonicalAcceptEncoding(headers), canonical);
    });
  }

  it('stays the same when it is made canonical again, so that tiers agree', () => {
    const coding = fc.constantFrom('gzip', 'br', 'zstd', 'deflate', 'identity', '*', 'x', '');
    const member = fc.tuple(coding, fc.constantFrom('', ';q=0', ';q=0.5', ' ; q=1'));
    fc.assert(
      fc.property(fc.array(member), (members) => {
        const value = members.map((parts) => parts.join('')).join(',');
        const once = canonicalAcceptEncoding(['Accept-Encoding', value]) ?? '';
        assert.equal(canonicalAcceptEncoding(['Accept-Encoding', once]), once);
      }),
    );
  });

  it('is all of it that the key holds, so that a client cannot invent variants (RFC 9111 §4.1)', () => {
    fc.assert(
      fc.property(fc.string(), (value) => {
        const canonical = canonicalAcceptEncoding(['Accept-Encoding', value]) ?? '';
        const keyOf = (text: string) => variantKey(['accept-encoding'], ['Accept-Encoding', text]);
        assert.equal(keyOf(value), keyOf(canonical));
      }),
    );
  });

  it('remembers answers within a bound and stays right beyond it', () => {
    for (let i = 0; i < 2000; i++) {
      assert.equal(canonicalAcceptEncoding(['Accept-Encoding', `gzip, x${i}`]), 'gzip');
    }
  });
});

it('reads weights by the grammar only (RFC 9110 §12.4.2)', () => {
  const good: [string, number][] = [
    ['0', 0],
    ['1', 1],
    ['0.', 0],
    ['1.000', 1],
    ['0.123', 0.123],
  ];
  for (const [text, weight] of good) assert.equal(parseWeight(text), weight, text);
  for (const text of ['', '2', '1.001', '0.1234', '.5', '-0', '10', '1e3', '0,5', 'x']) {
    assert.equal(parseWeight(text), undefined, text);
  }
});

it('makes a key of any text without throwing', () => {
  fc.assert(
    fc.property(fc.string(), (value) => {
      const fields = ['accept-encoding', 'accept-language', 'foo'];
      const headers = ['Accept-Encoding', value, 'Accept-Language', value, 'Foo', value];
      variantKey(fields, headers);
      varyFields(['Vary', value]);
    }),
  );
});
