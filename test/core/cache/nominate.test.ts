/** Rules of core/cache/nominate.ts: what is asked to be confirmed, and what a 304 confirms (RFC 9111 §4.3.1, §4.3.4). */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { StoredResponse } from '../../../core/cache/entry.ts';
import {
  type Candidates,
  candidatesFrom,
  confirmedBy,
  contradicts,
  maxTagBytes,
  maxTags,
  nominate,
} from '../../../core/cache/nominate.ts';
import { variantKey } from '../../../core/http/vary.ts';
import { createTestEngine } from '../../support/engine.ts';
import { type ResponseOverrides, responseWith } from '../../support/responses.ts';

const engine = createTestEngine();
const date = 'Thu, 01 Jan 2026 10:00:00 GMT';
const fresh = ['Cache-Control', 'max-age=60'];

function tagged(etag: string, more: ResponseOverrides = {}): StoredResponse {
  return responseWith({
    ...more,
    etag,
    headers: [...fresh, 'ETag', etag, ...(more.headers ?? [])],
  });
}

const dated = (lastModified: string, more: ResponseOverrides = {}) =>
  responseWith({ ...more, lastModified, headers: [...fresh, 'Last-Modified', lastModified] });

function nominationOf(candidates: Partial<Candidates>, asked: string[] = []) {
  const request = engine.request('/', { headers: asked });
  return nominate(request, { fitting: undefined, others: [], ...candidates });
}

const fieldsOf = (...args: Parameters<typeof nominationOf>) => nominationOf(...args).fields;

describe('a request asks for', () => {
  it('what is stored for it, by tag and date as they came', () => {
    const fitting = tagged('W/"a"', { headers: ['Last-Modified', 'whenever'] });
    assert.deepEqual(fieldsOf({ fitting }), [
      ...['If-None-Match', 'W/"a"', 'If-Modified-Since', 'whenever'],
    ]);
  });

  it('all variants by their tags, weak ones too, the newest first after its own, each once', () => {
    const others = [
      tagged('"old"', { responseTimeMs: 1 }),
      tagged('W/"new"', { responseTimeMs: 2 }),
      tagged('"a"'),
    ];
    const { fields, nominated } = nominationOf({ fitting: tagged('"a"'), others });
    assert.deepEqual(fields, ['If-None-Match', '"a", W/"new", "old"']);
    assert.equal(nominated.length, 4);
  });

  it('other variants where nothing fits, and sends no date of theirs', () => {
    const others = [tagged('"a"', { headers: ['Last-Modified', date] }), dated(date)];
    assert.deepEqual(fieldsOf({ others }), ['If-None-Match', '"a"']);
  });

  it('nothing where nothing has a validator', () => {
    assert.deepEqual(fieldsOf({ fitting: responseWith({}), others: [responseWith({})] }), []);
  });

  it('one whose tag is none alone, just as it came', () => {
    const others = [tagged('"b"')];
    assert.deepEqual(fieldsOf({ fitting: tagged('abc'), others }), ['If-None-Match', 'abc']);
    assert.deepEqual(fieldsOf({ fitting: dated(date), others }), ['If-Modified-Since', date]);
  });

  it('no other whose tag is none, that is no whole 200, or that the answer could not update', () => {
    const others = [
      tagged('abc'),
      tagged('"404"', { status: 404 }),
      tagged('"206"', { status: 206 }),
      tagged('"mine"'),
    ];
    assert.deepEqual(fieldsOf({ others }), ['If-None-Match', '"mine"']);
    assert.deepEqual(fieldsOf({ others }, ['Authorization', 'Basic eA==']), []);
  });
});

it('the candidates are the newest copy of each variant, but for the one that fits', () => {
  const copy = (variant: string, responseTimeMs: number) =>
    responseWith({ variant, responseTimeMs });
  const fitting = copy('fits', 1);
  const [older, newer, only] = [copy('a', 1), copy('a', 2), copy('b', 1)];
  assert.deepEqual(candidatesFrom(fitting, [older, newer, only, copy('fits', 2), copy('a', 2)]), {
    fitting,
    others: [newer, only],
  });
});

describe('a variant for another Accept-Encoding is asked for', () => {
  const varyFields = ['accept-encoding'];
  const encoded = (coding: string | undefined, acceptEncoding: string): StoredResponse =>
    tagged('W/"a"', {
      varyFields,
      variant: variantKey(varyFields, ['Accept-Encoding', acceptEncoding]),
      headers: coding === undefined ? [] : ['Content-Encoding', coding],
    });
  const cases: [string, StoredResponse, string[], boolean][] = [
    ['in a coding that the client takes', encoded('gzip', 'gzip'), ['br, gzip'], true],
    ['in its old name', encoded('X-Gzip', 'gzip'), ['br, gzip'], true],
    ['not in one that it does not take', encoded('br', 'br, gzip'), ['gzip'], false],
    ['not when only one of two is taken', encoded('br, gzip', 'br, gzip'), ['gzip'], false],
    ['plain, where nothing else is taken', encoded(undefined, 'gzip'), [], true],
    ['not plain, where a coding is taken', encoded(undefined, ''), ['gzip'], false],
    ['plain, where the same codings were taken', encoded(undefined, 'gzip'), ['gzip;q=0.5'], true],
  ];
  for (const [title, other, [accepted], isAsked] of cases) {
    it(title, () => {
      const asked = accepted === undefined ? [] : ['Accept-Encoding', accepted];
      assert.equal(fieldsOf({ others: [other] }, asked).length > 0, isAsked);
    });
  }
});

