/** Rules of core/cache/superseded.ts: copies that another worker has replaced. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  createSuperseded,
  goesBefore,
  isServedElsewhere,
  rememberedCharacters,
} from '../../../core/cache/superseded.ts';
import { type ResponseOverrides, responseWith } from '../../support/responses.ts';

const varyFields = ['x-a'];
const at = (responseTimeMs: number, more: ResponseOverrides = {}) =>
  responseWith({ responseTimeMs, varyFields, variant: 'x-a:1\n', ...more });

describe('a response goes before an older one', () => {
  const cases: [string, ResponseOverrides, boolean][] = [
    ['of its variant', {}, true],
    ['of no other variant by the same fields', { variant: 'x-a:2\n' }, false],
    ['of another Vary: both may fit a request (RFC 9111 §4.1)', { varyFields: ['x-b'] }, true],
    ['without Vary', { varyFields: [], variant: '' }, true],
  ];
  for (const [title, older, expected] of cases) {
    it(`${title}: ${expected}`, () => assert.equal(goesBefore(at(2), at(1, older)), expected));
  }

  it('and before none that is as new', () => assert.equal(goesBefore(at(2), at(2)), false));
});

describe('of the rows on disk', () => {
  const key = 'http://www.demo.test/';

  it('an older one is not used before the newer one is there', () => {
    const superseded = createSuperseded();
    const [old, other, newer] = [at(1), at(1, { variant: 'x-a:2\n' }), at(5)];
    assert.deepEqual(superseded.current(key, [old, other]), [old, other]);
    superseded.note(newer);
    assert.deepEqual(superseded.current(key, [old, other]), [other]);
    assert.deepEqual(superseded.current(key, [newer, other]), [newer, other]);
    assert.deepEqual(superseded.current(key, [old, other]), [old, other], 'that is over');
  });

  it('one that is newer than what was told will do', () => {
    const superseded = createSuperseded();
    superseded.note(at(5));
    assert.deepEqual(superseded.current(key, [at(6)]), [at(6)]);
  });

  it('those of another URL are none of its business', () => {
    const superseded = createSuperseded();
    superseded.note(at(5, { key: 'http://www.demo.test/other' }));
    assert.deepEqual(superseded.current(key, [at(1)]), [at(1)]);
  });

  it('several may be awaited, up to a bound: the oldest are forgotten', () => {
    const superseded = createSuperseded();
    const variant = (n: number) => `x-a:${n}\n`;
    for (let n = 0; n < 20; n += 1) superseded.note(at(5, { variant: variant(n) }));
    const rows = Array.from({ length: 20 }, (_, n) => at(1, { variant: variant(n) }));
    assert.deepEqual(superseded.current(key, rows), rows.slice(0, 4));
  });
});

it('long variants of many URLs are remembered up to a bound: the oldest are forgotten', () => {
  const superseded = createSuperseded();
  const variant = `x-a:${'x'.repeat(rememberedCharacters / 4)}\n`;
  const keys = [0, 1, 2, 3].map((n) => `http://www.demo.test/${n}`);
  for (const key of keys) superseded.note(at(5, { key, variant }));
  const isAwaited = (key: string) =>
    superseded.current(key, [at(1, { key, variant })]).length === 0;
  assert.deepEqual(keys.map(isAwaited), [false, true, true, true]);
});

describe('other workers are told', () => {
  const newer = responseWith({ responseTimeMs: 1000 });
  const served = (older: ResponseOverrides, nowMs: number, by = newer) =>
    isServedElsewhere(by, responseWith(older), nowMs);

  it('of what they would serve: it is fresh', () => {
    assert.equal(served({}, 59_999), true);
    assert.equal(served({}, 60_000), false);
  });

  it('or stale while it is refreshed (RFC 5861 §3)', () => {
    const freshness = { staleWhileRevalidateSeconds: 10 };
    assert.equal(served({ freshness }, 69_999), true);
    assert.equal(served({ freshness }, 70_000), false);
  });

  it('of nothing that they ask about anyway, nor of what is no older', () => {
    assert.equal(served({ freshness: { noCache: true } }, 1), false);
    assert.equal(served({ responseTimeMs: 1000 }, 1), false);
  });

  it('of no other variant, nor of parts', () => {
    const part = { start: 0, end: 1, totalBytes: 9 };
    assert.equal(served({ varyFields, variant: 'x-a:2\n' }, 1, at(1000)), false);
    assert.equal(served({ varyFields, variant: 'x-a:1\n' }, 1, at(1000)), true);
    assert.equal(served({ part }, 1), false);
    assert.equal(served({}, 1, responseWith({ responseTimeMs: 1000, part })), false);
  });
});
