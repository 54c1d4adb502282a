/** Rules of core/http/headers.ts: raw fields keep everything; lists and hop-by-hop by RFC 9110. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  appendField,
  combined,
  endToEnd,
  first,
  headerValues,
  hopByHop,
  setField,
  splitList,
  trimWhitespace,
  withoutFields,
} from '../../../core/http/headers.ts';

const raw = ['Host', 'a.test', 'X-A', '1', 'x-a', '2', 'VARY', 'Accept', 'X-A', ''];

describe('raw fields', () => {
  it('finds a field by any case of its name, keeps order, repeats and empty values', () => {
    assert.deepEqual(headerValues(raw, 'x-a'), ['1', '2', '']);
    assert.deepEqual(headerValues(raw, 'x-b'), []);
    assert.equal(first(raw, 'vary'), 'Accept');
    assert.equal(first(raw, 'x-b'), undefined);
  });

  it('joins lines with a comma, and tells an empty field from an absent one (RFC 9110 §5.3)', () => {
    assert.equal(combined(raw, 'x-a'), '1, 2, ');
    assert.equal(combined(['X-A', ''], 'x-a'), '');
    assert.equal(combined(raw, 'x-b'), undefined);
  });

  it('changes copies and never its input', () => {
    const input = Object.freeze(['A', '1', 'B', '2', 'a', '3']);
    assert.deepEqual(withoutFields(input, new Set(['a'])), ['B', '2']);
    assert.deepEqual(setField(input, 'a', '9'), ['a', '9', 'B', '2']);
    assert.deepEqual(setField(input, 'C', '9'), ['A', '1', 'B', '2', 'a', '3', 'C', '9']);
    assert.deepEqual(appendField(input, 'A', '9'), ['A', '1', 'B', '2', 'a', '3', 'A', '9']);
  });

  it('does not fail on a list of odd length, it leaves the half line out', () => {
    assert.deepEqual(headerValues(['A', '1', 'B'], 'b'), []);
    assert.deepEqual(withoutFields(['A', '1', 'B'], new Set()), ['A', '1']);
  });
});

describe('comma lists (RFC 9110 §5.6.1)', () => {
  const cases: [string, string[]][] = [
    ['', []],
    ['a', ['a']],
    [' a ,\tb\t,,  , c', ['a', 'b', 'c']],
    ['a="b, c", d', ['a="b, c"', 'd']],
    ['a="b\\", c", d', ['a="b\\", c"', 'd']],
    ['"a" "b,c",d', ['"a" "b,c"', 'd']],
    // A quote that nothing closes must not hide what follows.
    ['a="b, no-store', ['a="b', 'no-store']],
    ['"a\\", b', ['"a\\"', 'b']],
    ['a\u00a0, b', ['a\u00a0', 'b']],
  ];
  for (const [text, members] of cases) {
    it(`splits ${JSON.stringify(text)} into ${JSON.stringify(members)}`, () => {
      assert.deepEqual(splitList(text), members);
    });
  }

  it('gives back what was joined, whatever the members are made of', () => {
    const member = fc.stringMatching(/^[a-z=;"\\ ,]*$/).map((s) => JSON.stringify(s));
    fc.assert(
      fc.property(fc.array(member), (members) => {
        assert.deepEqual(splitList(members.join(' , ')), members);
      }),
    );
  });

  it('takes time in proportion to its length, also with quotes that nothing closes', () => {
    assert.equal(splitList('",'.repeat(100_001)).length > 0, true);
    assert.equal(splitList(`${'a,'.repeat(100_000)}"`).length, 100_001);
  });

  it('trims only SP and HTAB, as the grammar has it (RFC 9110 §5.6.3)', () => {
    assert.equal(trimWhitespace(' \ta b\t '), 'a b');
    assert.equal(trimWhitespace('\u00a0a\n'), '\u00a0a\n');
    assert.equal(trimWhitespace(' \t '), '');
  });
});

describe('hop-by-hop fields (RFC 9110 §7.6.1)', () => {
  it('drops the connection fields, in any case, whether or not Connection names them', () => {
    const message = [
      ...['Connection', 'close', 'KEEP-ALIVE', 'timeout=5', 'TE', 'trailers', 'Trailer', 'X'],
      ...['Transfer-Encoding', 'chunked', 'Upgrade', 'h2c', 'Proxy-Connection', 'close'],
      ...['Proxy-Authenticate', 'Basic', 'Proxy-Authorization', 'x', 'X-Kept', '1'],
      ...['Proxy-Authentication-Info', 'x'],
    ];
    assert.deepEqual(endToEnd(message), ['X-Kept', '1']);
  });

  it('drops what Connection names, over several lines and in any case', () => {
    const message = [
      'Connection',
      'a, B',
      'A',
      '1',
      'b',
      '2',
      'connection',
      'C',
      'c',
      '3',
      'D',
      '4',
    ];
    assert.deepEqual(endToEnd(message), ['D', '4']);
  });

  const kept =
    'Age Cache-Control Host Content-Length Content-Type Date Vary ETag Expires Set-Cookie';
  for (const name of kept.split(' ')) {
    it(`keeps ${name} though Connection names it: a sender must not list it`, () => {
      assert.deepEqual(endToEnd(['Connection', name, name, 'x']), [name, 'x']);
    });
  }

  it('costs no new set for a message without names of its own', () => {
    assert.equal(hopByHop(['Connection', 'close']), hopByHop([]));
    assert.equal(hopByHop(['Connection', 'keep-alive, Age']), hopByHop([]));
  });
});
