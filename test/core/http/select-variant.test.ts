/** Rules of core/http/select-variant.ts: which stored response a request selects (RFC 9111 §4.1). */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { selectVariant, variantMatch } from '../../../core/http/select-variant.ts';
import { variantKey, varyFields } from '../../../core/http/vary.ts';

/** A response as it is stored for a request with these fields. */
function storedFor(requestHeaders: string[], responseHeaders: string[], responseTimeMs = 0) {
  const vary = varyFields(responseHeaders);
  const fields = vary === '*' ? [] : vary;
  const variant = variantKey(fields, requestHeaders);
  return { varyFields: fields, variant, headers: responseHeaders, responseTimeMs };
}

const byLanguage = ['Vary', 'Accept-Language'];
const german = [...byLanguage, 'Content-Language', 'de'];
const asks = (value: string) => ['Accept-Language', value];

describe('a match by language', () => {
  const fits: [title: string, request: string[]][] = [
    ['the heaviest range, wherever it stands', asks('fr;q=0.5, de;q=1.0')],
    ['the only range', asks('de')],
    ['in any case', asks('DE')],
    ['any weight that is the highest', asks('de;q=0.2, fr;q=0.1, *;q=0.1')],
    ['a range that is repeated', asks('de, de;q=0.5, de, fr;q=0.9')],
    ['over several lines', [...asks('fr;q=0.5'), ...asks('de')]],
  ];
  for (const [title, request] of fits) {
    it(`takes ${title}: ${JSON.stringify(request)}`, () => {
      assert.equal(variantMatch(storedFor(asks('en;q=0.5, de'), german), request), 'language');
    });
  }

  const misfits: [title: string, request: string[]][] = [
    ['another language', asks('fr')],
    ['one of several that are liked best', asks('de, fr')],
    ['one that is not liked best', asks('fr, de;q=0.9')],
    ['any language', asks('*')],
    ['a refused one', asks('de;q=0')],
    ['a narrower range', asks('de-AT')],
    ['a request that names none: absent matches absent only', []],
    ['an empty field', asks('')],
  ];
  for (const [title, request] of misfits) {
    it(`does not take ${title}: ${JSON.stringify(request)}`, () => {
      assert.equal(variantMatch(storedFor(asks('en;q=0.5, de'), german), request), 'none');
    });
  }

  const untold: [title: string, responseHeaders: string[]][] = [
    ['no language', byLanguage],
    ['several languages', [...byLanguage, 'Content-Language', 'de, fr']],
    ['two lines of them', [...german, 'Content-Language', 'fr']],
    ['an empty one', [...byLanguage, 'Content-Language', '']],
  ];
  for (const [title, headers] of untold) {
    it(`needs a response that tells one language, not ${title}`, () => {
      assert.equal(variantMatch(storedFor(asks('en'), headers), asks('de')), 'none');
    });
  }

  it('needs a Vary that names Accept-Language', () => {
    const headers = ['Vary', 'Foo', 'Content-Language', 'de'];
    assert.equal(variantMatch(storedFor(['Foo', '1'], headers), asks('de')), 'none');
  });

  it('needs all other fields of Vary to match', () => {
    const headers = ['Vary', 'Foo, Accept-Language, Accept-Encoding', 'Content-Language', 'de'];
    const stored = storedFor(['Foo', '1', ...asks('en, de'), 'Accept-Encoding', 'gzip'], headers);
    const others = ['Accept-Encoding', 'gzip', ...asks('de')];
    assert.equal(variantMatch(stored, ['Foo', '1', ...others]), 'language');
    assert.equal(variantMatch(stored, ['Foo', '2', ...others]), 'none');
    assert.equal(variantMatch(stored, others), 'none');
    assert.equal(variantMatch(stored, ['Foo', '1', ...asks('de')]), 'none');
  });
});

describe('of several that fit', () => {
  it('the most recent is selected', () => {
    const [old, recent] = [1, 2].map((at) => storedFor(asks('de'), german, at));
    assert.ok(old && recent);
    assert.equal(selectVariant([old, recent], asks('de')), recent);
    assert.equal(selectVariant([recent, old], asks('de')), recent);
    assert.equal(selectVariant([old, recent], asks('fr')), undefined);
  });

  it('an exact match goes before a more recent one by language', () => {
    const exact = storedFor(asks('de, en;q=0.1'), byLanguage, 1);
    const byTag = storedFor(asks('de'), german, 2);
    for (const variants of [
      [exact, byTag],
      [byTag, exact],
    ]) {
      assert.equal(selectVariant(variants, asks('de, en;q=0.1')), exact);
      assert.equal(selectVariant(variants, asks('de, en;q=0.2')), byTag);
    }
  });

  it('the most recent goes first by language too', () => {
    const [old, recent] = [storedFor(asks('de'), german, 1), storedFor(asks('de, x'), german, 2)];
    assert.equal(selectVariant([old, recent], asks('de, fr;q=0.1')), recent);
    assert.equal(selectVariant([recent, old], asks('de, fr;q=0.1')), recent);
  });

  it('the last word on Vary counts where the origin sends it sometimes only', () => {
    const plain = storedFor(asks('en'), [], 1);
    const varied = storedFor(asks('de'), byLanguage, 2);
    assert.equal(selectVariant([varied, plain], asks('de')), varied);
    assert.equal(selectVariant([varied, plain], asks('en')), undefined);
    const plainAgain = storedFor(asks('en'), [], 3);
    assert.equal(selectVariant([plainAgain, varied], asks('fr')), plainAgain);
  });
});

describe('a response with Vary', () => {
  const headers = ['Vary', 'B, a', 'VARY', ' C ,b'];
  const request = ['a', '1', 'B', 'x,y', 'C', ''];

  it('is selected by the same values, however they are written', () => {
    const stored = storedFor(request, headers);
    const same = ['c', '', 'b', ' x', 'B', 'y ', 'A', '1', 'Other', '2'];
    assert.equal(variantMatch(stored, same), 'exact');
  });

  it('is not selected when one field is missing, empty, or there for the first time', () => {
    const stored = storedFor(request, headers);
    assert.equal(variantMatch(stored, ['a', '1', 'B', 'x,y']), 'none');
    assert.equal(variantMatch(stored, ['a', '', 'B', 'x,y', 'C', '']), 'none');
    const without = storedFor(['a', '1'], headers);
    assert.equal(variantMatch(without, ['a', '1']), 'exact');
    assert.equal(variantMatch(without, ['a', '1', 'C', '']), 'none');
  });

  it('is selected by the request that it was stored for, whatever that said', () => {
    const field = fc.constantFrom('Accept-Language', 'Accept-Encoding', 'Foo');
    const value = fc.stringMatching(/^[a-z0-9;=.,* "-]*$/);
    fc.assert(
      fc.property(fc.array(fc.tuple(field, value)), (lines) => {
        const vary = ['Vary', 'Foo, Accept-Encoding, Accept-Language', 'Content-Language', 'de'];
        assert.equal(variantMatch(storedFor(lines.flat(), vary), lines.flat()), 'exact');
      }),
    );
  });
});
