/** Rules of core/cache/memory-tier.ts. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createMemoryTier } from '../../../core/cache/memory-tier.ts';
import { variantKey } from '../../../core/http/vary.ts';
import { responseWith } from '../../support/responses.ts';

const german = ['Accept-Language', 'de'];
const english = ['Accept-Language', 'en'];

/** A variant for these request fields. */
function variantFor(requestHeaders: string[], responseTimeMs = 0, body = '') {
  const varyFields = ['accept-language'];
  const variant = variantKey(varyFields, requestHeaders);
  return responseWith({ varyFields, variant, responseTimeMs }, body);
}

describe('a lookup', () => {
  it('finds what was put, and tells an unknown URL from an unknown variant', () => {
    const tier = createMemoryTier({ budgetBytes: 100_000 });
    const de = variantFor(german);
    tier.put(de, 10);
    assert.equal(tier.find(de.key, german).found, de);
    assert.deepEqual(tier.find(de.key, english), { varies: true });
    assert.deepEqual(tier.find('http://www.demo.test/other', german), { varies: false });
  });
});

describe('what is put', () => {
  it('replaces its own variant and no other', () => {
    const tier = createMemoryTier({ budgetBytes: 100_000 });
    const [first, second, other] = [variantFor(german), variantFor(german, 1), variantFor(english)];
    for (const entry of [first, other, second]) tier.put(entry, 10);
    assert.equal(tier.find(first.key, german).found, second);
    assert.equal(tier.find(first.key, english).found, other);
    assert.equal(tier.count, 1, 'one URL');
  });

  it('beyond the cap on variants takes the place of the oldest', () => {
    let capped = 0;
    const onVariantCap = () => {
      capped += 1;
    };
    const tier = createMemoryTier({ budgetBytes: 100_000, onVariantCap });
    const languages = ['a', 'b', 'c'].map((language) => ['Accept-Language', language]);
    for (const headers of languages) tier.put(variantFor(headers), 2);
    const found = languages.map((headers) => tier.find('http://www.demo.test/', headers).found);
    assert.deepEqual(found.map(Boolean), [false, true, true]);
    assert.equal(capped, 1);
  });

  it('is refused when it is larger than half of the budget', () => {
    const tier = createMemoryTier({ budgetBytes: 10_000 });
    assert.equal(tier.put(responseWith({}, 'x'.repeat(5000)), 10), false);
    assert.equal(tier.put(responseWith({}, 'x'.repeat(4000)), 10), true);
  });

  it('never makes one URL larger than that: its oldest variants go', () => {
    const tier = createMemoryTier({ budgetBytes: 10_000 });
    for (const headers of [german, english]) tier.put(variantFor(headers, 0, 'x'.repeat(3000)), 10);
    assert.equal(tier.find('http://www.demo.test/', german).found, undefined);
    assert.ok(tier.find('http://www.demo.test/', english).found);
    assert.ok(tier.bytes <= 5000);
  });

  it('pushes the least recently used URL out, and says so', () => {
    let evicted = 0;
    const onEvict = () => {
      evicted += 1;
    };
    const tier = createMemoryTier({ budgetBytes: 10_000, onEvict });
    const put = (key: string) => tier.put(responseWith({ key }, 'x'.repeat(3000)), 10);
    for (const key of ['a', 'b']) put(key);
    tier.find('a', []);
    put('c');
    const isThere = (key: string) => tier.find(key, []).found !== undefined;
    assert.deepEqual(['a', 'b', 'c'].map(isThere), [true, false, true]);
    assert.equal(evicted, 1);
    assert.ok(tier.bytes <= 10_000);
  });
});

describe('what is dropped', () => {
  it('is exactly this response, and its URL with the last one', () => {
    const tier = createMemoryTier({ budgetBytes: 100_000 });
    const [de, en] = [variantFor(german), variantFor(english)];
    for (const entry of [de, en]) tier.put(entry, 10);
    tier.drop(de);
    assert.deepEqual(tier.find(de.key, german), { varies: true });
    assert.equal(tier.find(de.key, english).found, en);
    tier.drop(en);
    assert.deepEqual([tier.count, tier.bytes], [0, 0]);
  });

  it('is not a newer one in its place', () => {
    const tier = createMemoryTier({ budgetBytes: 100_000 });
    const [old, newer] = [responseWith(), responseWith()];
    tier.put(old, 10);
    tier.put(newer, 10);
    tier.drop(old);
    assert.equal(tier.find(newer.key, []).found, newer);
  });

  it('by key is the URL with all its variants; by `clear` everything', () => {
    const tier = createMemoryTier({ budgetBytes: 100_000 });
    for (const entry of [variantFor(german), variantFor(english)]) tier.put(entry, 10);
    tier.remove('http://www.demo.test/');
    assert.equal(tier.count, 0);
    tier.put(responseWith(), 10);
    tier.clear();
    assert.equal(tier.count, 0);
  });
});

describe('an order to remove groups (RFC 9875 §2.1)', () => {
  const news = { host: 'www.demo.test', groups: ['news'] };

  it('takes out those that are in one, and no other variant of their URL', () => {
    const tier = createMemoryTier({ budgetBytes: 100_000 });
    const member = responseWith({ variant: 'a', tags: ['x', 'news'] });
    const other = responseWith({ variant: 'b', tags: ['news '] });
    const alone = responseWith({ key: 'http://www.demo.test/alone', tags: ['news'] });
    for (const entry of [member, other, alone]) tier.put(entry, 10);
    tier.removeGroups(news);
    assert.deepEqual(tier.peek(member.key), [other]);
    assert.deepEqual(tier.peek(alone.key), []);
  });

  it('leaves the groups of another host alone', () => {
    const tier = createMemoryTier({ budgetBytes: 100_000 });
    const elsewhere = responseWith({ host: 'other.test', tags: ['news'] });
    tier.put(elsewhere, 10);
    tier.removeGroups(news);
    assert.deepEqual(tier.peek(elsewhere.key), [elsewhere]);
  });
});