describe('a variant for another user', () => {
  const varyFields = ['cookie', 'x-kind'];
  const other = (etag: string) =>
    tagged(etag, {
      varyFields,
      variant: variantKey(varyFields, ['Cookie', 'user=a', 'X-Kind', 'one']),
    });
  const asks = (etag: string, asked: string[]) => fieldsOf({ others: [other(etag)] }, asked);

  it('is not asked for, whatever its tag: it may be the version of a page that each user has', () => {
    for (const etag of ['"1"', 'W/"1"']) {
      assert.deepEqual(asks(etag, ['Cookie', 'user=b', 'X-Kind', 'one']), []);
      assert.deepEqual(asks(etag, ['X-Kind', 'one']), []);
    }
  });

  it('is what differs in Cookie or Authorization, and in nothing else', () => {
    assert.deepEqual(asks('"1"', ['Cookie', 'user=a', 'X-Kind', 'two']), ['If-None-Match', '"1"']);
    const varied = tagged('"1"', { varyFields: ['authorization'], variant: 'authorization:a\n' });
    assert.deepEqual(fieldsOf({ others: [varied] }, []), []);
  });
});

describe('the list of tags is bounded', () => {
  it('in number, and the newest are asked for', () => {
    const others = Array.from({ length: 20 }, (_, n) => tagged(`"${n}"`, { responseTimeMs: n }));
    const { fields, nominated, leftOut } = nominationOf({ fitting: tagged('"own"'), others });
    const tags = fields[1]?.split(', ') ?? [];
    assert.deepEqual(
      [tags.length, tags[0], tags[1], tags.at(-1)],
      [maxTags, '"own"', '"19"', '"5"'],
    );
    assert.deepEqual([nominated.length, leftOut], [maxTags, 5]);
  });

  it('in bytes, and a shorter one may still fit', () => {
    const tag = (fill: string, length: number) => `"${fill.repeat(length - 2)}"`;
    const others = [tag('a', 1500), tag('b', 1000), tag('c', 500)].map((etag) => tagged(etag));
    const { fields, leftOut } = nominationOf({ others });
    assert.equal(fields[1], `${tag('a', 1500)}, ${tag('c', 500)}`);
    assert.ok((fields[1]?.length ?? 0) <= maxTagBytes);
    assert.equal(leftOut, 1);
  });

  it('but what fits the request is asked for, however long its tag is', () => {
    const long = `"${'x'.repeat(3000)}"`;
    const { fields, leftOut } = nominationOf({ fitting: tagged(long), others: [tagged('"b"')] });
    assert.deepEqual([fields[1], leftOut], [long, 1]);
  });
});

describe('a 304 means', () => {
  const [a, weakA, b, weakB] = [tagged('"a"'), tagged('W/"a"'), tagged('"b"'), tagged('W/"b"')];
  const [first, second] = [dated(date), dated('Fri, 02 Jan 2026 10:00:00 GMT')];
  const cases: [string, string[], StoredResponse[], StoredResponse | undefined][] = [
    ['the one with its strong tag', ['ETag', '"b"'], [a, b], b],
    ['a strong one before a weak one', ['ETag', '"a"'], [weakA, b, a], a],
    ['the one with its weak tag', ['ETag', 'W/"b"'], [a, weakB], weakB],
    ['a strong one by its weak form', ['ETag', 'W/"a"'], [b, a], a],
    ['a weak one by the strong form of its tag', ['ETag', '"a"'], [b, weakA], weakA],
    ['the preferred one of several with the same tag', ['ETag', '"a"'], [a, tagged('"a"')], a],
    ['none, with a tag that was not asked for', ['ETag', '"c"'], [a, b], undefined],
    ['none, with a tag where none was stored', ['ETag', '"a"'], [first], undefined],
    ['the one with its date', ['Last-Modified', date], [second, first], first],
    ['the only one, with a date that it lacks', ['Last-Modified', date], [a], a],
    ['none, with another date', ['Last-Modified', date], [second], undefined],
    ['the only one, when it says nothing', [], [a], a],
    ['none, when it says nothing and could mean two', [], [a, b], undefined],
  ];
  for (const [title, headers, nominated, expected] of cases) {
    it(title, () => assert.equal(confirmedBy(headers, nominated), expected));
  }
});

describe('a 304 for another variant', () => {
  const german = ['Content-Language', 'de'];
  const cases: [string, string, string[], boolean][] = [
    [
      'in another language, by a weak tag',
      'W/"a"',
      ['ETag', 'W/"a"', 'Content-Language', 'fr'],
      true,
    ],
    ['in another language, without a tag', '"a"', ['Content-Language', 'fr'], true],
    ['in another coding', 'W/"a"', ['ETag', 'W/"a"', 'Content-Encoding', 'br'], true],
    ['in the same language', 'W/"a"', ['ETag', 'W/"a"', 'Content-Language', 'DE'], false],
    ['that says nothing of its content', 'W/"a"', ['ETag', 'W/"a"'], false],
    ['by a strong tag: the same bytes', '"a"', ['ETag', '"a"', 'Content-Language', 'fr'], false],
  ];
  for (const [title, etag, headers, expected] of cases) {
    it(`${title}: ${expected ? 'does not mean it' : 'means it'}`, () => {
      assert.equal(contradicts(headers, tagged(etag, { headers: german })), expected);
    });
  }
});
